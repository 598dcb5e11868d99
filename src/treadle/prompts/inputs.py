"""The files that an experiment is made of: which they are, and copies of them beside its record.

Results and reports are made from the copies, so that they are those of what was asked, whatever
became of the files since. What the filter ``file`` reads for a row stays where it is.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import treadle
from treadle.cli import SETTINGS_FILE
from treadle.prompts.path_templates import PathTemplate
from treadle.prompts.prompt_files import STDIN, Text
from treadle.prompts.safe_paths import below
from treadle.prompts.values import Ask

PREFIX = "inputs-"
"""What the names of folders begin with that hold copies."""

SCHEMA = "json-schema:"
"""How the name of a scorer begins that reads a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """
    The files of an experiment, as they are typed.

    Attributes:
        root: What paths are relative to.
        table: The table; ``"-"`` for standard input and for rows of a program.
        prompts: The prompt files; ``"-"`` for standard input; and texts of a program.
        contexts: The context files.
        system: The file with the system prompt; None for none.
        config: The file of settings; None for none.
        scores: The names of the scorers, which may name files.
    """

    root: Path
    table: str
    prompts: tuple[str | Text, ...]
    contexts: tuple[str, ...] = ()
    system: str | None = None
    config: Path | None = None
    scores: tuple[str, ...] = ()

    def fixed(self) -> list[Path]:
        """Return the files that are the same for all rows."""
        paths = [] if self.table == STDIN else [self.root / self.table]
        paths += [each.fixed for each in self._paths() if not each.is_templated]
        if self.config is not None:
            paths.append(self.root / self.config)
        schemas = (each for each in self.scores if each.startswith(SCHEMA))
        return paths + [self.root / each.removeprefix(SCHEMA) for each in schemas]

    def varied(self) -> list[PathTemplate]:
        """Return the paths in which rows name files."""
        return [each for each in self._paths() if each.is_templated]

    def copied(
        self, to: Path, named: Iterable[tuple[str, str]], stdin: str | None
    ) -> Mapping[str, Any]:
        """
        Copy all but the table.

        Args:
            to: The folder.
            named: Files that rows name, as from `named_by`.
            stdin: What came by standard input as a prompt; None where nothing did.

        Returns:
            The options ``prompts``, ``context``, ``system``, ``config`` and ``score`` that stand
            for the copies, and ``stdin``, the file with what came there.

        Raises:
            UsageError: A copy cannot be made.
        """
        by_text: defaultdict[str, set[str]] = defaultdict(set)
        for text, rest in named:
            by_text[text].add(rest)

        def copy(kind: str) -> Callable[[str | Text], str]:
            def copied(typed: str | Text) -> str:
                if isinstance(typed, Text):
                    return _kept(typed, to)
                return typed if typed == STDIN else self._copy(typed, to, kind, by_text[typed])

            return copied

        return {
            "prompts": list(map(copy("prompt"), self.prompts)),
            "context": list(map(copy("context"), self.contexts)),
            "system": None if self.system is None else copy("system")(self.system),
            "config": str(self._settings(to)),
            "score": [self._score(each, to) for each in self.scores],
            "stdin": None if stdin is None else str(write_text(to / "stdin.txt", stdin)),
        }

    def _copy(self, typed: str, to: Path, kind: str, rests: Iterable[str]) -> str:
        path = PathTemplate(typed, self.root)
        folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=to))
        if not path.is_templated:
            return str(copy_file(path.fixed, folder / path.fixed.name))
        for rest in rests:
            if (path.fixed / rest).is_file():  # else its row is an error
                copy_file(path.fixed / rest, folder / rest)
        return f"{folder}/{path.rest}"

    def _settings(self, to: Path) -> Path:
        """Copy the settings; where there are none, an empty file says so."""
        copy = to / SETTINGS_FILE
        if self.config is None:
            return write_text(copy, "")
        return copy_file(self.root / self.config, copy)

    def _score(self, name: str, to: Path) -> str:
        if not name.startswith(SCHEMA):
            return name
        path = self.root / name.removeprefix(SCHEMA)
        folder = Path(tempfile.mkdtemp(prefix="schema-", dir=to))
        return f"{SCHEMA}{copy_file(path, folder / path.name)}"

    def _paths(self) -> Iterator[PathTemplate]:
        system = () if self.system is None else (self.system,)
        for each in (*self.prompts, *self.contexts, *system):
            if isinstance(each, str) and each != STDIN:
                yield PathTemplate(each, self.root)


def _kept(text: Text, to: Path) -> str:
    folder = Path(tempfile.mkdtemp(prefix="prompt-", dir=to))
    return str(write_text(folder / "text.txt", text.text))


def named_by(ask: Ask, paths: Iterable[PathTemplate]) -> Iterator[tuple[str, str]]:
    """Yield the files that the row of *ask* names in *paths*: the text of each, and the rest."""
    values = {
        "provider": ask.lane,
        "model": ask.model,
        "row": str(ask.row),
        "repeat": str(ask.repeat),
        **ask.cells,
    }
    for path in paths:
        try:
            rest = "/".join(path.filled(values))
            below(path.fixed, rest)
        except (treadle.UsageError, treadle.BadRowError):
            continue  # the row has no such file, and is an error for that
        yield path.text, rest


def new_folder(place: Path) -> Path:
    """
    Make a folder for copies in that of an experiment.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    except OSError as error:
        raise treadle.UsageError(
            f"{place}: {error.strerror or error}",
            hint="write the results into a folder that you may write to",
        ) from error


def copy_file(path: Path, to: Path) -> Path:
    """
    Copy a file; return the copy.

    Raises:
        UsageError: That cannot be done.
    """
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
    except OSError as error:
        raise treadle.UsageError(
            f"{str(path)!r} cannot be copied to {to.parent}: {error.strerror or error}",
            hint="is the disk full, or a file not yours?",
        ) from error
    return to


def write_text(path: Path, text: str) -> Path:
    """
    Write a file, which appears whole or not at all; return its path.

    Raises:
        UsageError: That cannot be done.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, "utf-8", errors="surrogateescape", newline="")
        part.replace(path)
    except OSError as error:
        raise treadle.UsageError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="is the disk full, or the folder not yours?",
        ) from error
    return path
