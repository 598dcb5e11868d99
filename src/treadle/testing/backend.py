"""Workers that obey a script, on fake time: hours of retries and timeouts pass in no time."""

from __future__ import annotations

import itertools
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, assert_never

from treadle.core.call import Call
from treadle.core.events import Running
from treadle.core.failures import failure_from
from treadle.core.item import Item, Key
from treadle.core.outcome import AnyOutcome, Raised, Succeeded, WorkerLost
from treadle.core.protocols import Capabilities, Finished, Report, Returned
from treadle.testing.clock import FakeClock
from treadle.testing.steps import Dies, Hangs, Raises, Returns, Step

Script: TypeAlias = Mapping[Key, Sequence[Step]] | Callable[[Item], Step]


class Stalled(AssertionError):
    """Nothing is under way, nothing is due, and nobody says anything: a real run would hang."""


class ScriptedBackend:
    """
    Stands in for worker processes; implements ``treadle.core.protocols.Backend``.

    ``wait`` moves the clock to the next thing that is due, and so everything happens in the same
    order each time. Like a process, a worker has one item running and some queued behind it; when
    it dies or is stopped, those behind it are handed back as the innocents that they are.

    Args:
        clock: The time of the dispatcher or machine under test as well.
        script: Steps by key, one for each attempt, of which the last repeats; or a function of
            the item (look at ``item.key`` and ``item.attempt``). Keys that are not in it return
            after a second.
        workers: Number of workers.
        behind: Items that may be queued behind each running one.
        capabilities: What to claim; by default what worker processes claim.
        patience: Real seconds that ``wait`` gives another thread to wake it when nothing is due.
    """

    name = "scripted"

    def __init__(
        self,
        clock: FakeClock,
        script: Script | None = None,
        *,
        workers: int = 2,
        behind: int = 1,
        capabilities: Capabilities | None = None,
        patience: float = 5.0,
    ) -> None:
        self.clock = clock
        self.workers = workers
        self.capabilities = capabilities or Capabilities(
            stops_calls=True,
            isolates=True,
            pickles=False,
            seeds_globals=False,
            interrupts_timeouts=True,
        )
        self._script = script if callable(script) else _by_key(script or {})
        self._behind = behind
        self._patience = patience
        self._names = itertools.count(1)
        self._workers = [_Worker(self._name()) for _ in range(workers)]
        self._reports: list[Report] = []
        self._woken = threading.Event()
        self.closed = False

    def open_call(self, call: Call) -> None:
        """Take any call."""

    def close_call(self, call: Call) -> None:
        """Forget *call*, which left nothing behind."""

    def pack(self, value: Any) -> Any:
        """Return *value* as it is."""
        return value

    def room(self, call: Call, *, paced: bool) -> int:
        """Return the number of idle workers, and when not *paced* the free places behind all."""
        del call
        if paced:
            return sum(worker.item is None and not worker.leaving for worker in self._workers)
        return sum(self._room_at(worker) for worker in self._workers)

    def window(self, call: Call) -> int:
        """Return twice what the workers hold."""
        del call
        return 2 * self.workers * (1 + self._behind)

    def start(self, call: Call, items: Sequence[Item]) -> None:
        """
        Give each item to the worker with the shortest queue.

        Raises:
            AssertionError: More items than there is room for.
        """
        for item in items:
            worker = max(self._workers, key=self._room_at)
            assert self._room_at(worker) > 0, f"no room for {item}"
            worker.queue.append((call, item))
            self._next(worker)

    def stop(self, call: Call, items: Sequence[Item]) -> None:
        """Stop *items*; what was queued behind them is handed back."""
        del call
        stopped = {id(item) for item in items}
        for worker in list(self._workers):
            worker.queue = deque(pair for pair in worker.queue if id(pair[1]) not in stopped)
            if worker.item is not None and id(worker.item) in stopped:
                self._replace(worker)

    def recall(self, call: Call) -> list[Item]:
        """Take back all items of *call* that are queued."""
        back = []
        for worker in self._workers:
            back += [item for of, item in worker.queue if of is call]
            worker.queue = deque(pair for pair in worker.queue if pair[0] is not call)
        return sorted(back, key=lambda item: item.index)

    def resize(self, workers: int) -> None:
        """Have so many workers; those too many end after their running item."""
        self.workers = workers
        staying = [worker for worker in self._workers if not worker.leaving]
        leaving = [worker for worker in self._workers if worker.leaving]
        for worker in leaving[: max(0, workers - len(staying))]:
            worker.leaving = False
        for _ in range(workers - len(staying) - len(leaving)):
            self._workers.append(_Worker(self._name()))
        staying.sort(key=lambda worker: (worker.item is not None, len(worker.queue)))
        for worker in staying[: max(0, len(staying) - workers)]:
            self._hand_back(worker)
            worker.leaving = True
            if worker.item is None:
                self._workers.remove(worker)

    def running(self) -> list[tuple[Item, Running]]:
        """Return what runs now."""
        return [
            (w.item, Running(w.item.key, w.item.index, w.item.attempt, w.name, w.since))
            for w in self._workers
            if w.item is not None
        ]

    @property
    def next_end(self) -> float:
        """When the next running call ends, in monotonic seconds; infinity when none will."""
        return min((worker.ends for worker in self._workers), default=math.inf)

    def wait(self, timeout: float | None) -> list[Report]:
        """
        Move the clock to the next ending, by *timeout* at most, and report.

        Raises:
            Stalled: Nothing will ever happen, and nobody called ``wake`` in the meantime.
        """
        if not self._reports and not self._woken.is_set():
            until = math.inf if timeout is None else self.clock.monotonic() + timeout
            moment = min(until, self.next_end)
            if moment < math.inf:
                self.clock.advance_to(moment)
            elif not self._woken.wait(self._patience):
                raise Stalled("nothing is running and nothing is due: the run would never end")
        self._woken.clear()
        return self.collect()

    def collect(self) -> list[Report]:
        """Report on all that has ended by now, without moving the clock."""
        now = self.clock.monotonic()
        for worker in sorted(self._workers, key=lambda worker: worker.ends):
            if worker.ends <= now:
                self._end(worker)
        reports, self._reports = self._reports, []
        return reports

    def wake(self) -> None:
        """Make ``wait`` return at once."""
        self._woken.set()

    def close(self, *, kill: bool) -> None:
        """End all workers."""
        del kill
        self.closed = True
        self._workers = []

    # ── workers ─────────────────────────────────────────────────────────────────────────────

    def _name(self) -> str:
        return f"scripted-{next(self._names)}"

    def _room_at(self, worker: _Worker) -> int:
        if worker.leaving:
            return 0
        return 1 + self._behind - len(worker.queue) - (worker.item is not None)

    def _next(self, worker: _Worker) -> None:
        """Let an idle worker begin what is queued."""
        if worker.item is not None or not worker.queue:
            return
        worker.call, worker.item = worker.queue.popleft()
        worker.step = self._script(worker.item)
        worker.since = self.clock.monotonic()
        worker.ends = (
            math.inf if isinstance(worker.step, Hangs) else worker.since + worker.step.after
        )

    def _end(self, worker: _Worker) -> None:
        assert worker.call is not None
        assert worker.item is not None
        ending = (worker.item, self._outcome(worker))
        self._reports.append(Finished(worker.call.id, [ending]))
        if isinstance(worker.step, Dies):
            self._replace(worker)
        elif worker.leaving:
            self._workers.remove(worker)
        else:
            worker.item, worker.ends = None, math.inf
            self._next(worker)

    def _replace(self, worker: _Worker) -> None:
        """Put a new worker in the place of one that is gone, and hand its innocents back."""
        self._hand_back(worker)
        position = self._workers.index(worker)
        self._workers[position : position + 1] = [] if worker.leaving else [_Worker(self._name())]

    def _hand_back(self, worker: _Worker) -> None:
        self._reports += [Returned(call.id, [item]) for call, item in worker.queue]
        worker.queue.clear()

    def _outcome(self, worker: _Worker) -> AnyOutcome:
        item, call, since = worker.item, worker.call, worker.since
        assert item is not None
        assert call is not None
        now = self.clock.monotonic()
        started = self.clock.time() - (now - since)
        facts = (item.key, item.index, item.attempt, started, now - since, None, None, worker.name)
        match worker.step:
            case Returns(value=value):
                return Succeeded(*facts, call.function(item.payload) if value is None else value)
            case Raises(error=error):
                return Raised(*facts, failure_from(error), error)
            case Dies(signal=signal, exitcode=exitcode):
                return WorkerLost(*facts, exitcode if signal is None else None, signal)
            case Hangs():
                raise AssertionError("what hangs does not end")
            case step:
                assert_never(step)


@dataclass(eq=False, slots=True)
class _Worker:
    name: str
    item: Item | None = None
    call: Call | None = None
    step: Step = field(default_factory=Hangs)
    since: float = 0.0
    ends: float = math.inf
    leaving: bool = False
    queue: deque[tuple[Call, Item]] = field(default_factory=deque)


def _by_key(script: Mapping[Key, Sequence[Step]]) -> Callable[[Item], Step]:
    def step(item: Item) -> Step:
        steps = script.get(item.key)
        return steps[min(item.attempt, len(steps)) - 1] if steps else Returns()

    return step
