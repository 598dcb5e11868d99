"""All runs of several folders, newest first: ended ones from their records, live ones asked.

``read`` goes through all records, the newest first, and hands over what has changed bit by bit.
``look`` is for every half second: runs that go on, those that have just ended, and new ones.
Neither keeps a database open, nor holds up a process that writes one.
"""

from __future__ import annotations

import contextlib
import operator
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import treadle
from treadle import NotRunning, Remote, Run, TreadleError, UsageError
from treadle.cli.records import Entry, is_damaged
from treadle.ledger import format as layout
from treadle.ledger import store
from treadle.ledger.reader import Record
from treadle.progress.pace import Pace
from treadle.progress.text import one_line
from treadle.tui.figures import Figures, Signature, signature_of

FIRST = 60  # rows that are handed over at once: a screenful
EVERY = 0.25  # seconds between two further batches
ALL = 1 << 40  # more kinds of failures, and lines said, than a run has: none is sent to us

_ID = re.compile(r"\d{6}-\d{6}[b-z]*")
_YOUNG = 60.0  # seconds in which a run that begins may be without its run.json
_REST = 5.0  # seconds for which a run is not asked again that has not answered


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a live run is."""

    done: int
    total: int | None
    rate: float
    left: float | None
    word: str  # "running", "paused", "stopping", "storing"

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where the number of items is not known."""
        return min(1.0, self.done / self.total) if self.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One run, as Home shows it.

    Attributes:
        entry: Its figures; None when it cannot be read.
        trouble: Why it cannot.
        is_damaged: Nobody can read it; else perhaps a newer treadle, or another user.
        progress: How far it is, if it goes on.
        words: What is searched through, in lower case.
    """

    folder: Path
    id: str
    entry: Entry | None = None
    trouble: str = ""
    is_damaged: bool = False
    progress: Progress | None = None
    signature: Signature = ()
    words: str = field(default="", compare=False)

    @property
    def is_live(self) -> bool:
        """It goes on."""
        return self.entry is not None and self.entry.is_running

    @property
    def state(self) -> str:
        """How it is, in a word or a few."""
        if self.entry is None:
            return "damaged" if self.is_damaged else "unreadable"
        return self.progress.word if self.progress else one_line(self.entry.state)


@dataclass(frozen=True, slots=True)
class Batch:
    """
    What is new.

    Attributes:
        rows: Runs that have changed, or were not there before.
        gone: Folders of runs that are there no more.
        to_go: Runs that are yet to be read.
    """

    rows: Sequence[Row] = ()
    gone: Sequence[Path] = ()
    to_go: int = 0


class Listing:
    """
    Knows the runs of some folders. ``read`` and ``look`` may be called by two threads.

    Args:
        roots: The folders of runs.
        cache: Where figures of ended runs are kept; None for nowhere.

    Attributes:
        roots: Those folders, each once.
        troubles: Those that cannot be read, and why.
    """

    def __init__(self, roots: Iterable[Path], cache: Path | None = None) -> None:
        self.roots = [Path(root) for root in dict.fromkeys(map(os.path.realpath, roots))]
        self.troubles: dict[Path, str] = {}
        self._figures = Figures(cache)
        self._known: dict[Path, Row] = {}
        self._paces: dict[Path, Pace] = {}
        self._silent: dict[Path, float] = {}  # monotonic seconds from when on they are asked again
        self._times: dict[Path, int] = {}
        self._young: set[Path] = set()
        self._turn = threading.Lock()

    def watch(self, places: Iterable[Path]) -> None:
        """List the runs of these folders, too; ``read`` and ``look`` find them."""
        found = (Path(os.path.realpath(place)) for place in places)
        self.roots = list(dict.fromkeys([*self.roots, *found]))

    @property
    def rows(self) -> list[Row]:
        """All that is known, newest first."""
        return sorted(self._known.values(), key=by_age, reverse=True)

    # ── all of them ─────────────────────────────────────────────────────────────────────────

    def read(self, *, anew: bool = False) -> Iterator[Batch]:
        """
        Read what has changed since the last time, newest first.

        Args:
            anew: Read all records, whatever is known of them.
        """
        folders = self._folders()
        here = set(folders)
        gone = [folder for folder in list(self._known) if folder not in here]
        for folder in gone:
            self._known.pop(folder, None)
        rows: list[Row] = []
        changed = bool(gone)
        due: float | None = None  # at first, a screenful; then whatever there is by then
        for place, folder in enumerate(folders):
            row, was_read = self._current(folder, anew=anew)
            changed = changed or was_read
            if row is not None:
                rows.append(row)
            is_due = len(rows) >= FIRST if due is None else time.monotonic() > due
            if is_due:
                yield Batch(rows, gone, len(folders) - place - 1)
                rows, gone, due = [], [], time.monotonic() + EVERY
        yield Batch(rows, gone)
        if changed:
            with contextlib.suppress(OSError):  # no room for it: it only saves time
                self._figures.keep(
                    (row.signature, row.entry)
                    for row in self.rows
                    if row.entry is not None and not row.is_live
                )

    def _folders(self) -> list[Path]:
        """Return the folders of all runs, the newest first."""
        found: list[Path] = []
        for root in self.roots:
            self._times[root] = _touched(root)
            found += self._below(root)
        # Of other places those that were seen to go on: one that has ended may have been resumed.
        roots = set(self.roots)
        elsewhere = [folder for folder in list(self._known) if folder.parent not in roots]
        found += [folder for folder in elsewhere if folder.is_dir()]
        return sorted(found, key=lambda folder: folder.name, reverse=True)

    def _below(self, root: Path) -> list[Path]:
        self.troubles.pop(root, None)
        try:
            with os.scandir(root) as entries:
                return [root / entry.name for entry in entries if _ID.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            self.troubles[root] = error.strerror or str(error)
            return []

    def _current(self, folder: Path, *, anew: bool = False) -> tuple[Row | None, bool]:
        """Return the row of a run if it has changed, and whether its record was read."""
        signature = signature_of(folder)
        known = self._known.get(folder)
        # Whether one goes on shows in its lock alone, and ``look`` is after those.
        if known is not None and known.signature == signature and not known.is_live and not anew:
            return None, False
        entry = None if anew else self._figures.of(folder, signature)
        row = _row_of(entry, signature) if entry else self._read(folder, signature)
        if row is None:
            return None, True
        if row.is_live and known is not None:
            row = replace(row, progress=known.progress)
        self._known[folder] = row
        return (row if row != known else None), entry is None

    def _read(self, folder: Path, signature: Signature) -> Row | None:
        """Read one record; None when there is none (yet)."""
        self._young.discard(folder)
        try:
            return _row_of(_entry_of(folder), signature)
        except UsageError as error:
            try:
                age = time.time() - folder.stat().st_mtime
            except OSError:  # gone meanwhile
                return None
            if age < _YOUNG and not (folder / layout.RUN).exists():
                self._young.add(folder)
                return None
            return _unreadable(folder, error, signature)

    # ── those that go on ────────────────────────────────────────────────────────────────────

    def look(self) -> Batch:
        """
        Return what has become of live runs, and runs that are new.

        Raises:
            TreadleError: Live runs cannot be looked for.
        """
        with self._turn:
            live = _live()
            known_live = {folder for folder, row in list(self._known.items()) if row.is_live}
            found = {folder: self._live_row(folder) for folder in live | known_live}
            rows = [row for row in found.values() if row is not None]
            rows += self._new(found)
            return Batch(rows, [folder for folder, row in found.items() if row is None])

    def _live_row(self, folder: Path) -> Row | None:
        """Return the row of a run that goes on, or did a moment ago."""
        before = self._known.get(folder)
        row = self._read(folder, signature_of(folder))
        if row is None:
            self._known.pop(folder, None)
            return None
        if row.is_live:
            row = replace(row, progress=self._progress(folder, before))
        else:
            self._paces.pop(folder, None)
        self._known[folder] = row
        return row

    def _progress(self, folder: Path, before: Row | None) -> Progress | None:
        """Ask a run how far it is; None when it cannot be asked, such as on another machine."""
        last = before.progress if before else None
        now = time.monotonic()
        if now < self._silent.get(folder, 0.0):
            return last
        try:
            status = Remote(Record(folder)).status(ALL, ALL)
        except NotRunning:
            return last
        except TreadleError:
            self._silent[folder] = now + _REST
            return last
        pace = self._paces.get(folder)
        if pace is None:
            pace = self._paces[folder] = Pace()
            pace.note(now - status["elapsed"], 0)  # until more is known, the average
        pace.note(now, status["succeeded"] + status["failed"])
        return _progress_of(status, pace)

    def _new(self, seen: Iterable[Path]) -> list[Row]:
        """Return runs that were not there the last time."""
        found = set(self._young)
        for root in self.roots:
            touched = _touched(root)
            if touched != self._times.get(root):
                self._times[root] = touched
                found.update(folder for folder in self._below(root) if folder not in self._known)
        rows = (self._current(folder)[0] for folder in found.difference(seen))
        return [row for row in rows if row is not None]

    def forget(self, folders: Iterable[Path]) -> None:
        """Leave out runs that were removed."""
        for folder in folders:
            self._known.pop(folder, None)


by_age = operator.attrgetter("id")
"""What rows are sorted by: the id, which is a time."""


class _Snapshot(Record):
    """A record of which all facts are read in one go; its database is closed again at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with contextlib.closing(store.open_to_read(folder)) as database, store.explained(folder):
            self._noted = dict(database.execute("SELECT name, value FROM facts"))

    def fact(self, name: str) -> Any:
        """Return what was noted under *name* at the last commit, or None."""
        return self._noted.get(name)


