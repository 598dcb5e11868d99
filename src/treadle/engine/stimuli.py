"""What the machine may be told, and what it may order. Both are closed sets of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from treadle.core.events import Event, Running
from treadle.core.item import Item
from treadle.core.outcome import AnyOutcome
from treadle.core.protocols import Broken, Delivered, Finished, Returned


@dataclass(slots=True)
class ItemsRead:
    """The source gave these items."""

    items: Sequence[Item]


@dataclass(slots=True)
class ItemsRefused:
    """The source gave these items, and each is settled already: its argument cannot travel."""

    endings: Sequence[tuple[Item, AnyOutcome]]


@dataclass(slots=True)
class SourceEnded:
    """The source has no more items; ``error`` is what it raised, if it did."""

    error: BaseException | None = None


@dataclass(slots=True)
class Tick:
    """
    Time has passed.

    Attributes:
        room: Items that the backend would take now.
        window: Items that may be between source and consumer.
        consumed: Outcomes that the consumer has taken since the run began.
        running: What runs now; None when the backend was not asked.
    """

    room: int
    window: int
    consumed: int
    running: Sequence[tuple[Item, Running]] | None = None


@dataclass(slots=True)
class Pause:
    """Start nothing further."""


@dataclass(slots=True)
class Continue:
    """Go on after a pause."""


@dataclass(slots=True)
class Cancel:
    """Start nothing further, let running items finish for ``grace`` seconds, then kill them."""

    reason: str
    grace: float


Stimulus: TypeAlias = (
    ItemsRead
    | ItemsRefused
    | SourceEnded
    | Finished
    | Delivered
    | Returned
    | Broken
    | Tick
    | Pause
    | Continue
    | Cancel
)


@dataclass(slots=True)
class ReadItems:
    """Read up to ``count`` further items from the source."""

    count: int


@dataclass(slots=True)
class StopReading:
    """Read nothing further."""


@dataclass(slots=True)
class StartItems:
    """Give these items to the backend."""

    items: list[Item]


@dataclass(slots=True)
class StopItems:
    """Stop these items; the machine has settled or rescheduled them already."""

    items: list[Item]


@dataclass(slots=True)
class RecallItems:
    """Take back what the backend has not begun."""


@dataclass(slots=True)
class Release:
    """Hand these outcomes to the consumer."""

    outcomes: Sequence[AnyOutcome]


@dataclass(slots=True)
class Tell:
    """Tell the listeners."""

    event: Event


@dataclass(slots=True)
class End:
    """The run is over; ``error`` is why it could not go on, if it could not."""

    error: BaseException | None


Order: TypeAlias = (
    ReadItems | StopReading | StartItems | StopItems | RecallItems | Release | Tell | End
)
