"""The fold over events that every progress display shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from treadle.core import events
from treadle.core.outcome import AnyOutcome, Failure


@dataclass(slots=True)
class FailureKind:
    """
    Failures of one kind, counted, with the first of them as the example.

    Attributes:
        title: What they have in common, such as ``"raised ValueError"``.
        count: How many items ended this way.
        example: The first of them.
    """

    title: str
    count: int
    example: AnyOutcome

    @property
    def failure(self) -> Failure:
        """The example's failure."""
        assert not self.example.ok
        return self.example.failure


@dataclass(slots=True)
class Stats:
    """
    Counts of a run; ``Stats().after(event).after(event)…`` follows it.

    Attributes:
        name: Name of the run.
        total: Number of items, or None when it is not known.
        read: Items read from the source.
        left_out: Items of the source that are not run: an earlier session has settled them.
        ok, failed, cancelled: Items settled, by ending.
        retried: Attempts that were tried again.
        running: What ran at the last snapshot.
        kinds: Failures by kind, in order of first appearance.
        began, ended: Monotonic seconds; None before.
        paused: True between ``Paused`` and ``Continued``.
        cancelling: Why the run is being cancelled, or None.
        stopped: Why the source was not read to its end, or None.
    """

    name: str = ""
    backend: str = ""
    workers: int = 0
    total: int | None = None
    read: int = 0
    left_out: int = 0
    ok: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    running: tuple[events.Running, ...] = ()
    kinds: dict[str, FailureKind] = field(default_factory=dict)
    began: float | None = None
    ended: float | None = None
    paused: bool = False
    cancelling: str | None = None
    stopped: str | None = None

    @property
    def settled(self) -> int:
        """Items that have their outcome."""
        return self.ok + self.failed + self.cancelled

    @property
    def done(self) -> int:
        """Items that need nothing any more: settled now, or in an earlier session."""
        return self.settled + self.left_out

    def elapsed(self, now: float) -> float:
        """Seconds since the run began, up to *now* or its end."""
        if self.began is None:
            return 0.0
        return (now if self.ended is None else self.ended) - self.began

    def rate(self, now: float) -> float:
        """Items settled per second so far."""
        elapsed = self.elapsed(now)
        return self.settled / elapsed if elapsed > 0 else 0.0

    def after(self, event: events.Event) -> Stats:
        """Take *event* into account and return self, so that it can be used with ``reduce``."""
        match event:
            case events.ItemsSettled(outcomes=outcomes, failed=failed):
                self.ok += len(outcomes) - len(failed)
                for outcome in failed:
                    self._count(outcome)
            case events.ItemsRead(count=count):
                self.read += count
            case events.ItemsLeftOut(count=count):
                self.left_out += count
            case events.ItemsRunning(running=running):
                self.running = running
            case events.Retrying():
                self.retried += 1
            case events.RunStarted():
                self.began, self.name, self.total = event.at, event.name, event.total
                self.workers, self.backend = event.workers, event.backend
            case events.WorkersChanged(workers=workers):
                self.workers = workers
            case events.RunEnded(at=at, stopped=stopped):
                self.ended, self.stopped, self.running = at, stopped, ()
            case events.Paused():
                self.paused = True
            case events.Continued():
                self.paused = False
            case events.Cancelling(reason=reason):
                self.cancelling = reason
            case _:
                pass  # Workers, prints and log records change no count.
        return self

    def _count(self, outcome: AnyOutcome) -> None:
        if outcome.kind == "cancelled":
            self.cancelled += 1
        else:
            self.failed += 1
            title = outcome.verdict
            known = self.kinds.get(title)
            if known is None:
                self.kinds[title] = FailureKind(title, 1, outcome)
            else:
                known.count += 1
