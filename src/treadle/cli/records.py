"""What is recorded: sound runs with their figures, and folders that no run can be read from.

Whatever it opens it closes again: there may be thousands.
"""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import treadle
from treadle import Run, UsageError
from treadle.ledger import format as layout
from treadle.ledger.reader import Record

_ID = re.compile(r"\d{6}-\d{6}[b-z]*")  # also of a folder that has no ``run.json`` (yet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    The figures of one run, at one moment.

    Attributes:
        touched: When it was last written, in seconds since the epoch.
    """

    id: str
    name: str | None
    function: str
    into: str | None
    began: datetime
    state: str
    elapsed: float
    total: int | None
    ok: int
    failed: int
    left: int | None
    throughput: float
    folder: Path
    touched: float

    @classmethod
    def of(cls, run: Run) -> Entry:
        """
        Read the figures of *run*.

        Raises:
            UsageError: Its record is damaged.
        """
        return cls(
            id=run.id,
            name=run.name,
            function=run.function,
            into=run.into,
            began=run.began,
            state=run.state,
            elapsed=run.elapsed,
            total=run.total,
            ok=run.ok,
            failed=run.failed,
            left=run.left,
            throughput=run.throughput,
            folder=run.folder,
            touched=float(run.record.fact("at") or run.began.timestamp()),
        )

    @property
    def is_running(self) -> bool:
        """A process is writing it."""
        return self.state == "running"

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON can hold them; the documentation lists the names."""
        return {
            "id": self.id,
            "name": self.name,
            "function": self.function,
            "into": self.into,
            "began": self.began.isoformat(),
            "state": self.state,
            "elapsed": self.elapsed,
            "total": self.total,
            "ok": self.ok,
            "failed": self.failed,
            "left": self.left,
            "throughput": self.throughput,
            "folder": str(self.folder),
        }


@dataclass(frozen=True, slots=True)
class Survey:
    """
    What is in the folder of all runs, oldest first.

    Attributes:
        root: That folder.
        entries: Runs that can be read.
        damaged: Folders of runs that cannot, and never will.
        unknown: Those that this treadle, or this user, cannot read.
    """

    root: Path
    entries: list[Entry]
    damaged: list[Path]
    unknown: list[Path]


def survey(runs_dir: str | None) -> Survey:
    """
    Look at all runs.

    Raises:
        UsageError: The folder of all runs cannot be read.
    """
    root = layout.runs_dir(runs_dir)
    layout.folders(root)  # says what is wrong with it
    found = Survey(root, [], [], [])
    names = [folder.name for folder in root.iterdir()] if root.is_dir() else []
    for name in sorted(name for name in names if _ID.fullmatch(name)):
        folder = root / name
        try:
            found.entries.append(_entry(folder))
        except UsageError as error:
            gone = not folder.exists()  # by another process, meanwhile
            if not gone:
                (found.damaged if is_damaged(folder, error) else found.unknown).append(folder)
    return found


def _entry(folder: Path) -> Entry:
    run = Run(Record(folder))  # not treadle.open, which looks through all of them
    try:
        return Entry.of(run)
    except (KeyError, TypeError, ValueError) as error:  # JSON, but not what we have written
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"the run {folder.name} cannot be read: {error}") from error
    finally:
        run.record.close()


def is_damaged(folder: Path, error: UsageError) -> bool:
    """Tell a folder that nobody can read from one that a newer treadle, or another user, could."""
    if isinstance(error.__cause__, sqlite3.OperationalError | PermissionError):
        return False
    try:
        newer = json.loads((folder / layout.RUN).read_bytes())["format"] > layout.FORMAT
    except PermissionError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return True
    return not newer


def open_run(run: str, runs_dir: str | None) -> Run:
    """
    Open the run that was named.

    Raises:
        UsageError: There is no such run, or it cannot be read.
    """
    return treadle.open(run, runs_dir)
