"""How each request of an experiment has ended, from the record of its run, to be asked by key.

The record has answers in the order in which they came, the results are wanted in the order of the
table; and it may hold answers to requests that are not asked any more. So the record is laid out
by key, in a database that lives for as long as it is looked at: memory stays flat however many
requests there are.
"""

from __future__ import annotations

import pickle
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import treadle
from treadle.prompts.ended import ended_of
from treadle.prompts.values import Answer, Ended

_BLOCK = 1000  # rows stored together


class Endings:
    """
    The endings of one run; a context manager.

    Args:
        run: The run; None for one that did not begin, in which nothing has ended.
    """

    def __init__(self, run: treadle.Run | None) -> None:
        # A file, which SQLite removes by itself when it is closed; its pages stay in memory while
        # they are few.
        self._folder = tempfile.TemporaryDirectory(prefix="treadle-prompts-")
        self._database = sqlite3.connect(Path(self._folder.name) / "endings", isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;"
            "CREATE TABLE endings (key TEXT PRIMARY KEY, ended BLOB) WITHOUT ROWID;"
            "CREATE TABLE answers (key TEXT PRIMARY KEY, answer BLOB);"
        )
        if run is not None:
            self._read(run)

    def get(self, key: str) -> Ended | None:
        """Return how the request *key* ended; None when it has not."""
        row = self._database.execute(
            "SELECT ended, answer FROM endings LEFT JOIN answers USING (key) WHERE key = ?", (key,)
        ).fetchone()
        if row is None:
            return None
        ended: Ended = pickle.loads(row[0])
        if row[1] is None:
            return ended
        answer: Answer = pickle.loads(row[1])
        return replace(
            ended,
            status=answer.status,
            answer=answer,
            http_status=answer.http_status,
            request_id=answer.request_id,
        )

    def close(self) -> None:
        """Remove the database. Harmless when repeated."""
        self._database.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, run: treadle.Run) -> None:
        self._store("answers", ((key, pickle.dumps(answer)) for key, answer in run.stored()))
        self._store("endings", _facts(run))
        run.close()

    def _store(self, table: str, rows: Iterator[tuple[str, bytes]]) -> None:
        self._database.execute("BEGIN")
        # Of two under one key the last counts: another item may have failed for having it.
        self._database.executemany(f"REPLACE INTO {table} VALUES (?, ?)", rows)  # noqa: S608  ours
        self._database.execute("COMMIT")


def _facts(run: treadle.Run) -> Iterator[tuple[str, bytes]]:
    for outcome in run.record.outcomes():
        waited = 0.0
        if outcome.attempts > 1:
            waited = sum(attempt.delay for attempt in run.attempts(outcome.key))
        if outcome.ok:
            ended = Ended(
                status="ok", attempts=outcome.attempts, waited=waited, started=outcome.started
            )
        else:
            ended = ended_of(outcome, waited=waited)
        yield str(outcome.key), pickle.dumps(ended)


def answers(run: treadle.Run) -> Iterator[Any]:
    """Yield all answers of *run*, in the order in which they came."""
    for _, answer in run.stored():
        yield answer
