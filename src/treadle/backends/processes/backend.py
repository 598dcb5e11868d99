"""Run calls in worker processes: who gets which items, and what follows when a worker dies."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from treadle.backends import cpus
from treadle.backends.processes.deaths import TOO_HEAVY, Death
from treadle.backends.processes.loader import Loader
from treadle.backends.processes.memory import MemoryWatch
from treadle.backends.processes.pace import Pace
from treadle.backends.processes.packing import (
    Packed,
    is_atom,
    pack,
    pack_function,
)
from treadle.backends.processes.results import Results
from treadle.backends.processes.seat import Batch, Seat
from treadle.backends.processes.segments import OPEN
from treadle.backends.processes.wakeup import WakeUp
from treadle.backends.processes.wire import Kind, encode
from treadle.core import events
from treadle.core.call import Call
from treadle.core.failures import failure_from
from treadle.core.item import Item
from treadle.core.outcome import AnyOutcome, Failure, Unpicklable
from treadle.core.protocols import (
    Broken,
    Capabilities,
    Delivered,
    Finished,
    Noted,
    Report,
    Returned,
)
from treadle.errors import SetupFailed, UsageError

SEGMENTS = 64  # large arguments under way: each holds a descriptor and at least 1 MiB
START_METHODS = ("forkserver", "spawn", "fork")
FALSE_STARTS = 3  # workers in a row that may die before their first item
BALANCE_EVERY = 0.005  # seconds between looks at an idle worker's busy neighbours
WORTH_TAKING = 0.002  # seconds of queued work below which taking back costs more than it gains
WORTH_A_WORKER = 0.05  # the same, when a worker must be started first to take it
GOODBYE = 10.0  # seconds that workers get to tear down and exit
FUNERAL = 5.0  # seconds in which a killed worker is reaped, or the machine is in real trouble


class Processes:
    """
    The process backend.

    Args:
        workers: Number of worker processes.
        start_method: ``"forkserver"`` (the default on POSIX), ``"spawn"``, or ``"fork"``, which
            copies the driver with all its locks and is only for those who know why.
        max_items_per_worker: Replace a worker after so many items.
        max_worker_memory: Replace a worker above so many bytes of resident memory. One that gets
            there in the middle of its first item is killed, and the item settles as ``WorkerLost``;
            in a later item, the item is run again on a fresh worker, which proves who was to blame.
        min_free_memory: Start nothing while less than so many bytes of the machine are free.
    """

    name = "processes"
    capabilities = Capabilities(
        stops_calls=True,
        isolates=True,
        pickles=True,
        seeds_globals=True,
        interrupts_timeouts=True,
    )

    def __init__(
        self,
        workers: int,
        *,
        start_method: str | None = None,
        max_items_per_worker: int | None = None,
        max_worker_memory: int | None = None,
        min_free_memory: int | None = None,
    ) -> None:
        if os.name != "posix":
            raise UsageError(
                f"the process backend needs POSIX (Linux, macOS), this is {sys.platform!r}",
                hint="use backend='threads', 'coroutines' or 'inline'",
            )
        self.workers = workers
        self._method = start_method or "forkserver"
        if self._method not in START_METHODS:
            raise UsageError(
                f"no start method called {start_method!r}",
                hint=f"choose one of: {', '.join(START_METHODS)}",
            )
        if self._method == "fork":
            warnings.warn(
                "start_method='fork' copies this process with every lock its threads hold; a "
                "worker that needs such a lock (Polars, OpenMP, logging, gRPC) waits for ever. "
                "Use 'forkserver' unless this process is single-threaded",
                RuntimeWarning,
                stacklevel=4,
            )
        self._max_items = max_items_per_worker
        self._max_memory = max_worker_memory
        self._watch = MemoryWatch(max_worker_memory, min_free_memory)
        self._seats: list[Seat] = []
        self._most = workers  # fewer than asked for once the system allows no more
        self._started = 0
        self._false_starts: dict[int, int] = {}  # by call
        self._calls: dict[int, Call] = {}
        self._frames: dict[int, bytes] = {}
        self._paces: dict[int, Pace] = {}
        self._reports: list[Report] = []
        self._packs = False  # some item was packed
        self._closed = False
        self._never = threading.Event()
        self._wake_up = WakeUp()
        self.wake = self._wake_up.set
        self._loader = Loader(self.wake)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_up, selectors.EVENT_READ, self._wake_up.clear)

    # ── from any thread ─────────────────────────────────────────────────────────────────────

    def open_call(self, call: Call) -> None:
        """
        Pack the function, its setup and its teardown.

        Raises:
            NotPicklable: One of them cannot travel.
            UsageError: The function is ``async``.
        """
        if call.is_async:
            raise UsageError(
                f"{call.name} is an async function, which worker processes cannot await",
                hint="use backend='coroutines', or backend='auto'",
            )
        body: dict[str, Any] = {"id": call.id, "seed": call.seed}
        for part in ("function", "setup", "teardown"):
            body[part] = pack_function(getattr(call, part))
        self._frames[call.id] = encode(Kind.CALL, body)
        self._paces[call.id] = Pace()
        self._calls[call.id] = call

    def pack(self, value: Any) -> Any:
        """
        Pack an item's value; wait first while there are too many large ones on their way.

        Raises:
            NotPicklable: It cannot travel.
        """
        if is_atom(value):
            return value
        while len(OPEN) >= SEGMENTS and not self._closed:
            self._never.wait(0.002)  # Only their items' ends make room, whatever thread sees them.
        self._packs = True
        return pack(value)

    # ── giving and taking ───────────────────────────────────────────────────────────────────

    def room(self, call: Call, *, paced: bool) -> int:
        """How many more items to give."""
        if not self._watch.allows(any(seat.batches for seat in self._seats)):
            return 0
        pace = self._paces[call.id]
        if paced:
            return self._ready_seats()
        return self._vacant * _aim(pace) + sum(self._wants(pace))

    def _wants(self, pace: Pace) -> list[int]:
        return [seat.wants(pace.batch, _aim(pace)) for seat in self._seats]

    @property
    def _vacant(self) -> int:
        """How many workers may still be started; one that leaves is there until it has finished."""
        return max(0, self._most - sum(seat.serves or seat.is_leaving for seat in self._seats))

    def _ready_seats(self) -> int:
        """
        Count the workers that would begin an item at once; have another one started if none would.

        An item that starts under a rate limit must not wait for its worker: two that did would
        start together.
        """
        serving = [seat for seat in self._seats if seat.serves]
        ready = sum(seat.is_idle for seat in serving)
        starting = any(seat.is_setting_up and not seat.batches for seat in serving)
        if not ready and not starting and self._vacant:
            self._open_seat(needed=not serving)
        return ready

    def window(self, call: Call) -> int:
        """How many items may be between source and consumer."""
        pace = self._paces[call.id]
        return max(2 * self.workers, min(4 * self.workers * (pace.batch + 1), pace.items_in_memory))

    def start(self, call: Call, items: Sequence[Item]) -> None:
        """Send items to workers, to the least busy first."""
        pace = self._paces[call.id]
        frame = self._frames[call.id]
        left = list(items)
        # No more than a fair share: near the end of a run the rest is spread, not piled up.
        takers = sum(map(bool, self._wants(pace))) + self._vacant
        share = max(1, min(pace.batch, -(-len(left) // max(1, takers))))
        packed = [item for item in left if type(item.payload) is Packed] if self._packs else []
        for item in packed:
            pace.sent(item.payload.size)
        while left:
            seat = self._least_busy()
            part = _together(left, share) if packed else left[:share]
            del left[: len(part)]
            seat.give(call, frame, part)
            self._listen(seat)

    def _least_busy(self) -> Seat:
        serving = [seat for seat in self._seats if seat.serves]
        idle = [seat for seat in serving if not seat.batches]
        if idle:
            return idle[0]
        if self._vacant:
            opened = self._open_seat(needed=not serving)
            if opened is not None:
                return opened
        return min(serving, key=lambda seat: (seat.is_crowded, seat.queued))

    def recall(self, call: Call) -> list[Item]:
        """Take back everything of *call* that has not begun."""
        back: list[Item] = []
        for seat in self._seats:
            tags = {batch.tag for batch in seat.batches if batch.call is call}

            def all_of_it(unbegun: dict[int, int], tags: set[int] = tags) -> dict[int, int]:
                return {tag: count for tag, count in unbegun.items() if tag in tags}

            for batch in seat.take_back(all_of_it) if tags else ():
                back += batch.items
        return back

    def resize(self, workers: int) -> None:
        """Have so many processes; those too many end after the items that they have begun."""
        self.workers = self._most = workers
        serving = [seat for seat in self._seats if seat.serves]
        serving.sort(key=lambda seat: (seat.running() is not None, seat.queued))
        for seat in serving[: max(0, len(serving) - workers)]:
            self._return(seat.take_back(dict))
            seat.dismiss()
            self._listen(seat)

    def stop(self, call: Call, items: Sequence[Item]) -> None:
        """Kill the workers that run these items; take the others back."""
        stopped = {item.index for item in items}
        loading = self._loader.current
        if loading is not None and loading[0].call == call.id and loading[0].index in stopped:
            self._loader = self._loader.without(loading[0])
        kept = [item for item in self.recall(call) if item.index not in stopped]
        for seat in self._seats:
            running = seat.running()
            innocent = running is not None and not (
                running[0].call == call.id and running[0].index in stopped
            )
            # Running none of its own choice, it is setting up, or about to begin one of them.
            if seat.disown(call, stopped) and not innocent:
                seat.kill("its call was stopped")
        if kept:
            self._reports.append(Returned(call.id, kept))

    def close_call(self, call: Call) -> None:
        """Tear the call down in every worker."""
        for seat in self._seats:
            if seat.serves:
                seat.forget(call)
                self._listen(seat)
        del self._frames[call.id], self._paces[call.id], self._calls[call.id]
        self._false_starts.pop(call.id, None)

    def running(self) -> list[tuple[Item, events.Running]]:
        """What runs now, and what is being loaded."""
        loading = self._loader.current
        found = [] if loading is None else [loading]
        for seat in self._seats:
            running = seat.running()
            if running is not None:
                item, _, since = running
                found.append((item, _where(item, seat, since)))
        return found

    # ── the passing of time ─────────────────────────────────────────────────────────────────

    def wait(self, timeout: float | None) -> list[Report]:
        """Return what happened."""
        if not self._reports:
            self._balance()
            for key, _ in self._selector.select(self._patience(timeout)):
                key.data()
        self._reports += self._loader.collect()
        for seat in self._watch.overweight(self._seats):
            seat.kill(TOO_HEAVY)
        reports, self._reports = self._reports, []
        return reports

    def _patience(self, timeout: float | None) -> float | None:
        limits = [timeout, self._watch.patience]
        if self._could_balance():
            limits.append(BALANCE_EVERY)
        return min((limit for limit in limits if limit is not None), default=None)

    def _could_balance(self) -> bool:
        serving = [seat for seat in self._seats if seat.serves]
        if not any(seat.queued > 1 or seat.is_late for seat in serving):
            return False
        return bool(self._vacant) or any(seat.is_idle for seat in serving)

    def _balance(self) -> None:
        """Let an idle worker take over half of what is queued behind its busiest neighbour."""
        serving = [seat for seat in self._seats if seat.serves]
        thieves: list[Seat | None] = [seat for seat in serving if seat.is_idle]
        worth = WORTH_TAKING
        if not thieves and self._vacant:
            thieves, worth = [None], WORTH_A_WORKER  # one has died, and nothing is left to start
        for thief in thieves:
            victim = max(serving, key=self._queued_seconds, default=None)
            if victim is None or victim is thief or self._queued_seconds(victim) < worth:
                return
            thief = thief or self._open_seat(needed=False)  # noqa: PLW2901
            if thief is None:
                return
            for batch in victim.take_back(_later_half):
                if batch.call.id in self._calls:
                    thief.give(batch.call, self._frames[batch.call.id], batch.items)
                    self._listen(thief)

    def _queued_seconds(self, seat: Seat) -> float:
        """Estimate how long the items of *seat* that have not begun will have to wait."""
        if seat.is_late:
            return WORTH_A_WORKER
        running = seat.running()
        since = time.monotonic() - running[2] if running else 0.0
        waiting = sum(
            batch.left * self._paces[batch.call.id].mean
            for batch in seat.batches
            if batch.call.id in self._paces  # not one whose run was killed a moment ago
        )
        return max(waiting, since) if seat.queued > 1 else 0.0

    # ── what workers say ────────────────────────────────────────────────────────────────────

    def _on_channel(self, seat: Seat) -> None:
        if seat.gone:
            return  # Buried a moment ago, for news that came together with this.
        seat.flush()
        with contextlib.suppress(BlockingIOError):
            seat.inbox.receive()
        self._take_frames(seat)
        self._listen(seat)

    def _take_frames(self, seat: Seat) -> None:
        for kind, body, fds in seat.inbox.frames():
            if kind == Kind.RESULTS:
                self._take_results(seat, body, fds)
            elif kind in (Kind.PRINTED, Kind.LOGGED):
                self._take_message(seat, kind, body)
            elif kind == Kind.READY:
                seat.ready = True
                self._note(None, events.WorkerStarted(at=time.monotonic(), worker=seat.name))
            elif kind == Kind.BROKEN:
                self._take_broken(seat, *body)
            elif kind == Kind.UNCLAIMED:
                self._return(seat.unclaimed(body))
            elif kind == Kind.RETIRING:
                seat.retiring = True
                self._return(seat.take_back(dict))

    def _take_results(self, seat: Seat, body: tuple[Any, ...], fds: list[int]) -> None:
        # First what these items wrote to the raw descriptors: it is there by now, and their end may
        # be that of the run, after which nobody listens.
        if said := seat.rest_of_output():
            self._print(seat, said)
        results = Results(*body)
        batch = seat.batches[0]
        while batch.tag != results.tag:  # skipped by the worker because their call is broken
            seat.batches.popleft()
            batch = seat.batches[0]
        back = batch.settle(results.positions, len(results.values))
        count = len(back.items)
        if not batch.left:
            seat.batches.popleft()
        seat.has_finished_any = True
        self._false_starts.pop(batch.call.id, None)
        if (pace := self._paces.get(batch.call.id)) is not None:
            pace.took(sum(results.durations), count)
            if results.kinds is not None:
                pace.received(results.size / count)
        ready, foreign = results.read(back, seat.name, fds)
        if isinstance(ready, Delivered) or ready.endings:
            self._reports.append(ready)
        for item, make in foreign:
            self._load(item, seat.name, make)

    def _load(self, item: Item, worker: str, make: Callable[[], AnyOutcome]) -> None:
        def loaded() -> Report:
            try:
                outcome = make()
            except BaseException as error:  # anybody's code runs in there; the loader must live
                outcome = Unpicklable(
                    item.key,
                    item.index,
                    item.attempt,
                    0.0,
                    0.0,
                    None,
                    None,
                    worker,
                    "result",
                    failure_from(error),
                )
            return Finished(item.call, [(item, outcome)])

        self._loader.load(item, worker, loaded)

    def _take_message(self, seat: Seat, kind: int, body: tuple[Any, ...]) -> None:
        place, *facts = body
        item = seat.item_at(place)
        key = item.key if item is not None else None
        at = time.monotonic()
        event: events.Event
        if kind == Kind.PRINTED:
            stream, text = facts
            event = events.Printed(at=at, worker=seat.name, key=key, stream=stream, text=text)
        else:
            event = events.Logged(at=at, worker=seat.name, key=key, record=facts[0])
        self._note(item.call if item is not None else None, event)

    def _take_broken(self, seat: Seat, call_id: int, failure: tuple[Any, ...]) -> None:
        seat.batches = deque(batch for batch in seat.batches if batch.call.id != call_id)
        why = Failure(*failure)
        error = SetupFailed(
            f"the function or its setup cannot be made ready in a worker: "
            f"{why.type}: {why.message}",
            hint="it must be importable there, or be defined where it is used; "
            "setup= must not raise",
        )
        error.add_note(why.traceback)
        self._reports.append(Broken(call_id, error))

    def _note(self, call: int | None, event: events.Event) -> None:
        self._reports.append(Noted(call, event))

    def _on_output(self, seat: Seat) -> None:
        if seat.gone:
            return
        text = seat.read_output()
        if text is None:
            self._selector.unregister(seat.output)
        elif text:
            self._print(seat, text)

    def _print(self, seat: Seat, text: str) -> None:
        """Tell of what was written to a raw descriptor; whose item it was is a good guess."""
        running = seat.running()
        item = running[0] if running else None
        event = events.Printed(
            at=time.monotonic(),
            worker=seat.name,
            key=item.key if item else None,
            stream="stderr",
            text=text,
        )
        self._note(item.call if item else None, event)

    # ── coming and going ────────────────────────────────────────────────────────────────────

    def _open_seat(self, *, needed: bool) -> Seat | None:
        """
        Start a worker; None when the system allows no more and one is not *needed*.

        Raises:
            OSError: Descriptors or processes have run out.
        """
        self._started += 1
        environ = dict(os.environ)
        environ |= cpus.thread_limits(self.workers, environ)
        environ[cpus.WORKERS_BESIDE] = str(self.workers)
        prepare = {
            "environ": environ,
            "cwd": os.getcwd(),
            "sys_path": [os.path.abspath(entry) if entry == "" else entry for entry in sys.path],
            "argv": sys.argv[:1],
            "log_level": _log_level(),
            "max_items": self._max_items,
            "max_memory": self._max_memory,
        }
        try:
            seat = Seat(self._started, self._method, prepare)
        except OSError:
            if needed:
                raise
            self._most = sum(each.serves for each in self._seats)  # from now on, make do
            return None
        self._seats.append(seat)
        self._selector.register(seat.channel, selectors.EVENT_READ, lambda: self._on_channel(seat))
        self._selector.register(seat.status, selectors.EVENT_READ, lambda: self._on_status(seat))
        self._selector.register(seat.output, selectors.EVENT_READ, lambda: self._on_output(seat))
        self._listen(seat)
        return seat

    def _listen(self, seat: Seat) -> None:
        """Wait for what this seat's channel can do next."""
        if seat.gone or seat.channel not in self._selector.get_map():
            return
        if seat.inbox.closed:
            self._selector.unregister(seat.channel)  # The status tells the rest.
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if seat.outbox else 0)
        key = self._selector.get_key(seat.channel)
        if key.events != wanted:
            self._selector.modify(seat.channel, wanted, key.data)

    def _on_status(self, seat: Seat) -> None:
        if not seat.gone and seat.read_status():
            self._bury(seat)

    def _bury(self, seat: Seat) -> None:
        """Take in what a worker sent before it died, charge the guilty, return the innocent."""
        try:
            while not seat.inbox.closed:
                seat.inbox.receive()
                self._take_frames(seat)
        except BlockingIOError:
            pass  # A process that the worker started still holds its channel.
        if rest := seat.rest_of_output():
            self._print(seat, rest)
        death = Death(seat, self._watch)
        self._seats.remove(seat)
        for watched in (seat.channel, seat.status, seat.output):
            if watched in self._selector.get_map():
                self._selector.unregister(watched)
        at = time.monotonic()
        self._note(None, events.WorkerEnded(at=at, worker=seat.name, reason=death.reason))
        if death.before_first_item:
            self._false_start(seat, death)
        guilty = death.guilty
        if guilty is not None:
            self._reports.append(Finished(guilty.call, [(guilty, death.outcome(guilty))]))
        innocent = []
        for batch in seat.batches:
            items = [item for item in batch.owed() if item is not guilty]
            innocent.append(Batch(batch.tag, batch.call, items))
        self._return(innocent)
        seat.close()

    def _false_start(self, seat: Seat, death: Death) -> None:
        """Count a death in a setup, or before it; too many of them break the call."""
        words = seat.slot.last_words().strip()
        suspects = [batch.call.id for batch in seat.batches][:1] or list(self._calls)
        for call_id in suspects:
            deaths = self._false_starts[call_id] = self._false_starts.get(call_id, 0) + 1
            if deaths < FALSE_STARTS or call_id not in self._calls:
                continue
            error = SetupFailed(
                f"{deaths} workers in a row died before their first item ({death.how})",
                hint="look at what importing the function's module, or setup=, does",
            )
            if words:
                error.add_note(words)
            self._reports.append(Broken(call_id, error))

    def _return(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            if batch.items and batch.call.id in self._calls:
                self._reports.append(Returned(batch.call.id, batch.items))

    def close(self, *, kill: bool) -> None:
        """End all workers; by force if asked to, or if they take too long."""
        if self._closed:
            return
        self._closed = True
        if not kill:
            for seat in self._seats:
                seat.dismiss()
                self._listen(seat)
            self._see_off(GOODBYE)
        for seat in self._seats:
            seat.kill("closed")
        self._see_off(FUNERAL)
        for seat in self._seats:
            seat.close()
        self._seats.clear()
        self._loader.close()
        self._selector.close()
        self._wake_up.close()

    def _see_off(self, seconds: float) -> None:
        """Wait until all workers have exited, but not for longer than *seconds*."""
        limit = time.monotonic() + seconds
        while self._seats and (left := limit - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                key.data()
            self._reports.clear()


def _log_level() -> int | None:
    """Return from which level on workers shall forward records; None if nobody set logging up."""
    root = logging.getLogger()
    loggers = [root, *root.manager.loggerDict.values()]
    set_up = root.level != logging.WARNING or any(getattr(log, "handlers", ()) for log in loggers)
    return root.getEffectiveLevel() if set_up else None


def _aim(pace: Pace) -> int:
    """Return how many items a worker should have: a batch to work on, and one behind it."""
    return max(2, min(2 * pace.batch, pace.items_in_memory))


def _together(items: list[Item], count: int) -> list[Item]:
    """Return the first *count* items; one with a segment travels alone."""
    for position, item in enumerate(items[:count]):
        if type(item.payload) is Packed and item.payload.segment is not None:
            return items[: max(position, 1)]
    return items[:count]


def _later_half(unbegun: dict[int, int]) -> dict[int, int]:
    """Choose the later half of what has not begun; the newest batches first."""
    left = -(-sum(unbegun.values()) // 2)
    take = {}
    for tag in reversed(list(unbegun)):
        take[tag] = min(left, unbegun[tag])
        left -= take[tag]
    return take


def _where(item: Item, seat: Seat, since: float) -> events.Running:
    return events.Running(item.key, item.index, item.attempt, seat.name, since)
