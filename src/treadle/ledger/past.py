"""What of a source an earlier session of the run has settled.

The source is read from its beginning again, and each of its items is looked up here. Most come in
the order in which they settled, so rows are read ahead of the source, some thousands at a time; an
item that is not among them costs a query. Memory does not grow with the number of items.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from treadle.core.item import Key
from treadle.ledger import store
from treadle.ledger.rows import Row, unpacked, where

_CHUNK = 4096  # rows read at once
_AHEAD = 1 << 16  # rows kept; a window of unordered items is smaller


class Settled(NamedTuple):
    """
    What is known of an item that has settled.

    Attributes:
        position: In the source, at that time.
        status: The kind of its outcome.
        fingerprint: Of the value that the function was given; None if it had none.
    """

    position: int
    status: str
    fingerprint: str | None


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
        self._ahead: dict[Key, Settled] = {}
        self._read_to = 0
        self._last = 0
        self.twice: set[Key] = set()  # keys of two rows: one failed for having the other's

    def wants(self, key: Key, position: int) -> bool:
        """Tell whether the item at *position* shall run."""
        return self.look(key, position)[0]

    def look(self, key: Key, position: int) -> tuple[bool, Settled | None]:
        """Tell whether the item at *position* shall run, and what is known of it."""
        found = self.find(key)
        if found is None:
            return self._wanted(""), None
        if found.position != position:
            self._moved(position, key)
        return self._wanted(found.status), found

    def close(self) -> None:
        """Let go of the database."""
        if self._database is not None:
            self._database.close()

    def find(self, key: Key) -> Settled | None:
        """Return what is known of an item; to be asked for in about the order of the source."""
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
            return self._query(key) if key in self.twice else None
        if found.status == "succeeded":
            return found
        # It may have failed for having the key of one that succeeded.
        other = self._query(key)
        if other is not None and other.status == "succeeded":
            self.twice.add(key)
        return other

    def _read_on(self) -> None:
        rows = self._rows(
            "SELECT id, key, position, status, fingerprint FROM items WHERE id > ? AND id <= ? "
            "ORDER BY id LIMIT ?",
            (self._read_to, self._last, _CHUNK),
        )
        for _, key, *facts in rows:
            found = Settled(*facts)
            name = found.position if key is None else unpacked(key)
            if name in self._ahead:
                self.twice.add(name)
            else:
                self._ahead[name] = found
        self._read_to = rows[-1][0] if len(rows) == _CHUNK else self._last

    def _query(self, key: Key) -> Settled | None:
        mine, values = where(key)
        rows = self._rows(
            f"SELECT position, status, fingerprint FROM items WHERE {mine} AND id <= ? "  # noqa: S608  ours
            "ORDER BY status <> 'succeeded' LIMIT 1",
            (*values, self._last),
        )
        return Settled(*rows[0]) if rows else None

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Row]:
        with store.explained(self._folder):
            found: list[Row] = self._database.execute(query, values).fetchall()
            return found
