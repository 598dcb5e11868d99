"""Facts about a run, in the order in which they became true.

Listeners get them one by one, from the dispatcher's thread. They travel in bulk where they come
in bulk: a ``Settled`` holds as many outcomes as settled together.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome, Failure, Succeeded, Successes


@dataclass(frozen=True, slots=True)
class Running:
    """One call that is running now: item, attempt, worker, and since when (monotonic seconds)."""

    key: Key
    index: int
    attempt: int
    worker: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """
    A run began.

    Attributes:
        at: Monotonic seconds, as in every event.
        name: Name of the run, or of its function.
        total: Number of items, or None when the source does not know it.
        workers: Number of workers.
        backend: Name of the backend.
    """

    at: float
    name: str
    total: int | None
    workers: int
    backend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsRead:
    """``count`` further items were read from the source."""

    at: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsLeftOut:
    """``count`` items of the source are not run: an earlier session has settled them."""

    at: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsRunning:
    """A snapshot of what runs now; sent a few times a second while anybody listens."""

    at: float
    running: tuple[Running, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """An attempt failed and the item will be tried again in ``delay`` seconds."""

    at: float
    key: Key
    index: int
    attempt: int
    failure: Failure
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsSettled:
    """
    Items got their outcomes and will not change any more.

    Attributes:
        outcomes: Of successes in bulk, each is made when it is looked at; look at ``failed`` first
            if only failures matter.
    """

    at: float
    outcomes: Sequence[AnyOutcome]

    @property
    def failed(self) -> Sequence[AnyOutcome]:
        """The outcomes that are not ``ok``."""
        if isinstance(self.outcomes, Successes):
            return ()
        return [outcome for outcome in self.outcomes if type(outcome) is not Succeeded]


@dataclass(frozen=True, slots=True)
class LaneState:
    """
    One lane, as it is now.

    Attributes:
        key: As ``Lanes.key`` gives it.
        waiting: Items that were read and wait for their turn.
        in_flight: Items that run.
        limit: How many of them may run at once; None for as many as there are workers.
        paused_until: Monotonic seconds until which nothing starts; 0.0 when it is not paused.
        closed: Why nothing further of it starts; empty while it is open.
    """

    key: Hashable
    waiting: int
    in_flight: int
    limit: int | None
    paused_until: float = 0.0
    closed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesChanged:
    """A snapshot of all lanes that have been seen; sent a few times a second, and at the end."""

    at: float
    lanes: tuple[LaneState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted:
    """A worker is ready."""

    at: float
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEnded:
    """A worker is gone; ``reason`` says why (``"closed"``, ``"recycled"``, ``"SIGKILL"`` …)."""

    at: float
    worker: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersChanged:
    """From now on there are ``workers`` of them, as somebody has asked for."""

    at: float
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """
    A worker wrote to its stdout or stderr.

    Attributes:
        key: The item that was running, or None between items.
        stream: ``"stdout"`` or ``"stderr"``.
        text: What was written, usually whole lines.
    """

    at: float
    worker: str
    key: Key | None
    stream: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """
    A worker emitted a ``logging`` record.

    Attributes:
        record: The record's ``__dict__`` with its message formatted and its exception as text,
            fit for ``logging.makeLogRecord``.
    """

    at: float
    worker: str
    key: Key | None
    record: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """Nothing further is started until ``Continued``."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """The run goes on after a pause."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    """No further item starts; running ones may finish within ``grace`` seconds."""

    at: float
    reason: str
    grace: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """Every item read has settled. ``stopped`` says why the source was not read to its end."""

    at: float
    stopped: str | None


Event: TypeAlias = (
    RunStarted
    | ItemsRead
    | ItemsLeftOut
    | ItemsRunning
    | Retrying
    | ItemsSettled
    | LanesChanged
    | WorkerStarted
    | WorkerEnded
    | WorkersChanged
    | Printed
    | Logged
    | Paused
    | Continued
    | Cancelling
    | RunEnded
)
