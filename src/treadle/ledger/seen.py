"""Notices that two items of a source have one key, in memory that does not grow."""

from __future__ import annotations

import sqlite3

from treadle.core.item import Key
from treadle.errors import UsageError


class Seen:
    """The keys that a source has given so far. For one thread."""

    def __init__(self) -> None:
        self._database: sqlite3.Connection | None = None

    def note(self, key: Key, position: int) -> None:
        """
        Take note of the item at *position*.

        Raises:
            UsageError: An earlier item has the same key.
        """
        if self._database is None:
            self._database = _private_database()
        try:
            self._database.execute("INSERT INTO seen VALUES (?, ?)", (_written(key), position))
        except sqlite3.IntegrityError:
            (first,) = self._database.execute(
                "SELECT position FROM seen WHERE key = ?", (_written(key),)
            ).fetchone()
            raise UsageError(
                f"the key {key!r} is that of the items {first} and {position} (counted from 0)",
                hint="a record needs one key for each item: key= (--key) names another column or "
                "function",
            ) from None

    def close(self) -> None:
        """Forget all of them."""
        if self._database is not None:
            self._database.close()


def _written(key: Key) -> str:
    """Return *key* as files hold it: 1 and "1" are one there."""
    return str(key).encode("utf-8", "backslashreplace").decode()


def _private_database() -> sqlite3.Connection:
    # SQLite keeps it in memory up to its cache, and then in a file that has no name.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("CREATE TABLE seen (key PRIMARY KEY, position) WITHOUT ROWID")
    database.execute("BEGIN")
    return database
