"""Answers of other experiments to the very same requests, taken instead of asking again."""

from __future__ import annotations

import pickle
import sqlite3
import tempfile
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import treadle
from treadle.prompts.record import PREFIX
from treadle.prompts.values import Answer, Ask

LANE = "reused"
"""The lane of requests that are not sent: nothing limits it."""


class Reused:
    """
    The answers of some runs, by what was asked. Close it when it is done with.

    Only answers that are ok count. They live in a file that goes with the object, so that memory
    does not grow with them.

    Args:
        runs: The runs; of two answers to one request, that of the later run counts.
        folder: Where that file lies; None for the place of all temporary files.
    """

    def __init__(self, runs: Sequence[treadle.Run], folder: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder)
        # Looked into by the thread that reads the table and by the event loop; SQLite is built
        # such that both may use one connection.
        self._database = sqlite3.connect(
            Path(self._folder.name) / "answers", isolation_level=None, check_same_thread=False
        )
        self._database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE answers (key TEXT PRIMARY KEY, run TEXT, answer BLOB);"
        )
        for run in runs:
            self._add(run)

    def __contains__(self, ask: Ask) -> bool:
        """Tell whether there is an answer to *ask*."""
        return self._find("1", ask) is not None

    def get(self, ask: Ask) -> Answer | None:
        """Return the answer to *ask*, which costs nothing now; None when there is none."""
        row = self._find("run, answer", ask)
        if row is None:
            return None
        answer: Answer = pickle.loads(row[1])
        return replace(
            answer,
            cost=Decimal(0),
            cost_source=f"reused from {row[0]}",
            limits={},
            scores={},
            warnings=(*answer.warnings, f"the answer is that of run {row[0]}"),
        )

    def freed(self, lanes: treadle.Lanes) -> treadle.Lanes:
        """Return *lanes* with a lane of its own, without limits, for what is not sent."""
        key, limits, cost = lanes.key, lanes.limits, lanes.cost
        assert callable(limits)
        assert cost is not None
        return replace(
            lanes,
            key=lambda ask: LANE if ask in self else key(ask),
            limits=_limits(limits),
            cost=lambda ask: {} if ask in self else cost(ask),
        )

    def close(self) -> None:
        """Remove the answers. Harmless when repeated."""
        self._database.close()
        self._folder.cleanup()

    def _add(self, run: treadle.Run) -> None:
        rows = (
            (key, run.id, pickle.dumps(answer))
            for key, answer in run.stored()
            if isinstance(answer, Answer) and answer.status == "ok"
        )
        self._database.execute("BEGIN")
        self._database.executemany("REPLACE INTO answers VALUES (?, ?, ?)", rows)
        self._database.execute("COMMIT")
        run.close()

    def _find(self, what: str, ask: Ask) -> Any:
        query = f"SELECT {what} FROM answers WHERE key = ?"  # noqa: S608  our own words
        return self._database.execute(query, (ask.key,)).fetchone()


def _limits(limits: Callable[[Any], treadle.Lane]) -> Callable[[Hashable], treadle.Lane]:
    return lambda key: treadle.Lane() if key == LANE else limits(key)
