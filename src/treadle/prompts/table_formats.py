"""Turns the lines of a table into rows: CSV and JSONL.

Nothing in a row ends the reading: what is wrong with one stands in its ``problem``, by the number
of the row and not of the line, so that it says the same whether the whole table is read or that
row alone. What is wrong with the table as a whole is found by ``examine``, before anything is sent.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import treadle

_END = "\0"
"""Put behind the last line: it comes back as a row of its own unless a quote is still open."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Row(NamedTuple):
    """
    One row of a table.

    Attributes:
        number: From 1, in the order of the table.
        cells: Text by column; without the columns that a JSON object does not have.
        problem: Why nothing can be done with it; empty for a sound row.
    """

    number: int
    cells: dict[str, str]
    problem: str = ""


class Format(ABC):
    """
    How the lines of a table are read.

    Attributes:
        header: The names of the columns; set by ``examine``.
        count: The number of rows; set by ``examine``.
    """

    header: tuple[str, ...] = ()
    count: int = 0

    @abstractmethod
    def examine(self, lines: Iterable[str], name: str) -> None:
        """
        Read the whole table once for its columns and the number of its rows.

        Args:
            lines: All lines, with their ends.
            name: What to call the table in messages.

        Raises:
            UsageError: No row can be read, or the columns cannot be told apart.
        """

    @abstractmethod
    def skip_header(self, lines: Iterator[str]) -> None:
        """Leave the lines before the first row behind."""

    @abstractmethod
    def rows(self, lines: Iterable[str], first: int = 1) -> Iterator[Row]:
        """Yield the rows in *lines*, which begin behind the header; *first* is their number."""


class CsvFormat(Format):
    """
    CSV with a header, of any delimiter among comma, semicolon and tab.

    Lines without any text are skipped, those of delimiters only too: spreadsheets leave them
    behind below a table.
    """

    def __init__(self, delimiter: str | None = None) -> None:
        self._delimiter = delimiter or ","
        self._sniffs = delimiter is None
        # The limit is one of the process. Long cells are normal here: documents stand in them.
        csv.field_size_limit(max(csv.field_size_limit(), sys.maxsize))

    def examine(self, lines: Iterable[str], name: str) -> None:
        """Find delimiter, columns and number of rows."""
        lines = iter(lines)
        if self._sniffs:
            lines = self._sniffed(lines)
        reader = self._reader(itertools.chain(lines, [_END]))
        header = next(fields for fields in reader if any(fields))
        if header[-1].endswith(_END):
            if header == [_END]:
                raise treadle.UsageError(
                    f"{name} is empty", hint="the first line has to name the columns"
                )
            raise _never_closed(name, "the header", 1)
        self.header = _named(header, name)
        self.count = _count(reader, name)

    def skip_header(self, lines: Iterator[str]) -> None:
        """Leave the header behind."""
        next(fields for fields in self._reader(lines) if any(fields))

    def rows(self, lines: Iterable[str], first: int = 1) -> Iterator[Row]:
        """Yield the rows."""
        header, width = self.header, len(self.header)
        number = first
        for fields in self._reader(lines):
            if len(fields) == width:
                # Looking for the first text is quick: it mostly stands in the first cell.
                if not any(fields):
                    continue
                yield Row(number, dict(zip(header, fields, strict=True)))
            elif any(fields):
                yield self._uneven(number, fields)
            else:
                continue
            number += 1

    def _reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self._delimiter)

    def _sniffed(self, lines: Iterator[str]) -> Iterator[str]:
        """Take the delimiter that makes most columns of the header; return all lines again."""
        head = next((line for line in lines if not line.isspace()), None)
        if head is None:
            return lines
        widths = {
            delimiter: len(next(csv.reader([head], delimiter=delimiter), []))
            for delimiter in (",", ";", "\t")
        }
        self._delimiter = max(widths, key=lambda delimiter: widths[delimiter])
        return itertools.chain([head], lines)

    def _uneven(self, number: int, fields: list[str]) -> Row:
        header = self.header
        cells = dict(itertools.zip_longest(header, fields[: len(header)], fillvalue=""))
        what = f"row {number} has {_times(len(fields), 'cell')}, but the table has "
        what += _times(len(header), "column")
        if len(fields) > len(header):
            beyond = fields[len(header)]
            what += f": {beyond[:40]!r} is beyond the last; is a delimiter in a cell not quoted?"
        else:
            what += f": nothing for {header[len(fields)]!r}"
        return Row(number, cells, what)


