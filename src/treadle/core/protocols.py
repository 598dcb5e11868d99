"""What a backend, a sink, a source and a listener are: the verbs, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from treadle.core.call import Call
from treadle.core.events import Event, Running
from treadle.core.item import Item, Key
from treadle.core.outcome import AnyOutcome
from treadle.errors import SinkFailed

Listener: TypeAlias = Callable[[Event], object]
"""Consumes events, one at a time, in the dispatcher's thread: return quickly, never block.

An exception in a listener is reported once as a ``RuntimeWarning`` and ends that listener only.
"""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """
    What a backend can do, so that what it cannot do is never a surprise.

    Attributes:
        stops_calls: A running call can be stopped (processes: killed; coroutines: cancelled).
            Where False, a timed-out call is *abandoned*: its outcome is reported at once, and
            it keeps its thread until it returns.
        isolates: A call that takes its process down takes nothing else with it.
        pickles: Items and results are pickled; nothing is shared with the caller.
        seeds_globals: With ``seed=``, ``random`` and ``numpy.random`` are seeded for each item.
            Where False, use ``treadle.current().random``.
        interrupts_timeouts: A timeout takes effect while the call runs. Where False (inline), it
            is noticed when the call returns.
        resizes: The number of workers can be changed while they work.
    """

    stops_calls: bool
    isolates: bool
    pickles: bool
    seeds_globals: bool
    interrupts_timeouts: bool
    resizes: bool = True


@dataclass(slots=True)
class Finished:
    """Attempts of one call that ended, each with how."""

    call: int
    endings: list[tuple[Item, AnyOutcome]]


@dataclass(slots=True)
class Delivered:
    """Attempts of one call that all succeeded, in bulk: ``outcomes[i]`` is that of ``items[i]``."""

    call: int
    items: list[Item]
    outcomes: Sequence[AnyOutcome]


@dataclass(slots=True)
class Returned:
    """Items that were given to the backend and never began; start them again, uncharged."""

    call: int
    items: list[Item]


@dataclass(slots=True)
class Broken:
    """The backend cannot run this call at all; ``error`` says why."""

    call: int
    error: BaseException


@dataclass(slots=True)
class Noted:
    """Something to tell the listeners of one call (``call``), or of all (None)."""

    call: int | None
    event: Event


Report: TypeAlias = Finished | Delivered | Returned | Broken | Noted


class Backend(Protocol):
    """
    Runs calls somewhere else. The dispatcher uses all of this, and nothing more.

    ``pack``, ``wake`` and ``open_call`` may be used from any thread; the rest belongs to the
    dispatcher's thread.
    """

    name: str
    workers: int
    capabilities: Capabilities

    def open_call(self, call: Call) -> None:
        """
        Make *call* known. Fails here, before any worker starts, if it cannot travel.

        Raises:
            NotPicklable: The function, its setup or its teardown cannot be pickled.
            UsageError: This backend cannot run such a function.
        """

    def close_call(self, call: Call) -> None:
        """Forget *call*; none of its items is in flight."""

    def pack(self, value: Any) -> Any:
        """
        Turn an item's value into what ``start`` takes.

        Raises:
            NotPicklable: The value cannot travel.
        """

    def room(self, call: Call, *, paced: bool) -> int:
        """How many more items of *call* ``start`` should get now; *paced*: none to wait behind."""

    def window(self, call: Call) -> int:
        """How many items of *call* may be between source and consumer."""

    def start(self, call: Call, items: Sequence[Item]) -> None:
        """Run these items."""

    def stop(self, call: Call, items: Sequence[Item]) -> None:
        """Stop these running items, one way or another, and never report on this attempt."""

    def recall(self, call: Call) -> list[Item]:
        """Take back all items of *call* that have not begun."""

    def running(self) -> list[tuple[Item, Running]]:
        """What runs now."""

    def resize(self, workers: int) -> None:
        """
        Have so many workers from now on; those too many end when their running item has.

        Raises:
            UsageError: This backend cannot, as its capabilities say.
        """

    def wait(self, timeout: float | None) -> list[Report]:
        """Return what happened; wait up to *timeout* seconds (None: for ever) for the first."""

    def wake(self) -> None:
        """Make a ``wait`` in progress, or the next one, return at once."""

    def close(self, *, kill: bool) -> None:
        """End all workers: in an orderly way, or by force."""


class Sink(Protocol):
    """
    Takes the values of one run, in the order in which they settle. One writer, one thread.

    ``write`` gets outcomes of every ending; most sinks take only those that are ``ok``.
    """

    def open(self) -> None:
        """
        Get ready.

        Raises:
            UsageError: The place cannot be written to.
        """

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """
        Take outcomes; return those whose value does not fit, each with why. All others are stored.

        Raises:
            SinkFailed: Nothing further can be stored, such as when the disk is full; of *outcomes*
                nothing was.
        """

    def close(self) -> None:
        """
        Finish: after this, the file is whole.

        Raises:
            SinkFailed: It cannot be finished; ``abandon`` follows.
        """

    def abandon(self) -> str | None:
        """
        End without finishing: the run was ended early, or all items failed.

        What was finished by an earlier run stays. Does nothing when the sink is not open.

        Returns:
            Where to find what was stored, which for a file is under another name; None when
            nothing is kept, or in no place that has a path.
        """

    def values(self) -> Iterable[Any]:
        """Return what was stored."""


Mark: TypeAlias = dict[str, Any]
"""How to come back to a point in what a sink has stored; JSON can hold it."""


@runtime_checkable
class DurableSink(Sink, Protocol):
    """
    A sink that a later run can go on with, after whatever end the first one had.

    The driver takes a mark, then commits it to the ledger together with the items that were
    written before it. A crash may come between any two steps: ``resume`` with the last mark that
    was committed brings back exactly what was there when it was taken.
    """

    def mark(self, *, whole: bool = False) -> Mark:
        """
        Make everything written so far safe on disk; return how to come back to this point.

        Args:
            whole: The run is at its end: bring the data into its final form, still under another
                name; ``close`` gives it its own.

        Raises:
            SinkFailed: That is not possible, such as when the disk is full.
        """

    def resume(self, mark: Mark, without: Collection[Key] = ()) -> None:
        """
        Open for writing after *mark*; what was written later is taken back.

        Args:
            mark: What ``mark`` has returned, in this process or an earlier one.
            without: Leave out the rows of these items, which will run again.

        Raises:
            UsageError: What *mark* speaks of was changed or removed, or another run writes it.
        """

    def look(self, mark: Mark) -> None:
        """
        Make ``values`` and ``stored`` read what *mark* speaks of; nothing is opened for writing.

        Raises:
            UsageError: It is not there any more.
        """

    def stored(self) -> Iterable[tuple[Key, Any]]:
        """Yield the key and the value of each row, in the order of the file, lazily."""


class Source(Protocol):
    """
    An iterable of values that knows their keys.

    Any iterable can be a source; keys are then the positions. A source of ours adds ``key``,
    and ``__len__`` where the number is known beforehand. One that may come upon values that are
    not sound has ``check_value(value)``, which raises for such a value: its item fails with that,
    and the function is not called. One that reads files has ``spare(path)``, which is told where
    values will be written, and leaves that out or raises ``UsageError``.

    One whose values may change between runs has ``fingerprint(value)``: text that differs when the
    content does. A resumed run does again what has changed.
    """

    def __iter__(self) -> Any:
        """Yield the values, lazily."""

    def key(self, value: Any, index: int) -> str | int:
        """Return the stable key of *value*, which came at position *index*."""
