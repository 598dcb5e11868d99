"""Which lines of a body are sound rows; the others are cut out, and noted with their lines.

One line is one row; there are no line breaks inside quotes. Lines that are no rows (blank, comment,
the column line again) are skipped; rows with the wrong number of cells are left out.

A last line without line end was cut by a power loss, since the acquisition program ends every line:
its last number may lack digits and look sound, so the line is left out. It still counts in what run
ids are made of, where it has all its cells: an editor may have removed no more than the line end.

Numpy finds the few lines that may not be sound rows, and only those are looked at one by one: a
body of half a million rows would take hundreds of megabytes as lists of cells.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from treadle.lab.errors import Damaged, NoData
from treadle.lab.layouts import Raw
from treadle.lab.notes import Code, Note

SHOWN = 5
"""How many lines a note names; the others are counted."""

_BLOCK = 1 << 18  # of bytes, looked at together
_SECOND_HEADER = re.compile(r"#\s*procedure\s*:", re.IGNORECASE)

_WHAT_WAS_SKIPPED: dict[Code, str] = {
    "BLANK_LINES": "blank line(s)",
    "COMMENT_IN_DATA": "comment line(s)",
    "REPEATED_COLUMN_LINE": "the column line again",
}


@dataclass(slots=True)
class Lines:
    """
    Lines with something in common, as a note names them; written as text, ``lines 3, 7``.

    Attributes:
        count: How many there are.
        first: The numbers of the first few.
    """

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        """Add the line *number*."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(number)

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.first))
        return f"line{'s' if self.count > 1 else ''} {shown}{self.more}"

    @property
    def more(self) -> str:
        """The end of a list that names as many as are in ``first``."""
        return f" and {self.count - SHOWN} more" if self.count > SHOWN else ""


@dataclass(frozen=True, slots=True)
class Rows:
    """
    The sound rows of a body.

    Attributes:
        body: Their lines; the very body of the file where all lines of it are such.
        numbers: The number of each in the file.
        torn: The last line, with an end, where it had none but all its cells; else empty.
        notes: About the lines that were left out.
    """

    body: bytes
    numbers: NDArray[np.int64]
    torn: bytes
    notes: list[Note]


def sound_rows(raw: Raw, width: int) -> Rows:
    """
    Return the rows of *raw* that have *width* cells, their quotes being those that are needed.

    Raises:
        NoData: There are none.
        Damaged: A second run was appended, or most rows have the wrong number of cells.
    """
    body, view = raw.body, memoryview(raw.body)
    judge = _Judge(raw, width)
    kept, done = bytearray(), 0
    numbers = [np.empty(0, np.int64)]
    number, last = raw.first_line, 0
    for start, stop in _blocks(body):
        octets = np.frombuffer(view[start:stop], np.uint8)
        ends = np.flatnonzero(octets == ord("\n"))
        is_suspect = _suspects(raw, octets, ends, width)
        is_row = ~is_suspect
        for n in np.flatnonzero(is_suspect).tolist():
            begin = start + int(ends[n - 1]) + 1 if n else start
            end = start + int(ends[n])
            row = judge.row(number + n, bytes(view[begin:end]))
            kept += view[done:begin]
            kept += row or b""
            is_row[n] = row is not None
            done = end + 1
        numbers.append(np.flatnonzero(is_row) + number)
        number += len(ends)
        last = stop
    torn = judge.row(number, body[last:], is_ended=False) if last < len(body) else None
    if done or last < len(body):
        kept += view[done:last]
        body = bytes(kept)
    rows = np.concatenate(numbers)
    judge.check(rows)
    return Rows(body, rows, torn or b"", judge.notes())


