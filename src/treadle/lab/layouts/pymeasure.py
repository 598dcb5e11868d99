"""The layout of pymeasure's ``Results``: a header of comment lines, then plain CSV.

    #Procedure: <package.module.IVg>
    #Parameters:
    #<TAB>VDS: 0.05 V
    #Metadata:
    #<TAB>Start time: 1767225600.1234567
    #Data:
    Vg (V),I (A)
    0.0,3.1e-06

Only the header is taken apart here; the rows are handed on as they are. What people and power cuts
do to such files is decided as follows.

- A byte order mark is skipped, with a note. UTF-16 and other text that holds NUL bytes where the
  header should be is `Unreadable`. Bytes that are no UTF-8 become U+FFFD, with a note.
- CRLF, LF and CR alone all end a line.
- ``# Procedure`` with a space, and keywords in any case, are accepted. A file without such a line
  is not of this layout. One whose ``#Procedure`` is no name of a class is not a measurement.
- Without ``#Data:``, the first plain line is the column line, with a note. Without a column line
  there is no data; where the Metadata block is missing too, the instruments did not start.
- A second ``#Procedure`` before the column line means two runs in one file: `Damaged`.
- A value is what follows the first ``": "``; spaces around it do not count. pymeasure passes values
  through ``unicode_escape``, which is undone here; what is no such escape stays as it is.
- Cells are separated by commas, or else, where the column line has none, by semicolons or tabs.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from treadle.lab.errors import Damaged, NoData, NotAMeasurement, Unreadable
from treadle.lab.layouts import Raw
from treadle.lab.notes import Note

_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")

# What `str.encode("unicode_escape")` writes, and nothing else. Half a surrogate pair, which no
# Parquet file can hold, stays in its escaped form.
_ESCAPE = re.compile(
    r"\\(?:[\\nrt]|x[0-9a-f]{2}|u(?!d[89a-f])[0-9a-f]{4}|U(?:000[0-9a-f]|0010)[0-9a-f]{4})"
)
_SHORT_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\r": "\r", r"\t": "\t"}

_Keyword = Literal["procedure", "parameters", "metadata", "data"]
# A key of the header is indented by a tab, so that a parameter may well be called "Data".
_KEYWORD = re.compile(
    r"#+ ?(?:(procedure) ?:(.*)|(parameters|metadata|data) ?:[ \t]*)", re.IGNORECASE
)


class PymeasureLayout:
    """What pymeasure writes, and so laser_setup and other programs that are built on it."""

    name: Final = "pymeasure"
    suffixes: Final = (".csv",)

    def parse(self, path: Path, data: bytes) -> Raw | None:  # noqa: ARG002
        """
        Take the header of a file apart.

        Returns:
            What it holds, or None where no line of its header begins with ``#Procedure``.

        Raises:
            NotAMeasurement: Its ``#Procedure`` line names none.
            Unreadable: It is UTF-16, or not text.
            NoData: It has no column line.
            Damaged: A second header follows the first.
        """
        notes: list[Note] = []
        data = _utf8(data, notes)
        head = _head_of(data)
        found = _Header(head.text, notes)
        if found.procedure is None:
            return None
        if not found.procedure.isidentifier():
            raise NotAMeasurement(
                f"the '#Procedure' line names no procedure: {found.procedure!r:.60}",
                hint="it should read: #Procedure: <package.module.Name>",
            )
        columns, separator = _columns_of(head, found)
        if not found.has_data_line:
            notes.append(
                Note(
                    "warning",
                    "NO_DATA_LINE",
                    f"there is no '#Data:' line; line {head.lines} was taken for the column line",
                )
            )
        return Raw(
            procedure=found.procedure,
            parameters=found.parameters,
            metadata=found.metadata,
            columns=columns,
            body=data[head.end :],
            separator=separator,
            first_line=head.lines + 1,
            notes=notes,
            is_whole=found.has_metadata,
        )

    def companions(self, path: Path) -> Sequence[Path]:  # noqa: ARG002
        """Return nothing: all that is known of a run stands in its file."""
        return ()


PYMEASURE = PymeasureLayout()
"""The one layout of this kind; it has no state."""


def unescaped(text: str) -> str:
    r"""
    Return *text* as it was before ``unicode_escape``: ``l\xednea`` becomes ``línea``.

    Unlike Python's own decoder this takes text that is not ASCII, and what only looks like an
    escape.
    """
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(escape: re.Match[str]) -> str:
    text = escape[0]
    return _SHORT_ESCAPES.get(text) or chr(int(text.lstrip("\\xuU"), 16))


def _utf8(data: bytes, notes: list[Note]) -> bytes:
    """Return *data* as UTF-8 without a byte order mark, its lines ended by LF."""
    if data.startswith(_WIDE_BOMS) or b"\0" in data[:64]:
        raise Unreadable(
            f"the file is not UTF-8 text: it begins with the bytes {data[:4].hex(' ')}",
            hint="UTF-16, as some Windows programs save it? Save the file as UTF-8",
        )
    if data.startswith(_BOM):
        data = data.removeprefix(_BOM)
        notes.append(Note("info", "BYTE_ORDER_MARK", "the file begins with a byte order mark"))
    if not data.isascii():
        data = _valid(data, notes)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _valid(data: bytes, notes: list[Note]) -> bytes:
    """Return *data* with U+FFFD for all that is no UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        text = data.decode(errors="replace")
        before = data[: error.start]
        line = 1 + (before.count(b"\n") or before.count(b"\r"))
        notes.append(
            Note(
                "warning",
                "UNDECODABLE",
                f"bytes that are no UTF-8 were replaced by \N{REPLACEMENT CHARACTER}; the first is"
                f" 0x{data[error.start]:02x} in line {line}",
            )
        )
        return text.encode()
    return data


