"""What comes out of the analysis, as tables; each group's are kept, and put together at the end.

A group is one file of Arrow's below ``.treadle/groups``: a row with a list for each table. The
tables are written from all of them, one group after the other, so that memory stays flat.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import treadle
from treadle.lab import places

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

TABLES: Final = ("groups", "fits", "polynomials", "statistics", "hysteresis", "peaks")
"""The tables; each is the file ``<name>.parquet``."""

PARTS: Final = f"{places.RECORD}/groups"
_ALWAYS: Final = 7  # a table has columns up to this order, whichever are fitted
_AT_ONCE: Final = 1 << 16  # rows that are held before they are written


def schemas(orders: Sequence[int]) -> dict[str, pa.Schema]:
    """Return the columns of each table, for odd polynomials up to the highest of *orders*."""
    import pyarrow as pa

    number, count, text = pa.float64(), pa.int64(), pa.string()
    head = {"proc": text, "chip_name": text, "date_local": pa.date32(), "v_max_group": number}
    quality = {"r_squared": number, "rmse": number, "mae": number, "n_points": count}
    powers = range(1, max(_ALWAYS, *orders) + 1, 2)
    odd = {f"a{power}": number for power in powers}
    own: dict[str, dict[str, Any]] = {
        "groups": {
            "chip_group": text, "chip_number": count, "n_runs": count, "n_incomplete": count,
            "voltage_width": number, "n_forward": count, "n_return": count,
            "slope": number, "slope_error": number, "slope_std": number, "intercept": number,
            "intercept_error": number, "r_squared": number, "resistance": number,
            "resistance_error": number, "status": text, "reasons": pa.list_(text),
            "flags": pa.list_(text), "runs": pa.list_(text),
        },
        "fits": {
            "run_id": text, "segment_id": count, "strategy": text, "order": count, **quality,
            **odd, **{f"{name}_error": number for name in odd}, "reason": text,
        },
        "polynomials": {
            "branch": text, "order": count, **quality, "coefficients": pa.list_(number),
            "errors": pa.list_(number), "reason": text,
        },
        "statistics": {
            "branch": text, "voltage": number, "true_voltage": number, "mean": number,
            "std": number, "n": count,
        },
        "hysteresis": {
            "method": text, "voltage": number, "current": number, "sigma": number,
            "shift": number,
        },
        "peaks": {
            "method": text, "v_at_max": number, "i_max": number, "v_at_min": number,
            "i_min": number, "v_at_max_abs": number, "i_at_max_abs": number, "mean": number,
            "std": number, "n_points": count, "reason": text,
        },
    }  # fmt: skip
    return {name: pa.schema({**head, **own[name]}) for name in TABLES}


def put_part(tables: Mapping[str, pa.RecordBatch], path: Path) -> int:
    """
    Keep the tables of one group.

    Returns:
        Bytes of the file.

    Raises:
        OSError: The place cannot be written to.
    """
    import pyarrow as pa

    lists = [
        pa.ListArray.from_arrays(pa.array([0, each.num_rows], pa.int32()), each.to_struct_array())
        for each in tables.values()
    ]
    row = pa.record_batch(lists, names=list(tables))

    def write(part: Path) -> None:
        with pa.ipc.new_file(os.fspath(part), row.schema) as file:
            file.write_batch(row)

    places.put_whole(path, write)
    return path.stat().st_size


def put_tables(root: Path, parts: Iterable[Path], wanted: Mapping[str, pa.Schema]) -> None:
    """
    Write all tables below *root*, each whole or not at all.

    Args:
        root: Where to.
        parts: What :func:`put_part` has written, in the order of the rows.
        wanted: The columns of each table.

    Raises:
        OSError: The place cannot be written to.
    """
    import pyarrow as pa

    with ExitStack() as stack:
        tables = [stack.enter_context(_Table(root, name, wanted[name])) for name in wanted]
        for path in parts:
            with pa.OSFile(os.fspath(path)) as file:
                row = pa.ipc.open_file(file).get_batch(0)
            for table in tables:
                table.add(pa.RecordBatch.from_struct_array(row.column(table.name).values))
        done: list[Callable[[], None]] = [table.finish() for table in tables]
    for put in done:
        put()


class _Table:
    """A table that is being written beside the place where it will stand."""

    def __init__(self, root: Path, name: str, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self.name = name
        self._schema = schema
        self._path = root / f"{name}.parquet"
        self._part = root / places.RECORD / f".{name}.parquet.part"
        names = [each.name for each in schema if not _is_number(each)]
        self._writer = pq.ParquetWriter(
            os.fspath(self._part), schema, compression="snappy", use_dictionary=names
        )
        self._held: list[pa.RecordBatch] = []
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._writer.close()
        if kind is not None:
            self._part.unlink(missing_ok=True)

    def add(self, batch: pa.RecordBatch) -> None:
        self._held.append(_conformed(batch, self._schema))
        self._rows += batch.num_rows
        if self._rows >= _AT_ONCE:
            self._flush()

    def finish(self) -> Callable[[], None]:
        self._flush()
        return lambda: None if _is_same(self._part, self._path) else self._put()

    def _put(self) -> None:
        self._part.replace(self._path)

    def _flush(self) -> None:
        import pyarrow as pa

        table = pa.Table.from_batches(self._held, self._schema).combine_chunks()
        self._writer.write_table(table, row_group_size=_AT_ONCE)
        self._held.clear()
        self._rows = 0


def _is_number(field: pa.Field) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(field.type))


def _is_same(part: Path, path: Path) -> bool:
    """Tell whether *path* has the bytes of *part* already, which is removed then."""
    if not path.is_file() or path.stat().st_size != part.stat().st_size:
        return False
    if path.read_bytes() != part.read_bytes():
        return False
    part.unlink()
    return True


def _conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return *batch* with these columns: it may have been made for other orders."""
    import pyarrow as pa

    if batch.schema.names == schema.names:
        return batch
    columns = [
        batch.column(field.name)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def read_iv(root: str | os.PathLike[str], table: str = "groups") -> pl.DataFrame:
    """
    Return a table of what :func:`treadle.lab.iv` has made of IV sweeps.

    Args:
        root: OUT of a pipeline, or the folder ``iv`` itself.
        table: ``groups``, ``fits``, ``polynomials``, ``statistics``, ``hysteresis``, ``peaks``;
            or ``runs``: what became of each run.

    Raises:
        UsageError: There is no such table, or nothing has been analysed there.
    """
    import polars as pl

    known = (*TABLES, "runs")
    if table not in known:
        near = difflib.get_close_matches(table, known, n=1)
        raise treadle.UsageError(
            f"there is no table {table!r} of IV sweeps",
            hint=f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(known)}",
        )
    file = places.MANIFEST if table == "runs" else f"{table}.parquet"
    given = Path(root).resolve()
    found = next(
        (each for each in (given, given / "iv") if (each / places.ANALYSED).is_file()), None
    )
    if found is None or not (found / file).is_file():
        raise treadle.UsageError(
            f"no IV sweeps have been analysed in {str(given)!r}", hint="treadle lab iv OUT does so"
        )
    return pl.read_parquet(found / file, hive_partitioning=False)
