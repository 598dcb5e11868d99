"""Rows on their way to a row group of Parquet, held in memory."""

from __future__ import annotations

from typing import Any

from treadle.sinks.arrow import fitted

_MAX_TABLES = 256
"""Small tables kept apart before they are joined; each has some kilobytes of its own."""


class Pending:
    """
    Tables in the order in which they came; those in front may be in a journal, too.

    Attributes:
        tables: The tables.
        rows: Rows in all of them.
        size: Bytes of all of them.
    """

    def __init__(self) -> None:
        self.tables: list[Any] = []
        self.rows = 0
        self.size = 0
        self._noted = 0

    def add(self, table: Any, schema: Any) -> None:
        """Take *table*; *schema* holds what any of the tables holds."""
        self.tables.append(table)
        self.rows += table.num_rows
        self.size += table.nbytes
        if len(self.tables) > _MAX_TABLES:
            noted, new = self.tables[: self._noted], self.tables[self._noted :]
            self.tables = [_joined(some, schema) for some in (noted, new) if some]
            self._noted = min(self._noted, 1)

    def all(self, schema: Any) -> Any:
        """Return one table of all rows."""
        return _joined(self.tables, schema)

    def new(self, schema: Any) -> Any:
        """Return one table of the rows that are in no journal."""
        return _joined(self.tables[self._noted :], schema)

    def note(self) -> None:
        """Take note that all rows are in a journal."""
        self._noted = len(self.tables)

    def forget(self) -> None:
        """Take note that the journal is not used any more."""
        self._noted = 0


def _joined(tables: list[Any], schema: Any) -> Any:
    import pyarrow as pa

    if not tables:
        return schema.empty_table()
    return pa.concat_tables(
        [fitted(table, schema, rounding=True) for table in tables]
    ).combine_chunks()
