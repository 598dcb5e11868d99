"""How requests end, read on from where the record was left the last time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import treadle
from treadle.api.recording import KEPT
from treadle.core.protocols import Mark
from treadle.ledger import store
from treadle.ledger.rows import COLUMNS, outcome_of
from treadle.prompts.ended import ended_of
from treadle.prompts.values import Ended
from treadle.sinks.kept import Kept

_STEP = 1000  # rows that are read at once


class Arriving:
    """
    The endings of a run, in the order in which they came.

    Args:
        run: The run of an experiment.
    """

    def __init__(self, run: treadle.Run) -> None:
        self._run = run
        self._forget()

    def _forget(self) -> None:
        self._last, self._upto, self._row = 0, 0, None
        self._mark: Mark | None = None
        self._values = _Values(self._run.folder / KEPT)
        self._ahead: dict[str, Any] = {}  # answers whose rows were not met so far

    def look(self) -> bool:
        """
        Look how far the record is; tell whether it has to be read from the beginning.

        Raises:
            UsageError: The record cannot be read.
        """
        folder = self._run.folder
        with store.explained(folder), closing(store.open_to_read(folder)) as database:
            [(last, mark, row)] = database.execute(_HEAD, (self._last,)).fetchall()
        mark = None if mark is None else json.loads(mark)
        # Where an item that had failed has run again, another row may have taken the number of the
        # last one; and a session that goes on may write its values into another file.
        is_other = row != self._row or not self._values.goes_on(mark)
        anew = not self._last or is_other
        if anew:
            self._forget()
        self._upto, self._mark = last or 0, mark
        return anew

    def read(self) -> Iterator[tuple[str, Ended]]:
        """
        Yield what has ended since, by keys, up to where it was looked.

        Raises:
            UsageError: The record cannot be read.
        """
        folder = self._run.folder
        answers = self._values.rest(self._mark)
        with store.explained(folder), closing(store.open_to_read(folder)) as database:
            while self._last < self._upto:
                rows = database.execute(_ROWS, (self._last, self._upto)).fetchall()
                for number, same, *row in rows:
                    yield self._ended(outcome_of(tuple(row)), answers)
                    self._last, self._row = number, same
                if len(rows) < _STEP:
                    break

    def _ended(
        self, outcome: treadle.AnyOutcome, answers: Iterator[tuple[str, Any]]
    ) -> tuple[str, Ended]:
        key, waited, tries = str(outcome.key), 0.0, outcome.attempts - 1
        if tries > 0:  # those of earlier sessions, which gave up on it, are there too
            waited = sum(attempt.delay for attempt in self._run.attempts(outcome.key)[-tries:])
        if not outcome.ok:
            return key, ended_of(outcome, waited=waited)
        while key not in self._ahead and (found := next(answers, None)) is not None:
            self._ahead[found[0]] = found[1]
        if key not in self._ahead:
            return key, Ended(
                status="ok", attempts=outcome.attempts, waited=waited, started=outcome.started
            )
        outcome.value = self._ahead.pop(key)
        return key, ended_of(outcome, waited=waited)


class _Values(Kept):
    """Answers in the file beside the record, read on from a place in it."""

    def __init__(self, path: Any) -> None:
        super().__init__(path)
        self._name = ""
        self._place = 0

    def goes_on(self, mark: Mark | None) -> bool:
        """Tell whether *mark* is of the file that was read, and not before the place."""
        if mark is None:
            return not self._place
        return not self._place or (mark["file"] == self._name and mark["size"] >= self._place)

    def rest(self, mark: Mark | None) -> Iterator[tuple[str, Any]]:
        """Yield the answers from the place up to *mark*, by their keys."""
        if mark is None or mark["size"] <= self._place:
            return
        path = self._file.find(mark)
        self._file.readable, self._name = path, mark["file"]
        with path.open("rb") as file:
            file.seek(self._place)
            for header, head, value in self._split(file):
                self._place += len(header) + len(head) + 1 + len(value)
                key = json.loads(head)[0]
                yield str(key), self._loaded(key, value)
                if self._place >= mark["size"]:
                    return


_SAME = "status || ' ' || started || ' ' || duration"
_HEAD = (
    "SELECT (SELECT max(id) FROM items), "  # noqa: S608  ours
    "(SELECT value FROM facts WHERE name = 'mark'), "
    f"(SELECT {_SAME} FROM items WHERE id = ?)"
)
_ROWS = (
    f"SELECT id, {_SAME}, {', '.join(COLUMNS)} FROM items "  # noqa: S608  ours
    f"WHERE id > ? AND id <= ? ORDER BY id LIMIT {_STEP}"
)
