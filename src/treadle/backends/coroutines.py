"""Run coroutines on an event loop in a thread of its own: for functions that wait for the network.

    dispatcher's thread            loop's thread
    start ──▶ queue ─────────────▶ _admit: up to ``workers`` asyncio tasks at once
    wait  ◀── endings ◀─────────── each task that ends takes the next item from the queue

A stopped call is cancelled, as ``asyncio.Task.cancel`` does it. One that swallows its cancellation
is abandoned: its place is free at once and its result is dropped.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from inspect import isawaitable
from typing import Any

from treadle.backends.bell import Bell
from treadle.backends.endings import Work, setup_failed, warn_of_teardown
from treadle.backends.prefetch import Prefetch
from treadle.core.call import Call
from treadle.core.checks import positive_int
from treadle.core.context import active
from treadle.core.events import Running, WorkerStarted
from treadle.core.item import Item
from treadle.core.outcome import AnyOutcome
from treadle.core.protocols import Broken, Capabilities, Finished, Noted, Report
from treadle.errors import SetupFailed, UsageError

WORKER = "loop"

# When the loop closes: seconds for teardowns and helper threads, and for what has been cancelled.
CLOSING = 10.0
UNWINDING = 2.0
# The same for a kill.
KILLING = 0.5


class Coroutines:
    """
    Calls of ``async def`` functions on one event loop.

    Args:
        workers: Calls that run at once.
    """

    name = "coroutines"
    capabilities = Capabilities(
        stops_calls=True,
        isolates=False,
        pickles=False,
        seeds_globals=False,
        interrupts_timeouts=True,
    )

    def __init__(self, workers: int) -> None:
        positive_int("workers", workers, example="workers=100 runs a hundred calls at once")
        self.workers = workers
        # Between the threads: deques, whose ends are safe to use from both sides.
        self._queue: deque[Work] = deque()
        self._ended: deque[tuple[Work, AnyOutcome]] = deque()
        self._reports: deque[Report] = deque()
        self._bell = Bell()
        # Only the dispatcher's thread touches these.
        self._given: dict[tuple[int, int], Work] = {}
        self._prefetch: defaultdict[int, Prefetch] = defaultdict(Prefetch)
        self._loop: _Loop | None = None

    def open_call(self, call: Call) -> None:
        """
        Make *call* known.

        Raises:
            UsageError: The function is not async.
        """
        if not call.is_async:
            raise UsageError(
                f'{call.name} is not an async function, which backend="coroutines" needs',
                hint='write it as "async def", or use backend="threads"',
            )

    def close_call(self, call: Call) -> None:
        """Forget *call* and have its state torn down on the loop."""
        self._prefetch.pop(call.id, None)
        if call.setup is not None and self._loop is not None:
            self._loop.forget(call)

    def pack(self, value: Any) -> Any:
        """Return *value* as it is: nothing travels."""
        return value

    def room(self, call: Call, *, paced: bool) -> int:
        """Return the free places, and when not *paced* what to keep ready as well."""
        if paced:
            return max(0, self.workers - len(self._given))
        return self._prefetch[call.id].room(self.workers)

    def window(self, call: Call) -> int:
        """Return four items per place; more when they are tiny."""
        return self._prefetch[call.id].window(self.workers)

    def start(self, call: Call, items: Sequence[Item]) -> None:
        """Queue *items* and have the loop look, once for all of them."""
        works = [Work(call, item, item.attempt, WORKER) for item in items]
        for work in works:
            self._given[call.id, work.item.index] = work
        self._prefetch[call.id].given += len(works)
        self._queue.extend(works)
        if self._loop is None:
            self._loop = _Loop(self)
            note = WorkerStarted(at=time.monotonic(), worker=WORKER)
            self._reports.append(Noted(None, note))
            self._loop.start()
        self._loop.admit_soon()

    def stop(self, call: Call, items: Sequence[Item]) -> None:
        """Cancel *items*; whatever still comes of them is dropped."""
        works = []
        for item in items:
            work = self._given.pop((call.id, item.index), None)
            if work is not None:
                work.dropped = True
                works.append(work)
        self._prefetch[call.id].given -= len(works)
        if works and self._loop is not None:
            self._loop.cancel_soon(works)

    def recall(self, call: Call) -> list[Item]:
        """Take back what has not begun."""
        back, others = [], []
        while True:
            # One by one: the loop takes from the other end meanwhile, and each item goes to one.
            try:
                work = self._queue.pop()
            except IndexError:
                break
            if work.call is not call:
                others.append(work)
            elif not work.dropped:
                back.append(work)
        self._queue.extendleft(others)
        if others and self._loop is not None:
            self._loop.admit_soon()
        for work in back:
            del self._given[call.id, work.item.index]
        self._prefetch[call.id].given -= len(back)
        return [work.item for work in reversed(back)]

    def running(self) -> list[tuple[Item, Running]]:
        """Return what runs now."""
        now = [(work.item, work.running()) for work in self._given.values()]
        return [(item, running) for item, running in now if running is not None]

    def resize(self, workers: int) -> None:
        """Let so many calls run at once from now on; those that run now go on."""
        self.workers = workers
        if self._loop is not None:
            self._loop.admit_soon()

    def wait(self, timeout: float | None) -> list[Report]:
        """Return what has ended; wait for it up to *timeout* seconds."""
        if not self._ended and not self._reports:
            self._bell.wait(timeout)
        self._bell.clear()  # before the look
        return self._collect()

    def wake(self) -> None:
        """Make ``wait`` return at once."""
        self._bell.ring()

    def close(self, *, kill: bool) -> None:
        """
        Cancel what is left, tear states down (unless *kill*), and close the loop.

        Args:
            kill: Give cancelled coroutines half a second instead of two to end.
        """
        self._queue.clear()
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close(kill=kill)

    def _collect(self) -> list[Report]:
        reports: list[Report] = []
        while self._reports:
            reports.append(self._reports.popleft())
        finished: dict[int, Finished] = {}
        for _ in range(len(self._ended)):
            work, outcome = self._ended.popleft()
            if work.dropped:
                continue
            call_id = work.call.id
            del self._given[call_id, work.item.index]
            report = finished.get(call_id)
            if report is None:
                report = finished[call_id] = Finished(call_id, [])
                reports.append(report)
            report.endings.append((work.item, outcome))
        for call_id, report in finished.items():
            self._prefetch[call_id].took(report.endings)
        return reports

    # ── what the loop uses ──────────────────────────────────────────────────────────────────

    def next_work(self) -> Work | None:
        """Return the next attempt that is still wanted, or None."""
        while True:
            try:
                work = self._queue.popleft()
            except IndexError:
                return None
            if not work.dropped:
                return work

    def ended(self, work: Work, outcome: AnyOutcome) -> None:
        """Hand in how *work* ended."""
        self._ended.append((work, outcome))
        self.wake()

    def told(self, report: Report) -> None:
        """Hand in something else."""
        self._reports.append(report)
        self.wake()


class _Loop:
    """
    The event loop, its thread and what runs on it.

    ``start``, ``close`` and the methods ending in ``_soon`` are for the dispatcher's thread, and so
    is ``forget``. Everything else happens on the loop.
    """

    def __init__(self, backend: Coroutines) -> None:
        self._backend = backend
        self._loop = asyncio.new_event_loop()
        # Ours rather than the loop's, because only this one can be shut down without waiting.
        self._helpers = ThreadPoolExecutor(thread_name_prefix="treadle-loop-helper")
        self._loop.set_default_executor(self._helpers)
        self._thread = threading.Thread(target=self._live, name="treadle-loop", daemon=True)
        self._closing = False
        self._patience = CLOSING
        self._unwinding = UNWINDING
        self._tear_down_all = True
        self._admitting = False
        self._busy = 0
        self._tasks: dict[Work, asyncio.Task[None]] = {}
        self._states: dict[int, tuple[Call, asyncio.Task[Any]]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def admit_soon(self) -> None:
        """Have the loop look at the queue."""
        if not self._admitting:  # one call across threads for all that is queued until it runs
            self._admitting = True
            self._loop.call_soon_threadsafe(self._admit)

    def cancel_soon(self, works: list[Work]) -> None:
        """Have the loop cancel *works*."""
        self._loop.call_soon_threadsafe(self._cancel, works)

    def forget(self, call: Call) -> None:
        """Have the loop tear down the state of *call*."""
        self._loop.call_soon_threadsafe(self._forget, call)

    def close(self, *, kill: bool) -> None:
        """End it all and wait for the thread, though not for one that is stuck."""
        self._patience = KILLING if kill else CLOSING
        self._unwinding = KILLING if kill else UNWINDING
        self._tear_down_all = not kill
        self._closing = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not threading.current_thread():
            # All that a closing loop waits for, and a second: past that, a call blocks it.
            self._thread.join(2 * self._patience + 2 * self._unwinding + 1.0)

    # ── calls ───────────────────────────────────────────────────────────────────────────────

    def _admit(self) -> None:
        self._admitting = False  # down before the look: whoever queues after it calls again
        backend, loop = self._backend, self._loop
        while self._busy < backend.workers and (work := backend.next_work()) is not None:
            self._busy += 1
            # A fresh context: this may run inside the task of the item before.
            self._tasks[work] = loop.create_task(self._run(work), context=Context())

    async def _run(self, work: Work) -> None:
        try:
            arguments = await self._arguments(work)
            outcome = await _attempt(work, arguments)
        except SetupFailed:
            return  # the call as a whole is broken, and that was reported
        except BaseException as error:  # ours: an item without an ending would hang its run
            outcome = work.broken_off(error)
        finally:
            if self._tasks.pop(work, None) is not None:
                self._give_place()
        if not work.dropped:
            self._backend.ended(work, outcome)

    def _give_place(self) -> None:
        self._busy -= 1
        if not self._closing:
            self._admit()

    def _cancel(self, works: list[Work]) -> None:
        for work in works:
            task = self._tasks.pop(work, None)
            if task is not None:
                task.cancel()
                self._give_place()

    # ── state ───────────────────────────────────────────────────────────────────────────────

    async def _arguments(self, work: Work) -> tuple[Any, ...]:
        call, payload = work.call, work.item.payload
        if call.setup is None:
            return (payload,)
        if call.id not in self._states:
            making = self._loop.create_task(self._set_up(call), context=Context())
            self._states[call.id] = (call, making)
        making = self._states[call.id][1]
        if making.done():  # for all but the first items; waiting for it would cost each of them
            state = making.result()
            if isinstance(state, SetupFailed):
                raise state
            return (payload, state)
        # Shielded: one item that is cancelled must not take the state of all others with it.
        state = await asyncio.shield(making)
        if isinstance(state, SetupFailed):
            raise state
        return (payload, state)

    async def _set_up(self, call: Call) -> Any:
        """Make the state, or return why it could not be made: an exception would go unretrieved."""
        assert call.setup is not None
        try:
            state = call.setup()
            return await state if isawaitable(state) else state
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self._closing:
                raise
            failed = setup_failed(call, error)
            self._backend.told(Broken(call.id, failed))
            return failed

    def _forget(self, call: Call) -> None:
        if call.id in self._states:
            task = self._loop.create_task(self._tear_down(*self._states.pop(call.id)))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _tear_down(self, call: Call, making: asyncio.Task[Any]) -> None:
        making.cancel()  # does nothing to a state that is ready
        await asyncio.wait([making])
        if making.cancelled() or call.teardown is None:
            return
        state = making.result()
        if isinstance(state, SetupFailed):
            return
        try:
            gone = call.teardown(state)
            if isawaitable(gone):
                await gone
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self._closing:
                raise
            warn_of_teardown(call, error)

    # ── the thread ──────────────────────────────────────────────────────────────────────────

    def _live(self) -> None:
        self._until_closing()
        try:
            self._finish(self._end_calls())
        finally:
            self._shut_helpers_down()
            self._loop.close()

    def _until_closing(self) -> None:
        while not self._closing:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # From a task that a call has made for itself: asyncio lets these two through, and
                # gives them to whoever awaits that task as well. So the call has its ending.
                continue

    def _finish(self, ending: Any) -> None:
        task = self._loop.create_task(ending)
        while not task.done():
            try:
                self._loop.run_until_complete(task)
            except (SystemExit, KeyboardInterrupt):
                continue  # as above

    async def _end_calls(self) -> None:
        """Tear down, cancel what is left, and close the asynchronous generators."""
        if self._tear_down_all:
            await _ended(set(self._tasks.values()), self._unwinding)
            for call, _ in list(self._states.values()):
                self._forget(call)
            if self._leaving:
                await asyncio.wait(self._leaving, timeout=self._patience)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for stuck in await _ended(rest, self._unwinding):
            # It swallows its cancellation. There is no way to end it, and no news in asyncio's
            # complaint that it was destroyed while pending.
            stuck._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
        await self._loop.shutdown_asyncgens()

    def _shut_helpers_down(self) -> None:
        """End the threads behind ``asyncio.to_thread``; one that is stuck is left behind."""
        self._helpers.shutdown(wait=False, cancel_futures=True)
        closer = threading.Thread(
            target=self._helpers.shutdown, name="treadle-loop-closer", daemon=True
        )
        closer.start()
        closer.join(self._patience)


async def _ended(tasks: set[asyncio.Task[Any]], patience: float) -> set[asyncio.Task[Any]]:
    """Cancel *tasks*, wait for them up to *patience* seconds, and return those that go on."""
    if not tasks:
        return set()
    for task in tasks:
        if not task.cancelling():  # a second cancellation would interrupt the clean-up of the first
            task.cancel()
    _, going_on = await asyncio.wait(tasks, timeout=patience)
    return going_on


async def _attempt(work: Work, arguments: tuple[Any, ...]) -> AnyOutcome:
    active.set(work.begin())  # each task has a context of its own, which ends with it
    try:
        value = await work.call.function(*arguments)
    except BaseException as error:
        return work.raised(error, None)
    return work.returned(value, None)
