"""Reads one file of rows, as dicts: CSV (of text), JSONL and Parquet."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from typing import Any, Protocol

from treadle.errors import MissingExtra, SourceFailed, UsageError
from treadle.sources.badrow import BadRow
from treadle.sources.text import Text, readable

_BATCH = 1024
"""Rows read from Parquet at a time."""


class Reader(Protocol):
    """
    Yields the rows of one file, lazily, with a ``BadRow`` for each that is not sound.

    Attributes:
        name: What to call the file in messages.
        again: Whether it can be read more than once.
        columns: The columns, where they are known before the first row.
    """

    name: str
    again: bool
    columns: list[str] | None

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""


class CsvReader:
    """Reads CSV with a header line."""

    def __init__(self, text: Text, *, delimiter: str, strict: bool) -> None:
        self.name, self.again = text.name, text.again
        self._text = text
        self._delimiter = delimiter
        self._strict = strict
        self.columns: list[str] | None = None
        # Only a regular file can be looked into and read again from its beginning.
        if text.again and os.path.isfile(text.name):
            start = iter(text)
            try:
                self.columns = self._header(_Counted(start))
            finally:
                start.close()

    def __iter__(self) -> Iterator[Any]:
        """Yield one dict for each row that is not blank."""
        counted = _Counted(iter(self._text))
        header = self._header(counted)
        parser = self._parser(counted)
        while True:
            first = counted.lines + 1
            try:
                fields = next(parser)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._broken(str(error), first, counted.lines)
                continue
            if len(fields) == len(header):
                yield dict(zip(header, fields, strict=True))
            elif fields:
                reason = f"has {len(fields)} fields, but the header has {len(header)}"
                yield BadRow(self._at(first, counted.lines) + reason, fields)

    def _parser(self, counted: _Counted) -> Iterator[list[str]]:
        return csv.reader(counted, delimiter=self._delimiter, strict=self._strict)

    def _header(self, counted: _Counted) -> list[str]:
        try:
            header = next((fields for fields in self._parser(counted) if fields), None)
        except csv.Error as error:
            raise UsageError(f"the header of {self.name} is not CSV: {error}") from error
        if header is None:
            raise UsageError(
                f"{self.name} has no header", hint="the first line has to name the columns"
            )
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise UsageError(f"the header of {self.name} has column {twice[0]!r} more than once")
        return header

    def _broken(self, why: str, first: int, last: int) -> BadRow:
        hint = None
        if "field limit" in why:
            hint = "a quote is never closed, or raise csv.field_size_limit()"
        elif "unexpected end" in why:
            hint = "a quote is never closed"
        elif self._strict and "expected after" in why:
            hint = "strict=False takes quotes inside of a field as they come"
        return BadRow(f"{self._at(first, last)}is not CSV: {why}", None, hint)

    def _at(self, first: int, last: int) -> str:
        lines = f"line {first}" if last <= first else f"lines {first} to {last}"
        return f"{lines} of {self.name} "


class _Counted:
    """Counts the lines that the CSV parser takes."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.lines = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.lines += 1
        return line


class JsonReader:
    """Reads JSONL: one JSON object on each line that is not blank."""

    def __init__(self, text: Text) -> None:
        self.name, self.again = text.name, text.again
        self.columns: list[str] | None = None
        self._text = text

    def __iter__(self) -> Iterator[Any]:
        """Yield the objects."""
        for number, line in enumerate(self._text, start=1):
            if not line or line.isspace():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadRow(f"line {number} of {self.name} is not JSON: {error}", line)
                continue
            if not isinstance(value, dict):
                kind = type(value).__name__
                reason = f"line {number} of {self.name} is JSON, but no object: {kind}"
                value = BadRow(reason, line, "lines() takes lines of any kind, as text")
            yield value


class ParquetReader:
    """Reads Parquet, a batch of rows at a time."""

    def __init__(self, path: object) -> None:
        if not isinstance(path, str | os.PathLike):
            raise UsageError("Parquet rows come from a file with a path", hint="rows('a.parquet')")
        self.name, self.again = os.fspath(path), True
        if self.name == "-":
            raise UsageError("Parquet cannot be read from standard input", hint="save it as a file")
        readable(self.name)
        parquet = _parquet()
        try:
            with parquet.ParquetFile(self.name) as file:
                self.rows: int = file.metadata.num_rows
                self.columns: list[str] | None = list(file.schema_arrow.names)
        except (OSError, ValueError) as error:  # Arrow's own errors are ValueErrors
            raise UsageError(f"{self.name} is not a Parquet file: {error}") from error

    def __iter__(self) -> Iterator[Any]:
        """Yield one dict for each row."""
        try:
            with _parquet().ParquetFile(self.name) as file:
                for batch in file.iter_batches(batch_size=_BATCH):
                    yield from batch.to_pylist()
        except (OSError, ValueError) as error:
            raise SourceFailed(f"{self.name} cannot be read: {error}") from error


def _parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("pyarrow", "parquet", purpose="reading Parquet") from error
    return parquet
