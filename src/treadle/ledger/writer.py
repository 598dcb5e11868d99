"""The ledger of a run that goes on: rows and the sink's mark, in one transaction."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from treadle.core import events
from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome
from treadle.core.protocols import Mark
from treadle.ledger import store
from treadle.ledger.format import read_facts, write_facts
from treadle.ledger.lock import RunLock
from treadle.ledger.past import Past
from treadle.ledger.rows import COLUMNS, Row, failure_text, packed, row_of, unpacked, where

_ADD = (
    f"INSERT INTO items ({', '.join(COLUMNS)}, version, fingerprint) "  # noqa: S608  our own names
    f"VALUES ({', '.join('?' * (len(COLUMNS) + 2))})"
)
_MOVE = (
    "UPDATE items SET key = coalesce(key, position), position = ? "
    "WHERE key = ? OR (key IS NULL AND position = ?)"
)
MESSAGES = 100_000  # lines kept of what items print and log; those beyond are counted


class Ledger:
    """
    One run, open for writing. Make one with ``begin`` or ``reopen``.

    Used by the thread that writes the sink; ``hear`` may be called from any.

    Attributes:
        folder: Of the run; its name is the run's id.
        facts: What ``run.json`` says.
        version: Of the function, noted with each item; None when the user gave none.
        fingerprints: Of values that were read and have not settled, by position.
        is_closed: True after ``close``.
        retries: Items that failed in an earlier session run again: their rows are replaced.
    """

    def __init__(self, folder: Path, facts: dict[str, Any], lock: RunLock, database: Any) -> None:
        self.folder = folder
        self.facts = facts
        self.version: str | None = None
        self.fingerprints: dict[int, str] = {}
        self.retries = False
        self.is_closed = False
        self.lock = lock
        self._database = database
        self._counts = self._counted()
        self._rows: list[Row] = []
        self._attempts: deque[Row] = deque()
        self._messages: deque[Row] = deque()
        self._told = 0
        self._moved: deque[Row] = deque()
        with store.explained(folder):
            self._elapsed = float(self.fact("elapsed") or 0.0)
            self._commits = int(self.fact("commits") or 0)
        # Of a commit that has begun and not returned: its rows, and the counts after it.
        self._doubtful: tuple[int, dict[str, int]] | None = None
        self._opened = time.monotonic()

    @classmethod
    def begin(cls, folder: Path, facts: Mapping[str, Any]) -> Ledger:
        """
        Begin a new run in *folder*, which is empty.

        Raises:
            UsageError: It cannot be written to.
        """
        lock = RunLock(folder)
        with _released_on_error(lock):
            database = store.create(folder)
            try:
                made = cls(folder, dict(facts), lock, database)
                made.commit(None, state="running")
                write_facts(folder, facts)  # last: from now on it is a run
            except BaseException:
                database.close()
                raise
            return made

    @classmethod
    def reopen(cls, folder: Path) -> Ledger:
        """
        Go on with the run in *folder*.

        Raises:
            UsageError: Another process writes it, it is damaged, or of a newer format.
        """
        facts = read_facts(folder)
        lock = RunLock(folder)
        with _released_on_error(lock):
            database = store.open_to_write(folder)
            try:
                return cls(folder, facts, lock, database)
            except BaseException:
                database.close()
                raise

    # ── what there is ───────────────────────────────────────────────────────────────────────

    @property
    def id(self) -> str:
        """The run's id."""
        return self.folder.name

    @property
    def mark(self) -> Mark | None:
        """The sink's mark of the last commit; None before the first."""
        with store.explained(self.folder):
            text = self.fact("mark")
            found: Mark | None = None if text is None else json.loads(text)
            return found

    def fact(self, name: str) -> Any:
        """Return what was noted under *name*, or None."""
        rows = self._found("SELECT value FROM facts WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def count(self, status: str) -> int:
        """How many items ended so, in all sessions of the run."""
        return self._counts.get(status, 0)

    @property
    def settled(self) -> int:
        """How many items have settled, in all sessions of the run."""
        return sum(self._counts.values())

    @property
    def failed(self) -> int:
        """How many items settled and did not succeed, in all sessions of the run."""
        return sum(self._counts.values()) - self.count("succeeded")

    def past(self, wanted: Callable[[str], bool]) -> Past:
        """
        Return what earlier sessions have settled.

        Args:
            wanted: Gets the status of an item, ``""`` if it has none; tells whether to run it.
        """

        def moved(position: int, key: Key) -> None:
            self._moved.append((position, packed(key), packed(key)))

        return Past(self.folder, wanted, moved)

    def of_other_versions(self) -> Iterator[tuple[Key, str]]:
        """Yield key and status of items that settled with another version of the function."""
        for position, key, status in self._found(
            "SELECT position, key, status FROM items WHERE version IS NOT ?", (self.version,)
        ):
            yield position if key is None else unpacked(key), status

    def statuses(self, keys: Iterable[Key]) -> Iterator[tuple[Key, str]]:
        """Yield key and status of those items of *keys* that have settled."""
        for key in keys:
            condition, values = where(key)
            for (status,) in self._found(f"SELECT status FROM items WHERE {condition}", values):  # noqa: S608  ours
                yield key, status

    def note_facts(self, **facts: Any) -> None:
        """
        Change what ``run.json`` says.

        Raises:
            UsageError: It cannot be written.
        """
        self.facts.update(facts)
        write_facts(self.folder, self.facts)

    # ── what happens ────────────────────────────────────────────────────────────────────────

    def note(self, outcomes: Iterable[AnyOutcome]) -> None:
        """Queue outcomes for the next commit; those of cancelled items are none."""
        version, fingerprint = self.version, self.fingerprints.pop
        for outcome in outcomes:
            printed = fingerprint(outcome.index, None) if self.fingerprints else None
            if outcome.kind != "cancelled":
                self._rows.append((*row_of(outcome), version, printed))

    @property
    def pending(self) -> int:
        """Rows that wait for the next commit."""
        return len(self._rows)

    def hear(self, event: events.Event) -> None:
        """Take note of attempts that are tried again, and of what items print and log."""
        match event:
            case events.Retrying(key=key, attempt=attempt, failure=failure, delay=delay):
                text = failure_text(failure)
                self._attempts.append((packed(key), attempt, time.time(), text, delay))
            case events.Printed(key=key, worker=worker, stream=stream, text=text) if (
                key is not None
            ):
                self._say(key, worker, stream, text.rstrip("\n"))
            case events.Logged(key=key, worker=worker, record=record) if key is not None:
                text = str(record.get("msg", ""))
                self._say(key, worker, str(record.get("levelname", "log")), text)
            case _:
                pass  # Nothing of it belongs to one item.

    def _say(self, key: Key, worker: str, stream: str, text: str) -> None:
        self._told += 1
        if self._told <= MESSAGES:
            text = text.encode("utf-8", "backslashreplace").decode()  # SQLite has Unicode only
            self._messages.append((packed(key), time.time(), worker, stream, text))

    def commit(self, mark: Mark | None, **facts: Any) -> None:
        """
        Make what was noted durable, together with *mark* and further *facts*, or nothing of it.

        Raises:
            RunFailed: It cannot be written, such as when the disk is full.
        """
        self._settle_doubt()
        rows = self._rows  # until they are committed: the sink has their values
        counts = dict(self._counts)
        self._doubtful = len(rows), counts
        with store.transaction(self._database, self.folder):
            if self.retries:
                # Not the one that succeeded: another item may have failed for having its key.
                keys = [row[0] if row[1] is None else unpacked(row[1]) for row in rows]
                self._take_out(keys, counts, "status <> 'succeeded'")
            self._database.executemany(_ADD, rows)
            for row in rows:
                counts[row[2]] = counts.get(row[2], 0) + 1
            self._write_queued()
            elapsed = self._elapsed + time.monotonic() - self._opened
            self._write_facts(counts, mark, elapsed=elapsed, at=time.time(), **facts)
        self._committed()

    def _write_facts(self, counts: dict[str, int], mark: Mark | None, **facts: Any) -> None:
        told = {"counts": json.dumps(counts), "commits": self._commits + 1, **facts}
        if mark is not None:
            told["mark"] = json.dumps(mark)
        self._database.executemany("REPLACE INTO facts VALUES (?, ?)", list(told.items()))

    def _settle_doubt(self) -> None:
        """Find out whether the last commit came through, if Ctrl-C struck in the middle of it."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        if self._doubtful is not None:
            if self.fact("commits") == self._commits + 1:
                self._committed()
            self._doubtful = None

    def _committed(self) -> None:
        assert self._doubtful is not None
        count, self._counts = self._doubtful
        self._doubtful = None
        self._commits += 1
        del self._rows[:count]

    def _write_queued(self) -> None:
        for queue, statement in (
            (self._attempts, "INSERT INTO attempts VALUES (?, ?, ?, ?, ?)"),
            (self._messages, "INSERT INTO messages VALUES (?, ?, ?, ?, ?)"),
            (self._moved, _MOVE),
        ):
            if queue:
                self._database.executemany(statement, [queue.popleft() for _ in range(len(queue))])

    def drop(self, keys: Collection[Key], mark: Mark | None) -> None:
        """
        Forget items that must run again, and note that the sink is at *mark*, without them.

        Args:
            keys: Of the items.
            mark: The sink's; None when the sink is about to begin anew.

        Raises:
            RunFailed: It cannot be written.
        """
        self._settle_doubt()
        counts = dict(self._counts)
        self._doubtful = 0, counts
        with store.transaction(self._database, self.folder):
            self._take_out(keys, counts, "TRUE")
            if mark is None:
                self._database.execute("DELETE FROM facts WHERE name = 'mark'")
            self._write_facts(counts, mark, state="running")
        self._committed()

    def _take_out(self, keys: Iterable[Key], counts: dict[str, int], which: str) -> None:
        """Delete the rows of items that are to have another one."""
        for key in keys:
            mine, values = where(key)
            gone = self._database.execute(
                f"DELETE FROM items WHERE {mine} AND {which} RETURNING status",  # noqa: S608  ours
                values,
            ).fetchall()
            for (status,) in gone:
                counts[status] -= 1

    def close(self) -> None:
        """Let go of the run; what was not committed is lost. Harmless when repeated."""
        if not self.is_closed:
            self.is_closed = True
            self._database.close()
            self.lock.release()

    def _counted(self) -> dict[str, int]:
        return dict(self._found("SELECT status, count(*) FROM items GROUP BY status"))

    def _found(self, query: str, values: Iterable[Any] = ()) -> list[Row]:
        with store.explained(self.folder):
            rows: list[Row] = self._database.execute(query, tuple(values)).fetchall()
            return rows


@contextmanager
def _released_on_error(lock: RunLock) -> Iterator[None]:
    try:
        yield
    except BaseException:
        lock.release()
        raise
