"""The one loop: turn what happened into stimuli, and orders into deeds.

Runs in a thread of its own, so that a terminal UI, a notebook or an event loop stays live; with the
inline backend the consumer turns it by hand instead. All runs on one backend share it.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

from treadle.core import events
from treadle.core.checks import positive_int
from treadle.core.failures import in_words, is_ctrl_c
from treadle.core.item import Item
from treadle.core.outcome import AnyOutcome, Cancelled
from treadle.core.protocols import Backend, Finished, Noted, Report, Returned
from treadle.engine.reader import Reader
from treadle.engine.stage import Stage
from treadle.engine.stimuli import (
    Cancel,
    End,
    ItemsRead,
    ItemsRefused,
    Order,
    ReadItems,
    RecallItems,
    Release,
    SourceEnded,
    StartItems,
    Stimulus,
    StopItems,
    StopReading,
    Tell,
    Tick,
)
from treadle.errors import RunFailed, UsageError

SNAPSHOT_EVERY = 0.1  # seconds; ten times a second is as much as an eye can use


LONGEST_WAIT = 3600.0  # seconds; waits have an upper limit of their own, which retry_after may pass


class Clock(Protocol):
    """Where time comes from."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def time(self) -> float:
        """Seconds since the epoch."""


class Dispatcher:
    """
    Drives every run on one backend.

    Args:
        backend: Where calls run. The dispatcher owns it from now on.
        clock: Where time comes from; the ``time`` module by default.
        threaded: Run the loop in a thread of its own. Without, ``turn`` must be called.
    """

    def __init__(self, backend: Backend, *, clock: Clock = time, threaded: bool = True) -> None:
        self.backend = backend
        self.clock = clock
        self.threaded = threaded
        self._stages: dict[int, Stage] = {}
        self._inbox: deque[tuple[Stage, Stimulus | None]] = deque()
        self._resizes: deque[int] = deque()
        self._lock = threading.RLock()  # a finalizer may close us in the middle of ``add``
        self._owner = os.getpid()
        self._thread: threading.Thread | None = None
        self._closing: str | None = None  # "orderly" or "kill"
        self._released: deque[tuple[Stage, Sequence[AnyOutcome]]] = deque()  # during this turn
        self._delivered = False  # something was handed to a consumer during this turn
        self._failed: BaseException | None = None

    # ── from any thread ─────────────────────────────────────────────────────────────────────

    def add(self, stage: Stage) -> None:
        """Take on a run."""
        if self._owner != os.getpid():
            raise RunFailed(
                "this pool belongs to the process that this one was forked from",
                hint="make a treadle.Pool after the fork",
            )
        with self._lock:
            if self._closing or self._failed:
                raise RunFailed("the pool is closed", hint="make a new treadle.Pool")
            self._inbox.append((stage, None))
            if self.threaded and self._thread is None:
                self._thread = threading.Thread(
                    target=self._loop, name="treadle-dispatcher", daemon=True
                )
                self._thread.start()
        self.backend.wake()

    def post(self, stage: Stage, stimulus: Stimulus) -> None:
        """Tell the machine of *stage* something."""
        if self._owner != os.getpid():
            return  # its thread did not come along, and its backend's pipe is the driver's
        self._inbox.append((stage, stimulus))
        self.backend.wake()

    def resize(self, workers: int) -> None:
        """
        Have so many workers for all runs, as soon as the loop comes by.

        Raises:
            UsageError: *workers* is no positive whole number, or the backend cannot.
        """
        positive_int("workers", workers or 0, example="workers=8 runs eight calls at once")
        if not self.backend.capabilities.resizes:
            raise UsageError(
                f"the {self.backend.name} backend always has {self.backend.workers} worker",
                hint="run with backend='processes', 'threads' or 'coroutines'",
            )
        if self._owner == os.getpid():  # as in ``post``
            self._resizes.append(workers)
            self.backend.wake()

    def close(self, *, kill: bool = False, wait: bool = True) -> None:
        """End all runs, then all workers; with *wait*, return when both are gone."""
        if self._owner != os.getpid():
            return  # in a fork of the driver: all of it is the driver's
        with self._lock:
            self._closing = "kill" if kill else self._closing or "orderly"
            thread = self._thread
        if thread is None:
            while self._stages or self._inbox:
                self.turn()
            self._shut_down()
        else:
            self.backend.wake()
            if wait and thread is not threading.current_thread():
                thread.join()

    # ── the loop ────────────────────────────────────────────────────────────────────────────

    def _loop(self) -> None:
        try:
            while not self._closing or self._stages or self._inbox:
                self.turn()
        except BaseException as error:  # a bug of ours: no run may hang because of it
            self._give_up(error)
        finally:
            self._shut_down()

    def turn(self) -> None:
        """Do everything that is due, then wait for the next thing to happen and take it in."""
        self._delivered = False
        self._collect_items()
        self._take_commands()  # last, so that what was just recalled is back before machines decide
        self._resize_backend()  # what it takes back comes as reports
        wake_at = self._tick_all()
        self._hand_over()
        for report in self.backend.wait(self._patience(wake_at)):
            self._route(report)
        if not self.threaded:
            self._hand_over()

    def _hand_over(self) -> None:
        """
        Give consumers what was released.

        Once a turn, when the workers have been given work and this thread is about to wait: a
        consumer that woke earlier would only wait for the interpreter's lock.
        """
        while self._released:
            stage, outcomes = self._released.popleft()
            self._delivered = True
            try:
                stage.outlet.put(outcomes)
            except BaseException as error:  # the consumer's own; other runs have no part in it
                if is_ctrl_c(error):
                    raise  # the caller's, whose thread this is
                if stage.call.id in self._stages:
                    self._break_off(stage, error)

    def _patience(self, wake_at: float) -> float | None:
        """How many seconds to wait at most; None for as long as it takes."""
        nothing_left = not self._stages and (self._closing or not self.threaded)
        if self._inbox or nothing_left:
            return 0.0
        if self._delivered and not self.threaded:
            return 0.0  # the consumer is the caller, and would wait for itself
        if wake_at == math.inf:
            return None
        return min(max(0.0, wake_at - self.clock.monotonic()), LONGEST_WAIT)

    def _take_commands(self) -> None:
        while self._inbox:
            stage, stimulus = self._inbox.popleft()
            if stimulus is None:
                self._stages[stage.call.id] = stage
                if stage.reader is not None and self.threaded:
                    stage.reader.start()
            elif stage.call.id in self._stages:
                self._handle(stage, stimulus)
        if self._closing:
            for stage in list(self._stages.values()):
                self._handle(stage, Cancel("closed", 0.0))

    def _resize_backend(self) -> None:
        while self._resizes:
            workers = self._resizes.popleft()
            self.backend.resize(workers)
            changed = events.WorkersChanged(at=self.clock.monotonic(), workers=workers)
            for stage in list(self._stages.values()):
                stage.tell(changed)

    def _collect_items(self) -> None:
        for stage in list(self._stages.values()):
            reader = stage.reader
            if reader is None:
                continue
            reader.hungry = False
            self._tell_left_out(stage, reader)
            items, refused = reader.collect()
            if refused:
                self._handle(stage, ItemsRefused(refused))
            if items:
                self._handle(stage, ItemsRead(items))
            ended, error = reader.take_end()
            if ended:
                self._handle(stage, SourceEnded(error))

    def _tell_left_out(self, stage: Stage, reader: Reader) -> None:
        count = reader.left_out - stage.left_out
        if count:
            stage.left_out += count
            stage.tell(events.ItemsLeftOut(at=self.clock.monotonic(), count=count))

    def _tick_all(self) -> float:
        """Let every machine decide; return when the next one wants to be asked again."""
        wake_at = math.inf
        for stage in self._in_turn():
            self._tick(stage)
            if stage.machine.ended:
                continue
            wake_at = min(wake_at, stage.machine.next_wake)
            if stage.listeners:
                wake_at = min(wake_at, stage.snapshot_due)
            if self._about_to_starve(stage):
                wake_at = 0.0
        return wake_at

    def _in_turn(self) -> list[Stage]:
        """All stages; the one that was served first is served last next time."""
        stages = list(self._stages.values())
        if len(stages) > 1:
            first = stages[0]
            del self._stages[first.call.id]
            self._stages[first.call.id] = first
        return stages

    def _tick(self, stage: Stage) -> None:
        now = self.clock.monotonic()
        snapshot = bool(stage.listeners) and now >= stage.snapshot_due
        running = None
        if stage.asks_running or snapshot:
            running = [pair for pair in self.backend.running() if pair[0].call == stage.call.id]
        if snapshot and running is not None:
            stage.snapshot_due = now + SNAPSHOT_EVERY
            stage.tell(events.ItemsRunning(at=now, running=tuple(where for _, where in running)))
        room = self.backend.room(stage.call, paced=stage.paced)
        consumed = stage.outlet.consumed
        if stage.stores_first:
            room = max(0, room - (stage.machine.released - consumed))
        self._handle(
            stage,
            Tick(
                room=room,
                window=self.backend.window(stage.call),
                consumed=consumed,
                running=running,
            ),
        )

    def _about_to_starve(self, stage: Stage) -> bool:
        """
        Ask to be woken by reader and consumer, and tell whether one of them was faster.

        The flag first, the look second: whoever acts after the flag wakes us, and what was done
        before it is seen by the look.
        """
        reader, outlet = stage.reader, stage.outlet
        machine = stage.machine
        if machine.starved or (stage.stores_first and machine.released > machine.consumed):
            outlet.starving = True
            if outlet.consumed != machine.consumed:
                return True
        if reader is not None and machine.hungry:
            reader.hungry = True
            return reader.has_news
        return False

    def _route(self, report: Report) -> None:
        if isinstance(report, Noted):
            stages = list(self._stages.values())
            if report.call is None and isinstance(report.event, events.Printed | events.Logged):
                stages = stages[:1]  # said by a worker between items: once is enough
            for stage in stages:
                if report.call in (None, stage.call.id):
                    stage.tell(report.event)
        elif (found := self._stages.get(report.call)) is not None:
            self._handle(found, report)

    # ── orders into deeds ───────────────────────────────────────────────────────────────────

    def _handle(self, stage: Stage, stimulus: Stimulus) -> None:
        try:
            for order in stage.machine.handle(stimulus, self.clock.monotonic()):
                self._carry_out(stage, order)
        except BaseException as error:  # whatever it is, the other runs have no part in it
            if is_ctrl_c(error):
                raise  # the caller's, whose thread this is
            self._break_off(stage, error)

    def _carry_out(self, stage: Stage, order: Order) -> None:
        match order:
            case Release(outcomes=outcomes):
                self._released.append((stage, outcomes))
            case StartItems(items=items):
                self._start(stage, items)
            case ReadItems(count=count):
                if stage.reader is not None:
                    stage.reader.allow(count)
            case Tell(event=event):
                stage.tell(event)
            case StopItems(items=items):
                self.backend.stop(stage.call, items)
            case StopReading():
                self._stop_reading(stage)
            case RecallItems():
                self._recall(stage)
            case End(error=error):
                self._end(stage, error)
            case _:
                assert_never(order)

    def _start(self, stage: Stage, items: Sequence[Item]) -> None:
        if stage.on_start is not None and (unwanted := stage.on_start(items)):
            endings: list[tuple[Item, AnyOutcome]] = [
                (item, Cancelled(item.key, item.index, 0, 0.0, 0.0, None, None, None, "cancelled"))
                for item in unwanted
            ]
            self._inbox.append((stage, Finished(stage.call.id, endings)))
            items = [item for item in items if item not in unwanted]
        if items:
            self.backend.start(stage.call, items)

    def _stop_reading(self, stage: Stage) -> None:
        """Take what was read before the stop, too: only then is the source at its end."""
        if stage.reader is not None:
            stage.reader.stop()
            items, refused = stage.reader.collect()
            if refused:
                self._inbox.append((stage, ItemsRefused(refused)))
            if items:
                self._inbox.append((stage, ItemsRead(items)))
        self._inbox.append((stage, SourceEnded()))

    def _recall(self, stage: Stage) -> None:
        items = self.backend.recall(stage.call)
        if items:
            self._inbox.append((stage, Returned(stage.call.id, items)))

    def _end(self, stage: Stage, error: BaseException | None) -> None:
        self._hand_over()
        if stage.call.id not in self._stages:
            return  # broken off just now: its consumer cannot be told
        self._delivered = True
        if stage.reader is not None:
            stage.reader.stop()
        del self._stages[stage.call.id]
        self.backend.close_call(stage.call)
        stage.outlet.end(error)

    def _break_off(self, stage: Stage, error: BaseException) -> None:
        """End one run with *error*, and free what it holds as far as that is possible."""
        failure = _why_broken(error)
        call, backend = stage.call, self.backend
        in_flight = stage.machine.give_up(failure)
        self._delivered = True
        self._stages.pop(call.id, None)
        ended = events.RunEnded(at=self.clock.monotonic(), stopped="the run could not go on")
        steps: tuple[Callable[[], object], ...] = (
            self._hand_over,
            lambda: backend.recall(call),
            lambda: backend.stop(call, in_flight),
            lambda: backend.close_call(call),
            lambda: stage.reader.stop() if stage.reader is not None else None,
            lambda: stage.tell(ended),
            lambda: stage.outlet.end(failure),
        )
        for step in steps:
            try:
                step()
            except BaseException as further:  # each is tried: the last one frees the consumer
                failure.add_note(f"while the run was ended: {in_words(further)}")

    def _give_up(self, error: BaseException) -> None:
        """End every run with *error* so that nobody waits for ever."""
        with self._lock:
            self._failed = error
        failure = RunFailed(
            f"the engine failed: {in_words(error)}",
            hint="this is a bug in treadle, please report it with the traceback above",
        )
        failure.__cause__ = error
        self._hand_over()
        waiting = {id(stage): stage for stage, _ in self._inbox}
        waiting |= {id(stage): stage for stage in self._stages.values()}
        self._stages.clear()
        for stage in waiting.values():
            if stage.reader is not None:
                stage.reader.stop()
            stage.outlet.end(failure)

    def _shut_down(self) -> None:
        self.backend.close(kill=self._closing == "kill" or self._failed is not None)


def _why_broken(error: BaseException) -> RunFailed:
    if isinstance(error, RunFailed):
        return error  # it says itself what is wrong
    failure = RunFailed(
        f"the run could not go on: {in_words(error)}",
        hint="the traceback above tells where; if that is in treadle, please report it",
    )
    failure.__cause__ = error
    return failure