class JsonFormat(Format):
    """
    JSONL: one object on each line that is not blank.

    Text is taken as it is, null as empty text, and all else as its JSON.
    """

    def examine(self, lines: Iterable[str], name: str) -> None:
        """Collect the names of all objects in the order in which they are first seen."""
        header: dict[str, None] = {}
        count = 0
        problem = ""
        for row in self.rows(lines):
            count = row.number
            problem = problem or row.problem
            if not row.cells.keys() <= header.keys():
                header.update(dict.fromkeys(row.cells))
        if count and not header:
            raise treadle.UsageError(
                f"{name} holds no JSON object: {problem or 'all of them are empty'}",
                hint='each line has to be one object, such as {"topic": "tides"}; an array is'
                " taken apart by: jq -c '.[]' FILE",
            )
        self.header, self.count = tuple(header), count
        if not count:
            raise treadle.UsageError(f"{name} has no rows", hint="one JSON object on each line")

    def skip_header(self, lines: Iterator[str]) -> None:
        """Do nothing: there is none."""

    def rows(self, lines: Iterable[str], first: int = 1) -> Iterator[Row]:
        """Yield the rows."""
        number = first
        for line in lines:
            if line.isspace():
                continue
            yield _json_row(number, line)
            number += 1


def _json_row(number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Row(number, {}, f"row {number} is not JSON: {error}")
    if not isinstance(value, dict):
        kind = type(value).__name__
        return Row(number, {}, f"row {number} is JSON, but no object: {kind}")
    cells = {name: _as_text(each) for name, each in value.items()}
    if _ESCAPED_SURROGATE.search(line):
        return _without_surrogates(number, cells)
    return Row(number, cells)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _without_surrogates(number: int, cells: dict[str, str]) -> Row:
    r"""Half of a character, such as ``\ud83d`` alone, cannot be sent or written by anybody."""
    broken = next((name for name, text in cells.items() if _SURROGATE.search(name + text)), None)
    if broken is None:
        return Row(number, cells)
    mended = {
        _SURROGATE.sub("\ufffd", name): _SURROGATE.sub("\ufffd", text)
        for name, text in cells.items()
    }
    name = _SURROGATE.sub("\ufffd", broken)
    return Row(number, mended, f"row {number} has half a character (a surrogate) in {name!r}")


def _named(header: Sequence[str], name: str) -> tuple[str, ...]:
    """
    Return the names of the columns, without the spaces that were typed around them.

    Raises:
        UsageError: Two columns have the same name.
    """
    names = tuple(each.strip() for each in header)
    first: dict[str, int] = {}
    for position, each in enumerate(names, start=1):
        if each in first:
            what = f"the name {each!r}" if each else "no name"
            raise treadle.UsageError(
                f"columns {first[each]} and {position} of {name} both have {what}",
                hint="each column needs a name of its own; look at the first line",
            )
        first[each] = position
    return names


def _count(reader: Iterator[list[str]], name: str) -> int:
    """
    Return how many rows *reader* still has before the end.

    Raises:
        UsageError: There is none, or a quote is never closed.
    """
    count = 0
    fields: list[str] = []
    line = before = reader.line_num  # type: ignore[attr-defined]
    for fields in reader:
        if any(fields):
            count += 1
        before, line = line, reader.line_num  # type: ignore[attr-defined]
    if fields != [_END]:
        raise _never_closed(name, f"row {count}", before + 1)
    if count == 1:
        raise treadle.UsageError(f"{name} has no rows", hint="only the line with the column names")
    return count - 1


def _never_closed(name: str, where: str, line: int) -> treadle.UsageError:
    return treadle.UsageError(
        f"{where} of {name} (from line {line}) opens a quote that is never closed",
        hint='close it with ", or write "" for a quote inside of a quoted cell',
    )


def _times(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
