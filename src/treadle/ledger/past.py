"""What of a source an earlier session of the run has settled.

The source is read from its beginning again, and each of its items is looked up here. Most come in
the order in which they settled, so rows are read ahead of the source, some thousands at a time; an
item that is not among them costs a query. Memory does not grow with the number of items.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from treadle.core.item import Key
from treadle.ledger import store
from treadle.ledger.rows import Row, unpacked, where

_CHUNK = 4096  # rows read at once
_AHEAD = 1 << 16  # rows kept; a window of unordered items is smaller


class Past:
    """
    What an earlier session has settled, for the thread that reads the source.

    Args:
        folder: Of the run.
        wanted: Gets the status of an item, ``""`` if it has none; tells whether it shall run.
        moved: Told of an item that has another position now: which one, and its key.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Callable[[str], bool],
        moved: Callable[[int, Key], object],
    ) -> None:
        self._folder = folder
        self._wanted = wanted
        self._moved = moved
        self._database: Any = None
        self._ahead: dict[Key, tuple[int, str]] = {}
        self._read_to = 0
        self._last = 0
        self._complete = True  # all rows read so far are in ``_ahead``, or were asked for

    def wants(self, key: Key, position: int) -> bool:
        """Tell whether the item at *position* shall run."""
        found = self._find(key)
        if found is None:
            return self._wanted("")
        before, status = found
        if before != position:
            self._moved(position, key)
        return self._wanted(status)

    def close(self) -> None:
        """Let go of the database."""
        if self._database is not None:
            self._database.close()

    def _find(self, key: Key) -> tuple[int, str] | None:
        if self._database is None:
            self._database = store.open_to_read(self._folder)
            [(last,)] = self._rows("SELECT max(id) FROM items")
            self._last = last or 0
        while key not in self._ahead and self._read_to < self._last:
            if len(self._ahead) >= _AHEAD:
                return self._query(key)
            self._read_on()
        found = self._ahead.pop(key, None)
        if found is None:
            return None if self._complete else self._query(key)
        # One that did not succeed may have failed for having the key of one that did.
        return found if found[1] == "succeeded" else self._query(key)

    def _read_on(self) -> None:
        rows = self._rows(
            "SELECT id, position, key, status FROM items WHERE id > ? AND id <= ? "
            "ORDER BY id LIMIT ?",
            (self._read_to, self._last, _CHUNK),
        )
        for _, position, key, status in rows:
            name = position if key is None else unpacked(key)
            if name in self._ahead:  # one of them failed for having the key of the other
                self._complete = False
                continue
            self._ahead[name] = position, status
        self._read_to = rows[-1][0] if len(rows) == _CHUNK else self._last

    def _query(self, key: Key) -> tuple[int, str] | None:
        mine, values = where(key)
        rows = self._rows(
            f"SELECT position, status FROM items WHERE {mine} AND id <= ? "  # noqa: S608  ours
            "ORDER BY status <> 'succeeded' LIMIT 1",
            (*values, self._last),
        )
        return (rows[0][0], rows[0][1]) if rows else None

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Row]:
        with store.explained(self._folder):
            found: list[Row] = self._database.execute(query, values).fetchall()
            return found
