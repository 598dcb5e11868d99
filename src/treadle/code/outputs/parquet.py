"""Chunks as Parquet: typed columns, lists as lists, row groups of some 8 MB."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from treadle.code.schema import FIELDS, arrow_schema

_GROUP = 8_000_000  # bytes of JSON
_BATCH = 1000  # rows that are read at a time


def write(blocks: Iterable[bytes], stream: BinaryIO) -> None:
    """Write lines of JSON as rows."""
    import pyarrow.parquet as pq

    schema = arrow_schema()
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        held: list[dict[str, Any]] = []
        size = 0
        for block in blocks:
            for line in block.splitlines():
                held.append(json.loads(line))
                size += len(line)
                if size >= _GROUP:
                    writer.write_table(_table(held, schema))
                    held, size = [], 0
        if held:
            writer.write_table(_table(held, schema))


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """
    Yield the rows of a file.

    Raises:
        ValueError: It has other columns, or is no Parquet file.
    """
    return (row for _, row in rows_from(path))


def rows_from(path: Path, place: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """
    Yield the rows from the one with the number *place* on, each with its number.

    Raises:
        ValueError: As `rows`.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if file.schema_arrow.names != list(FIELDS):
            raise ValueError("its columns are not those of chunks")
        groups = list(range(file.metadata.num_row_groups))
        number = 0
        while groups and number + file.metadata.row_group(groups[0]).num_rows <= place:
            number += file.metadata.row_group(groups.pop(0)).num_rows
        for batch in file.iter_batches(_BATCH, row_groups=groups):
            if number + batch.num_rows > place:
                batch = batch.slice(max(0, place - number))  # noqa: PLW2901  the rest of it
                number = max(number, place)
                yield from enumerate(batch.to_pylist(), number)
            number += batch.num_rows


def _table(held: list[dict[str, Any]], schema: Any) -> Any:
    import pyarrow as pa

    columns = [[row[name] for row in held] for name in FIELDS]
    arrays = [pa.array(column, each.type) for column, each in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
