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
    before = csv.field_size_limit()  # of the process, not ours alone
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        try:
            csv.field_size_limit(max(before, _LONGEST))
            if next(reader, None) != list(FIELDS):
                raise ValueError("its columns are not those of chunks")
            for row in reader:
                cells = zip(FIELDS, row, strict=True)
                yield {name: _value(name, cell) for name, cell in cells}
        except csv.Error as error:
            raise ValueError(str(error)) from error
        finally:
            csv.field_size_limit(before)


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
