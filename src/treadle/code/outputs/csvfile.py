"""Chunks as CSV: a header and a row for each, UTF-8, LF line ends, lists as JSON text.

A field that is null is empty. Texts have what they have: quotes are doubled, line ends stay.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from treadle.code.schema import FIELDS

_LONGEST = (1 << 31) - 1  # letters of a field; without, the module of Python stops at 131,072


_SPECIAL = re.compile(r'[",\r\n]')


def write(blocks: Iterable[bytes], stream: BinaryIO) -> None:
    """Write lines of JSON as rows."""
    stream.write(_row(FIELDS))
    for block in blocks:
        lines = map(json.loads, block.splitlines())
        stream.writelines(_row(map(_cell, line.values())) for line in lines)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """
    Yield the rows of a file.

    Raises:
        ValueError: It has other columns, or cannot be read as CSV.
    """
    return (row for _, row in rows_from(path))


def rows_from(path: Path, place: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """
    Yield the rows that begin at *place*, a byte, or after it, each with where it begins.

    Raises:
        ValueError: As `rows`.
    """
    before = csv.field_size_limit()  # of the process, not ours alone
    with path.open("rb") as file:
        lines = _Lines(file)
        reader = csv.reader(lines)
        try:
            csv.field_size_limit(max(before, _LONGEST))
            if next(reader, None) != list(FIELDS):
                raise ValueError("its columns are not those of chunks")
            if place:
                lines.go_to(place)
            place = lines.place
            for row in reader:
                cells = zip(FIELDS, row, strict=True)
                yield place, {name: _value(name, cell) for name, cell in cells}
                place = lines.place
        except csv.Error as error:
            raise ValueError(str(error)) from error
        finally:
            csv.field_size_limit(before)


class _Lines:
    """The lines of a file as text, and where the next one begins."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.place = 0

    def go_to(self, place: int) -> None:
        self._file.seek(place)
        self.place = place

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self.place += len(line)
        return line.decode()


def _row(cells: Iterable[str]) -> bytes:
    # The module of Python quotes a lone CR in some versions only.
    quoted = [
        '"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell for cell in cells
    ]
    return (",".join(quoted) + "\n").encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _value(name: str, cell: str) -> Any:
    field = FIELDS[name]
    if not cell and field.nullable:
        return None
    match field.type:
        case "number":
            return int(cell)
        case "texts" | "pair":
            return json.loads(cell)
        case _:
            return cell
