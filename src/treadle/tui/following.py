"""How a run is, at any moment: what its record says, and what it answers while it goes on.

The same for a run that was started here, one of another terminal, and one of last year.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import psutil

from treadle import AnyOutcome, NotRunning, Remote, TreadleError
from treadle.core.item import Key
from treadle.ledger.reader import Attempt, Message, Record
from treadle.progress.pace import Pace
from treadle.report.tally import Tally

_ANSWERED_WITHIN = 0.5  # seconds that a look waits
_READ_EVERY = 1.0  # seconds between readings of rows, and of what workers use, of a live run
_REST = 2.0  # seconds for which a run that did not answer is not asked again

Found = TypeVar("Found")
Use: TypeAlias = tuple[float | None, int | None]


@dataclass(frozen=True, slots=True)
class Item:
    """An item that runs; ``seconds`` is for how long."""

    key: Key
    index: int
    attempt: int
    worker: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """
    A worker.

    Attributes:
        worker: Its name.
        pid: Its process; None for a thread, or a loop, in the process of the run.
        cpu: Per cent of one CPU since the last look; None where it is not known.
        memory: Bytes; likewise.
        item: What runs there, the longest where there are several.
        running: How many items run there.
    """

    worker: str
    pid: int | None
    cpu: float | None
    memory: int | None
    item: Item | None
    running: int


@dataclass(frozen=True, slots=True)
class LaneView:
    """One lane; ``paused`` is for how many more seconds, ``closed`` why."""

    key: str
    waiting: int
    in_flight: int
    limit: int | None
    paused: float
    closed: str


@dataclass(frozen=True, slots=True)
class Said:
    """Something that a worker has printed or logged, ``at`` seconds since the epoch."""

    at: float
    worker: str
    key: Key | None
    stream: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """
    How a run is, at one moment. Counts are those of the whole run, all its sessions together.

    Attributes:
        state: As ``treadle.Run.state`` has it.
        live: A process runs it.
        steerable: Why it cannot be steered from here; empty where it can.
        ending: All has settled, and is being stored.
        total: Items of its source; None where that is not known.
        retried: Attempts that were followed by another one, in this session.
        elapsed: Seconds, of this session while it goes on, else of all.
        rate: Items settled per second, lately; on average once it has ended.
        left: Seconds to go; None where that is not known, or nothing further starts.
        running: Items that run; ``items`` are those that run longest, at most a hundred.
        said: What workers have said since the last look.
    """

    folder: Path
    id: str
    name: str
    function: str
    into: str | None
    began: datetime
    parent: str | None
    stage: int
    state: str
    live: bool
    steerable: str
    paused: bool = False
    cancelling: str | None = None
    ending: bool = False
    backend: str = ""
    workers: int = 0
    pid: int | None = None
    total: int | None = None
    ok: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    elapsed: float = 0.0
    rate: float = 0.0
    left: float | None = None
    running: int = 0
    items: tuple[Item, ...] = ()
    seats: tuple[Seat, ...] = ()
    lanes: tuple[LaneView, ...] = ()
    said: tuple[Said, ...] = ()

    @property
    def settled(self) -> int:
        """Items that have ended, in all sessions."""
        return self.ok + self.failed


class Follower:
    """
    Follows one run. Its methods wait for files and sockets: call them outside the UI's thread.

    Args:
        folder: Of its record.

    Attributes:
        record: The record.
        tally: The figures of what has settled, as of the last look.

    Raises:
        UsageError: The record cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.record = Record(folder)
        self.tally = Tally(self.record, is_short=True)
        self._lock = threading.Lock()  # one reader of the database at a time
        self._remote: Remote | None = None
        self._heard = 0
        self._session: object = None
        self._silent = (0.0, "")  # until when it is not asked again, and why
        self._pace: Pace | None = None  # of the session that goes on
        self._processes: dict[int, tuple[psutil.Process, float, Use]] = {}

    def look(self) -> View:
        """
        Look how it is.

        Raises:
            UsageError: The record cannot be read any more.
        """
        with self._lock:
            status, steerable = self._ask()
            self.tally.refresh(rest=_READ_EVERY if status is not None else 0.0)
            return self._old(steerable) if status is None else self._live(status)

    # ── steering ────────────────────────────────────────────────────────────────────────────

    def pause(self) -> None:
        """Start nothing further; see ``treadle.Remote.pause``, also for what is raised."""
        self._steer(lambda remote: remote.pause())

    def go_on(self) -> None:
        """Go on after a pause; as ``pause``."""
        self._steer(lambda remote: remote.resume())

    def cancel(self, *, now: bool = False) -> None:
        """End it, once what runs has ended or *now*; as ``pause``."""
        self._steer(lambda remote: remote.cancel(now=now))

    def resize(self, workers: int) -> None:
        """Have so many workers; as ``pause``."""
        self._steer(lambda remote: remote.resize(workers))

    def _steer(self, request: Callable[[Remote], object]) -> None:
        request(Remote(self.record))

    # ── one level down ──────────────────────────────────────────────────────────────────────

    def item(self, key: Key) -> AnyOutcome:
        """Return how an item has ended; see ``treadle.Run.item``."""
        return self._read(lambda: self.record.item(key))

    def attempts(self, key: Key) -> list[Attempt]:
        """Return the attempts of an item that were followed by another one."""
        return self._read(lambda: self.record.attempts(key))

    def messages(self, key: Key) -> list[Message]:
        """Return what an item has printed and logged."""
        return self._read(lambda: self.record.messages(key))

    def _read(self, what: Callable[[], Found]) -> Found:
        with self._lock:
            return what()

    def close(self) -> None:
        """Let go of the record."""
        with self._lock:
            self.record.close()

    # ── asking ──────────────────────────────────────────────────────────────────────────────

    def _ask(self) -> tuple[dict[str, Any] | None, str]:
        """Return what the run answers, or None and why it cannot be steered."""
        holder = self.record.holder
        if holder is None:
            self._remote = None
            return None, "it does not run"
        if not holder.keys() & {"socket", "control"}:
            return None, "it has just begun"
        until, why = self._silent
        if time.monotonic() < until:
            return None, why
        self._begin_session((holder.get("pid"), holder.get("socket")))
        try:
            if self._remote is None:
                self._remote = Remote(self.record)
            status = self._remote.status(heard=self._heard, within=_ANSWERED_WITHIN)
        except NotRunning:
            self._remote = None
            return None, "it does not run"
        except TreadleError as error:
            self._remote = None
            self._silent = time.monotonic() + _REST, error.message
            return None, error.message
        if said := status["said"]:
            self._heard = said[-1][0]
        return status, ""

    def _begin_session(self, session: object) -> None:
        """Count from 0 when another process, or another session of it, has taken the run up."""
        if session != self._session:
            self._session = session
            self._remote = None
            self._heard = 0
            self._pace = None

    # ── putting together ────────────────────────────────────────────────────────────────────

    def _facts(self) -> dict[str, Any]:
        record, facts = self.record, self.record.facts
        function = str(facts.get("function"))
        return {
            "folder": record.folder,
            "id": record.id,
            "name": str(facts.get("name") or function.rpartition(":")[2]),
            "function": function,
            "into": facts.get("into"),
            "began": record.began,
            "parent": facts.get("parent"),
            "stage": int(facts.get("stage") or 0),
        }

    def _old(self, steerable: str) -> View:
        record = self.record
        counts, elapsed, total = record.counts, record.elapsed, record.total
        ok = counts.get("succeeded", 0)
        settled = sum(counts.values())
        state = record.state
        return View(
            **self._facts(),
            state=state,
            live=state == "running",
            steerable=steerable,
            backend=str(record.facts.get("backend") or ""),
            total=total,
            ok=ok,
            failed=settled - ok,
            elapsed=elapsed,
            rate=settled / elapsed if elapsed > 0 else 0.0,
        )

    def _live(self, status: dict[str, Any]) -> View:
        now = time.monotonic()
        pace = self._pace
        if pace is None:
            pace = self._pace = Pace()
            pace.note(now - status["elapsed"], 0)  # until more is known, the average
        pace.note(now, status["succeeded"] + status["failed"])
        # What is committed, a fifth of a second late: what the run itself counts is its session's.
        ok, failed, total = self.tally.ok, self.tally.failed, status["total"]
        items = tuple(Item(**item) for item in status["items"])
        return View(
            **self._facts(),
            state="running",
            live=True,
            steerable="",
            paused=status["paused"],
            cancelling=status["cancelling"],
            ending=status["ended"],
            backend=status["backend"],
            workers=status["workers"],
            pid=status["pid"],
            total=total,
            ok=ok,
            failed=failed,
            cancelled=status["cancelled"],
            retried=status["retried"],
            elapsed=status["elapsed"],
            rate=pace.rate,
            left=_left(pace, status, ok + failed),
            running=status["running"],
            items=items,
            seats=self._seats(status, items),
            lanes=tuple(LaneView(**lane) for lane in status["lanes"]),
            said=tuple(Said(*line[1:]) for line in status["said"]),
        )

    def _seats(self, status: dict[str, Any], items: tuple[Item, ...]) -> tuple[Seat, ...]:
        at: dict[str, list[Item]] = {}
        for item in items:
            at.setdefault(item.worker, []).append(item)
        seats = []
        for seat in status["seats"]:
            running = at.get(seat["worker"], [])
            pid = seat["pid"]
            cpu, memory = (None, None) if pid is None else self._use(pid)
            seats.append(
                Seat(
                    worker=seat["worker"],
                    pid=pid,
                    cpu=cpu,
                    memory=memory,
                    item=running[0] if running else None,
                    running=len(running),
                )
            )
        here = {seat["pid"] for seat in status["seats"]}
        self._processes = {pid: each for pid, each in self._processes.items() if pid in here}
        return tuple(sorted(seats, key=_number))

    def _use(self, pid: int) -> Use:
        """Return per cent of a CPU and bytes of memory of a worker, as of the last second."""
        now = time.monotonic()
        process, at, use = self._processes.get(pid, (None, 0.0, (None, None)))
        if process is not None and now - at < _READ_EVERY:
            return use
        try:
            known = process is not None
            process = process or psutil.Process(pid)
            cpu = process.cpu_percent(None)
            # Before there are two looks to compare, it says 0.0.
            use = cpu if known else None, process.memory_info().rss
        except psutil.Error:  # it has just ended, or is another user's
            return None, None
        self._processes[pid] = process, now, use
        return use


def _left(pace: Pace, status: dict[str, Any], done: int) -> float | None:
    if status["total"] is None or status["paused"] or status["cancelling"]:
        return None
    return pace.left(max(0, status["total"] - done))


def _number(seat: Seat) -> tuple[str, int]:
    word, _, number = seat.worker.rpartition("-")
    return (word, int(number)) if number.isdecimal() else (seat.worker, 0)