class _Head(NamedTuple):
    """
    The lines up to and with the column line.

    Attributes:
        text: The comment lines.
        columns: The column line; empty where the file ends before it.
        end: Where the rows begin.
        lines: The number of the column line, counted from 1.
    """

    text: str
    columns: str
    end: int
    lines: int


def _head_of(data: bytes) -> _Head:
    """Find the first line that is neither a comment nor blank."""
    start, number, size = 0, 0, len(data)
    while start < size:
        number += 1
        end = data.find(b"\n", start)
        end = size if end < 0 else end
        # The first byte decides for nearly all lines.
        if data[start] != 0x23 and (line := data[start:end].strip()) and line[:1] != b"#":
            return _Head(data[:start].decode(), line.decode(), end + 1, number)
        start = end + 1
    return _Head(data.decode(), "", size, number)


class _Header:
    """The comment lines of a header, taken apart."""

    def __init__(self, text: str, notes: list[Note]) -> None:
        self.procedure: str | None = None
        self.parameters: dict[str, str] = {}
        self.metadata: dict[str, str] = {}
        self.has_metadata = False
        self.has_data_line = False
        self._notes = notes
        self._block: dict[str, str] | None = None
        for number, line in enumerate(text.split("\n"), 1):
            if line[:2] == "#\t":
                self._take_value(line[2:], number)
            elif stripped := line.strip():
                self._take(stripped, number)

    def _take(self, line: str, number: int) -> None:
        keyword = _KEYWORD.fullmatch(line)
        if keyword is None:
            self._take_value(line.lstrip("#"), number)
        elif keyword[1]:
            self._begin(keyword[2], number)
        elif self.procedure is not None:
            self._enter(keyword[3].lower())

    def _begin(self, name: str, number: int) -> None:
        if self.procedure is not None:
            raise Damaged(
                f"two runs in one file: the second begins at line {number}",
                hint="split the file before that line",
            )
        self.procedure = name.strip(" \t<>").rpartition(".")[2]

    def _enter(self, keyword: str) -> None:
        match keyword:
            case "parameters":
                self._block = self.parameters
            case "metadata":
                self._block = self.metadata
                self.has_metadata = True
            case _:
                self._block = None
                self.has_data_line = True

    def _take_value(self, line: str, number: int) -> None:
        if self.has_data_line:
            text = f"line {number}, a comment between '#Data:' and the column line, was skipped"
            self._notes.append(Note("info", "COMMENT_IN_DATA", text))
            return
        if self._block is None:
            return  # a comment that somebody wrote above the header
        key, colon, value = line.partition(": ")
        if not colon:
            # An editor took the space after it away, or a person never typed one.
            key, colon, value = line.partition(":")
        key, value = key.strip(" \t"), value.strip(" \t")
        if not colon or not key:
            text = f"line {number} of the header is no 'name: value': {line.strip():.60}"
            self._notes.append(Note("warning", "ODD_HEADER_LINE", text))
            return
        value = unescaped(value)
        if self._block.setdefault(key, value) != value:
            text = f"{key!r} stands twice in the header; {value!r:.60} in line {number} counts"
            self._notes.append(Note("warning", "REPEATED_KEY", text))
            self._block[key] = value


def _columns_of(head: _Head, header: _Header) -> tuple[list[str], str]:
    """Return the names in the column line, and what separates them."""
    if not head.columns:
        if not header.has_metadata:
            raise NoData(
                "there is no column line, and no Metadata block: the instruments did not start",
                hint="nothing was measured; delete the file, or leave it",
            )
        raise NoData(
            f"the file ends at line {head.lines}, before its column line",
            hint="nothing was measured; delete the file, or leave it",
        )
    separator = next((mark for mark in ",;\t" if mark in head.columns), ",")
    if '"' in head.columns:
        names = next(csv.reader([head.columns], delimiter=separator))
    else:
        names = head.columns.split(separator)
    if all(_is_number(name) for name in names):
        raise NoData(
            f"there is no column line: line {head.lines} holds numbers already",
            hint="write the names of the columns above it, such as Vg (V),I (A)",
        )
    return [name.strip() for name in names], separator


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
