"""Rows of results as bytes of a file: CSV, TSV or JSON lines, as the name of the file asks for."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import treadle
from treadle.prompts.columns import Cell, Columns, representable
from treadle.prompts.values import Ask, Ended


class RowFormat(ABC):
    """How rows are written."""

    @abstractmethod
    def head(self) -> bytes:
        """Return what stands above the rows."""

    @abstractmethod
    def rows(self, rows: Iterable[tuple[Ask, Ended]]) -> bytes:
        """Return whole lines for *rows*."""


class CsvFormat(RowFormat):
    """
    RFC 4180 in UTF-8: quotes where they are needed, line ends inside of quotes as they came.

    Args:
        columns: The columns.
        delimiter: Stands between cells.
        row_end: Ends a row; None for that of *columns*.
        bom: Begin with a byte order mark, without which Excel takes UTF-8 for something else.
    """

    def __init__(
        self,
        columns: Columns,
        *,
        delimiter: str = ",",
        row_end: str | None = None,
        bom: bool = False,
    ) -> None:
        self._columns = columns
        self._row_end = columns.row_end if row_end is None else row_end
        self._bom = bom
        self._delimiter = delimiter

    def head(self) -> bytes:
        """Return the line of names."""
        names = [representable(name) for name in self._columns.names]
        return (b"\xef\xbb\xbf" if self._bom else b"") + self._text([names]).encode()

    def rows(self, rows: Iterable[tuple[Ask, Ended]]) -> bytes:
        """Return whole lines for *rows*."""
        row = self._columns.row
        return self._encoded([row(ask, ended) for ask, ended in rows])

    def _encoded(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        text = self._text(rows)
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            encoded = b"\0"
        if b"\0" in encoded:
            encoded = self._text([self._columns.without_lost(row) for row in rows]).encode()
        return encoded

    def _text(self, rows: Iterable[Sequence[Cell]]) -> str:
        # By hand, for csv.writer takes 10 ns for each character of an answer, and before Python
        # 3.13 leaves a lone CR without quotes.
        delimiter = self._delimiter
        lines = []
        for row in rows:
            cells = []
            for cell in row:
                if cell is None:
                    cells.append("")
                elif not isinstance(cell, str):
                    cells.append(str(cell))
                elif delimiter in cell or '"' in cell or "\n" in cell or "\r" in cell:
                    cells.append('"' + cell.replace('"', '""') + '"')
                else:
                    cells.append(cell)
            lines.append(delimiter.join(cells))
        lines.append("")
        return self._row_end.join(lines)


class JsonlFormat(RowFormat):
    """
    One JSON object on a line, in UTF-8.

    Args:
        columns: The columns.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def head(self) -> bytes:
        """Return nothing: each line has its names."""
        return b""

    def rows(self, rows: Iterable[tuple[Ask, Ended]]) -> bytes:
        """Return whole lines for *rows*."""
        return b"".join(_line(self._columns.record(ask, ended)) for ask, ended in rows)


_OTHERS = {".parquet", ".xlsx", ".xls", ".json", ".db", ".sqlite", ".sqlite3", ".html"}


def format_of(path: str, columns: Columns, *, bom: bool = False) -> RowFormat:
    """
    Return the format that the name of a file asks for: ``.tsv``, ``.jsonl``, ``.ndjson``, or CSV.

    Args:
        path: The file; empty for stdout, which gets CSV with ``LF`` line ends.
        columns: The columns.
        bom: Begin a CSV file with a byte order mark.

    Raises:
        UsageError: The name asks for a format of another kind, such as Parquet.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix in _OTHERS:
        raise treadle.UsageError(
            f"results are not written as {suffix}: {path}",
            hint="write .csv, .tsv or .jsonl; treadle export RUN --to FILE knows further formats",
        )
    if suffix in {".jsonl", ".ndjson"}:
        return JsonlFormat(columns)
    return CsvFormat(
        columns,
        delimiter="\t" if suffix == ".tsv" else ",",
        row_end=None if path else "\n",
        bom=bom and bool(path),
    )


def _line(record: dict[str, Any]) -> bytes:
    try:
        return (_dumps(record) + "\n").encode()
    except ValueError:  # half of a surrogate pair; or NaN, which JSON has not
        return (_dumps(_plain(record)) + "\n").encode()


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def _plain(value: Any) -> Any:
    """Return *value* with U+FFFD for halves of surrogate pairs and null for NaN and infinity."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
