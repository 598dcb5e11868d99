"""Runs written by hand, in which all may have happened."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from treadle.core.outcome import Failure, Raised, Succeeded, TimedOut, WorkerLost
from treadle.ledger import store
from treadle.ledger.reader import Record
from treadle.ledger.rows import COLUMNS
from treadle.ledger.writer import Ledger
from treadle.report.page import write

BEGAN = "2026-01-02T03:04:05+00:00"
ZERO = datetime.fromisoformat(BEGAN).timestamp()

HOSTILE = (
    "</script><script>document.title='taken'</script>"
    "<img src=http://127.0.0.1:9/x onerror=\"document.title='taken'\">"
    "' onfocus=alert(1) \x00\x1b[31m\u202egnp.exe \ud800 ]]> --> </title></style>"
)


class Made:
    """A run that was written by hand, and pages of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.facts = {
            "name": None, "function": "m:f", "into": None, "began": BEGAN, "backend": "processes",
            "treadle": "0.1.0", "python": "3.11.7", "host": "loom", "cwd": "/home/ada",
            "command": {"argv": ["map", "m.py:f"]},
        }  # fmt: skip

    def with_items(self, *outcomes, state="finished", total=None, events=(), **facts) -> Record:
        ledger = Ledger.begin(self.folder, {**self.facts, **facts})
        ledger.note(outcomes)
        for event in events:
            ledger.hear(event)
        ledger.commit({}, state=state, total=total)
        ledger.close()
        return self.record

    def with_many(self, rows, counts) -> Record:
        """Write rows as they are, without the detour over a commit for each block."""
        self.with_items()
        database = store.open_to_write(self.folder)
        marks = ", ".join("?" * len(COLUMNS))
        with database:
            database.execute("BEGIN")
            database.executemany(
                f"INSERT INTO items ({', '.join(COLUMNS)}) VALUES ({marks})",
                rows,
            )
            told = {"counts": json.dumps(counts), "commits": 9, "elapsed": 200.0}
            database.executemany("REPLACE INTO facts VALUES (?, ?)", list(told.items()))
        database.close()
        return self.record

    @property
    def record(self) -> Record:
        return Record(self.folder)

    def page(self) -> str:
        into = self.folder / "report.html"
        record = self.record
        write(record, into)
        record.close()
        return into.read_text(encoding="utf-8")


def ok(index, start=1.0, took=0.5, worker="process-1", key=None):
    key = f"data/{index}.csv" if key is None else key
    return Succeeded(key, index, 1, ZERO + start, took, took, None, worker, None)


def bad(index, start=1.0, took=0.5, worker="process-1", *, key=None, message="no", **more):
    failure = Failure(
        more.pop("name", "ValueError"),
        message,
        more.pop("traceback", "Traceback\n  here\n"),
        **more,
    )
    key = f"data/{index}.csv" if key is None else key
    return Raised(key, index, 3, ZERO + start, took, took, None, worker, failure, ValueError())


def late(index):
    return TimedOut(f"late {index}", index, 1, ZERO + 3, 9.0, None, None, "process-2", 9.0)


def lost(index):
    facts = (f"lost {index}", index, 1, ZERO + 2, 0.1, None, None, "process-2")
    return WorkerLost(*facts, None, "SIGSEGV", None, "Fatal Python error")
