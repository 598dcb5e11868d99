"""Which runs one screen shows: those of a command that was started here, or of one pool."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import treadle
from treadle import UsageError
from treadle.ledger.reader import Record
from treadle.tui.launching import Started

_NEIGHBOURS = 200  # runs after a first stage that are looked at for further ones of its pool
_LIVE_EVERY = 1.0  # seconds between looks for further stages that are recorded elsewhere


@dataclass(slots=True)
class Session:
    """
    What one screen shows: a run, or all runs of a command that was started here.

    Args:
        first: Folder of the run that it was opened with; None for a command.
        started: The command; None for a run that was found.
    """

    first: Path | None = None
    started: Started | None = None
    _found: list[Path] = field(default_factory=list)
    _pids: set[int] = field(default_factory=set)
    _looked: float = 0.0

    @classmethod
    def of_run(cls, folder: Path) -> Session:
        """Show a run, and further ones on its pool."""
        return cls(first=folder)

    @classmethod
    def of_started(cls, started: Started) -> Session:
        """Show the runs of a command that was started here."""
        return cls(started=started)

    def folders(self) -> list[Path]:
        """Return the records, in the order in which their runs began; there may be none yet."""
        if self.started is not None:
            return [folder for folder in self.started.folders() if folder.is_dir()]
        if self.first is None:
            return []
        if not self._found:
            self._found = [self.first, *_neighbours(self.first)]
        now = time.monotonic()
        if now - self._looked > _LIVE_EVERY:
            self._looked = now
            self._found += self._elsewhere()
        return list(self._found)

    def _elsewhere(self) -> list[Path]:
        """
        Return live stages on the pool of what is known, which may be recorded in other folders.

        They are of the same process, and name the first stage, whose id alone may occur twice.
        """
        holders = [holder for folder in self._found if (holder := _holder(folder))]
        self._pids |= {holder["pid"] for holder in holders if "pid" in holder}
        if not self._pids:
            return []
        first = _parent(self._found[0]) or self._found[0].name
        return [run.folder for run in treadle.live() if self._is_further(run, first)]

    def _is_further(self, run: treadle.Run, first: str) -> bool:
        holder = run.record.holder
        mine = holder is not None and holder.get("pid") in self._pids
        of = run.record.facts.get("parent")
        return mine and of == first and run.folder not in self._found

    @property
    def title(self) -> str:
        """The command, or the id of the run."""
        if self.started is not None:
            return self.started.line
        return "" if self.first is None else self.first.name


def _neighbours(first: Path) -> list[Path]:
    """Return the records of later stages on the pool of *first*, in the same folder."""
    all_runs = sorted(each.parent for each in first.parent.glob("*/run.json"))
    later = [each for each in all_runs if each.name > first.name][:_NEIGHBOURS]
    return [each for each in later if _parent(each) == first.name]


def _parent(folder: Path) -> str | None:
    with suppress(UsageError):
        found: str | None = Record(folder).facts.get("parent")
        return found
    return None


def _holder(folder: Path) -> dict[str, Any] | None:
    try:
        return Record(folder).holder
    except UsageError:  # removed
        return None