def _blocks(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield begin and end of parts of *body* that are whole lines; what has no end is in none."""
    start, last = 0, body.rfind(b"\n") + 1
    while start < last:
        stop = body.find(b"\n", start + _BLOCK, last) + 1 or last
        yield start, stop
        start = stop


def _suspects(
    raw: Raw, octets: NDArray[np.uint8], ends: NDArray[np.int64], width: int
) -> NDArray[np.bool_]:
    """Tell of each line whether it may be something else than a sound row without quotes."""
    separators = np.flatnonzero(octets == ord(raw.separator))
    cells = np.diff(np.searchsorted(separators, ends), prepend=0) + 1
    is_suspect: NDArray[np.bool_] = cells != width
    first = octets[np.concatenate(([0], ends[:-1] + 1))]
    # A blank line, and a column line with spaces before it, may begin with any kind of space.
    is_suspect |= (first <= ord(" ")) | (first > ord("~")) | (first == ord("#"))
    is_suspect |= first == (raw.columns[0].strip() or raw.separator).encode()[0]
    special = np.flatnonzero((octets == ord('"')) | (octets > ord("~")))
    is_suspect[np.searchsorted(ends, special)] = True
    return is_suspect


class _Judge:
    """Tells sound rows from other lines, and remembers those."""

    def __init__(self, raw: Raw, width: int) -> None:
        self._header = [name.strip() for name in raw.columns]
        self._separator = raw.separator
        self._width = width
        self._second_header = 0
        self._skipped: dict[Code, Lines] = {}
        self._ragged = Lines()
        self._cells_of_ragged = 0
        self._is_torn = False

    def row(self, number: int, line: bytes, *, is_ended: bool = True) -> bytes | None:
        """
        Return a line as it is to be read, with its end; None where it is no sound row.

        Raises:
            Damaged: It is a row below a second header.
        """
        text = line.decode("utf-8", errors="replace")
        code, cells = self._seen(number, text)
        if code is not None:
            self._skipped.setdefault(code, Lines()).add(number)
            return None
        if self._second_header:
            raise self._two_runs()
        self._is_torn = not is_ended
        if len(cells) == self._width:
            return _written(cells, self._separator) if '"' in text else f"{text}\n".encode()
        if is_ended:
            self._ragged.add(number)
            self._cells_of_ragged = self._cells_of_ragged or len(cells)
        return None

    def _seen(self, number: int, line: str) -> tuple[Code | None, list[str]]:
        """Return what kind of line it is if it is no row, and its cells if it is one."""
        if line.startswith("#"):
            if self._second_header == 0 and _SECOND_HEADER.match(line):
                self._second_header = number
            return "COMMENT_IN_DATA", []
        if not line.strip():
            return "BLANK_LINES", []
        cells = _cells(line, self._separator)
        if [cell.strip() for cell in cells] == self._header:
            return "REPEATED_COLUMN_LINE", []
        return None, cells

    def _two_runs(self) -> Damaged:
        return Damaged(
            f"there are two runs in one file: the second begins at line {self._second_header}",
            hint="split it into two files before that line",
        )

    def check(self, rows: NDArray[np.int64]) -> None:
        """
        Make sure that the lines with the numbers *rows* are a table.

        Raises:
            NoData: There are none.
            Damaged: Some stand below a second header, or more are ragged.
        """
        sound, ragged = len(rows), self._ragged.count
        if self._second_header and sound and rows[-1] > self._second_header:
            raise self._two_runs()
        if ragged > sound:
            raise Damaged(
                f"{ragged} of {ragged + sound} rows do not have "
                f"{self._width} cells as the column line does: {self._ragged}",
                hint="check the separator and the column line, or remove the damaged rows",
            )
        if not sound:
            but = " but one that a power loss cut short" if self._is_torn else ""
            raise NoData(
                f"there is no row below the column line{but}",
                hint="the run was stopped before its first point; "
                "remove the file if it is not needed",
            )

    def notes(self) -> list[Note]:
        """Return the notes about the lines that are no sound rows."""
        notes = [
            Note("info", code, f"{_WHAT_WAS_SKIPPED[code]} among the rows: {lines}")
            for code, lines in self._skipped.items()
        ]
        if self._ragged.count:
            text = (
                f"{self._ragged.count} row(s) left out, which do not have {self._width} cells: "
                f"{self._ragged} (line {self._ragged.first[0]} has {self._cells_of_ragged})"
            )
            notes.append(Note("error", "RAGGED_ROWS", text))
        if self._is_torn:
            text = "the last line has no line end, as after a power loss; it was left out"
            notes.append(Note("warning", "TORN_LINE", text))
        if self._second_header:
            text = (
                f"a second header without rows begins at line {self._second_header}; it was skipped"
            )
            notes.append(Note("warning", "SECOND_HEADER", text))
        return notes


def _cells(line: str, separator: str) -> list[str]:
    """Return the cells of one row."""
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error:  # a cell of more than 128 KiB
        return line.split(separator)


def _written(cells: Iterable[str], separator: str) -> bytes:
    """Return one row as a line, with quotes only where they are needed."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
