"""The machine's rules, one by one: what it orders, given what it is told and when."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core import events
from treadle.core.events import Running
from treadle.core.failures import failure_from
from treadle.core.item import Item
from treadle.core.limits import Capacity, Rate
from treadle.core.outcome import Raised, Succeeded, Unpicklable, WorkerLost
from treadle.core.policy import Policy, Retry
from treadle.core.protocols import Broken, Capabilities, Finished, Returned
from treadle.engine.machine import Machine
from treadle.engine.stimuli import (
    Cancel,
    Continue,
    End,
    ItemsRead,
    ItemsRefused,
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
from treadle.errors import SourceFailed, UsageError

KILLS = Capabilities(
    stops_calls=True,
    isolates=True,
    pickles=True,
    seeds_globals=True,
    interrupts_timeouts=True,
)
ABANDONS = Capabilities(
    stops_calls=False,
    isolates=False,
    pickles=False,
    seeds_globals=False,
    interrupts_timeouts=True,
)
CANNOT_INTERRUPT = Capabilities(
    stops_calls=False,
    isolates=False,
    pickles=False,
    seeds_globals=True,
    interrupts_timeouts=False,
)


class Told:
    """A machine, told things by hand; it remembers what it ordered, by kind."""

    def __init__(self, policy=None, capabilities=KILLS, **rest):
        self.policy = policy or Policy(**rest)
        self.machine = Machine(self.policy, capabilities, random=random.Random(1))
        self.now = 0.0
        self.orders = []
        self.released = []
        self.events = []
        self.consumed = 0
        self.items = []

    def tell(self, stimulus):
        self.orders = self.machine.handle(stimulus, self.now)
        for order in self.orders:
            if isinstance(order, Release):
                self.released += order.outcomes
            elif isinstance(order, Tell):
                self.events.append(order.event)
        return self.orders

    def tick(self, room=0, window=100, running=None, at=None):
        self.now = self.now if at is None else at
        self.tell(Tick(room=room, window=window, consumed=self.consumed, running=running))
        return [i.index for o in self.orders if isinstance(o, StartItems) for i in o.items]

    def read(self, count, lanes=lambda index: index):
        start = len(self.items)
        for index in range(start, start + count):
            self.items.append(Item(index, index, None, 1, self.policy.lane(lanes(index))))
        self.tell(ItemsRead(self.items[start:]))

    def ends(self, index, outcome=None):
        item = self.items[index]
        return self.tell(Finished(1, [(item, outcome or ok(item))]))

    def fails(self, index, error=None):
        return self.ends(index, failed(self.items[index], error or OSError("no")))

    def ordered(self, kind):
        return [order for order in self.orders if isinstance(order, kind)]

    @property
    def wants(self):
        return sum(order.count for order in self.ordered(ReadItems))


def facts(item, duration=1.0):
    return (item.key, item.index, item.attempt, 0.0, duration, None, None, "worker-1")


def ok(item, duration=1.0):
    return Succeeded(*facts(item, duration), "value")


def failed(item, error):
    return Raised(*facts(item), failure_from(error), error)


def running(item, since=0.0):
    return (item, Running(item.key, item.index, item.attempt, "worker-1", since))


# ── window ──────────────────────────────────────────────────────────────────────────────────


def test_the_source_is_read_as_far_as_the_window_and_no_further():
    told = Told()
    told.tick(window=3)
    assert told.wants == 3
    told.read(3)
    told.tick(room=3, window=3)
    assert told.wants == 0


def test_what_the_consumer_has_not_taken_occupies_the_window():
    told = Told()
    told.tick(window=2)
    told.read(2)
    told.tick(room=2, window=2)
    told.ends(0)
    told.ends(1)
    told.tick(room=2, window=2)
    assert told.wants == 0
    assert told.machine.starved
    told.consumed = 2
    told.tick(room=2, window=2)
    assert told.wants == 2


def test_what_times_out_still_occupies_the_window_in_the_same_moment():
    told = Told(timeout=1.0)
    told.tick(window=1)
    told.read(1)
    told.tick(room=1, window=1)
    told.tick(window=1, running=[running(told.items[0])], at=1.0)
    assert [o.kind for o in told.released] == ["timed out"]
    assert told.wants == 0


def test_a_growing_window_is_used_and_a_shrinking_one_waits_for_the_consumer():
    told = Told()
    told.tick(window=2)
    told.tick(window=5)
    assert told.wants == 3
    told.tick(window=1)
    assert told.wants == 0


def test_no_more_items_start_than_the_backend_has_room_for():
    told = Told()
    told.read(5)
    assert told.tick(room=2) == [0, 1]
    assert told.tick(room=0) == []
    assert told.tick(room=9) == [2, 3, 4]


def test_it_is_hungry_only_while_the_backend_has_room_and_nothing_waits():
    told = Told()
    told.tick(room=1)
    assert told.machine.hungry
    told.read(2)
    told.tick(room=1)
    assert not told.machine.hungry


# ── release ─────────────────────────────────────────────────────────────────────────────────


def test_outcomes_are_released_as_they_settle():
    told = Told()
    told.read(3)
    told.tick(room=3)
    for index in (2, 0, 1):
        told.ends(index)
    assert [o.index for o in told.released] == [2, 0, 1]


def test_in_order_outcomes_wait_for_those_before_them():
    told = Told(ordered=True)
    told.read(3)
    told.tick(room=3)
    told.ends(2)
    assert told.released == []
    told.ends(0)
    assert [o.index for o in told.released] == [0]
    told.ends(1)
    assert [o.index for o in told.released] == [0, 1, 2]


def test_what_is_held_for_its_turn_occupies_the_window():
    told = Told(ordered=True)
    told.tick(window=2)
    told.read(2)
    told.tick(room=2, window=2)
    told.ends(1)
    told.tick(room=1, window=2)
    assert told.wants == 0


def test_the_run_ends_when_the_source_has_and_all_has_settled():
    told = Told()
    told.read(1)
    told.tick(room=1)
    told.tell(SourceEnded())
    assert not told.machine.ended
    told.ends(0)
    assert told.ordered(End) == [End(None)]
    assert isinstance(told.events[-1], events.RunEnded)
    assert told.tell(Pause()) == []


def test_a_source_that_raises_fails_the_run_once_all_it_gave_has_settled():
    told = Told()
    told.read(1)
    told.tick(room=1)
    told.tell(SourceEnded(OSError("gone")))
    assert not told.ordered(End)
    told.ends(0)
    [end] = told.ordered(End)
    assert isinstance(end.error, SourceFailed)
    assert end.error.__cause__.args == ("gone",)
    assert [o.ok for o in told.released] == [True]


def test_an_item_that_cannot_travel_settles_without_an_attempt():
    told = Told(max_failures=1)
    item = Item(0, 0, None, 1)
    refused = Unpicklable(*facts(item), "argument", failure_from(TypeError("a lock")))
    told.tell(ItemsRefused([(item, refused)]))
    assert told.released == [refused]
    assert told.ordered(StopReading)


# ── retry ───────────────────────────────────────────────────────────────────────────────────


def test_a_failed_attempt_is_tried_again_after_its_delay():
    told = Told(retry=Retry(attempts=2, base=8.0))
    told.read(1)
    told.tick(room=1)
    told.fails(0)
    assert told.released == []
    [retrying] = [e for e in told.events if isinstance(e, events.Retrying)]
    assert 0.0 <= retrying.delay <= 8.0
    told.tick(room=1)
    assert told.machine.next_wake == retrying.delay
    assert told.tick(room=1, at=retrying.delay - 0.001) == []
    assert told.tick(room=1, at=retrying.delay) == [0]
    assert told.items[0].attempt == 2
    told.fails(0)
    assert [o.attempts for o in told.released] == [2]


@given(st.integers(1, 100), st.floats(0, 100), st.floats(0, 100), st.integers())
def test_a_delay_lies_between_nothing_and_the_doubling_bound(attempt, base, cap, seed):
    delay = Retry(base=base, cap=cap).delay(attempt, OSError(), random.Random(seed))
    assert 0.0 <= delay <= min(cap, base * 2.0 ** (attempt - 1))


def test_a_delay_that_the_error_asks_for_is_kept():
    error = OSError("slow down")
    error.retry_after = 60
    told = Told(retry=Retry(attempts=2, base=0.1))
    told.read(1)
    told.tick(room=1)
    told.fails(0, error)
    assert told.tick(room=1, at=59.9) == []
    assert told.tick(room=1, at=60.0) == [0]


@pytest.mark.parametrize(
    ("on", "again"),
    [
        (OSError, True),
        (ValueError, False),
        ((ValueError, OSError), True),
        (lambda error: "no" in str(error), True),
        (lambda error: False, False),
    ],
)
def test_only_what_on_names_is_tried_again(on, again):
    told = Told(retry=Retry(attempts=2, on=on, base=0.0))
    told.read(1)
    told.tick(room=1)
    told.fails(0)
    assert (told.tick(room=1) == [0]) == again
    assert len(told.released) == (0 if again else 1)


def test_the_budget_is_for_the_whole_run():
    told = Told(retry=Retry(attempts=10, base=0.0, budget=2))
    told.read(3)
    told.tick(room=3)
    for index in range(3):
        told.fails(index)
    assert [o.index for o in told.released] == [2]
    assert told.tick(room=3) == [0, 1]
    told.fails(0)
    told.fails(1)
    assert [o.index for o in told.released] == [2, 0, 1]


def test_a_dead_worker_is_a_reason_to_try_again_and_an_unpicklable_result_is_not():
    told = Told(retry=Retry(attempts=2, base=0.0))
    told.read(2)
    told.tick(room=2)
    told.ends(0, WorkerLost(*facts(told.items[0]), None, "SIGKILL"))
    told.ends(1, Unpicklable(*facts(told.items[1]), "result", failure_from(TypeError())))
    assert [o.index for o in told.released] == [1]
    assert told.tick(room=2) == [0]


def test_a_predicate_that_raises_ends_the_run_and_says_so():
    told = Told(retry=Retry(attempts=2, on=lambda error: error.missing))
    told.read(2)
    told.tick(room=2)
    told.fails(0)
    told.tell(SourceEnded())
    told.tick()
    [end] = told.ordered(End)
    assert isinstance(end.error, UsageError)
    assert "predicate" in str(end.error)
    assert sorted(o.kind for o in told.released) == ["cancelled", "raised"]


def test_what_waits_for_another_attempt_goes_before_what_has_had_none():
    told = Told(retry=Retry(attempts=2, base=0.0))
    told.read(3)
    told.tick(room=1)
    told.fails(0)
    assert told.tick(room=3) == [0, 1, 2]


# ── timeout and deadline ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("capabilities", "abandoned"), [(KILLS, False), (ABANDONS, True)])
def test_an_attempt_past_its_timeout_is_stopped_and_settles(capabilities, abandoned):
    told = Told(Policy(timeout=2.0), capabilities)
    told.read(2)
    told.tick(room=2)
    first, second = told.items
    assert told.machine.next_wake == 2.0
    told.tick(running=[running(first, since=0.0), running(second, since=1.0)], at=2.0)
    assert told.ordered(StopItems) == [StopItems([first])]
    [outcome] = told.released
    assert (outcome.kind, outcome.index, outcome.after, outcome.abandoned) == (
        "timed out",
        0,
        2.0,
        abandoned,
    )
    assert told.machine.next_wake == 3.0


def test_time_in_the_backends_queue_does_not_count():
    told = Told(timeout=2.0)
    told.read(2)
    told.tick(room=2)
    told.tick(running=[running(told.items[0], since=1.9)], at=2.5)
    assert told.released == []
    assert told.machine.next_wake == 3.9


def test_two_that_time_out_together_both_settle_even_at_the_failure_limit():
    told = Told(timeout=1.0, max_failures=1, grace=0.0)
    told.read(2)
    told.tick(room=2)
    told.tick(running=[running(item) for item in told.items], at=1.0)
    assert [o.kind for o in told.released] == ["timed out", "timed out"]


def test_a_call_that_cannot_be_interrupted_is_judged_when_it_returns():
    told = Told(Policy(timeout=1.0), CANNOT_INTERRUPT)
    told.read(2)
    told.tick(room=2, running=[])
    told.ends(0, ok(told.items[0], duration=1.5))
    told.ends(1, ok(told.items[1], duration=0.5))
    assert [o.kind for o in told.released] == ["timed out", "succeeded"]


def test_a_timeout_is_tried_again_like_any_failure():
    told = Told(timeout=1.0, retry=Retry(attempts=2, on=TimeoutError, base=0.0))
    told.read(1)
    told.tick(room=1)
    told.tick(running=[running(told.items[0])], at=1.0)
    assert told.released == []
    assert told.tick(room=1) == [0]


def test_an_ending_that_crosses_a_stop_is_not_counted_twice():
    told = Told(timeout=1.0)
    told.read(1)
    told.tick(room=1)
    told.tick(running=[running(told.items[0])], at=1.0)
    told.ends(0)
    assert [o.kind for o in told.released] == ["timed out"]


def test_at_the_deadline_everything_unsettled_is_cancelled():
    told = Told(time_limit=10.0)
    told.read(3)
    told.tick(room=1)
    assert told.machine.next_wake == 10.0
    told.tick(at=10.0)
    told.tell(SourceEnded())
    told.tick()
    assert told.ordered(StopItems) == [StopItems([told.items[0]])]
    assert [(o.index, o.reason, o.attempts) for o in told.released] == [
        (1, "deadline", 0),
        (2, "deadline", 0),
        (0, "deadline", 1),
    ]


# ── failure limit, cancel, kill ─────────────────────────────────────────────────────────────


def test_at_the_failure_limit_nothing_further_starts_and_what_runs_may_finish():
    told = Told(max_failures=2)
    told.read(5)
    told.tick(room=4)
    told.fails(0)
    assert not told.ordered(StopReading)
    told.fails(1)
    assert told.ordered(StopReading)
    assert told.ordered(RecallItems)
    assert told.tick(room=4) == []
    told.tell(SourceEnded())
    told.ends(2)
    told.fails(3)
    assert [o.kind for o in told.released] == [
        "raised",
        "raised",
        "cancelled",
        "succeeded",
        "raised",
    ]
    assert told.events[-1].stopped == "failure limit"


def test_a_cancelled_run_kills_what_still_runs_after_the_grace_period():
    told = Told()
    told.read(1)
    told.tick(room=1)
    told.tell(Cancel("interrupted", 5.0))
    assert told.machine.next_wake == 5.0
    told.tick(at=4.9)
    assert not told.ordered(StopItems)
    told.tick(at=5.0)
    assert told.ordered(StopItems) == [StopItems([told.items[0]])]
    assert [(o.reason, o.attempts) for o in told.released] == [("interrupted", 1)]


def test_a_second_cancel_can_shorten_the_grace_period_and_not_lengthen_it():
    told = Told()
    told.read(1)
    told.tick(room=1)
    told.tell(Cancel("interrupted", 5.0))
    told.tell(Cancel("interrupted", 50.0))
    assert told.machine.next_wake == 5.0
    told.tell(Cancel("interrupted", 0.0))
    told.tick()
    assert told.ordered(StopItems)
    assert sum(isinstance(e, events.Cancelling) for e in told.events) == 1


def test_what_is_taken_back_before_a_kill_counts_no_attempt():
    told = Told()
    told.read(2)
    told.tick(room=2)
    told.tell(Cancel("closed", 0.0))
    assert told.ordered(RecallItems)
    told.tell(Returned(1, [told.items[1]]))
    told.tick()
    assert [(o.index, o.attempts) for o in told.released] == [(1, 0), (0, 1)]


def test_nothing_is_tried_again_once_the_run_is_cancelled():
    """
    What would have been tried again has no ending of its own: a resumed run goes on with it.
    """
    told = Told(retry=Retry(attempts=5, base=0.0))
    told.read(2)
    told.tick(room=2)
    told.fails(0)
    told.tell(Cancel("interrupted", 5.0))
    told.fails(1)
    assert [(o.index, o.kind, o.attempts) for o in told.released] == [
        (0, "cancelled", 1),
        (1, "cancelled", 1),
    ]


def test_the_run_is_over_only_when_the_reading_is():
    told = Told()
    told.tick()
    told.tell(Cancel("interrupted", 0.0))
    assert told.ordered(StopReading)
    assert not told.machine.ended
    told.read(1)  # was read, but not yet collected, when the reader was told to stop
    told.tell(SourceEnded())
    assert [o.kind for o in told.released] == ["cancelled"]
    assert told.machine.ended


def test_while_what_runs_may_finish_there_is_nothing_to_wake_up_for():
    told = Told(rate=Rate(1, per=10))
    told.read(3)
    told.tick(room=3)
    told.tell(Cancel("interrupted", 30.0))
    told.tick(room=2, at=11.0)
    assert told.machine.next_wake == 30.0


def test_a_backend_that_cannot_go_on_ends_the_run_with_its_reason():
    told = Told()
    told.read(2)
    told.tick(room=1)
    error = RuntimeError("no worker starts")
    told.tell(Broken(1, error))
    told.tell(SourceEnded())
    told.tick()
    assert told.ordered(End) == [End(error)]
    assert len(told.released) == 2


# ── uncharged returns ───────────────────────────────────────────────────────────────────────


def test_an_item_that_never_began_starts_again_first_and_uncharged():
    told = Told(retry=Retry(attempts=1))
    told.read(3)
    told.tick(room=2)
    told.tell(Returned(1, [told.items[1]]))
    assert told.items[1].attempt == 0
    assert told.tick(room=2) == [1, 2]
    assert told.items[1].attempt == 1


def test_an_item_may_be_returned_any_number_of_times():
    told = Told()
    told.read(1)
    for _ in range(50):
        assert told.tick(room=1) == [0]
        told.tell(Returned(1, [told.items[0]]))
    told.tick(room=1)
    told.ends(0)
    assert [o.attempts for o in told.released] == [1]


def test_an_item_that_has_settled_meanwhile_is_not_taken_back():
    told = Told(timeout=1.0)
    told.read(1)
    told.tick(room=1)
    told.tick(running=[running(told.items[0])], at=1.0)
    told.tell(Returned(1, [told.items[0]]))
    assert told.tick(room=1) == []


# ── pause ───────────────────────────────────────────────────────────────────────────────────


def test_while_paused_nothing_starts_and_nothing_is_lost():
    told = Told()
    told.read(3)
    told.tick(room=2)
    told.tell(Pause())
    assert told.ordered(RecallItems)
    told.tell(Returned(1, [told.items[1]]))
    told.ends(0)
    assert told.tick(room=2) == []
    told.tell(Continue())
    assert told.tick(room=2) == [1, 2]
    assert [type(e) for e in told.events if isinstance(e, (events.Paused, events.Continued))] == [
        events.Paused,
        events.Continued,
    ]


def test_a_pause_does_not_wake_anybody():
    told = Told(retry=Retry(attempts=2, base=1.0))
    told.read(1)
    told.tick(room=1)
    told.fails(0)
    told.tell(Pause())
    told.tick(room=1)
    assert told.machine.next_wake == float("inf")


# ── rate and capacity ───────────────────────────────────────────────────────────────────────


@given(
    st.floats(0.1, 1000),
    st.floats(0.1, 100),
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 6)), max_size=40),
)
def test_any_span_of_time_sees_at_most_the_burst_and_what_the_rate_allows(n, per, burst, visits):
    rate = Rate(n, per=per, burst=burst)
    told = Told(rate=rate)
    told.read(300)
    starts = []
    for pause, room in visits:
        starts += [told.now for _ in told.tick(room=room, at=told.now + pause)]
    for first in range(len(starts)):
        for last in range(first, len(starts)):
            span = starts[last] - starts[first]
            assert last - first + 1 <= rate.depth + span / rate.interval + 1e-6


@given(st.floats(0.5, 40), st.floats(0.1, 60))
def test_starts_are_spread_evenly_and_the_rate_is_reached(n, per):
    """
    Woken when it asks to be, and never earlier, it starts one item per interval to the dot.
    """
    rate = Rate(n, per=per)
    told = Told(rate=rate)
    told.read(50)
    starts = []
    while len(starts) < 20:
        starts += [told.now for _ in told.tick(room=50)]
        assert told.machine.next_wake > told.now
        told.now = told.machine.next_wake
    assert starts[rate.depth :] == pytest.approx(
        [(nth + 1) * rate.interval for nth in range(20 - rate.depth)]
    )


def test_each_key_has_a_rate_of_its_own():
    told = Told(rate=Rate(1, per=10, key=lambda value: value % 2))
    told.read(6)
    assert told.tick(room=6) == [0, 1]
    assert told.tick(room=6, at=9.9) == []
    assert told.tick(room=6, at=10.0) == [2, 3]


def test_each_key_has_a_capacity_of_its_own():
    told = Told(capacity=Capacity({"a": 1, "b": 2}, key=lambda index: "aaabbbc"[index]))
    told.read(7)
    assert sorted(told.tick(room=7)) == [0, 3, 4, 6]
    told.ends(0)
    assert told.tick(room=7) == [1]
    told.fails(3)
    told.ends(4)
    assert told.tick(room=7) == [5]


def test_capacity_is_given_back_however_an_attempt_ends():
    told = Told(timeout=1.0, capacity=Capacity(1, key=lambda value: "all"))
    told.read(4)
    assert told.tick(room=4) == [0]
    told.tick(running=[running(told.items[0])], at=1.0)
    assert told.tick(room=4) == [1]
    told.tell(Returned(1, [told.items[1]]))
    assert told.tick(room=4) == [1]
    told.fails(1)
    assert told.tick(room=4) == [2]


def test_a_lane_at_its_limit_does_not_keep_others_waiting():
    told = Told(capacity=Capacity(1, key=lambda index: "slow" if index < 5 else index))
    told.read(8)
    assert sorted(told.tick(room=3)) == [0, 5, 6]
    assert told.machine.hungry or told.tick(room=3) == [7]


def test_lanes_take_turns():
    told = Told(rate=Rate(1000, key=lambda index: "a" if index < 50 else "b", burst=100))
    told.read(100)
    started = [told.tick(room=2) for _ in range(10)]
    lanes = [sum(index < 50 for index in pair) for pair in started]
    assert lanes == [1] * 10


def test_keys_that_were_used_once_are_forgotten():
    """
    A million keys must not mean a million entries.
    """
    told = Told(
        rate=Rate(1, key=lambda value: value), capacity=Capacity(1, key=lambda value: value)
    )
    for nth in range(1000):
        told.now = nth * 10.0
        told.read(1)
        assert told.tick(room=1) == [nth]
        told.ends(nth)
    waiting = told.machine._waiting
    assert len(waiting._busy) == 0
    assert len(waiting._next_start) < 200
    assert len(waiting._queues) == 0


class TestStuck:
    """A cancelled run whose items in flight do not run: a setup holds them, and grace is lost."""

    def cancelled(self, count=2):
        told = Told(grace=30.0)
        told.tick(room=count)
        told.read(count)
        told.tick(room=count)
        told.tell(SourceEnded())
        told.tell(Cancel("test", 30.0))
        return told

    def running(self, told, *indices):
        items = [told.items[index] for index in indices]
        return [(i, Running(i.key, i.index, i.attempt, "worker-1", 0.0)) for i in items]

    def test_it_does_not_wait_for_its_grace(self):
        told = self.cancelled()
        told.tick(running=[], at=1.0)
        assert not told.ordered(StopItems)
        assert told.machine.next_wake == 2.0
        told.tick(at=2.0)
        assert [item.index for order in told.ordered(StopItems) for item in order.items] == [0, 1]
        assert told.ordered(End)

    def test_while_one_of_them_runs_all_have_their_grace(self):
        told = self.cancelled()
        for second in range(1, 30):
            told.tick(running=self.running(told, 1), at=float(second))
            assert not told.ordered(StopItems)

    def test_a_result_on_its_way_is_waited_for(self):
        told = self.cancelled()
        told.tick(running=[], at=1.0)
        told.ends(0)
        told.ends(1)
        assert [outcome.kind for outcome in told.released] == ["succeeded", "succeeded"]

    def test_one_that_begins_meanwhile_has_its_grace(self):
        told = self.cancelled()
        told.tick(running=[], at=1.0)
        told.tick(running=self.running(told, 0), at=1.5)
        told.tick(running=self.running(told, 0), at=2.5)
        assert not told.ordered(StopItems)

    def test_without_having_asked_nothing_is_known(self):
        told = self.cancelled()
        told.tick(running=None, at=1.0)
        told.tick(running=None, at=29.0)
        assert not told.ordered(StopItems)


def test_a_machine_that_gives_up_names_what_is_in_flight_and_decides_nothing_further():
    told = Told()
    told.tick(room=2)
    told.read(3)
    told.tick(room=2)
    error = RuntimeError("broken")
    assert [item.index for item in told.machine.give_up(error)] == [0, 1]
    assert told.machine.ended
    assert told.machine.error is error
    assert told.tell(SourceEnded()) == []