def _entry_of(folder: Path) -> Entry:
    try:
        return Entry.of(Run(_Snapshot(folder)))
    except (KeyError, TypeError, ValueError) as error:  # JSON, but not what we have written
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"the run {folder.name} cannot be read: {error}") from error


def _row_of(entry: Entry, signature: Signature) -> Row:
    texts = (entry.id, entry.name or "", entry.function, entry.into or "", entry.state)
    words = " ".join((*texts, str(entry.folder))).lower()
    return Row(folder=entry.folder, id=entry.id, entry=entry, signature=signature, words=words)


def _unreadable(folder: Path, error: UsageError, signature: Signature) -> Row:
    damaged = is_damaged(folder, error)
    trouble = one_line(f"{error.message}; {error.hint}" if error.hint else error.message)
    words = f"{folder} {'damaged' if damaged else 'unreadable'}".lower()
    return Row(
        folder=folder,
        id=folder.name,
        trouble=trouble,
        is_damaged=damaged,
        signature=signature,
        words=words,
    )


def _progress_of(status: dict[str, Any], pace: Pace) -> Progress:
    done, total = status["settled"] + status["left_out"], status["total"]
    if status["ended"]:
        word = "storing"
    elif status["cancelling"]:
        word = "stopping"
    else:
        word = "paused" if status["paused"] else "running"
    left = pace.left(max(0, total - done)) if total and word == "running" else None
    return Progress(done, total, pace.rate, left, word)


def _live() -> set[Path]:
    return {Path(os.path.realpath(run.folder)) for run in treadle.live()}


def _touched(root: Path) -> int:
    try:
        return root.stat().st_mtime_ns
    except OSError:
        return 0
