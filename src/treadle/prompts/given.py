"""The table as it is given: a file, standard input, a pipe, or rows that a program has."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import treadle
from treadle.prompts.prompt_files import STDIN
from treadle.prompts.table import Table, open_table, snapshot
from treadle.prompts.whole_file import is_stream

Experiments: TypeAlias = str | os.PathLike[str] | Iterable[Mapping[str, Any]]
"""A table as ``run`` and ``plan`` take it."""

_STDIN_FILES = frozenset({STDIN, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_STDOUT_FILES = frozenset({STDIN, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


def input_name(typed: str | os.PathLike[str]) -> str:
    """Return the path of a file to read; ``"-"`` for standard input, however it is spelled."""
    name = os.fspath(typed)
    return STDIN if name in _STDIN_FILES else name


def output_name(typed: str | os.PathLike[str] | None) -> str | None:
    """Return the path of the results; None for standard output, however it is spelled."""
    name = None if typed is None else os.fspath(typed)
    return None if name in _STDOUT_FILES else name


def table_name(experiments: Experiments) -> str | None:
    """Return the path of a table, ``"-"`` for standard input; None for rows of a program."""
    return input_name(experiments) if isinstance(experiments, str | os.PathLike) else None


def table_of(experiments: Experiments, *, stdin: Any = None, keep_in: Path | None = None) -> Table:
    """
    Open the table.

    Args:
        experiments: As it is given.
        stdin: What to read for standard input; None for that of the process.
        keep_in: A folder, which is made, for a copy that is worked on, so that a change during the
            run does no harm. None for the file itself; what can be read only once is kept in a
            temporary one, which goes when the table does.

    Raises:
        UsageError: It cannot be read, or is no table.
    """
    name = table_name(experiments)
    if keep_in is not None:
        keep_in.mkdir()
        return _kept(experiments, name, stdin, keep_in)
    if name is not None and name != STDIN and not is_stream(Path(name)):
        return open_table(name)
    folder = Path(tempfile.mkdtemp(prefix="treadle-"))
    try:
        table = _kept(experiments, name, stdin, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(table, shutil.rmtree, folder, ignore_errors=True)
    return table


def _kept(experiments: Any, name: str | None, stdin: Any, folder: Path) -> Table:
    if name is None:
        return Table(_written(experiments, folder / "rows.jsonl"), name="the table of rows")
    if name == STDIN:
        return open_table(STDIN, stdin=stdin, keep_in=folder)
    if is_stream(Path(name)):
        try:
            with Path(name).open("rb") as stream:
                return Table(open_table(STDIN, stdin=stream, keep_in=folder).path, name=name)
        except OSError as error:
            raise treadle.UsageError(
                f"the table {name} cannot be read: {error.strerror or error}",
                hint="name a file, or - for standard input",
            ) from error
    copy = folder / Path(name).name
    snapshot(Path(name), copy)
    return Table(copy, name=name)


def _written(rows: Any, path: Path) -> Path:
    """
    Write rows as JSONL.

    Raises:
        UsageError: They are none, or no mappings of columns to values; or there is no room.
    """
    if not isinstance(rows, Iterable):
        raise treadle.UsageError(
            f"an object of type {type(rows).__name__} is no table",
            hint="give the path of one, or its rows",
        )
    try:
        with path.open("w", encoding="utf-8") as file:
            for number, row in enumerate(rows, 1):
                file.write(_line(number, row))
    except OSError as error:
        raise treadle.UsageError(
            f"the rows cannot be kept in {path.parent}: {error.strerror or error}",
            hint="is the disk full, or the folder not yours?",
        ) from error
    return path


def _line(number: int, row: Any) -> str:
    if not isinstance(row, Mapping):
        raise treadle.UsageError(
            f"row {number} is no mapping of columns to values, but a {type(row).__name__}",
            hint="such as [{'topic': 'tides'}]; of a data frame: frame.to_dict('records')",
        )
    try:
        return json.dumps(dict(row), default=str) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise treadle.UsageError(
            f"row {number} cannot be kept: {error}", hint="names of columns are texts"
        ) from error
