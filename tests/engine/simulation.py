"""A world around the machine: source, workers, consumer and user, all on fake time.

Nothing here runs in parallel. ``simulate`` plays a schedule from beginning to end against
``Machine.handle``, checks the design's invariants after every single step, and fails with the
story so far.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from dataclasses import dataclass, field, fields, replace

import pytest

from treadle.core import events
from treadle.core.call import Call
from treadle.core.item import Item
from treadle.core.lanes import Feedback, Lane, Lanes
from treadle.core.limits import Capacity, Rate
from treadle.core.outcome import TimedOut
from treadle.core.policy import Policy, Retry
from treadle.core.protocols import Finished, Returned
from treadle.core.stats import Stats
from treadle.engine.machine import Machine
from treadle.engine.stimuli import (
    Cancel,
    Continue,
    End,
    ItemsRead,
    Pause,
    ReadItems,
    RecallItems,
    Release,
    SourceEnded,
    StartItems,
    StopItems,
    StopReading,
    Tell,
    Tick,
)
from treadle.testing import FakeClock, Hangs, Returns, ScriptedBackend

PATIENCE = 1_000.0  # after this, the user gives up and cancels whatever still runs
ENOUGH = 15.0  # when the source is endless, this is
STEPS = 3_000


@dataclass(repr=False)
class Schedule:
    """Everything that happens to one run. What is left out is as ordinary as can be."""

    scripts: list = field(default_factory=list)  # for each item, its steps, one per attempt
    endless: bool = False  # after these, items that return at once, for ever
    source_error: bool = False  # the source raises where it would end
    lags: list = field(default_factory=list)  # seconds until the next item is there; last repeats
    naps: list = field(default_factory=list)  # seconds between the consumer's visits; last repeats
    bites: int = 100  # outcomes it takes at each
    user: list = field(default_factory=list)  # (seconds, stimulus), in order
    workers: int = 1
    behind: int = 0
    windows: list = field(default_factory=lambda: [4])  # as the backend changes its mind, per tick
    lanes: int = 1  # number of lanes that items fall into by index
    costs: list = field(default_factory=list)  # of items; with lanes only. Goes round
    lessons: list = field(default_factory=list)  # what attempts teach; goes round
    policy: Policy = field(default_factory=Policy)

    def __repr__(self):
        return _brief(self, Schedule())

    @property
    def ends_by_itself(self):
        hangs = any(isinstance(step, Hangs) for steps in self.scripts for step in steps)
        return not self.endless and not (hangs and self.policy.timeout is None)


class World:
    """The state of everything around the machine."""

    def __init__(self, schedule):
        self.schedule = schedule
        self.policy = schedule.policy
        if self.policy.lanes is not None:
            lanes = replace(self.policy.lanes, feedback=self.teach)
            self.policy = replace(self.policy, lanes=lanes)
        self.clock = FakeClock()
        self.call = Call(lambda value: value)
        self.backend = ScriptedBackend(
            self.clock, self._step_of, workers=schedule.workers, behind=schedule.behind
        )
        self.machine = Machine(self.policy, self.backend.capabilities, random=random.Random(0))
        self.stats = Stats()
        self.story = []
        self.ended = False
        self.ticks = 0
        # source
        self.allowed = 0
        self.items = []  # that the source gave
        self.next_item_at = math.inf
        self.reading_stopped = False
        self.source_told = False
        # consumer
        self.outlet = []
        self.consumed = 0
        self.naps = _repeating(schedule.naps, 0.0)
        self.next_visit = 0.0
        # user
        patience = ENOUGH if schedule.endless else PATIENCE
        paused = any(isinstance(stimulus, Pause) for _, stimulus in schedule.user)
        ends = [(40.0, Continue())] * paused + [(patience, Cancel("patience", 0.0))]
        self.user = sorted([*schedule.user, *ends], key=lambda pair: pair[0])
        self.afterwards = []  # what the carrying out of orders led to
        self.lags = _repeating(schedule.lags, 0.0)
        self.paused = self.cancelled = False
        # what the invariants are about
        self.settled = {}
        self.charged = Counter()  # attempts of each item that ended through its own doing
        self.begun = set()
        self.starts = []
        self.retried = 0
        self.uncharged = Counter()  # attempts that were only told to come later
        self.paused_until = Counter()  # by lane
        self.closed = set()  # lanes
        self.spent = Counter()  # of the totals
        self.widest = 0

    def _step_of(self, item):
        steps = self.schedule.scripts[item.index : item.index + 1]
        if not steps or not steps[0]:
            return Returns(after=1.0)
        return steps[0][min(item.attempt, len(steps[0])) - 1]

    def teach(self, outcome):
        """Say what an attempt teaches, and remember what must follow from it."""
        lessons = self.schedule.lessons
        told = lessons[(outcome.index + outcome.attempts) % len(lessons)] if lessons else None
        item = self.items[outcome.index]
        lane = item.lane[0]
        told = told or Feedback()
        if told.used:  # at most what was reserved, or no total could hold
            told = replace(told, used={name: cost / 2 for name, cost in (item.cost or {}).items()})
        for name, cost in (item.cost or {}).items():
            whole = outcome.ok or told.spent
            self.spent[name] += told.used.get(name, cost if whole else 0)
        if not outcome.ok and not told.charged:
            self.uncharged[outcome.index] += 1
        if told.closed or (told.pause or 0.0) > self.policy.lanes.of(lane).max_pause:
            self.closed.add(lane)
        elif told.pause is not None:
            end = self.clock.monotonic() + told.pause
            self.paused_until[lane] = max(self.paused_until[lane], end)
        return told

    # ── time ────────────────────────────────────────────────────────────────────────────────

    def play(self):
        """Run to the end."""
        for _ in range(STEPS):
            if self.ended:
                return self.finish()
            self.happen()
            if not self.ended:
                self.pass_time()
        raise AssertionError("the run does not end")

    def happen(self):
        """Do all that is due at this moment."""
        now = self.clock.monotonic()
        while self.user and self.user[0][0] <= now:
            self.command(self.user.pop(0)[1])
        for report in self.backend.collect():
            self.report(report)
        self.read(now)
        if self.next_visit <= now:
            self.consume()
        while self.afterwards:
            self.give(self.afterwards.pop(0))
        self.tick()

    def pass_time(self):
        """Jump to the next moment at which anything is due."""
        now = self.clock.monotonic()
        if self.allowed > 0 and self.next_item_at == math.inf:
            self.next_item_at = now + next(self.lags)
        moments = [
            self.machine.next_wake,
            self.backend.next_end,
            self.next_item_at if self.allowed > 0 and not self.source_told else math.inf,
            self.next_visit if self.outlet else math.inf,
            self.user[0][0] if self.user else math.inf,
            now if self.afterwards else math.inf,
        ]
        self.clock.advance_to(max(now, min(moments)))

    # ── source, consumer, user ──────────────────────────────────────────────────────────────

    def read(self, now):
        """Let the source give what is there by now."""
        if self.source_told or self.reading_stopped:
            return
        fresh = []
        while self.allowed > 0:
            if self.next_item_at == math.inf:
                self.next_item_at = now + next(self.lags)
            if self.next_item_at > now:
                break
            self.next_item_at = math.inf
            if not self.schedule.endless and len(self.items) >= len(self.schedule.scripts):
                self.tell_end(OSError("broken") if self.schedule.source_error else None, fresh)
                return
            index = len(self.items)
            lane = index % self.schedule.lanes
            costs = self.schedule.costs if self.policy.lanes is not None else ()
            cost = costs[index % len(costs)] if costs else None
            item = Item(index, index, index, self.call.id, self.policy.lane(lane), cost)
            self.items.append(item)
            fresh.append(item)
            self.allowed -= 1
        if fresh:
            self.give(ItemsRead(fresh))

    def tell_end(self, error, fresh):
        if fresh:
            self.give(ItemsRead(fresh))
        self.source_told = True
        self.allowed = 0
        self.give(SourceEnded(error))

    def consume(self):
        taken = self.outlet[: self.schedule.bites]
        del self.outlet[: self.schedule.bites]
        self.consumed += len(taken)
        self.next_visit = self.clock.monotonic() + next(self.naps)

    def command(self, stimulus):
        if isinstance(stimulus, Cancel) and stimulus.reason == "patience":
            assert not self.schedule.ends_by_itself, "the run hangs"
        self.give(stimulus)

    def tick(self):
        self.ticks += 1
        windows = self.schedule.windows
        running = self.backend.running() if self.policy.timeout is not None else None
        lanes = self.policy.lanes
        paced = self.policy.rate is not None or lanes is not None
        ahead = 0 if lanes is None else lanes.ahead
        self.widest = max(self.widest, windows[self.ticks % len(windows)], ahead)
        self.give(
            Tick(
                room=self.backend.room(self.call, paced=paced),
                window=windows[self.ticks % len(windows)],
                consumed=self.consumed,
                running=running,
            )
        )

    # ── backend and machine ─────────────────────────────────────────────────────────────────

    def report(self, report):
        if isinstance(report, Finished):
            for item, _ in report.endings:
                self.charged[item.index] += 1
        self.give(report)

    def give(self, stimulus):
        """Give the machine a stimulus, do what it orders, and check everything."""
        now = self.clock.monotonic()
        self.story.append(f"{now:g} {stimulus}")
        for order in self.machine.handle(stimulus, now):
            self.story.append(f"{now:g}     {order}")
            self.obey(order)
        self.check()

    def obey(self, order):
        match order:
            case ReadItems(count=count):
                assert count > 0
                self.allowed += count
            case StartItems(items=items):
                self.start(items)
            case StopItems(items=items):
                self.stop(items)
            case RecallItems():
                back = self.backend.recall(self.call)
                if back:
                    self.later(Returned(self.call.id, back))
            case StopReading():
                self.reading_stopped = self.cancelled = True
                self.allowed = 0
                if not self.source_told:
                    self.later(SourceEnded())
            case Release(outcomes=outcomes):
                self.release(outcomes)
            case Tell(event=event):
                self.hear(event)
            case End():
                self.ended = True

    def later(self, stimulus):
        """Have something happen now, but after all orders are carried out, as a dispatcher does."""
        self.afterwards.append(stimulus)

    def start(self, items):
        assert not self.paused, "started while paused"
        assert not self.cancelled, "started after a cancel"
        now = self.clock.monotonic()
        for item in items:
            assert item.index not in self.settled, f"{item} was started after it had settled"
            assert item.attempt - self.uncharged[item.index] <= self.policy.retry.attempts
            assert self.uncharged[item.index] <= self.policy.retry.waits
            self.starts.append((now, item))
        self.backend.start(self.call, items)
        if self.policy.lanes is None:
            self.check_limits(now)
        else:
            self.check_lanes(now, items)

    def stop(self, items):
        running = {item.index for item, _ in self.backend.running()}
        for item in items:
            assert item.index in running, f"{item} was stopped, but did not run"
            self.charged[item.index] += 1
        self.backend.stop(self.call, items)

    def release(self, outcomes):
        self.outlet += outcomes
        for outcome in outcomes:
            index = outcome.index
            assert index not in self.settled, f"{outcome} settled twice"
            assert index < len(self.items), f"{outcome} was never read"
            if self.policy.ordered:
                assert index == len(self.settled), f"{outcome} is out of order"
            # An innocent is never charged: only what its own attempts came to counts.
            assert outcome.attempts == self.charged[index], f"{outcome} was charged for another"
            if isinstance(outcome, TimedOut):
                late = outcome.duration - self.policy.timeout
                assert late == pytest.approx(0.0, abs=1e-6), "nobody woke up for the timeout"
            self.settled[index] = outcome

    def hear(self, event):
        self.stats.after(event)
        match event:
            case events.Paused():
                self.paused = True
            case events.Continued():
                self.paused = False
            case events.Retrying():
                self.retried += 1
            case events.Cancelling(at=at, reason="deadline"):
                assert at == self.policy.time_limit, "nobody woke up at the deadline"

    # ── the invariants ──────────────────────────────────────────────────────────────────────

    def check(self):
        """Check what must hold after every step."""
        between = self.allowed + len(self.items) - self.consumed
        assert between <= self.widest or not self.widest, f"{between} items in a smaller window"
        assert self.machine.occupied <= max(self.widest, 1)
        budget = self.policy.retry.budget
        assert budget is None or self.retried <= budget

    def check_limits(self, now):
        rate, capacity = self.policy.rate, self.policy.capacity
        if capacity is not None:
            flying = Counter(item.lane[1] for item in self.flying())
            for lane, count in flying.items():
                assert count <= capacity.of(lane), f"{count} items of lane {lane} at once"
        if rate is not None:
            lanes = {item.lane[0] if rate.key else None for _, item in self.starts}
            for lane in lanes:
                moments = [t for t, item in self.starts if not rate.key or item.lane[0] == lane]
                self.check_pace(moments, rate, now)

    def check_pace(self, moments, rate, now):
        for nth, since in enumerate(moments):
            allowed = rate.depth + (now - since) / rate.interval + 1e-6
            assert len(moments) - nth <= allowed, f"too many starts since {since}"

    def check_lanes(self, now, items):
        lanes = self.policy.lanes
        for lane in {item.lane[0] for item in items}:
            assert lane not in self.closed, f"started in the closed lane {lane}"
            assert now >= self.paused_until[lane] - 1e-6, f"started in a pause of lane {lane}"
            limits = lanes.of(lane)
            flying = [item for item in self.flying() if item.lane[0] == lane]
            assert limits.concurrency is None or len(flying) <= limits.concurrency
            if limits.rate is not None:
                moments = [t for t, item in self.starts if item.lane[0] == lane]
                self.check_pace(moments, limits.rate, now)
        for name, total in lanes.totals.items():
            reserved = sum((item.cost or {}).get(name, 0) for item in self.flying())
            assert self.spent[name] + reserved <= total, f"more of {name} than there is"

    def flying(self):
        return self.machine._in_flight.values()

    def finish(self):
        """Check what must hold when the run has ended, and return the outcomes by index."""
        missing = [item.index for item in self.items if item.index not in self.settled]
        assert not missing, f"items {missing} were read but never settled"
        assert not self.backend.running(), "something still runs"
        assert self.machine.occupied == len(self.settled) - self.machine.consumed
        assert not self.backend.recall(self.call), "something is still queued"
        stats = self.stats
        assert stats.read == stats.settled == len(self.items)
        assert stats.ok == sum(outcome.ok for outcome in self.settled.values())
        assert stats.ended is not None
        if self.schedule.ends_by_itself and not self.cancelled:
            assert len(self.items) == len(self.schedule.scripts)
            assert (self.machine.error is not None) == self.schedule.source_error
        return self.settled


def simulate(schedule):
    """
    Play *schedule*; return the outcomes by index.

    Raises:
        AssertionError: An invariant was broken; with the last steps that led there.
    """
    world = World(schedule)
    try:
        return world.play()
    except Exception as error:
        error.add_note("\n".join(["the last steps:", *world.story[-30:]]))
        raise


def _brief(value, ordinary):
    """Write a dataclass without the fields that are as in *ordinary*."""
    said = []
    for each in fields(value):
        mine, usual = getattr(value, each.name), getattr(ordinary, each.name)
        if mine != usual:
            nested = isinstance(mine, (Policy, Retry)) and usual is not None
            said.append(f"{each.name}={_brief(mine, usual) if nested else repr(mine)}")
    return f"{type(value).__name__}({', '.join(said)})"


def _repeating(values, otherwise):
    last = values[-1] if values else otherwise
    return itertools.chain(values, itertools.repeat(last))


__all__ = [
    "Capacity",
    "Feedback",
    "Lane",
    "Lanes",
    "Policy",
    "Rate",
    "Retry",
    "Schedule",
    "simulate",
]
