"""Writes CSV: a column ``key`` and one for each field of the values."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome
from treadle.core.protocols import Mark
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.columns import KEY, encoded, refusal, rows_of, text
from treadle.sinks.partfile import PartFile, entry

_SPECIAL = re.compile(r'[",\r\n]')
_FIRST_FIELD = re.compile(rb'"(?:[^"]|"")*"|[^",\n]*')


class Csv:
    """
    A CSV file with the rows of each item that succeeded, in the order in which they settle.

    How a value becomes rows stands in ``sinks.columns``: records give a column for each field,
    lists of records and frames several rows with the same key, all else a column ``value``;
    nested values are JSON text. UTF-8, ``LF`` line ends, quotes where they are needed. An empty
    field is None; empty text is written ``""``.

    A field that earlier rows did not have becomes a new column at the right, and is empty in
    them. Their lines are then widened when the run ends, in one pass over the file. A value that
    has no columns is refused; all others are stored. The file appears when it is whole; until
    then it is ``NAME.part``, or ``NAME.part-2`` when its lines were written once more.

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
        before = self._file.size, self._file.crc
        layout = dict(self._columns), list(self._widths)
        try:
            return self._append(outcomes)
        except SinkFailed:
            self._columns, self._widths = layout
            self._file.cut(*before)
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
            self._widen()
        self._file.finish()

    def abandon(self) -> str | None:
        """
        Keep what was written as ``NAME.part``; the file from before stays as it is.

        Returns:
            The path of what is kept, or None when there is nothing to keep.
        """
        if not self._has_rows:
            self._file.discard()
        elif self._file.is_open and self._is_narrow:
            # On a full disk the rows are kept as they are: late columns have no names then.
            with suppress(SinkFailed):
                self._widen()
        self._file.keep()
        return str(self._file.part) if self._file.readable == self._file.part else None

    def mark(self, *, whole: bool = False) -> Mark:
        """
        Make all rows so far safe on disk; return how to come back to this point.

        Args:
            whole: Widen the lines first if columns came late.

        Raises:
            SinkFailed: The disk does not take it.
        """
        if whole and self._file.is_open and self._widths and self._is_narrow:
            self._widen()
        return {
            **self._file.mark(),
            "columns": list(self._columns),
            "widths": [list(width) for width in self._widths],
        }

    def resume(self, mark: Mark, without: Collection[Key] = ()) -> None:
        """
        Go on after *mark*, without the rows of the items *without*.

        Raises:
            UsageError: What *mark* speaks of is gone or was changed, or another run writes it.
        """
        self._set_layout(mark)
        dropped = {encoded(_quoted(str(key))) for key in without}
        if dropped and self._widths:
            self._file.resume(mark, lambda old: self._widened(old, dropped))
            self._widths = [(0, len(self._columns))]
        else:
            self._file.resume(mark)

    def look(self, mark: Mark) -> None:
        """
        Read from now on what *mark* speaks of.

        Raises:
            UsageError: It is gone or was changed.
        """
        self._file.look(mark)
        self._set_layout(mark)

    def values(self) -> Iterator[dict[str, str]]:
        """
        Read the file: a dict of text for each row, lazily, in file order.

        Raises:
            UsageError: The file is still being written, or is gone.
            SinkFailed: It was changed, or a field is longer than ``csv.field_size_limit()``.
        """
        if self._file.is_open:
            raise UsageError(f"{str(self.path)!r} is still being written")
        return self._read()

    def stored(self) -> Iterator[tuple[str, dict[str, str]]]:
        """
        Read the file: for each row its key and a dict of its other fields, lazily, in file order.

        Raises:
            UsageError: The file is still being written, or is gone.
            SinkFailed: It was changed, or a field is longer than ``csv.field_size_limit()``.
        """
        for row in self.values():
            yield row.pop(KEY, ""), row

    def _read(self) -> Iterator[dict[str, str]]:
        file = self._file.reader()
        if file is None:
            return
        try:
            with io.TextIOWrapper(file, encoding="utf-8", newline="") as lines:
                rows = csv.reader(lines)
                columns = self._all_columns(next(rows, []))
                nothing = [""] * len(columns)
                for row in rows:
                    yield dict(zip(columns, row + nothing[len(row) :], strict=False))
        except (csv.Error, UnicodeDecodeError) as error:
            long = "field larger" in str(error)
            raise SinkFailed(
                f"{str(self._file.readable)!r} cannot be read back: {error}",
                hint="raise csv.field_size_limit()" if long else "was it changed by hand?",
            ) from error

    def _all_columns(self, header: list[str]) -> list[str]:
        """Return those that came later too, which the header has only when the file is whole."""
        known = list(self._columns)
        return known if known[: len(header)] == header else header

    def __repr__(self) -> str:
        return f"Csv({str(self.path)!r})"

    def _set_layout(self, mark: Mark) -> None:
        self._columns = dict.fromkeys(map(str, entry(mark, "columns", list)))
        widths = entry(mark, "widths", list) if entry(mark, "size", int) else []
        try:
            self._widths = [(int(start), int(width)) for start, width in widths]
        except (TypeError, ValueError) as error:
            raise UsageError("where the run stopped is not known: bad widths of lines") from error

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

    @property
    def _has_rows(self) -> bool:
        if not self._widths:
            return False
        header = list(self._columns)[: self._widths[0][1]]
        return self._file.size > len(encoded(_line(header)))

    def _widen(self) -> None:
        """Go on in a file with the full header, and all lines as wide as that."""
        self._file.rewrite(self._widened)
        self._widths = [(0, len(self._columns))]

    def _widened(
        self, narrow: IO[bytes], dropped: Collection[bytes] = frozenset()
    ) -> Iterator[bytes]:
        """Yield all lines in full width, but for those whose first field is in *dropped*."""
        yield encoded(_line(self._columns))
        at = len(_next_line(narrow))
        ends = [start for start, _ in self._widths[1:]] + [self._file.size]
        for end, (_, width) in zip(ends, self._widths, strict=True):
            missing = b"," * (len(self._columns) - width) + b"\n"
            while at < end:
                line = _next_line(narrow)
                at += len(line)
                if not dropped or _first_field(line) not in dropped:
                    yield line[:-1] + missing


def _next_line(file: IO[bytes]) -> bytes:
    """Read one row, which may hold line ends between quotes."""
    lines: list[bytes] = []
    quotes = 0
    while not lines or quotes % 2:
        line = file.readline()
        if not line:
            raise SinkFailed("a row has no end", hint="was the file changed by hand?")
        quotes += line.count(b'"')
        lines.append(line)
    return b"".join(lines)


def _first_field(line: bytes) -> bytes:
    match = _FIRST_FIELD.match(line)
    return match[0] if match else b""


def _line(fields: Iterable[str | None]) -> str:
    return ",".join(map(_quoted, fields)) + "\n"


def _quoted(field: str | None) -> str:
    if field is None:
        return ""
    if field and not _SPECIAL.search(field):
        return field
    return '"' + field.replace('"', '""') + '"'
