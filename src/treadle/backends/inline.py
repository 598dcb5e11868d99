"""Run calls in the caller's own thread, one at a time: for debugging, and for a single CPU.

A debugger's breakpoint stops where it stands, and Ctrl-C interrupts the very call that runs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from treadle.backends.bell import Bell
from treadle.backends.endings import Work, refuse_async, set_up, tear_down
from treadle.core.call import Call
from treadle.core.context import active, seed_globals
from treadle.core.events import Running
from treadle.core.failures import is_ctrl_c
from treadle.core.item import Item
from treadle.core.outcome import AnyOutcome
from treadle.core.protocols import Broken, Capabilities, Finished, Report, Returned
from treadle.errors import SetupFailed, UsageError

WORKER = "inline"


class Inline:
    """One call at a time, inside ``wait``; made for a dispatcher without a thread of its own."""

    name = "inline"
    capabilities = Capabilities(
        stops_calls=False,
        isolates=False,
        pickles=False,
        seeds_globals=True,
        interrupts_timeouts=False,
        resizes=False,
    )

    def __init__(self) -> None:
        self.workers = 1
        self._queue: deque[Work] = deque()
        self._states: dict[int, Any] = {}
        self._interrupted: Work | None = None
        self._calls: dict[int, Call] = {}
        self._bell = Bell()

    def open_call(self, call: Call) -> None:
        """
        Make *call* known.

        Raises:
            UsageError: The function is async.
        """
        refuse_async(call, self.name)
        self._calls[call.id] = call

    def close_call(self, call: Call) -> None:
        """Forget *call*, and tear its state down."""
        self._calls.pop(call.id, None)
        if call.id in self._states:
            tear_down(call, self._states.pop(call.id))

    def pack(self, value: Any) -> Any:
        """Return *value* as it is: nothing travels."""
        return value

    def room(self, call: Call, *, paced: bool) -> int:
        """Return 1 when nothing is queued."""
        del call, paced
        return 0 if self._queue else 1

    def window(self, call: Call) -> int:
        """Return 1: the source is asked for an item when the consumer has had the one before."""
        del call
        return 1

    def start(self, call: Call, items: Sequence[Item]) -> None:
        """Queue *items*; ``wait`` runs them."""
        self._queue.extend(Work(call, item, item.attempt, WORKER) for item in items)

    def stop(self, call: Call, items: Sequence[Item]) -> None:
        """Forget *items*; while this is called, none runs."""
        del call
        stopped = {id(item) for item in items}
        self._queue = deque(work for work in self._queue if id(work.item) not in stopped)

    def recall(self, call: Call) -> list[Item]:
        """Take back what is queued of *call*."""
        back = [work.item for work in self._queue if work.call is call]
        self._queue = deque(work for work in self._queue if work.call is not call)
        return back

    def running(self) -> list[tuple[Item, Running]]:
        """Return nothing: while this is called, none runs."""
        return []

    def resize(self, workers: int) -> None:
        """
        Refuse: there is one worker, the caller.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            f"the inline backend runs in the caller's own thread and cannot have {workers} workers",
            hint="run with backend='processes', 'threads' or 'coroutines'",
        )

    def wait(self, timeout: float | None) -> list[Report]:
        """
        Run one item and report on it; with nothing queued, wait to be woken.

        Raises:
            KeyboardInterrupt: Ctrl-C. The item it hit is handed back by the next ``wait``.
        """
        if self._interrupted is not None:
            work, self._interrupted = self._interrupted, None
            return [Returned(work.call.id, [work.item])]
        if self._queue:
            return [self._run_next()]
        self._bell.wait(timeout)
        return []

    def wake(self) -> None:
        """Make ``wait`` return at once."""
        self._bell.ring()

    def close(self, *, kill: bool) -> None:
        """Tear down the states that are left, unless *kill*."""
        self._queue.clear()
        calls, states = self._calls, self._states
        self._calls, self._states = {}, {}
        if not kill:
            for call_id, state in states.items():
                tear_down(calls[call_id], state)

    def _run_next(self) -> Report:
        work = self._queue[0]
        try:
            report = self._run(work)
        except KeyboardInterrupt:
            self._interrupted = work
            raise
        finally:
            self._queue.popleft()
        return report

    def _run(self, work: Work) -> Report:
        try:
            arguments = self._arguments(work)
        except SetupFailed as error:
            _let_interrupt_through(error.__cause__)
            return Broken(work.call.id, error)
        try:
            outcome = _attempt(work, arguments)
        except Exception as error:  # ours: an item without an ending would hang its run
            outcome = work.broken_off(error)
        return Finished(work.call.id, [(work.item, outcome)])

    def _arguments(self, work: Work) -> tuple[Any, ...]:
        call = work.call
        if call.setup is None:
            return (work.item.payload,)
        if call.id not in self._states:
            self._states[call.id] = set_up(call)
        return (work.item.payload, self._states[call.id])


def _attempt(work: Work, arguments: tuple[Any, ...]) -> AnyOutcome:
    current = work.begin()
    if current.seed is not None:
        seed_globals(current.seed)
    token = active.set(current)
    cpu = time.process_time()
    try:
        value = work.call.function(*arguments)
    except BaseException as error:
        _let_interrupt_through(error)
        return work.raised(error, time.process_time() - cpu)
    finally:
        active.reset(token)
    return work.returned(value, time.process_time() - cpu)


def _let_interrupt_through(error: BaseException | None) -> None:
    """Raise *error* again if it is the user's Ctrl-C, which only ever reaches the main thread."""
    if error is not None and is_ctrl_c(error):
        raise error
