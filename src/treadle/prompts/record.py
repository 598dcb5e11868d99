"""How each request of an experiment has ended, from the record of its run, to be asked by key.

The record has answers in the order in which they came, the results are wanted in the order of the
table; and it may hold answers to requests that are not asked any more. So the record is laid out
by key, in a database that lives for as long as it is looked at: memory stays flat however many
requests there are.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import treadle
from treadle.prompts.ended import ended_of
from treadle.prompts.values import Answer, Ended

PREFIX = "endings-"
"""What the names of folders begin with that hold such a database, for a while."""


class Endings:
    """
    The endings of one run; a context manager.

    Args:
        run: The run; None for one that did not begin, in which nothing has ended.
        folder: Where the database lies while it is looked at. None, or where nothing can be made
            there, for the place of all temporary files, which may be memory.
        answers: Take in the answers too; without, how a request ended is known in part: whether
            there is an answer, and why there is none.

    Raises:
        SinkFailed: There is no room for them.
    """

    def __init__(
        self, run: treadle.Run | None, folder: Path | None = None, *, answers: bool = True
    ) -> None:
        if folder is not None and not os.access(folder, os.W_OK):
            folder = None
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder)
        # The pages stay in memory while they are few.
        self._database = sqlite3.connect(Path(self._folder.name) / "endings", isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;"
            "CREATE TABLE endings (key TEXT PRIMARY KEY, failed INTEGER, ended BLOB) WITHOUT ROWID;"
            "CREATE TABLE answers (key TEXT PRIMARY KEY, answer BLOB);"
        )
        if run is not None:
            self._read(run, answers=answers)

    def __contains__(self, key: object) -> bool:
        """Tell whether the request *key* has ended."""
        query = "SELECT 1 FROM endings WHERE key = ?"
        return self._database.execute(query, (key,)).fetchone() is not None

    def __len__(self) -> int:
        """Return how many requests have ended."""
        (count,) = self._database.execute("SELECT COUNT(*) FROM endings").fetchone()
        return int(count)

    def add(self, rows: Iterable[tuple[str, Ended]]) -> None:
        """
        Take in how further requests ended, by their keys.

        Raises:
            SinkFailed: There is no room for them.
        """
        self._store(
            "endings", ((key, ended.answer is None, pickle.dumps(ended)) for key, ended in rows)
        )

    def answers(self) -> Iterator[Answer]:
        """Yield all answers that were read from the run, in no order."""
        for (answer,) in self._database.execute("SELECT answer FROM answers"):
            yield pickle.loads(answer)

    def cost(self) -> Decimal:
        """Return US dollars of all answers that were read, as far as their price is known."""
        return sum((each.cost or Decimal(0) for each in self.answers()), Decimal(0))

    def failed(self) -> list[str]:
        """Return the keys of the requests that have failed."""
        return [key for (key,) in self._database.execute("SELECT key FROM endings WHERE failed")]

    def forget_failed(self) -> None:
        """Take out what has failed, for it is asked again."""
        self._database.execute("DELETE FROM endings WHERE failed")

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

    def _read(self, run: treadle.Run, *, answers: bool) -> None:
        if answers:
            self._store("answers", ((key, pickle.dumps(answer)) for key, answer in run.stored()))
        self._store("endings", _facts(run))
        run.close()

    def _store(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        marks = {"answers": "?, ?", "endings": "?, ?, ?"}[table]
        # Of two under one key the last counts: another item may have failed for having it.
        query = f"REPLACE INTO {table} VALUES ({marks})"  # noqa: S608  our own words
        try:
            self._database.execute("BEGIN")
            self._database.executemany(query, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise treadle.SinkFailed(
                f"answers cannot be laid out in {self._folder.name!r}: {error}",
                hint="make room; all answers are in the record of the run",
            ) from error


def _facts(run: treadle.Run) -> Iterator[tuple[str, bool, bytes]]:
    for outcome in run.record.outcomes():
        waited, tries = 0.0, outcome.attempts - 1
        if tries > 0:  # those of earlier sessions, which gave up on it, are there too
            waited = sum(attempt.delay for attempt in run.attempts(outcome.key)[-tries:])
        if outcome.ok:
            ended = Ended(
                status="ok", attempts=outcome.attempts, waited=waited, started=outcome.started
            )
        else:
            ended = ended_of(outcome, waited=waited)
        yield str(outcome.key), not outcome.ok, pickle.dumps(ended)


def answers(run: treadle.Run) -> Iterator[Any]:
    """Yield all answers of *run*, in the order in which they came."""
    for _, answer in run.stored():
        yield answer
