"""Writes Parquet: a column ``key`` and one for each field of the values.

Arrow is imported when the sink is made, never before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from treadle.core.outcome import AnyOutcome, Succeeded
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.arrow import fitted, key_only, require_arrow, table_of, united
from treadle.sinks.columns import refusal
from treadle.sinks.partfile import PartFile, put_in_place

_MAX_BYTES = 32 << 20
"""Bytes kept in memory before they are written, whatever the number of rows."""

_MAX_TABLES = 256
"""Small tables kept apart before they are joined; each has some kilobytes of its own."""


class Parquet:
    """
    A Parquet file with the rows of each item that succeeded, in the order in which they settle.

    How a value becomes rows stands in ``sinks.columns``: records give a column for each field,
    lists of records and frames (Arrow, Polars, pandas) several rows with the same key, all else a
    column ``value``. Nested records and lists stay nested.

    The first values decide the types of the columns. Later ones may widen them: null to anything,
    whole numbers to floats (those beyond 2**53 are rounded), decimals to more digits, a column or a
    nested field that was not there before (null in earlier rows). What was written is then
    converted when the file is closed. A value that fits no such rule, such as text in a column of
    numbers, is refused, with both types named; all others are stored. Keys of both kinds become
    text. Times with a zone are stored in UTC.

    Rows are written in groups, so memory is bounded by one group. The file appears when it is
    whole; until then it is ``NAME.part``, and after a late change of types also ``NAME.part-1`` …

    Args:
        path: The file; folders above it are made. An old one stays until the new one is whole.
        group: Rows in a row group.

    Raises:
        MissingExtra: pyarrow is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], *, group: int = 65_536) -> None:
        require_arrow()
        self._hold = PartFile(path)  # the lock; Arrow opens the file for itself
        self._group = group
        self._pending: list[Any] = []
        self._rows = 0
        self._bytes = 0
        self._schema: Any = None
        self._writer: Any = None
        self._parts: list[Path] = []
        self._broken: SinkFailed | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self._hold.path

    def open(self) -> None:
        """
        Begin the file.

        Raises:
            UsageError: The place cannot be written to.
        """
        self._hold.open()
        self._pending, self._rows, self._bytes = [], 0, 0
        self._schema = None
        self._parts = []
        self._broken = None

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """
        Take the rows of each value; return those whose columns do not fit.

        Raises:
            SinkFailed: Nothing can be written, such as when the disk is full.
        """
        if not self._hold.is_open:
            raise SinkFailed(f"{str(self.path)!r} is not open")
        if self._broken is not None:
            raise self._broken
        refused: list[tuple[AnyOutcome, SinkFailed]] = []
        self._take([outcome for outcome in outcomes if outcome.ok], refused)
        return refused

    def close(self) -> None:
        """
        Write what is pending and put the file in its place.

        Raises:
            SinkFailed: The file cannot be finished; an old one is as it was.
        """
        if not self._hold.is_open:
            return
        self._end_parts()
        if len(self._parts) > 1:
            put_in_place(self._join(), self.path)
            self._remove_parts()
            self._hold.replaced()
        else:
            self._hold.finish()

    def abandon(self) -> str | None:
        """
        Keep what was written as ``NAME.part``; the file from before stays as it is.

        Returns:
            The path of what is kept, or None when there is nothing to keep: no row, or a full
            disk, which leaves Parquet that cannot be read.
        """
        if self._hold.is_open:
            try:
                self._keep()
            except SinkFailed:
                self._hold.discard()
            finally:
                self._remove_parts()
        return str(self._hold.part) if self._hold.readable == self._hold.part else None

    def _keep(self) -> None:
        if self._schema is None:
            self._hold.discard()
            return
        self._end_parts()
        if len(self._parts) > 1:
            put_in_place(self._join(), self._hold.part)
        self._hold.keep()

    def _end_parts(self) -> None:
        """Write what is pending; the parts are whole then, and there is one at least."""
        try:
            if self._broken is not None:
                raise self._broken
            self._flush()
            if not self._parts:
                self._begin(key_only() if self._schema is None else self._schema)
        finally:
            self._end_part()

    def _remove_parts(self) -> None:
        for part in [*self._parts[1:], self._whole]:
            part.unlink(missing_ok=True)

    def values(self) -> Iterator[dict[str, Any]]:
        """
        Read the file: a dict for each row, lazily, in file order.

        Raises:
            UsageError: The file is still being written.
        """
        if self._hold.is_open:
            raise UsageError(f"{str(self.path)!r} is still being written")
        return iter(()) if self._hold.readable is None else self._read(self._hold.readable)

    def __repr__(self) -> str:
        return f"Parquet({str(self.path)!r})"

    def _take(
        self, outcomes: list[Succeeded[Any]], refused: list[tuple[AnyOutcome, SinkFailed]]
    ) -> None:
        """Take all at once, which is fast; one by one where that fails, to find which it is."""
        if not outcomes:
            return
        try:
            table = table_of(outcomes)
            schema = table.schema if self._schema is None else united(self._schema, table.schema)
            table = fitted(table, schema)
        except Exception as error:  # the values' own code runs here
            if len(outcomes) == 1:
                refused.append(refusal(outcomes[0], error))
            else:
                for outcome in outcomes:
                    self._take([outcome], refused)
            return
        if table.num_rows or table.num_columns > 1:  # else there was nothing but empty lists
            self._schema = schema
        if table.num_rows:
            self._append(table)

    def _append(self, table: Any) -> None:
        self._pending.append(table)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        if self._rows >= self._group or self._bytes >= _MAX_BYTES:
            self._flush()
        elif len(self._pending) > _MAX_TABLES:
            self._pending = [self._joined()]

    def _joined(self) -> Any:
        import pyarrow as pa

        tables = [fitted(table, self._schema, rounding=True) for table in self._pending]
        return pa.concat_tables(tables).combine_chunks()

    def _flush(self) -> None:
        if not self._pending:
            return
        table = self._joined()
        try:
            if self._writer is None or self._writer.schema != self._schema:
                self._end_part()
                self._begin(self._schema)
            self._writer.write_table(table, row_group_size=self._group)
        except OSError as error:
            self._fail(error)
        self._pending, self._rows, self._bytes = [], 0, 0

    def _begin(self, schema: Any) -> None:
        import pyarrow.parquet as pq

        part = self._part(len(self._parts))
        self._writer = pq.ParquetWriter(part, schema, compression="zstd")
        self._parts.append(part)

    def _end_part(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                self._fail(error)

    @property
    def _whole(self) -> Path:
        return self.path.with_name(self.path.name + ".part-whole")

    def _join(self) -> Path:
        """Make one file of parts whose types differ, a row group at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetWriter(self._whole, self._schema, compression="zstd") as writer:
                for part in self._parts:
                    with pq.ParquetFile(part) as file:
                        for i in range(file.num_row_groups):
                            table: pa.Table = file.read_row_group(i)
                            writer.write_table(fitted(table, self._schema, rounding=True))
        except OSError as error:
            self._fail(error)
        return self._whole

    def _fail(self, error: OSError) -> None:
        self._broken = SinkFailed(
            f"{str(self.path)!r} cannot be written: {error.strerror or error}",
            hint="is the disk full?",
        )
        raise self._broken from error

    def _part(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.part" + (f"-{number}" if number else ""))

    @staticmethod
    def _read(path: Path) -> Iterator[dict[str, Any]]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from batch.to_pylist()
