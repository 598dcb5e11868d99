"""Run calls in threads of this process: for functions that wait, or that release the GIL.

A thread cannot be stopped. A call that must be is *abandoned*: its thread is written off and
replaced, and whatever it still returns is dropped.

    start ──▶ queue ──▶ threads, each taking the next item when it is free
                            │
    wait ◀── endings ◀──────┘
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from treadle.backends.bell import Bell
from treadle.backends.endings import Work, refuse_async, set_up, tear_down
from treadle.backends.prefetch import Prefetch
from treadle.core.call import Call
from treadle.core.checks import positive_int
from treadle.core.context import active
from treadle.core.events import Running, WorkerEnded, WorkerStarted
from treadle.core.item import Item
from treadle.core.outcome import AnyOutcome
from treadle.core.protocols import Broken, Capabilities, Finished, Noted, Report
from treadle.errors import SetupFailed

# Seconds for idle threads to end on an orderly close, teardowns included. A teardown that takes
# longer is left behind: threads are daemons and do not keep the program alive.
CLOSING = 10.0


class Threads:
    """
    Calls in daemon threads, started when there is something to do.

    Args:
        workers: Threads that run at once; abandoned ones do not count.
    """

    name = "threads"
    capabilities = Capabilities(
        stops_calls=False,
        isolates=False,
        pickles=False,
        seeds_globals=False,
        interrupts_timeouts=True,
    )

    def __init__(self, workers: int) -> None:
        positive_int("workers", workers, example="workers=8 runs eight calls at once")
        self.workers = workers
        # Guards the queue, the threads and their flags; notified when a thread has something to do.
        self._changed = threading.Condition()
        self._queue: deque[Work] = deque()
        self._threads: list[_Thread] = []
        self._retired: list[_Thread] = []  # one too many: they tear down and end
        self._named = 0
        self._closing = False
        # Filled by the threads and emptied by ``wait``.
        self._ended: deque[tuple[Work, AnyOutcome | SetupFailed]] = deque()
        self._notes: deque[Noted] = deque()
        self._bell = Bell()
        # Only the dispatcher's thread touches these.
        self._given: dict[tuple[int, int], Work] = {}
        self._prefetch: defaultdict[int, Prefetch] = defaultdict(Prefetch)

    def open_call(self, call: Call) -> None:
        """
        Make *call* known.

        Raises:
            UsageError: The function is async.
        """
        refuse_async(call, self.name)
        with self._changed:
            if not self._threads:  # one at least, as none can be had once the program ends
                self._hire()

    def close_call(self, call: Call) -> None:
        """Forget *call*; each thread tears its state down as soon as it is free."""
        self._prefetch.pop(call.id, None)
        if call.setup is not None:
            with self._changed:
                for thread in self._threads:
                    thread.leaving.append(call)
                self._changed.notify_all()

    def pack(self, value: Any) -> Any:
        """Return *value* as it is: nothing travels."""
        return value

    def room(self, call: Call, *, paced: bool) -> int:
        """Return the number of free threads, and when not *paced* what to keep ready as well."""
        if paced:
            return max(0, self.workers - len(self._given))
        return self._prefetch[call.id].room(self.workers)

    def window(self, call: Call) -> int:
        """Return four items per thread; more when they are tiny."""
        return self._prefetch[call.id].window(self.workers)

    def start(self, call: Call, items: Sequence[Item]) -> None:
        """Queue *items* and have the threads look."""
        works = [Work(call, item, item.attempt) for item in items]
        for work in works:
            self._given[call.id, work.item.index] = work
        self._prefetch[call.id].given += len(works)
        with self._changed:
            self._queue.extend(works)
            self._hire_for_queue()
            self._changed.notify(len(works))

    def stop(self, call: Call, items: Sequence[Item]) -> None:
        """Abandon *items*: whatever happens to them is dropped, and their threads are replaced."""
        dropped = set()
        with self._changed:
            for item in items:
                work = self._given.pop((call.id, item.index), None)
                if work is not None:
                    work.dropped = True
                    dropped.add(work)
            self._prefetch[call.id].given -= len(dropped)
            self._queue = deque(work for work in self._queue if not work.dropped)
            for thread in list(self._threads):
                if thread.work in dropped:
                    self._write_off(thread)

    def recall(self, call: Call) -> list[Item]:
        """Take back what no thread has begun."""
        with self._changed:
            back = [work for work in self._queue if work.call is call]
            self._queue = deque(work for work in self._queue if work.call is not call)
        for work in back:
            del self._given[call.id, work.item.index]
        self._prefetch[call.id].given -= len(back)
        return [work.item for work in back]

    def running(self) -> list[tuple[Item, Running]]:
        """Return what runs now, by thread."""
        with self._changed:
            works = [thread.work for thread in self._threads]
        now = [(work.item, work.running()) for work in works if work is not None]
        return [(item, running) for item, running in now if running is not None]

    def resize(self, workers: int) -> None:
        """Have so many threads; those too many end as soon as they are free."""
        with self._changed:
            self.workers = workers
            self._hire_for_queue()
            self._changed.notify_all()

    def wait(self, timeout: float | None) -> list[Report]:
        """Return what has ended; wait for it up to *timeout* seconds."""
        if not self._ended and not self._notes:
            self._bell.wait(timeout)
        self._bell.clear()  # before the look
        return self._collect()

    def wake(self) -> None:
        """Make ``wait`` return at once."""
        self._bell.ring()

    def close(self, *, kill: bool) -> None:
        """
        End all threads.

        Args:
            kill: Return at once, and leave behind what is inside a call; no state is torn down.
        """
        with self._changed:
            self._closing = True
            threads, self._threads, self._retired = [*self._threads, *self._retired], [], []
            self._queue.clear()
            for thread in threads:
                thread.killed = kill
            self._changed.notify_all()
        until = time.monotonic() + CLOSING
        for thread in threads:
            if thread is threading.current_thread() or (kill and thread.work is not None):
                continue
            thread.join(max(0.0, until - time.monotonic()))

    # ── threads come and go; each of these holds ``_changed`` ────────────────────────────────

    def _hire_for_queue(self) -> None:
        busy = sum(thread.work is not None for thread in self._threads)
        wanted = min(self.workers, busy + len(self._queue))
        for _ in range(wanted - len(self._threads)):
            self._hire()

    def _hire(self) -> None:
        self._named += 1
        thread = _Thread(self, f"thread-{self._named}")
        try:
            thread.start()
        except RuntimeError:
            # Python 3.12 starts no thread once the program ends: those there are finish the work.
            if not self._threads:
                raise
            return
        self._threads.append(thread)
        self._notes.append(Noted(None, WorkerStarted(at=time.monotonic(), worker=thread.worker)))

    def _write_off(self, thread: _Thread) -> None:
        thread.written_off = True
        self._threads.remove(thread)
        note = WorkerEnded(at=time.monotonic(), worker=thread.worker, reason="abandoned")
        self._notes.append(Noted(None, note))
        if self._queue:
            self._hire()

    def _retire(self, thread: _Thread) -> None:
        self._threads.remove(thread)
        self._retired = [*(each for each in self._retired if each.is_alive()), thread]
        note = WorkerEnded(at=time.monotonic(), worker=thread.worker, reason="closed")
        self._notes.append(Noted(None, note))
        self._bell.ring()

    # ── what the threads use ────────────────────────────────────────────────────────────────

    def next_work(self, thread: _Thread) -> Work | Call | None:
        """Wait for the next thing to do: an attempt, a call to forget, or None for the end."""
        changed = self._changed
        with changed:
            thread.work = None
            while True:
                if thread.written_off or thread.killed:
                    return None
                if thread.leaving:
                    return thread.leaving.popleft()
                if len(self._threads) > self.workers:
                    self._retire(thread)
                    return None
                if self._queue:
                    work = thread.work = self._queue.popleft()
                    work.worker = thread.worker
                    return work
                if self._closing:
                    return None
                changed.wait()

    def ended(self, work: Work, how: AnyOutcome | SetupFailed) -> None:
        """Hand in how *work* ended."""
        self._ended.append((work, how))
        self._bell.ring()

    # ── what has ended ──────────────────────────────────────────────────────────────────────

    def _collect(self) -> list[Report]:
        reports: list[Report] = []
        while self._notes:
            reports.append(self._notes.popleft())
        finished: dict[int, Finished] = {}
        for _ in range(len(self._ended)):
            work, how = self._ended.popleft()
            if work.dropped:
                continue
            call_id = work.call.id
            if isinstance(how, SetupFailed):
                reports.append(Broken(call_id, how))  # its item stays here until it is stopped
                continue
            del self._given[call_id, work.item.index]
            report = finished.get(call_id)
            if report is None:
                report = finished[call_id] = Finished(call_id, [])
                reports.append(report)
            report.endings.append((work.item, how))
        for call_id, report in finished.items():
            self._prefetch[call_id].took(report.endings)
        return reports


class _Thread(threading.Thread):
    """One worker. Its flags belong to ``Threads._changed``, its states to itself."""

    def __init__(self, backend: Threads, worker: str) -> None:
        super().__init__(name=f"treadle-{worker}", daemon=True)
        self.worker = worker
        self.work: Work | None = None
        self.leaving: deque[Call] = deque()
        self.written_off = False
        self.killed = False
        self._backend = backend
        self._states: dict[int, tuple[Call, Any]] = {}

    def run(self) -> None:
        """Do one thing after the other until there is nothing more to come."""
        while self._step():
            pass
        if not self.killed:
            for call, state in self._states.values():
                self._tear_down(call, state)

    def _step(self) -> bool:
        # A frame of its own, so that an idle thread does not keep its last item alive.
        todo = self._backend.next_work(self)
        if isinstance(todo, Work):
            try:
                how = self._do(todo)
            except BaseException as error:  # ours: an item without an ending would hang its run
                how = todo.broken_off(error)
            self._backend.ended(todo, how)
        elif todo is not None and todo.id in self._states:
            self._tear_down(*self._states.pop(todo.id))
        return todo is not None

    def _do(self, work: Work) -> AnyOutcome | SetupFailed:
        call, payload = work.call, work.item.payload
        if call.setup is None:
            return _attempt(work, (payload,))
        if call.id not in self._states:
            try:
                self._states[call.id] = (call, set_up(call))
            except SetupFailed as error:
                self._states[call.id] = (call, error)
        state = self._states[call.id][1]
        return state if isinstance(state, SetupFailed) else _attempt(work, (payload, state))

    def _tear_down(self, call: Call, state: Any) -> None:
        if not isinstance(state, SetupFailed):
            tear_down(call, state)


def _attempt(work: Work, arguments: tuple[Any, ...]) -> AnyOutcome:
    token = active.set(work.begin())
    cpu = time.thread_time()
    try:
        value = work.call.function(*arguments)
    except BaseException as error:
        return work.raised(error, time.thread_time() - cpu)
    finally:
        active.reset(token)
    return work.returned(value, time.thread_time() - cpu)
