"""Decide what to read, start, retry, time out, settle and release.

Pure: it reads no clock, touches no thread and does no I/O; time comes in with every stimulus and
randomness through the constructor. That is what lets a simulation drive it through any schedule.

Where an item is, from first to last:

    reading ─▶ waiting ─▶ in flight ─▶ (held, when ordered) ─▶ released ─▶ consumed
                  ▲           │
                  └─ delayed ◀┘   a failed attempt that deserves another one

All of these together never exceed the window.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from random import Random
from typing import assert_never

from treadle.core import events
from treadle.core.failures import in_words, shown
from treadle.core.item import Item
from treadle.core.lanes import Feedback
from treadle.core.outcome import AnyOutcome, Cancelled, FailedOutcome, Succeeded, TimedOut
from treadle.core.policy import Policy
from treadle.core.protocols import Broken, Capabilities, Delivered, Finished, Returned
from treadle.engine.lanes import LaneStates
from treadle.engine.retries import Retries
from treadle.engine.stimuli import (
    Cancel,
    Continue,
    End,
    ItemsRead,
    ItemsRefused,
    Order,
    Pause,
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
from treadle.engine.waiting import Waiting
from treadle.errors import SourceFailed, UsageError

# Seconds for which a cancelled run waits for items of which none runs: they gain nothing by grace.
STUCK_AFTER = 1.0
LANES_EVERY = 0.1  # seconds between snapshots of the lanes, as often as those of what runs


class Machine:
    """
    The state of one run and every decision about it.

    Args:
        policy: What the user asked for.
        capabilities: What the backend can do.
        random: Draws the jitter of back-offs.
        began: Monotonic seconds at which the run begins.
        epoch: What to add to monotonic seconds to get seconds since the epoch.
        listening: Whether anybody wants to be told; without, no events are made.
        tells_lanes: Whether anybody wants to be told of the lanes.
    """

    def __init__(
        self,
        policy: Policy,
        capabilities: Capabilities,
        *,
        random: Random,
        began: float = 0.0,
        epoch: float = 0.0,
        listening: bool = True,
        tells_lanes: bool = True,
    ) -> None:
        self._policy = policy
        self._capabilities = capabilities
        self._epoch = epoch
        self._listening = listening
        self._tells_lanes = listening and tells_lanes and policy.lanes is not None
        self._orders: list[Order] = []
        self._fresh: list[AnyOutcome] = []  # settled during the stimulus being handled
        self._bulk: Sequence[AnyOutcome] = ()  # the same, all delivered together: nothing else is

        self._waiting = Waiting(policy)
        self._retries = Retries(policy.retry, random)
        self._lanes_told_at = -math.inf
        self._left: str | None = None  # why items of a closed lane were left, if any were
        self._in_flight: dict[int, Item] = {}
        self._held: dict[int, AnyOutcome] = {}  # settled, but an earlier item has not (ordered)
        self._next_index = 0
        self._reading = 0
        self._released = 0
        self._consumed = 0
        self._window = 1
        self._room = 0

        self._failures = 0
        self._paused = False
        self._source_ended = False
        self._cancelling: str | None = None
        self._kill_at = math.inf
        self._stuck_at = math.inf
        self._time_out_at = math.inf
        limit = policy.time_limit
        self._deadline = math.inf if limit is None else began + limit
        self.error: BaseException | None = None
        self.ended = False

    @property
    def next_wake(self) -> float:
        """Monotonic seconds at which a ``Tick`` is due even if nothing happens."""
        start_at = math.inf
        if self._room > 0 and not self._paused and self._cancelling is None:
            start_at = min(self._retries.next_due, self._waiting.ready_at)
        return min(start_at, self._kill_at, self._stuck_at, self._time_out_at, self._deadline)

    @property
    def consumed(self) -> int:
        """Outcomes that the consumer had taken at the last ``Tick``."""
        return self._consumed

    @property
    def released(self) -> int:
        """Outcomes that were released to the consumer."""
        return self._released

    @property
    def in_flight(self) -> int:
        """Items that the backend has."""
        return len(self._in_flight)

    @property
    def occupied(self) -> int:
        """Items between source and consumer, those that were ordered to be read included."""
        settled = len(self._fresh) + len(self._held) + self._released - self._consumed
        return self._reading + self._unsettled + settled

    @property
    def starved(self) -> bool:
        """True when only the consumer can make the reading go on: it has taken too little."""
        return self._reading == 0 and self._released > self._consumed and self.hungry

    @property
    def hungry(self) -> bool:
        """True when the backend would take more items and there may be none that can start."""
        # With keyed limits, what waits may belong to lanes that have reached theirs.
        short = not self._waiting or self._waiting.keyed
        return self._room > 0 and short and not self._source_ended

    @property
    def _unsettled(self) -> int:
        return len(self._waiting) + len(self._retries) + len(self._in_flight)

    def handle(self, stimulus: Stimulus, now: float) -> list[Order]:
        """
        Take a stimulus into account and return what to do, in order.

        Args:
            stimulus: What happened.
            now: Monotonic seconds; must not run backwards.
        """
        if self.ended:
            return []
        orders = self._orders = []
        match stimulus:
            case Delivered(items=items, outcomes=outcomes):
                self._delivered(items, outcomes, now)
            case Finished(endings=endings):
                self._finished(endings, now)
            case Tick():
                self._tick(stimulus, now)
            case ItemsRead(items=items):
                self._items_read(items, now)
            case ItemsRefused(endings=endings):
                self._items_refused(endings, now)
            case Returned(items=items):
                self._returned(items)
            case SourceEnded(error=error):
                self._source_end(error)
            case Broken(error=error):
                self._break(error, now)
            case Pause():
                self._pause(now)
            case Continue():
                self._continue(now)
            case Cancel(reason=reason, grace=grace):
                self._cancel(reason, grace, now)
            case _:
                assert_never(stimulus)
        self._publish(now)
        return orders

    # ── what the source gave ────────────────────────────────────────────────────────────────

    def _items_read(self, items: Sequence[Item], now: float) -> None:
        self._reading = max(0, self._reading - len(items))
        self._tell(events.ItemsRead, now, count=len(items))
        if self._waiting.lanes is not None:
            self._check_lanes(self._waiting.lanes, items, now)
        if self._cancelling is None:
            self._waiting.extend(self._in_open_lanes(items))
        else:
            self._settle_cancelled(items)

    def _check_lanes(self, lanes: LaneStates, items: Sequence[Item], now: float) -> None:
        try:
            lanes.check(items)
        except UsageError as wrong:
            self._break(wrong, now)

    def _items_refused(self, endings: Sequence[tuple[Item, AnyOutcome]], now: float) -> None:
        self._reading = max(0, self._reading - len(endings))
        self._tell(events.ItemsRead, now, count=len(endings))
        for _, outcome in endings:
            self._settle_failed(outcome, now)

    def _source_end(self, error: BaseException | None) -> None:
        self._source_ended = True
        self._reading = 0
        if isinstance(error, SourceFailed):
            self.error = self.error or error
        elif error is not None and self.error is None:
            self.error = SourceFailed(
                f"the source of items raised {in_words(error)}",
                hint="what was read before was finished; mend the source and run again",
            )
            self.error.__cause__ = error

    # ── what the backend reported ───────────────────────────────────────────────────────────

    def _delivered(self, items: Sequence[Item], outcomes: Sequence[AnyOutcome], now: float) -> None:
        """Settle many successes at once, without bytecode per item: it would cost most of all."""
        if self._waiting.limits_capacity or not self._capabilities.interrupts_timeouts:
            self._finished(list(zip(items, outcomes, strict=True)), now)
            return
        in_flight = self._in_flight
        indices = [item.index for item in items]
        known = list(map(in_flight.pop, indices, itertools.repeat(None)))
        if None in known:  # stopped a moment before; see _finished
            pairs = zip(known, outcomes, strict=True)
            outcomes = [outcome for item, outcome in pairs if item is not None]
        self._bulk = outcomes

    def _finished(self, endings: Sequence[tuple[Item, AnyOutcome]], now: float) -> None:
        in_flight = self._in_flight
        fresh = self._fresh
        tracked, lanes = self._waiting.limits_capacity, self._policy.lanes
        late = self._policy.timeout if not self._capabilities.interrupts_timeouts else None
        for item, outcome in endings:
            if in_flight.pop(item.index, None) is None:
                continue  # Stopped a moment before it ended: it has settled another way.
            if late is not None and outcome.duration > late:
                outcome = _timed_out_late(outcome, late)  # noqa: PLW2901  that is what it is
            if lanes is not None:
                self._ended_in_lane(item, outcome, now)
                continue
            if tracked:
                self._waiting.gave_back(item)
            if type(outcome) is Succeeded:  # half the cost of asking ``outcome.ok``
                fresh.append(outcome)
            else:
                assert not outcome.ok
                self._failed(item, outcome, now)

    # ── what becomes of an attempt ──────────────────────────────────────────────────────────

    def _ended_in_lane(self, item: Item, outcome: AnyOutcome, now: float) -> None:
        """Let the lane learn from an attempt, before it is decided what becomes of the item."""
        lanes = self._waiting.lanes
        assert lanes is not None
        told = None
        try:
            told = lanes.learn(item, outcome, now)
        except UsageError as wrong:
            self._break(wrong, now)
        if outcome.ok:
            self._retries.forget(item.index)
            self._fresh.append(outcome)
        elif told is not None and _is_of_lane(told) and (why := self._closed(item)):
            self._leave([item], why)  # not its own fault: a resumed run does it
        else:
            if told is not None and not told.charged:
                self._retries.was_told_to_wait(item.index)
            self._failed(item, outcome, now)
        self._leave_closed()

    def _closed(self, item: Item) -> str:
        """Return why the lane of *item* is closed; empty when it is open, or has none."""
        lanes = self._waiting.lanes
        return "" if lanes is None or item.lane is None else lanes.closed(item.lane[0])

    def _in_open_lanes(self, items: Sequence[Item]) -> Sequence[Item]:
        """Settle those of *items* whose lanes are closed; return the others."""
        if self._waiting.lanes is None or not self._waiting.lanes.any_closed:
            return items
        for item in items:
            if why := self._closed(item):
                self._leave([item], why)
        return [item for item in items if not self._closed(item)]

    def _leave_closed(self) -> None:
        """Settle what waits for lanes that have just closed: nothing of it was done or will be."""
        lanes = self._waiting.lanes
        if lanes is None or not (keys := lanes.take_newly_closed()):
            return
        for key in keys:
            self._leave(self._waiting.take_lane(key), lanes.closed(key))
        for item in self._retries.take(self._closed):
            self._leave([item], self._closed(item))

    def _leave(self, items: Sequence[Item], why: str) -> None:
        for item in items:
            name = "" if item.lane is None else _named(item.lane[0])
            self._left = self._left or f"the lane {name:.80} is closed: {why}"
        self._settle_cancelled(items, reason=why)

    def _failed(self, item: Item, outcome: FailedOutcome, now: float) -> None:
        if not self._deserves_retry(item, outcome, now):
            self._settle_failed(outcome, now)
        elif self._cancelling is not None:  # its ending is not known: a resumed run tries on
            self._settle_cancelled([item])
        elif why := self._closed(item):
            self._leave([item], why)
        else:
            delay = self._retries.put(item, outcome, now)
            self._tell(
                events.Retrying,
                now,
                key=item.key,
                index=item.index,
                attempt=item.attempt,
                failure=outcome.failure,
                delay=delay,
            )

    def _deserves_retry(self, item: Item, outcome: FailedOutcome, now: float) -> bool:
        try:
            return self._retries.are_deserved(item, outcome, now)
        except UsageError as wrong:
            self._break(wrong, now)
            return False

    def _settle_failed(self, outcome: AnyOutcome, now: float) -> None:
        self._retries.forget(outcome.index)
        self._fresh.append(outcome)
        if outcome.kind == "cancelled":
            return
        self._failures += 1
        limit = self._policy.max_failures
        if limit is not None and self._failures >= limit:
            self._cancel("failure limit", self._policy.grace, now)

    def _returned(self, items: Sequence[Item]) -> None:
        mine = [item for item in items if self._in_flight.pop(item.index, None) is not None]
        for item in mine:
            item.attempt -= 1  # It never began, or began through no fault of its own: uncharged.
            self._waiting.gave_back(item)
        if self._cancelling is None:
            self._waiting.put_first(self._in_open_lanes(mine))
        else:
            self._settle_cancelled(mine)

    def _break(self, error: BaseException, now: float) -> None:
        if self.error is None:
            self.error = error
        self._cancel("the run could not go on", 0.0, now)

    # ── what the user wants ─────────────────────────────────────────────────────────────────

    def _pause(self, now: float) -> None:
        if not self._paused:
            self._paused = True
            self._tell(events.Paused, now)
            self._orders.append(RecallItems())

    def _continue(self, now: float) -> None:
        if self._paused:
            self._paused = False
            self._tell(events.Continued, now)

    def _cancel(self, reason: str, grace: float, now: float) -> None:
        if self._cancelling is None:
            self._cancelling = reason
            self._tell(events.Cancelling, now, reason=reason, grace=grace)
            self._orders += [StopReading(), RecallItems()]
            self._reading = 0
            self._settle_cancelled(self._waiting.take_all())
            self._settle_cancelled(self._retries.take_all())
        # The next tick kills, not this very stimulus: what is recalled comes back before that, and
        # so does not pass for running.
        self._kill_at = min(self._kill_at, now + grace)

    def give_up(self, error: BaseException) -> list[Item]:
        """End at once because of *error*; return what the backend has. Nothing else settles."""
        in_flight = list(self._in_flight.values())
        self._in_flight.clear()
        self.error = self.error or error
        self.ended = True
        return in_flight

    def _kill(self) -> None:
        self._kill_at = self._stuck_at = math.inf
        running = list(self._in_flight.values())
        self._in_flight.clear()
        if running:
            self._orders.append(StopItems(running))
            self._settle_cancelled(running)

    def _settle_cancelled(self, items: Sequence[Item], reason: str | None = None) -> None:
        reason = reason or self._cancelling or "cancelled"
        for item in items:
            self._retries.forget(item.index)
        self._fresh += [
            Cancelled(item.key, item.index, item.attempt, 0.0, 0.0, None, None, None, reason)
            for item in items
        ]

    # ── the passing of time ─────────────────────────────────────────────────────────────────

    def _tick(self, tick: Tick, now: float) -> None:
        lanes = self._policy.lanes
        self._window = max(1, tick.window, 0 if lanes is None else lanes.ahead)
        self._consumed = tick.consumed
        self._room = tick.room
        if tick.running is not None:
            self._look_for_stuck(tick.running, now)
        if now >= min(self._kill_at, self._stuck_at):
            self._kill()
        if now >= self._deadline:
            self._deadline = math.inf
            self._cancel("deadline", 0.0, now)
        if tick.running is not None:
            self._time_out(tick.running, now)
        if self._cancelling is None and not self._paused:
            self._start(tick.room, now)
        if self._tells_lanes and now >= self._lanes_told_at + LANES_EVERY:
            self._tell_lanes(now)
        self._read_ahead()

    def _look_for_stuck(self, running: Sequence[tuple[Item, events.Running]], now: float) -> None:
        """
        Notice that a cancelled run waits for items none of which runs: they sit behind a setup.

        Only after a moment: the result of a call that has ended is on its way for a while.
        """
        waits = self._cancelling is not None and bool(self._in_flight)
        if waits and not any(item.index in self._in_flight for item, _ in running):
            self._stuck_at = min(self._stuck_at, now + STUCK_AFTER)
        else:
            self._stuck_at = math.inf

    def _time_out(self, running: Sequence[tuple[Item, events.Running]], now: float) -> None:
        timeout = self._policy.timeout
        if timeout is None or not self._capabilities.interrupts_timeouts:
            return
        overdue = []
        self._time_out_at = now + timeout if self._in_flight else math.inf
        for item, where in running:
            if item.index not in self._in_flight:
                continue
            if where.since + timeout <= now:
                overdue.append((item, where))
            else:
                self._time_out_at = min(self._time_out_at, where.since + timeout)
        if overdue:
            self._orders.append(StopItems([item for item, _ in overdue]))
        for item, where in overdue:
            del self._in_flight[item.index]
            outcome = self._timed_out(item, where, timeout, now)
            if self._policy.lanes is not None:
                self._ended_in_lane(item, outcome, now)
            else:
                self._waiting.gave_back(item)
                self._failed(item, outcome, now)

    def _timed_out(self, item: Item, where: events.Running, timeout: float, now: float) -> TimedOut:
        return TimedOut(
            item.key,
            item.index,
            item.attempt,
            where.since + self._epoch,
            now - where.since,
            None,
            None,
            where.worker,
            timeout,
            abandoned=not self._capabilities.stops_calls,
        )

    def _start(self, room: int, now: float) -> None:
        if due := self._retries.take_due(now):
            self._waiting.put_first(due)
        items = self._waiting.take(room, now) if room > 0 else []
        self._leave_closed()  # taking may find that no total has room for an item
        if not items:
            return
        self._room -= len(items)
        for item in items:
            item.attempt += 1
        self._in_flight.update(zip([item.index for item in items], items, strict=True))
        if self._policy.timeout is not None:
            self._time_out_at = min(self._time_out_at, now + self._policy.timeout)
        self._orders.append(StartItems(items))

    def _read_ahead(self) -> None:
        if self._source_ended or self._cancelling is not None:
            return
        want = self._window - self.occupied
        # In eighths of the window: an order for every single item would cost more than it gains.
        if want > 0 and (want >= self._window // 8 or not self._unsettled):
            self._reading += want
            self._orders.append(ReadItems(want))

    def _tell_lanes(self, now: float) -> None:
        self._lanes_told_at = now
        self._tell(events.LanesChanged, now, lanes=self._waiting.lane_states(now))

    # ── what comes out ──────────────────────────────────────────────────────────────────────

    def _publish(self, now: float) -> None:
        if fresh := self._bulk or self._fresh:
            self._fresh, self._bulk = [], ()
            self._tell(events.ItemsSettled, now, outcomes=fresh)
            out = self._in_order(fresh) if self._policy.ordered else fresh
            if out:
                self._released += len(out)
                self._orders.append(Release(out))
        if self._source_ended and not self._unsettled:
            self.ended = True
            if self._tells_lanes:
                self._tell_lanes(now)
            self._tell(events.RunEnded, now, stopped=self._cancelling or self._left)
            self._orders.append(End(self.error))

    def _in_order(self, fresh: Sequence[AnyOutcome]) -> list[AnyOutcome]:
        held = self._held
        for outcome in fresh:
            held[outcome.index] = outcome
        out = []
        while self._next_index in held:
            out.append(held.pop(self._next_index))
            self._next_index += 1
        return out

    def _tell(self, event: type, now: float, **facts: object) -> None:
        if self._listening:
            self._orders.append(Tell(event(at=now, **facts)))


def _is_of_lane(told: Feedback) -> bool:
    """Tell whether an attempt failed for its lane's sake rather than for its item's."""
    return bool(told.closed or told.fault) or told.pause is not None or not told.charged


def _named(lane: Hashable) -> str:
    """Return the name of a lane for people: its parts with slashes between, if it has several."""
    if not isinstance(lane, tuple):
        return shown(lane)
    return shown("/".join(part if isinstance(part, str) else shown(part) for part in lane))


def _timed_out_late(outcome: AnyOutcome, timeout: float) -> TimedOut:
    """Judge a call that could not be interrupted and came back too late."""
    return TimedOut(
        outcome.key,
        outcome.index,
        outcome.attempts,
        outcome.started,
        outcome.duration,
        outcome.cpu,
        outcome.peak_memory,
        outcome.worker,
        timeout,
    )
