"""The source of rows: which format a file has, and which key each of its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from treadle.errors import UsageError
from treadle.sources.badrow import BadRow
from treadle.sources.fingerprint import hash_of
from treadle.sources.formats import CsvReader, JsonReader, ParquetReader, Reader
from treadle.sources.text import Text, TextSource, refuse_same

_FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_FORMATS |= {".parquet": "parquet", ".pq": "parquet"}


def rows(
    source: TextSource,
    *,
    key: str | None = None,
    format: str | None = None,  # noqa: A002  # the word a user would look for
    encoding: str = "utf-8",
    strict: bool = True,
) -> Rows:
    """
    Make a source of rows.

    CSV and TSV
        One dict of text for each row, by the names in the first line. Blank lines are skipped.
    JSONL
        One dict for each line. Blank lines are skipped.
    Parquet
        One dict for each row; needs ``treadle[parquet]``. The only format that knows its length.

    Rows are read as they are asked for. A row with too many or too few fields, with broken quotes,
    that is no JSON object or has no key comes as a ``BadRow``: its item fails and names the line,
    without a call of the function; the others go on. A quote that is never closed ends at
    ``csv.field_size_limit()`` characters.

    Args:
        source: A path, ``"-"`` for standard input, or an open file. Text may be gzipped
            (``.csv.gz``).
        key: The column whose values are the keys. Default: the number of the row, from 1. A
            ``BadRow`` is then called ``"row N"``.
        format: ``"csv"``, ``"tsv"``, ``"jsonl"`` or ``"parquet"``. Default: by the suffix.
        encoding: How bytes become text.
        strict: CSV: take text after a closing quote, and a quote that is still open at the end,
            as errors rather than guess.

    Returns:
        A source of rows.

    Raises:
        UsageError: The file does not exist, has no header or no column *key*, names a column
            twice, or its format is unknown.
        MissingExtra: pyarrow is not installed (Parquet).
    """
    kind = _format(source) if format is None else format
    if kind not in _FORMATS.values():
        raise UsageError(f"unknown format {kind!r}", hint="csv, tsv, jsonl or parquet")
    if kind == "parquet":
        return CountedRows(ParquetReader(source), key)
    text = Text(source, encoding=encoding)
    if kind == "jsonl":
        return Rows(JsonReader(text), key)
    return Rows(CsvReader(text, delimiter="\t" if kind == "tsv" else ",", strict=strict), key)


class Rows:
    """A source of rows; ``rows`` makes it, and says what it takes and promises."""

    def __init__(self, reader: Reader, key: str | None) -> None:
        self._reader = reader
        self._key = key
        if key is not None and reader.columns is not None and key not in reader.columns:
            raise UsageError(
                f"{reader.name} has no column {key!r}",
                hint="its columns are " + ", ".join(map(repr, reader.columns)),
            )

    def __iter__(self) -> Iterator[Any]:
        """
        Yield the rows.

        Raises:
            SourceFailed: The file cannot be read.
        """
        return iter(self._reader) if self._key is None else self._checked(self._key)

    def __repr__(self) -> str:
        return f"rows({self._reader.name!r})"

    def key(self, value: Any, index: int) -> str | int:
        """Return what stands in the key column, or else the number of the row, from 1."""
        if self._key is None:
            return index + 1
        key = None if isinstance(value, BadRow) else _key(value[self._key])
        return f"row {index + 1}" if key is None else key

    @property
    def fingerprint(self) -> Callable[[Any], str] | None:
        """Gives a hash of a row; None where the rows can be read only once."""
        return hash_of if self._reader.again else None

    def spare(self, place: Path) -> None:
        """
        Hear where values will be written.

        Raises:
            UsageError: That is the file that is read.
        """
        refuse_same(self._reader.name, place)

    def check_value(self, value: Any) -> None:
        """
        Refuse a row that is not sound: its item fails, and the function is not called.

        Raises:
            BadRowError: It says where the row is and what is wrong.
        """
        if isinstance(value, BadRow):
            value.refuse()

    def _checked(self, column: str) -> Iterator[Any]:
        for number, row in enumerate(self._reader, start=1):
            sound = isinstance(row, dict) and _key(row.get(column)) is not None
            if sound or isinstance(row, BadRow):
                yield row
            else:
                where = f"row {number} of {self._reader.name}"
                yield BadRow(f"{where} has no key in column {column!r}", row)


class CountedRows(Rows):
    """Rows whose number is known beforehand."""

    _reader: ParquetReader

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._reader.rows


def _format(source: object) -> str:
    name = source if isinstance(source, str | os.PathLike) else getattr(source, "name", "")
    text = str(name).lower().removesuffix(".gz")
    kind = _FORMATS.get(os.path.splitext(text)[1])
    if kind is None:
        raise UsageError(
            f"the suffix of {name!r} does not say which rows it has",
            hint="give format='csv', 'tsv', 'jsonl' or 'parquet'",
        )
    return kind


def _key(value: Any) -> str | int | None:
    """Make a key of *value*; None when there is nothing to make it of."""
    if isinstance(value, str):
        return value or None
    if value is None or isinstance(value, list | dict) or value != value:  # noqa: PLR0124  # NaN
        return None
    return value if type(value) is int else str(value)
