"""Writes CSV: a column ``key`` and one for each field of the values."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from treadle.core.outcome import AnyOutcome
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.columns import KEY, encoded, refusal, rows_of, text
from treadle.sinks.partfile import PartFile

_PIECE = 1 << 20
"""Bytes written at a time when a file is widened."""

_SPECIAL = re.compile(r'[",\r\n]')


class Csv:
    """
    A CSV file with the rows of each item that succeeded, in the order in which they settle.

    How a value becomes rows stands in ``sinks.columns``: records give a column for each field,
    lists of records and frames several rows with the same key, all else a column ``value``;
    nested values are JSON text. UTF-8, ``LF`` line ends, quotes where they are needed. An empty
    field is None; empty text is written ``""``.

    A field that earlier rows did not have becomes a new column at the right, and is empty in
    them. Their lines are then widened when the file is closed, in one pass over it. A value that
    has no columns is refused; all others are stored. The file appears when it is whole; until
    then it is ``NAME.part``.

    Args:
        path: The file; folders above it are made. An old one stays until the new one is whole.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = PartFile(path)
        self._columns: dict[str, None] = {}
        # From this offset on, lines have this many fields.
        self._widths: list[tuple[int, int]] = []

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def open(self) -> None:
        """
        Begin the file.

        Raises:
            UsageError: The place cannot be written to.
        """
        self._file.open()
        self._columns = {KEY: None}
        self._widths = []

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """
        Append the rows of each value; return those that have none.

        Raises:
            SinkFailed: Nothing can be written, such as when the disk is full. None of *outcomes*
                is in the file then.
        """
        before = self._file.size, dict(self._columns), list(self._widths)
        try:
            return self._append(outcomes)
        except SinkFailed:
            size, self._columns, self._widths = before
            self._file.cut(size)
            raise

    def _append(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        refused = []
        lines: list[str] = []
        for outcome in outcomes:
            if not outcome.ok:
                continue
            try:
                rows = [
                    {name: text(field) for name, field in row.items()}
                    for row in rows_of(outcome.value)
                ]
            except Exception as error:  # the value's own code runs here
                refused.append(refusal(outcome, error))
                continue
            for row in rows:
                if not row.keys() <= self._columns.keys():
                    self._flush(lines)
                    self._columns |= dict.fromkeys(row)
                lines.append(_line([str(outcome.key), *map(row.get, list(self._columns)[1:])]))
        self._flush(lines)
        return refused

    def close(self) -> None:
        """
        Put the file in its place, widened if columns came late.

        Raises:
            SinkFailed: It cannot be put there.
        """
        if not self._file.is_open:
            return
        if not self._widths:
            self._begin()
        if self._is_narrow:
            self._widen(self.path)
            self._file.replaced()
        else:
            self._file.finish()

    def abandon(self) -> str | None:
        """
        Keep what was written as ``NAME.part``; the file from before stays as it is.

        Returns:
            The path of what is kept, or None when there is nothing to keep.
        """
        if not self._widths:
            self._file.discard()
        elif self._file.is_open and self._is_narrow:
            # On a full disk the rows are kept as they are: late columns have no names then.
            with suppress(SinkFailed):
                self._widen(self._file.part)
        self._file.keep()
        return str(self._file.part) if self._file.readable == self._file.part else None

    def values(self) -> Iterator[dict[str, str]]:
        """
        Read the file: a dict of text for each row, lazily, in file order.

        Raises:
            UsageError: The file is still being written.
            SinkFailed: A field is longer than ``csv.field_size_limit()``.
        """
        if self._file.is_open:
            raise UsageError(f"{str(self.path)!r} is still being written")
        return self._read()

    def _read(self) -> Iterator[dict[str, str]]:
        try:
            if self._file.readable is not None:
                with self._file.readable.open(encoding="utf-8", newline="") as file:
                    yield from csv.DictReader(file)
        except csv.Error as error:
            raise SinkFailed(
                f"{str(self.path)!r} cannot be read back: {error}",
                hint="raise csv.field_size_limit()",
            ) from error

    def __repr__(self) -> str:
        return f"Csv({str(self.path)!r})"

    def _begin(self) -> None:
        self._file.append(encoded(_line(self._columns)))
        self._widths = [(0, len(self._columns))]

    def _flush(self, lines: list[str]) -> None:
        """Write *lines*, which all have the present number of fields."""
        if not lines:
            return
        if not self._widths:
            self._begin()
        if self._widths[-1][1] < len(self._columns):
            self._widths.append((self._file.size, len(self._columns)))
        self._file.append(encoded("".join(lines)))
        lines.clear()

    @property
    def _is_narrow(self) -> bool:
        return self._widths[0][1] < len(self._columns)

    def _widen(self, final: Path) -> None:
        """Write *final*, with the full header, and all lines as wide as that."""
        part = self._file.part
        wide = PartFile(final, part.with_name(part.name + ".part"))
        wide.open()
        try:
            with part.open("rb") as narrow:
                for piece in self._widened(narrow):
                    wide.append(piece)
        except SinkFailed:
            wide.discard()
            raise
        wide.finish()

    def _widened(self, narrow: IO[bytes]) -> Iterator[bytes]:
        piece = bytearray(encoded(_line(self._columns)))
        at = len(_next_line(narrow))
        ends = [start for start, _ in self._widths[1:]] + [self._file.size]
        for end, (_, width) in zip(ends, self._widths, strict=True):
            missing = b"," * (len(self._columns) - width) + b"\n"
            while at < end:
                line = _next_line(narrow)
                at += len(line)
                piece += line[:-1] + missing
                if len(piece) >= _PIECE:
                    yield bytes(piece)
                    piece.clear()
        yield bytes(piece)


def _next_line(file: IO[bytes]) -> bytes:
    """Read one row, which may hold line ends between quotes."""
    row = file.readline()
    while row.count(b'"') % 2:
        row += file.readline()
    return row


def _line(fields: Iterable[str | None]) -> str:
    return ",".join(map(_quoted, fields)) + "\n"


def _quoted(field: str | None) -> str:
    if field is None:
        return ""
    if field and not _SPECIAL.search(field):
        return field
    return '"' + field.replace('"', '""') + '"'
