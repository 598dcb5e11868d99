"""The files that an experiment writes: which they are, and that nothing else is lost in them."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import treadle
from treadle.prompts.inputs import Inputs, named_by
from treadle.prompts.items import Items
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.safe_paths import Protected


@dataclass(frozen=True, slots=True)
class Files:
    """
    The files of an experiment that its rows decide on.

    Attributes:
        written: Where results go, by their real paths, each once.
        named: Files that rows name as parts of prompts, as from ``inputs.named_by``.
    """

    written: tuple[str, ...]
    named: frozenset[tuple[str, str]]


def files_of(items: Items, inputs: Inputs, output: OutputPath | None) -> Files:
    """Find out which files there are; the rows are read only where they have a say in it."""
    varied = inputs.varied()
    if output is None or not output.is_templated:
        written = {} if output is None else {os.path.realpath(output.resolve({})): None}
        if not varied:
            return Files(tuple(written), frozenset())
    else:
        written = {}
    named: set[tuple[str, str]] = set()
    known = set(written)
    for ask in items.in_input_order(everything=True):
        named.update(named_by(ask, varied))
        if ask.output and ask.output not in known:
            known.add(ask.output)
            written[os.path.realpath(ask.output)] = None
    return Files(tuple(written), frozenset(named))


def check_outputs(files: Files, inputs: Inputs, known: Collection[str]) -> None:
    """
    Refuse to write over a file that holds something else than results of this experiment.

    Args:
        files: What the experiment writes.
        inputs: What it reads.
        known: Files that it has written before, by their real paths.

    Raises:
        UsageError: There is such a file.
    """
    folders = {each.text: each.fixed for each in inputs.varied()}
    protected = Protected([folders[text] / rest for text, rest in files.named])
    for path in files.written:
        if Path(path).is_dir():
            raise treadle.UsageError(f"{path!r} is a folder", hint="the results need a file")
        if why := protected.why(Path(path)):
            raise treadle.UsageError(
                f"no results can go to {path!r}: it {why}", hint="name another file"
            )
    _check_free([each for each in files.written if each not in known and _holds(Path(each))])


def _check_free(others: Sequence[str]) -> None:
    if not others:
        return
    hint = "choose another file, or remove this one if you do not need it"
    if len(others) == 1:
        raise treadle.UsageError(
            f"{others[0]!r} exists, and there is no record of an experiment that wrote it",
            hint=hint,
        )
    raise treadle.UsageError(
        f"{len(others):,} files exist, and there is no record of an experiment that wrote them: "
        f"{', '.join(map(repr, others[:3]))}{', ...' if len(others) > 3 else ''}",
        hint="choose another folder, or remove them if you do not need them",
    )


def _holds(path: Path) -> bool:
    """Tell whether there is something in a file; a pipe or the like holds nothing."""
    return path.is_file() and path.stat().st_size > 0
