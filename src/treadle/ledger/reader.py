"""A run to look at, live or old: what was asked for, how far it is, and how each item ended."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome, Failure
from treadle.core.protocols import Mark
from treadle.errors import UsageError
from treadle.ledger import lock, store
from treadle.ledger.begun import begun_in
from treadle.ledger.format import read_facts
from treadle.ledger.rows import COLUMNS, Row, failure_of, outcome_of, packed, unpacked, where

_FIELDS = ", ".join(COLUMNS)
_OPEN = 32  # databases kept open: a program may hold as many runs as it likes
_CHUNK = 1000  # rows read at once: no read lasts long enough to keep the log of the writer growing


_opened: deque[Record] = deque()


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    An attempt that failed and was followed by another one.

    Attributes:
        number: From 1.
        at: When it had failed, in seconds since the epoch.
        failure: How.
        delay: Seconds until the next.
    """

    number: int
    at: float
    failure: Failure
    delay: float


@dataclass(frozen=True, slots=True)
class Message:
    """
    Something that an item printed or logged.

    Attributes:
        at: When it was heard, in seconds since the epoch.
        worker: Name of the worker.
        stream: ``"stdout"``, ``"stderr"``, or the level of a log record.
        text: What it said.
    """

    at: float
    worker: str
    stream: str
    text: str


class Record:
    """
    A run, read from its folder.

    Attributes:
        folder: The folder; its name is the run's id.
        facts: What ``run.json`` says.

    Raises:
        UsageError: It is damaged, or of a newer format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = read_facts(folder)
        self._database: Any = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.folder.name

    @property
    def began(self) -> datetime:
        """When its first session began, with the zone of that place."""
        with store.explained(self.folder):
            return datetime.fromisoformat(self.facts["began"])

    @property
    def state(self) -> str:
        """
        How it is.

        ``"running"``; ``"finished"``; ``"crashed"`` when its process ended without a word; else
        why it was stopped, such as ``"interrupted"`` or ``"deadline"``.
        """
        said = str(self.fact("state") or "crashed")
        if said == "running" and self.holder is None:
            return "crashed"
        return said

    @property
    def holder(self) -> dict[str, Any] | None:
        """What the process that writes it has said of itself; None if there is none."""
        return lock.holder(self.folder)

    @property
    def elapsed(self) -> float:
        """Seconds that its sessions took together, up to the last commit."""
        with store.explained(self.folder):
            return float(self.fact("elapsed") or 0.0)

    @property
    def total(self) -> int | None:
        """Items of its source; None where that is not known."""
        with store.explained(self.folder):
            found = self.fact("total")
            return None if found is None else int(found)

    @property
    def counts(self) -> dict[str, int]:
        """Items by how they ended."""
        with store.explained(self.folder):
            return {kind: int(n) for kind, n in json.loads(self.fact("counts") or "{}").items()}

    @property
    def mark(self) -> Mark | None:
        """Where the sink is; None when nothing was stored."""
        with store.explained(self.folder):
            text = self.fact("mark")
            found: Mark | None = None if text is None else json.loads(text)
            return found

    def fact(self, name: str) -> Any:
        """Return what was noted under *name* at the last commit, or None."""
        rows = self._rows("SELECT value FROM facts WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def outcomes(self, *, failed: bool = False) -> Iterator[AnyOutcome]:
        """Yield the outcomes in input order, lazily; those that succeeded without their values."""
        which = "status <> 'succeeded'" if failed else "TRUE"
        after = (-1, 0)
        while True:
            rows = self._rows(
                f"SELECT id, {_FIELDS} FROM items WHERE {which} AND (position, id) > (?, ?) "  # noqa: S608  ours
                f"ORDER BY position, id LIMIT {_CHUNK}",
                after,
            )
            with store.explained(self.folder):
                found = [outcome_of(row[1:]) for row in rows]
            yield from found
            if len(rows) < _CHUNK:
                return
            after = rows[-1][1], rows[-1][0]

    def fingerprints(self) -> Iterator[tuple[Key, str | None]]:
        """Yield key and fingerprint of each item that has settled."""
        with store.explained(self.folder):
            for position, key, found in self._rows(
                "SELECT position, key, fingerprint FROM items", ()
            ):
                yield position if key is None else unpacked(key), found

    def slowest(self, count: int) -> list[AnyOutcome]:
        """Return the *count* items whose last attempt took longest, longest first."""
        rows = self._rows(
            f"SELECT {_FIELDS} FROM items ORDER BY duration DESC LIMIT ?",  # noqa: S608  ours
            (count,),
        )
        with store.explained(self.folder):
            return [outcome_of(row) for row in rows]

    def item(self, key: Key) -> AnyOutcome:
        """
        Return the outcome of one item, without its value.

        Raises:
            UsageError: The run has settled no item of that key.
        """
        rows = self._of("items", _FIELDS, key, "status = 'succeeded'")
        if not rows:
            raise UsageError(
                f"the run {self.id} has settled no item {key!r}",
                hint="keys are as in the results file: a path below the source's root, a row's key",
            )
        with store.explained(self.folder):
            return outcome_of(rows[0])

    def attempts(self, key: Key) -> list[Attempt]:
        """Return the attempts of an item that were followed by another one, oldest first."""
        rows = self._of("attempts", "attempt, at, failure, delay", key, "rowid")
        with store.explained(self.folder):
            return [
                Attempt(number, at, failure_of(failure), delay)
                for number, at, failure, delay in rows
            ]

    def begun(self) -> list[Key]:
        """Return the keys of items that have begun and have no ending, in order of beginning."""
        return [
            key
            for key in begun_in(self.folder)
            if not self._rows(f"SELECT 1 FROM items WHERE {where(key)[0]}", where(key)[1])  # noqa: S608  ours
        ]

    def messages(self, key: Key) -> list[Message]:
        """Return what an item printed and logged, in order."""
        rows = self._of("messages", "at, worker, stream, text", key, "rowid")
        return [Message(*row) for row in rows]

    def _of(self, table: str, fields: str, key: Key, order: str) -> list[Row]:
        """Return the rows of an item; *key* may have been typed, so ``"7"`` is also 7."""
        mine, values = _where(table, key)
        typed = str(key)
        other: Key | None = typed if isinstance(key, int) else _number(typed)
        if other is not None:
            also, more = _where(table, other)
            mine, values = f"({mine} OR {also})", values + more
        return self._rows(f"SELECT {fields} FROM {table} WHERE {mine} ORDER BY {order}", values)  # noqa: S608  ours

    def close(self) -> None:
        """Let go of the database; the next look opens it again."""
        database, self._database = self._database, None
        if database is not None:
            with suppress(ValueError):  # else it may be closed for us in the middle of a later read
                _opened.remove(self)
            database.close()

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[Row]:
        if self._database is None:
            self._database = store.open_to_read(self.folder)
            _opened.append(self)
            while len(_opened) > _OPEN:
                _opened.popleft().close()
        with store.explained(self.folder):
            found: list[Row] = self._database.execute(query, values).fetchall()
            return found


def _where(table: str, key: Key) -> tuple[str, tuple[Any, ...]]:
    return where(key) if table == "items" else ("key = ?", (packed(key),))


def _number(text: str) -> int | None:
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() else None
