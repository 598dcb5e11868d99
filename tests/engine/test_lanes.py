"""What lanes promise, one by one: which items start, when, and what becomes of the others."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_machine import Told, failed, ok, running

from treadle.core import events
from treadle.core.item import Item
from treadle.core.lanes import Feedback, Lane, Lanes
from treadle.core.limits import Rate
from treadle.core.policy import Retry
from treadle.core.protocols import Finished, Returned
from treadle.engine.machine import Machine
from treadle.engine.stimuli import (
    Cancel,
    Continue,
    End,
    ItemsRead,
    Pause,
    SourceEnded,
    StopReading,
)
from treadle.errors import UsageError

BUSY = Feedback(pause=5.0, charged=False)
# Waiting for so much of a budget may end so much earlier: a Rate is that far ahead of the clock.
AHEAD = 0.02
TOO_MANY = Feedback(overloaded=True, charged=False)
WAIT = Feedback(pause=5.0)
REFUSED = Feedback(fault="connection refused")


class InLanes(Told):
    """
    A machine whose items belong to lanes: their values are ``"a1"``, ``"b2"``, of lanes a and b.

    What an attempt teaches is said where its end is told.
    """

    def __init__(self, limits=None, *, cost=None, totals=None, spent=None, ahead=1000, **rest):
        self.teaches = None
        lanes = Lanes(
            key=lambda value: value[0],
            limits=limits or Lane(),
            cost=cost,
            feedback=self.feedback,
            totals=totals or {},
            spent=spent or {},
            ahead=ahead,
        )
        super().__init__(lanes=lanes, **rest)

    def feedback(self, _outcome):
        if isinstance(self.teaches, BaseException):
            raise self.teaches
        return self.teaches

    def read(self, *values):
        fresh = []
        for value in values:
            index = len(self.items)
            cost = self.policy.lanes.cost
            item = Item(index, value, None, 1, self.policy.lane(value), cost and cost(value))
            self.items.append(item)
            fresh.append(item)
        self.tell(ItemsRead(fresh))

    def starts(self, *, at=None, room=1000):
        """Return the values that start now."""
        return [self.items[index].key for index in self.tick(room=room, at=at)]

    def end(self, *values, teaches=None):
        """Let attempts succeed, one by one."""
        for value in values:
            self.teaches = teaches
            item = self.item(value)
            self.tell(Finished(1, [(item, ok(item))]))

    def fail(self, *values, teaches=None):
        """Let attempts fail, one by one."""
        for value in values:
            self.teaches = teaches
            item = self.item(value)
            self.tell(Finished(1, [(item, failed(item, OSError("no")))]))

    def item(self, value):
        return next(item for item in self.items if item.key == value)

    @property
    def settled(self):
        return {outcome.key: outcome.kind for outcome in self.released}

    @property
    def wake(self):
        return self.machine.next_wake


def lane_of(told, key="a"):
    """Return the newest state of a lane that listeners were told of."""
    told.tick(at=told.now + 0.1)
    states = [event.lanes for event in told.events if isinstance(event, events.LanesChanged)][-1]
    return next(state for state in states if state.key == key)


def several(count, lane="a", first=0):
    return [f"{lane}{number}" for number in range(first, first + count)]


# ── order, independence, turns ──────────────────────────────────────────────────────────────


def test_within_a_lane_items_start_in_input_order():
    told = InLanes(Lane(concurrency=2))
    told.read("a0", "b0", "a1", "a2", "b1", "b2")
    assert sorted(told.starts()) == ["a0", "a1", "b0", "b1"]
    told.end("a1")
    assert told.starts() == ["a2"]


def test_what_is_tried_again_goes_first():
    told = InLanes(Lane(concurrency=1), retry=Retry(attempts=2, base=0.0))
    told.read("a0", "a1", "a2")
    told.starts()
    told.fail("a0")
    assert told.starts() == ["a0"]


def test_an_item_that_waits_to_be_tried_again_holds_no_place():
    told = InLanes(Lane(concurrency=1), retry=Retry(attempts=2, base=100.0))
    told.read("a0", "a1")
    told.starts()
    told.fail("a0")
    assert told.starts() == ["a1"]


def test_a_lane_at_its_limit_does_not_hold_up_others():
    told = InLanes({"a": Lane(concurrency=1)})
    told.read(*several(50), "b0")
    assert sorted(told.starts()) == ["a0", "b0"]


def test_a_lane_that_waits_does_not_hold_up_others():
    told = InLanes()
    told.read("a0", "b0")
    told.starts()
    told.fail("a0", teaches=BUSY)
    told.read("a1", "b1")
    assert told.starts() == ["b1"]


def test_lanes_take_turns():
    told = InLanes()
    told.read(*several(20), *several(20, "b"))
    started = [told.starts(room=2) for _ in range(10)]
    assert [Counter(value[0] for value in pair) for pair in started] == [{"a": 1, "b": 1}] * 10


def test_each_lane_has_the_limits_that_a_function_of_its_key_returns():
    told = InLanes(lambda key: Lane(concurrency={"a": 1, "b": 2}[key]))
    told.read(*several(3), *several(3, "b"))
    assert sorted(told.starts()) == ["a0", "b0", "b1"]


def test_keys_that_a_mapping_has_not_are_not_limited():
    told = InLanes({"b": Lane(concurrency=1)})
    told.read(*several(30))
    assert len(told.starts()) == 30


def test_a_place_is_given_back_however_an_attempt_ends():
    told = InLanes(Lane(concurrency=1), timeout=1.0)
    told.read(*several(5))
    assert told.starts() == ["a0"]
    told.tick(running=[running(told.items[0])], at=1.0)
    assert told.starts() == ["a1"]
    told.tell(Returned(1, [told.items[1]]))
    assert told.starts() == ["a1"]
    told.fail("a1")
    assert told.starts() == ["a2"]
    told.end("a2")
    assert told.starts() == ["a3"]


def test_a_pause_of_the_run_holds_all_lanes():
    told = InLanes(Lane(rate=Rate(1)))
    told.read("a0", "b0")
    told.tell(Pause())
    assert told.starts() == []
    assert told.wake == math.inf
    told.tell(Continue())
    assert sorted(told.starts()) == ["a0", "b0"]


def test_a_cancel_settles_what_waits_and_is_delayed_in_every_lane():
    told = InLanes(Lane(concurrency=1), retry=Retry(attempts=2, base=100.0))
    told.read("a0", "a1", "b0", "b1")
    told.starts()
    told.fail("a0")
    told.end("b0")
    told.tell(Cancel("interrupted", 0.0))
    told.tell(SourceEnded())
    told.tick()
    assert told.machine.ended
    assert told.settled == {
        "a0": "cancelled",
        "a1": "cancelled",
        "b0": "succeeded",
        "b1": "cancelled",
    }


# ── window ──────────────────────────────────────────────────────────────────────────────────


def test_as_many_items_are_read_ahead_as_asked_for_and_no_more():
    told = InLanes(Lane(concurrency=1), ahead=50)
    told.tick(room=4, window=8)
    assert told.wants == 50
    told.read(*several(50))
    told.tick(room=4, window=8)
    assert told.wants == 0
    assert told.machine.occupied == 50


def test_a_larger_window_of_the_backend_is_used():
    told = InLanes(ahead=50)
    told.tick(room=4, window=80)
    assert told.wants == 80


# ── warm-up ─────────────────────────────────────────────────────────────────────────────────


def test_a_warm_up_starts_one_item_alone_until_it_has_succeeded():
    told = InLanes(Lane(concurrency=3, warm_up=True))
    told.read(*several(10))
    assert told.starts() == ["a0"]
    assert told.starts() == []
    told.end("a0")
    assert told.starts() == ["a1", "a2", "a3"]


def test_a_failure_of_the_item_itself_shows_that_the_lane_works():
    told = InLanes(Lane(concurrency=3, warm_up=True))
    told.read(*several(10))
    told.starts()
    told.fail("a0")
    assert len(told.starts()) == 3


@pytest.mark.parametrize("teaches", [REFUSED, TOO_MANY])
def test_a_fault_of_the_lane_or_being_told_to_come_later_shows_nothing(teaches):
    told = InLanes(Lane(concurrency=3, warm_up=True))
    told.read(*several(10))
    told.starts()
    told.fail("a0", teaches=teaches)
    assert len(told.starts(at=100.0)) == 1


def test_a_warm_up_whose_item_never_began_begins_again():
    told = InLanes(Lane(concurrency=3, warm_up=True))
    told.read(*several(10))
    told.starts()
    told.tell(Returned(1, [told.items[0]]))
    assert told.starts() == ["a0"]
    assert told.starts() == []


# ── pauses ──────────────────────────────────────────────────────────────────────────────────


def test_in_a_pause_nothing_starts_and_it_wakes_at_the_end_of_it():
    told = InLanes(Lane(concurrency=3))
    told.read(*several(10))
    told.starts()
    told.fail("a0", teaches=BUSY)
    assert told.starts(at=4.9) == []
    assert told.wake == 5.0
    assert len(told.starts(at=5.0)) == 1


def test_the_longest_of_several_pauses_counts():
    told = InLanes(Lane(concurrency=3))
    told.read(*several(10))
    told.starts()
    told.fail("a0", teaches=Feedback(pause=9.0))
    told.fail("a1", teaches=Feedback(pause=2.0))
    assert told.starts(at=8.9) == []
    assert told.wake == 9.0


def test_after_a_pause_one_item_goes_alone_until_one_has_succeeded():
    told = InLanes(Lane(concurrency=3))
    told.read(*several(10))
    told.starts()
    told.fail("a0", "a1", "a2", teaches=WAIT)
    assert told.starts(at=5.0) == ["a3"]
    assert told.starts() == []
    told.end("a3")
    assert told.starts() == ["a4", "a5", "a6"]


def test_what_succeeds_during_a_pause_does_not_open_the_lane():
    told = InLanes(Lane(concurrency=3))
    told.read(*several(10))
    told.starts()
    told.fail("a0", teaches=WAIT)
    told.now = 1.0
    told.end("a1", "a2")
    assert told.starts(at=5.0) == ["a3"]


def test_what_hangs_since_before_the_pause_does_not_keep_it_closed():
    told = InLanes(Lane(concurrency=3))
    told.read(*several(10))
    told.starts()
    told.fail("a0", teaches=WAIT)
    assert told.starts(at=5.0) == ["a3"]
    told.end("a3")
    assert told.starts() == ["a4"]  # a1 and a2 hold two of three places


def test_a_pause_that_a_success_announces_needs_no_item_that_goes_alone():
    told = InLanes(Lane(concurrency=3))
    told.read(*several(10))
    told.starts()
    told.end("a0", teaches=Feedback(pause=5.0))
    told.end("a1", "a2")
    assert told.starts(at=4.0) == []
    assert len(told.starts(at=5.0)) == 3


def test_a_pause_longer_than_the_longest_closes_the_lane_and_leaves_its_items():
    told = InLanes(Lane(concurrency=1, max_pause=60.0))
    told.read("a0", "a1", "b0")
    told.starts()
    told.fail("a0", teaches=Feedback(pause=61.0))
    assert told.settled == {"a0": "cancelled", "a1": "cancelled"}
    assert "61 s, longer than 60 s" in told.released[0].reason


def test_a_pause_without_end_closes_the_lane():
    told = InLanes()
    told.read("a0")
    told.starts()
    told.fail("a0", teaches=Feedback(pause=math.inf))
    assert told.settled == {"a0": "cancelled"}


# ── closing ─────────────────────────────────────────────────────────────────────────────────


def test_a_lane_that_closes_leaves_its_items_wherever_they_are_and_others_go_on():
    told = InLanes(
        {"a": Lane(concurrency=2), "b": Lane(concurrency=1)}, retry=Retry(attempts=3, base=100.0)
    )
    told.read("a0", "b0", "a1", "a2", "a3", "b1")
    assert sorted(told.starts()) == ["a0", "a1", "b0"]
    told.fail("a0")  # delayed
    assert told.starts() == ["a2"]
    told.fail("a1", teaches=Feedback(closed="no credit"))  # this one; a3 waits
    assert told.settled == dict.fromkeys(["a0", "a1", "a3"], "cancelled")
    assert {outcome.reason for outcome in told.released} == {"no credit"}
    told.end("a2")  # was in flight
    assert told.settled["a2"] == "succeeded"
    told.end("b0")
    assert told.starts() == ["b1"]
    told.end("b1")
    told.tell(SourceEnded())
    assert told.machine.ended
    assert told.machine.error is None
    assert told.events[-1].stopped == "the lane 'a' is closed: no credit"


def test_items_of_a_closed_lane_that_are_read_later_are_left_at_once():
    told = InLanes()
    told.read("a0")
    told.starts()
    told.fail("a0", teaches=Feedback(closed="no credit"))
    told.read("a1", "b0")
    assert told.settled == {"a0": "cancelled", "a1": "cancelled"}
    assert told.starts() == ["b0"]


def test_what_fails_by_itself_in_a_closed_lane_fails_and_is_left_if_it_would_be_tried_again():
    told = InLanes(retry=Retry(attempts=2, base=0.0))
    told.read("a0", "a1", "a2")
    told.starts()
    told.fail("a0")
    assert told.starts() == ["a0"]
    told.fail("a1", teaches=Feedback(closed="no credit"))
    told.fail("a0", "a2")
    assert told.settled == {"a0": "raised", "a1": "cancelled", "a2": "cancelled"}


def test_a_success_may_close_its_lane_and_stays_one():
    told = InLanes(Lane(concurrency=1))
    told.read("a0", "a1")
    told.starts()
    told.end("a0", teaches=Feedback(closed="that was the last"))
    assert told.settled == {"a0": "succeeded", "a1": "cancelled"}


def test_items_left_do_not_count_as_failures():
    told = InLanes(max_failures=1)
    told.read("a0", "b0")
    told.starts()
    told.fail("a0", teaches=Feedback(closed="no credit"))
    assert not told.ordered(StopReading)


def test_in_order_the_items_that_are_left_keep_their_place():
    told = InLanes(Lane(concurrency=1), ordered=True)
    told.read("b0", "a0", "a1", "b1")
    told.starts()
    told.fail("a0", teaches=Feedback(closed="no credit"))
    assert told.released == []
    told.end("b0")
    assert [outcome.key for outcome in told.released] == ["b0", "a0", "a1"]


def refused(told, *values):
    """Let attempts meet a dead server, each as soon as it may start; return when they did."""
    moments = []
    for value in values:
        started = told.starts() or told.starts(at=told.wake)
        assert started == [value]
        moments.append(told.now)
        told.fail(value, teaches=REFUSED)
    return moments


def test_so_many_faults_in_a_row_close_the_lane():
    told = InLanes({"a": Lane(concurrency=1, trip_after=3)})
    told.read(*several(5))
    refused(told, "a0", "a1")
    assert told.settled == {"a0": "raised", "a1": "raised"}
    refused(told, "a2")
    told.read("b0")
    assert told.settled["a2"] == told.settled["a4"] == "cancelled"
    assert told.released[-1].reason == "connection refused (3 times in a row)"
    assert told.starts() == ["b0"]


def test_each_fault_pauses_the_lane_for_twice_as_long_and_five_close_it():
    told = InLanes(Lane(concurrency=9))
    told.read(*several(9))
    told.starts(room=1)
    told.fail("a0", teaches=REFUSED)
    assert refused(told, *several(4, first=1)) == [0.5, 1.5, 3.5, 7.5]
    assert told.settled["a8"] == "cancelled"


def test_a_pause_for_a_fault_is_a_minute_at_most_and_never_closes_the_lane_itself():
    told = InLanes(lambda key: Lane(trip_after=99, max_pause=600.0 if key == "a" else 3.0))
    for lane, longest in (("a", 60.0), ("b", 3.0)):
        values = several(20, lane)
        told.read(*values)
        told.starts(room=1)
        told.fail(values[0], teaches=REFUSED)
        moments = refused(told, *values[1:])
        assert moments[-1] - moments[-2] == longest
    assert set(told.settled.values()) == {"raised"}


def test_faults_of_attempts_that_were_in_flight_together_count_once():
    """
    A server that is away for a moment closes nothing, however many connections it breaks.
    """
    told = InLanes(Lane(concurrency=20, trip_after=2))
    told.read(*several(60))
    told.starts()
    told.fail(*several(20), teaches=REFUSED)
    assert "cancelled" not in told.settled.values()
    assert told.starts(at=0.4) == []
    assert told.starts(at=0.5) == ["a20"]  # one alone
    told.end("a20")
    assert len(told.starts()) == 20


def test_what_was_in_flight_at_a_fault_counts_no_more_when_it_fails_later():
    told = InLanes(Lane(concurrency=3, trip_after=2))
    told.read(*several(9))
    told.starts()
    told.fail("a0", teaches=REFUSED)
    assert told.starts(at=0.5) == ["a3"]
    told.fail("a1", "a2", teaches=REFUSED)
    assert "cancelled" not in told.settled.values()
    told.fail("a3", teaches=REFUSED)
    assert told.settled["a8"] == "cancelled"


@pytest.mark.parametrize("way", ["end", "fail"])
def test_any_other_ending_begins_the_row_anew(way):
    told = InLanes(Lane(concurrency=1, trip_after=2))
    told.read(*several(10))
    for number, ending in enumerate([REFUSED, None, REFUSED, None, REFUSED]):
        assert told.starts(at=told.now + 1.0)
        getattr(told, "fail" if ending else way)(f"a{number}", teaches=ending)
    assert "cancelled" not in told.settled.values()


@pytest.mark.parametrize("teaches", [Feedback(spent=True), Feedback(overloaded=True)])
def test_a_failure_that_does_not_show_that_the_lane_works_ends_no_row(teaches):
    told = InLanes(Lane(concurrency=1, trip_after=2))
    told.read(*several(10))
    for number, ending in enumerate([REFUSED, teaches, teaches, REFUSED]):
        assert told.starts(at=told.now + 1.0)
        told.fail(f"a{number}", teaches=ending)
    assert told.settled["a9"] == "cancelled"


def test_a_fault_counts_for_nothing_when_another_has_succeeded_meanwhile():
    told = InLanes(Lane(concurrency=2, trip_after=1))
    told.read(*several(6))
    told.starts()
    told.end("a0")
    told.fail("a1", teaches=REFUSED)
    assert told.starts() == ["a2", "a3"]
    told.fail("a3", teaches=REFUSED)
    assert told.settled["a5"] == "cancelled"


def test_the_item_that_closed_its_lane_was_tried_and_those_that_waited_were_not():
    told = InLanes(Lane(concurrency=1))
    told.read(*several(3))
    told.starts()
    told.fail("a0", teaches=Feedback(closed="no credit"))
    assert {each.key: each.attempts for each in told.released} == {"a0": 1, "a1": 0, "a2": 0}


def test_faults_of_one_lane_do_not_count_for_another():
    told = InLanes(Lane(trip_after=2))
    told.read("a0", "b0", "c0")
    told.starts()
    told.fail("a0", "b0", "c0", teaches=REFUSED)
    assert set(told.settled.values()) == {"raised"}


# ── attempts that count, and those that do not ──────────────────────────────────────────────


def test_being_told_to_come_later_uses_up_no_attempt():
    told = InLanes(retry=Retry(attempts=1, base=0.0))
    told.read("a0")
    for _ in range(20):
        assert told.starts() == ["a0"]
        told.fail("a0", teaches=Feedback(charged=False))
    assert told.starts() == ["a0"]
    told.fail("a0")
    assert told.settled == {"a0": "raised"}
    assert told.released[0].attempts == 21


def test_charged_and_uncharged_attempts_are_counted_apart():
    told = InLanes(retry=Retry(attempts=3, base=0.0))
    told.read("a0")
    for charged in (False, True, False, True, False):
        assert told.starts() == ["a0"]
        told.fail("a0", teaches=Feedback(charged=charged))
    told.starts()
    told.fail("a0")
    assert told.settled == {"a0": "raised"}


def test_an_item_that_is_told_to_come_later_too_often_fails():
    told = InLanes(retry=Retry(base=0.0, waits=2))
    told.read("a0")
    for _ in range(3):
        assert told.settled == {}
        assert told.starts() == ["a0"]
        told.fail("a0", teaches=Feedback(charged=False))
    assert told.settled == {"a0": "raised"}


def test_an_item_is_tried_again_only_within_the_time_since_it_first_failed():
    told = InLanes(retry=Retry(attempts=100, base=0.0, within=10.0))
    told.read("a0")
    told.starts(at=5.0)
    told.now = 20.0
    told.fail("a0")  # begins the count
    assert told.starts() == ["a0"]
    told.now = 30.0
    told.fail("a0")
    assert told.starts() == ["a0"]
    told.now = 30.1
    told.fail("a0")
    assert told.settled == {"a0": "raised"}


def test_the_limit_of_time_holds_without_lanes_too():
    told = Told(retry=Retry(attempts=100, base=0.0, within=10.0))
    told.read(1)
    told.tick(room=1)
    told.fails(0)
    told.tick(room=1, at=11.0)
    told.fails(0)
    assert [outcome.attempts for outcome in told.released] == [2]


# ── rates and budgets ───────────────────────────────────────────────────────────────────────


def paced(told, seconds):
    """Return when items start, woken when the machine asks to be; what starts ends at once."""
    moments = []
    while told.now <= seconds:
        for value in told.starts():
            moments.append(told.now)
            told.end(value, teaches=told.announces)
        told.starts()
        if told.wake == math.inf:
            break
        assert told.wake > told.now
        told.now = told.wake
    return moments


def test_starts_are_spread_evenly():
    told = InLanes(Lane(rate=Rate(60, per=60)))
    told.announces = None
    told.read(*several(30))
    assert paced(told, 9.5) == pytest.approx(list(range(10)))


def test_lanes_have_rates_of_their_own():
    told = InLanes({"a": Lane(rate=Rate(1)), "b": Lane(rate=Rate(2))})
    told.read(*several(9), *several(9, "b"))
    assert sorted(told.starts()) == ["a0", "b0"]
    assert told.starts(at=0.5) == ["b1"]
    assert sorted(told.starts(at=1.0)) == ["a1", "b2"]


def test_an_announced_rate_counts_where_the_lane_has_none():
    told = InLanes()
    told.announces = Feedback(rate=Rate(1, per=2))
    told.read("a0")
    told.starts()
    told.end("a0", teaches=told.announces)
    told.read(*several(20, first=1))
    assert paced(told, 9) == pytest.approx([0, 2, 4, 6, 8])


@pytest.mark.parametrize(("own", "announced", "slower"), [(1, 0.5, 0.5), (1, 4, 1)])
def test_the_slower_of_own_and_announced_rate_counts(own, announced, slower):
    told = InLanes(Lane(rate=Rate(own)))
    told.announces = Feedback(rate=Rate(announced))
    told.read(*several(20))
    moments = paced(told, 12)
    gaps = [late - early for early, late in itertools.pairwise(moments[1:])]
    assert gaps == pytest.approx([1 / slower] * len(gaps))


def test_an_announced_budget_counts_beside_the_lanes_own():
    told = InLanes(Lane(budgets={"tokens": Rate(100)}), cost=lambda _: {"tokens": 100, "out": 10})
    told.announces = Feedback(budgets={"out": Rate(1)})
    told.read(*several(5))
    moments = paced(told, 25)
    assert moments[1:3] == pytest.approx(
        [1, 11], abs=AHEAD
    )  # nothing was known of `out` before the first end


def test_an_announcement_is_replaced_by_the_next_one():
    told = InLanes()
    told.announces = Feedback(rate=Rate(1, per=10))
    told.read(*several(9))
    told.starts(room=1)
    told.end("a0", teaches=told.announces)
    told.starts(room=1)
    told.end("a1", teaches=Feedback(rate=Rate(1, per=2)))
    assert told.starts(at=9.9) == []
    assert told.starts(at=10.0) == ["a2"]
    assert told.starts(at=12.0) == ["a3"]


def test_a_budget_keeps_its_pace_over_time():
    """
    Items of 500 of a budget of 1,000 a second are two a second, however many places there are.
    """
    told = InLanes(Lane(budgets={"tokens": Rate(1000)}), cost=lambda _: {"tokens": 500})
    told.announces = None
    told.read(*several(100))
    moments = paced(told, 9.9)
    assert moments == pytest.approx([number / 2 for number in range(20)], abs=AHEAD)


def test_an_item_larger_than_the_whole_budget_starts_and_is_paid_for_afterwards():
    told = InLanes(Lane(budgets={"tokens": Rate(100)}), cost=lambda _: {"tokens": 1000})
    told.read("a0", "a1")
    assert told.starts() == ["a0"]
    assert told.starts(at=9.9) == []
    assert told.starts(at=10.0) == ["a1"]


def test_what_was_reserved_and_not_used_is_given_back():
    told = InLanes(Lane(budgets={"tokens": Rate(100)}), cost=lambda _: {"tokens": 1000})
    told.read("a0", "a1")
    told.starts()
    told.end("a0", teaches=Feedback(used={"tokens": 300}))
    assert told.starts(at=2.9) == []
    assert told.starts(at=3.0) == ["a1"]


def test_what_was_used_beyond_the_reserved_is_paid_for():
    told = InLanes(Lane(budgets={"tokens": Rate(100)}), cost=lambda _: {"tokens": 100})
    told.read("a0", "a1")
    told.starts()
    told.end("a0", teaches=Feedback(used={"tokens": 500}))
    assert told.starts(at=4.9) == []
    assert told.starts(at=5.0) == ["a1"]


@pytest.mark.parametrize(("way", "next_start"), [("end", 10.0), ("fail", 0.0)])
def test_without_a_word_a_success_has_used_what_it_reserved_and_a_failure_nothing(way, next_start):
    told = InLanes(Lane(budgets={"tokens": Rate(100)}), cost=lambda _: {"tokens": 1000})
    told.announces = None
    told.read("a0", "a1")
    told.starts()
    getattr(told, way)("a0")
    assert paced(told, 20) == pytest.approx([next_start], abs=AHEAD)


def test_a_failure_may_have_used_all_that_was_reserved():
    told = InLanes(
        Lane(budgets={"tokens": Rate(100)}),
        cost=lambda _: {"tokens": 1000, "cost": 4},
        totals={"cost": 10},
    )
    told.announces = Feedback(spent=True)
    told.read("a0", "a1", "a2")
    told.starts()
    told.fail("a0", teaches=Feedback(spent=True, used={"cost": 1}))
    assert told.starts(at=9.9) == []
    assert told.starts(at=10.0) == ["a1"]
    told.fail("a1", teaches=Feedback(spent=True))
    assert told.starts(at=20.0) == ["a2"]  # 5 of 10 are left, 4 are needed
    told.fail("a2", teaches=Feedback(spent=True))
    told.read("a3")
    told.starts(at=30.0)
    assert told.released[-1].reason == (
        "cost is limited to 10, of which 1 is left (the next item may use 4)"
    )


def test_a_long_idle_time_saves_nothing_up():
    told = InLanes(Lane(budgets={"tokens": Rate(100)}), cost=lambda _: {"tokens": 100})
    told.announces = None
    told.now = 1000.0
    told.read(*several(10))
    assert paced(told, 1002.5) == pytest.approx([1000, 1001, 1002], abs=AHEAD)


# ── totals of the run ───────────────────────────────────────────────────────────────────────


def price(value):
    return {"cost": Decimal(value[1:])}


def test_an_item_that_a_total_has_no_room_for_waits_for_what_may_be_given_back():
    told = InLanes(cost=price, totals={"cost": Decimal(10)})
    told.read("a6", "b5")
    assert told.starts() == ["a6"]
    assert told.wake == math.inf
    told.end("a6", teaches=Feedback(used={"cost": Decimal(2)}))
    assert told.starts() == ["b5"]


def test_when_nothing_can_be_given_back_the_lane_closes_and_says_why():
    told = InLanes(cost=price, totals={"cost": Decimal(10)})
    told.read("a6", "b5", "b1", "c4")
    assert sorted(told.starts()) == ["a6", "c4"]
    told.end("a6", "c4")
    told.starts()
    assert told.settled["b5"] == told.settled["b1"] == "cancelled"
    assert told.released[-1].reason == (
        "cost is limited to 10, of which 0 is left (the next item may use 5)"
    )


def test_a_failed_attempt_gives_back_what_it_did_not_use():
    told = InLanes(cost=price, totals={"cost": Decimal(10)}, retry=Retry(attempts=2, on=KeyError))
    told.read("a6", "a7")
    told.starts(room=1)
    told.fail("a6")
    assert told.starts() == ["a7"]


def test_what_costs_nothing_starts_even_when_more_was_used_than_there_was():
    """
    A lane of a server of one's own goes on when the money for the others is spent.
    """
    told = InLanes(
        Lane(concurrency=1),
        cost=lambda value: {} if value[0] == "b" else price(value),
        totals={"cost": Decimal(5)},
    )
    told.read("a4", "b0")
    told.starts()
    told.end("a4", teaches=Feedback(used={"cost": Decimal(6)}))
    told.read("a1", "b1")
    told.end("b0")
    assert told.starts() == ["b1"]
    assert told.settled["a1"] == "cancelled"


def test_what_was_used_at_least_counts_where_it_is_more_than_was_reserved():
    told = InLanes(Lane(concurrency=1), cost=price, totals={"cost": Decimal(10)})
    told.read("a2", "b2", "c4", "d3")
    told.starts(room=1)
    told.end("a2", teaches=Feedback(at_least={"cost": Decimal(1)}))  # 2 stand
    told.starts(room=1)
    told.fail("b2", teaches=Feedback(spent=True, at_least={"cost": Decimal(5)}))
    assert told.starts() == ["d3"]
    assert told.released[-1].reason == (
        "cost is limited to 10, of which 3 is left (the next item may use 4)"
    )


def test_what_earlier_runs_have_spent_is_gone_and_the_total_is_named_whole():
    told = InLanes(cost=price, totals={"cost": Decimal("10.00")}, spent={"cost": Decimal("12.50")})
    told.read("a1")
    told.starts()
    assert told.released[-1].reason == (
        "cost is limited to 10, of which 0 is left (the next item may use 1)"
    )


def test_from_the_first_attempt_that_used_more_than_was_reserved_on_as_much_is_reserved():
    told = InLanes(
        Lane(concurrency=9, warm_up=True), cost=price, totals={"cost": Decimal(20)}, ahead=100
    )
    told.read("a1", "a2", "a3", "a6", "a4", "b2", "b3")
    assert sorted(told.starts()) == ["a1", "b2"]
    told.end("a1", teaches=Feedback(used={"cost": Decimal(5)}))
    assert told.starts() == ["a2", "a3"]  # 5 and 2, 5 and 5: no more room for 6
    told.end("a2", teaches=Feedback(used={"cost": Decimal(1)}))
    told.end("b2")
    assert sorted(told.starts()) == ["b3"]  # a lane that has kept its word reserves what it says
    told.end("b3")
    told.fail("a3")  # gives all of the 5 back
    assert told.starts() == ["a6"]
    told.end("a6", teaches=Feedback(used={"cost": Decimal(6)}))
    told.starts()
    assert told.settled["a4"] == "cancelled"
    assert told.released[-1].reason == (
        "cost is limited to 20, of which 3 is left (the next item may use 5)"
    )


def test_what_never_began_gives_back_all_that_was_reserved_for_it():
    told = InLanes(Lane(concurrency=1), cost=price, totals={"cost": Decimal(10)})
    told.read("a1", "a2", "a3")
    told.starts()
    told.end("a1", teaches=Feedback(used={"cost": Decimal(4)}))
    assert told.starts() == ["a2"]
    for _ in range(3):
        told.tell(Returned(1, [told.item("a2")]))
        assert told.starts() == ["a2"]
    told.end("a2", teaches=Feedback(used={"cost": Decimal(2)}))
    assert told.starts() == ["a3"]


def test_what_has_no_cost_goes_on_in_a_lane_that_has_used_more_than_it_said():
    told = InLanes(
        Lane(concurrency=1),
        cost=lambda value: price(value) if value == "a1" else {},
        totals={"cost": Decimal(5)},
    )
    told.read("a1", "a2")
    told.starts()
    told.end("a1", teaches=Feedback(used={"cost": Decimal(5)}))
    assert told.starts() == ["a2"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20),
    st.integers(1, 30),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_once_more_was_used_than_was_said_there_is_room_for_as_much(items, total, places, random):
    """
    Whatever attempts say and use: none starts unless all in flight may use as much as any has.
    """
    says = {f"a{number}": cost for number, (cost, _) in enumerate(items)}
    uses = {f"a{number}": cost for number, (_, cost) in enumerate(items)}
    told = InLanes(
        Lane(concurrency=places), cost=lambda value: {"cost": says[value]}, totals={"cost": total}
    )
    told.read(*says)
    told.tell(SourceEnded())
    spent, most, flying = 0, 0, {}
    for _ in range(100):
        for value in told.starts():
            flying[value] = max(says[value], most)
            assert spent + sum(flying.values()) <= total or not flying[value]
        if told.machine.ended:
            break
        value = random.choice(sorted(flying))
        reserved = flying.pop(value)
        spent += uses[value]
        most = max(most, uses[value]) if uses[value] > reserved else most
        told.end(value, teaches=Feedback(used={"cost": uses[value]}))
    assert told.machine.ended
    assert sorted(told.settled) == sorted(says)


cents = st.integers(0, 60).map(lambda number: Decimal(number) / 10)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), cents, st.floats(0, 1), st.booleans()), max_size=25),
    st.integers(0, 200).map(lambda number: Decimal(number) / 10),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_totals_are_never_exceeded(items, total, places, random):
    """
    Whatever attempts cost at worst, really use, and end like: no more is spent than there is.
    """
    worst = {f"{lane}{number}": cost for number, (lane, cost, _, _) in enumerate(items)}
    told = InLanes(
        Lane(concurrency=places),
        cost=lambda value: {"cost": worst[value]},
        totals={"cost": total},
        retry=Retry(attempts=2, base=0.0),
    )
    facts = dict(zip(worst, items, strict=True))
    told.read(*worst)
    told.tell(SourceEnded())
    spent, flying = Decimal(0), []
    for _ in range(1000):
        flying += told.starts()
        assert spent + sum(worst[value] for value in flying) <= total
        if told.machine.ended:
            break
        value = flying.pop(random.randrange(len(flying)))
        _, cost, share, succeeds = facts[value]
        used = (cost * Decimal(str(share))).quantize(Decimal("0.1"))
        spent += used
        way = told.end if succeeds else told.fail
        way(value, teaches=Feedback(used={"cost": used}))
    assert told.machine.ended
    assert sorted(told.settled) == sorted(worst)
    if "cancelled" not in told.settled.values():
        assert spent <= total


# ── room, by the other side's own count ─────────────────────────────────────────────────────


def test_no_more_are_in_flight_than_there_is_room_for_until_more_is_told():
    told = InLanes(Lane(concurrency=9))
    told.read(*several(40))
    assert len(told.starts()) == 9
    told.end("a0", teaches=Feedback(room=4))
    told.end("a1", "a2", "a3", "a4")  # nothing is said: four are what counts
    assert told.starts() == []
    told.end("a5")
    assert told.starts() == ["a9"]
    assert lane_of(told).limit == 4
    told.end("a9", teaches=Feedback(room=100))
    assert len(told.starts()) == 6


def test_always_one_may_go():
    told = InLanes(Lane(concurrency=9))
    told.read(*several(9))
    told.starts(room=1)
    told.end("a0", teaches=Feedback(room=0))
    assert told.starts() == ["a1"]
    assert told.starts() == []
    told.fail("a1")
    assert told.starts() == ["a2"]


def test_a_pause_ends_what_was_said_of_room():
    told = InLanes(Lane(concurrency=9))
    told.read(*several(30))
    told.starts()
    told.end("a0", teaches=Feedback(room=1))
    told.fail("a1", teaches=WAIT)
    told.end("a2", teaches=Feedback(room=0))  # of before the pause
    assert told.starts(at=5.0) == ["a9"]
    told.end("a9")
    assert len(told.starts()) == 3  # beside six


def test_an_earlier_attempt_that_ends_later_does_not_tell_of_more_room():
    told = InLanes(Lane(concurrency=3))
    told.read(*several(9))
    told.starts()
    told.end("a2", teaches=Feedback(room=1))
    told.end("a0", teaches=Feedback(room=3))
    assert told.starts() == []
    told.end("a1")
    assert told.starts() == ["a3"]


def test_a_lack_of_room_does_not_pass_for_a_lane_that_is_full():
    told = Trying(start=4)
    for _ in range(5):
        told.round(teaches=Feedback(room=2))
    told.round(teaches=Feedback(room=100))
    assert lane_of(told).limit == 8  # after the first round, which had used all


def test_a_server_that_counts_refuses_one_request_for_each_of_its_periods():
    """
    Its limit is 40 in 60 seconds, which only a refusal tells; the lane would have 64 in flight.
    """
    told = Trying(start=10, concurrency=64, warm_up=True)
    left, refusals, windows = 40, 0, 1
    for _ in range(200):
        if told.now >= 60 * windows:
            left, windows = 40, windows + 1
        taken = []
        for value in told.flying:
            left -= 1
            taken.append((value, left))
        told.now += 1.0
        for value, remaining in taken:
            if remaining >= 0:
                told.end(value, teaches=Feedback(room=remaining))
            else:
                refusals += 1
                told.fail(value, teaches=Feedback(pause=60.0 * windows - told.now, charged=False))
        told.flying = told.starts()
    assert windows == 4
    assert refusals <= windows


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([None, 0, 1, 2, 5, 1000]), min_size=1, max_size=40),
    st.lists(st.sampled_from(["end", "fail", "wait", "many", "fault"]), min_size=1, max_size=40),
    st.sampled_from([{"concurrency": 3}, {"start": 2}, {"start": 1, "warm_up": True}]),
    st.randoms(use_true_random=False),
)
def test_whatever_is_told_of_room_all_items_settle(rooms, ways, lane, random):
    told = InLanes(Lane(**lane, trip_after=1000), retry=Retry(base=0.0, waits=1000))
    told.read(*several(40))
    told.tell(SourceEnded())
    ways, rooms = itertools.cycle([*ways, "end"]), itertools.cycle(rooms)
    flying = []
    for _ in range(5000):
        flying += told.starts()
        if told.machine.ended:
            break
        if not flying:
            assert told.wake < math.inf
            told.now = told.wake
            continue
        value = flying.pop(random.randrange(len(flying)))
        way, room = next(ways), next(rooms)
        if way == "end":
            told.end(value, teaches=Feedback(room=room))
            continue
        teaches = {
            "fail": Feedback(room=room),
            "wait": Feedback(pause=1.0, charged=False, room=room),
            "many": Feedback(overloaded=True, charged=False, room=room),
            "fault": Feedback(fault="gone", room=room),
        }
        told.fail(value, teaches=teaches[way])
    assert told.machine.ended
    assert len(told.settled) == 40


# ── finding the limit ───────────────────────────────────────────────────────────────────────


class Trying(InLanes):
    """A lane with a limit of its own finding, and calls that all take a second."""

    def __init__(self, **lane):
        super().__init__(Lane(**lane), ahead=100_000, retry=Retry(base=0.0))
        self.read(*several(5000))
        self.flying = self.starts()

    def round(self, *, room=1000, teaches=None):
        """Let all succeed that are in flight, fill the places, and return how many there are."""
        self.now += 1.0
        flying, self.flying = self.flying, []
        for value in flying:
            self.end(value, teaches=teaches)
        self.flying = self.starts(room=room)
        return len(self.flying)


def test_the_limit_doubles_while_all_goes_well_up_to_the_most():
    told = Trying(start=2, concurrency=20)
    assert [told.round() for _ in range(5)] == [4, 8, 16, 20, 20]


def test_a_fixed_limit_stays_whatever_happens():
    told = Trying(concurrency=4)
    told.fail(told.flying.pop(), teaches=TOO_MANY)
    told.flying += told.starts()
    assert len(told.flying) == 4
    assert told.round() == 4


def test_the_limit_grows_only_when_all_places_were_used():
    told = Trying(start=8)
    told.round(room=3)
    for _ in range(20):
        told.round(room=3)
    limit = lane_of(told).limit
    assert limit == 16  # after the first round, which had used all


def test_an_overload_takes_three_tenths_once_for_all_that_were_in_flight():
    told = Trying(start=10)
    told.fail(*told.flying[:6], teaches=TOO_MANY)
    assert lane_of(told).limit == 7


def test_an_overload_of_what_started_after_the_cut_cuts_again():
    told = Trying(start=10)
    told.fail(*told.flying[:9], teaches=TOO_MANY)
    assert lane_of(told).limit == 7
    last = told.flying[9]
    fresh = told.starts()
    assert len(fresh) == 6
    told.fail(last, teaches=TOO_MANY)  # was in flight at the cut, too
    assert lane_of(told).limit == 7
    told.fail(fresh[0], teaches=TOO_MANY)
    assert lane_of(told).limit == 4


def test_the_limit_never_falls_below_one():
    told = Trying(start=4)
    for _ in range(10):
        told.fail(*told.flying, teaches=TOO_MANY)
        told.now += 1.0
        told.flying = told.starts()
    assert len(told.flying) == 1


def test_after_an_overload_it_grows_by_tenths():
    told = Trying(start=100)
    told.fail(told.flying.pop(), teaches=TOO_MANY)
    limits = [lane_of(told).limit]
    for _ in range(4):
        told.round()
        limits.append(lane_of(told).limit)
    assert limits[0] == 70
    growth = [late / early for early, late in itertools.pairwise(limits[1:])]
    assert all(1.05 < each < 1.15 for each in growth)


def test_a_success_that_tells_of_an_overload_does_not_let_the_lane_grow():
    told = Trying(start=2)
    told.end(told.flying[0], teaches=Feedback(overloaded=True))
    assert lane_of(told).limit == 1


def test_a_refusal_that_names_a_pause_shrinks_a_lane_whose_pace_nobody_knows():
    told = Trying(start=20)
    told.fail(*told.flying[:2], teaches=WAIT)
    assert lane_of(told).limit == 1  # one alone, first
    told.end(*told.flying[2:12])
    (first,) = told.starts(at=10.0)
    told.end(first)
    assert len(told.starts()) == 14 - 8


def test_where_the_pace_is_known_a_pause_leaves_the_limit():
    told = Trying(start=10, rate=Rate(1_000_000))
    told.fail(told.flying[0], teaches=BUSY)
    told.now = 10.0
    told.end(*told.flying[1:])
    told.starts()
    assert lane_of(told).limit >= 10


def test_one_that_goes_alone_first_does_not_pass_for_a_lane_that_is_full():
    told = InLanes(Lane(start=2, warm_up=True))
    told.read(*several(60))
    for value in several(60):
        assert told.starts(room=1) == [value]
        told.end(value)
    assert lane_of(told).limit == 2


class Serial(InLanes):
    """A server that never refuses and does one request at a time, in a second each."""

    def __init__(self, braked, start=1):
        super().__init__(Lane(start=start, concurrency=64, braked=braked), ahead=100_000)
        self.read(*several(2000))
        self.flying = self.starts()

    def limits(self, seconds):
        found = []
        for _ in range(seconds):
            self.now += 1.0
            self.end(self.flying.pop(0))
            self.flying += self.starts()
            found.append(lane_of(self).limit)
        return found


def test_the_brake_takes_growth_back_that_makes_nothing_faster():
    limits = Serial(braked=True).limits(100)
    assert max(limits) == 2
    assert limits.count(1) > 70


def test_without_the_brake_it_grows_for_ever():
    assert max(Serial(braked=False).limits(100)) == 64


def test_with_the_brake_it_grows_while_that_makes_it_faster():
    told = Trying(start=1, concurrency=64, braked=True)
    assert [told.round() for _ in range(6)] == [2, 4, 8, 16, 32, 64]


def test_the_brake_never_undoes_an_overload():
    told = Trying(start=16, concurrency=64, braked=True)
    told.round()
    for _ in range(3):
        told.fail(*told.flying, teaches=TOO_MANY)
        told.now += 100.0
        told.flying = told.starts()
    low = lane_of(told).limit
    told.now += 1000.0  # slow, as after an overload
    for value in told.flying:
        told.end(value)
    assert lane_of(told).limit <= low + 1


# ── mistakes of the user ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("teaches", "says"),
    [
        (ZeroDivisionError("oh"), "raised ZeroDivisionError"),
        ("slow down", "'slow down'"),
        (Feedback(used={"cost": 0.5}), "used"),
        (Feedback(used={"cost": "much"}), "used"),
        (Feedback(used={"tokens": math.nan}), "used"),
        (Feedback(at_least={"cost": 0.5}), "at_least"),
        (Feedback(room=2.5), "room must be a whole number"),
        (Feedback(room=-1), "room must be a whole number"),
        (Feedback(pause=math.nan), "pause must be seconds"),
        (Feedback(pause=-1.0), "pause must be seconds"),
        (Feedback(pause="2"), "pause must be seconds"),
        (Feedback(rate=5), "treadle.Rate"),
        (Feedback(budgets={"tokens": 5}), "treadle.Rate"),
    ],
)
@pytest.mark.parametrize("way", ["end", "fail"])
def test_feedback_that_is_wrong_ends_the_run_and_every_item_settles(teaches, says, way):
    told = InLanes(Lane(concurrency=2), cost=price, totals={"cost": Decimal(5)})
    told.read("a1", "a2", "b1", "a3")
    told.starts()
    getattr(told, way)("a1", teaches=teaches)
    told.tell(SourceEnded())
    told.tick()
    assert told.machine.ended
    assert isinstance(told.machine.error, UsageError)
    assert says in str(told.machine.error)
    assert told.ordered(End) == [End(told.machine.error)]
    assert set(told.settled) == {"a1", "a2", "b1", "a3"}


@pytest.mark.parametrize(
    "cost", [3, {"cost": 0.5}, {"cost": -1}, {"cost": "1"}, {"tokens": math.inf}, {"t": math.nan}]
)
def test_a_cost_that_is_no_amounts_ends_the_run(cost):
    told = InLanes(cost=lambda _: cost, totals={"cost": Decimal(5)})
    told.read("a1", "a2")
    told.tell(SourceEnded())
    told.tick()
    assert told.machine.ended
    assert "cost of an item must be amounts" in str(told.machine.error)
    assert set(told.settled.values()) == {"cancelled"}


def wrong_limits(_key):
    raise LookupError("no such lane")


@pytest.mark.parametrize(
    ("limits", "says"),
    [(lambda _: 5, "the limits of the lane 'a'"), (wrong_limits, "LookupError")],
)
def test_limits_that_are_none_end_the_run(limits, says):
    told = InLanes(limits)
    told.read("a1", "a2")
    told.tell(SourceEnded())
    told.tick()
    assert told.machine.ended
    assert isinstance(told.machine.error, UsageError)
    assert says in str(told.machine.error)


# ── events ──────────────────────────────────────────────────────────────────────────────────


def test_listeners_are_told_of_every_lane_a_few_times_a_second_and_at_the_end():
    told = InLanes({"a": Lane(concurrency=1)})
    told.read("a0", "a1", "b0")
    for tenth in range(20):
        told.starts(at=tenth / 20)
    snapshots = [event for event in told.events if isinstance(event, events.LanesChanged)]
    assert 5 <= len(snapshots) <= 11
    assert snapshots[-1].lanes == (
        events.LaneState("a", 1, 1, 1, 0.0, ""),
        events.LaneState("b", 0, 1, None, 0.0, ""),
    )
    told.fail("a0", teaches=WAIT)
    assert lane_of(told).paused_until == pytest.approx(told.now + 4.9)
    told.end("b0", teaches=Feedback(closed="enough"))
    told.tell(SourceEnded())
    told.starts(at=50.0)
    told.end("a1")
    assert told.machine.ended
    last = [event for event in told.events if isinstance(event, events.LanesChanged)][-1]
    assert last.lanes[1].closed == "enough"


def test_without_anybody_who_wants_to_hear_of_lanes_there_are_no_snapshots():
    told = InLanes()
    told.machine = Machine(
        told.policy, told.machine._capabilities, random=Random(0), tells_lanes=False
    )
    told.read("a0")
    told.tell(SourceEnded())
    told.starts()
    told.end("a0")
    assert told.machine.ended
    assert not [event for event in told.events if isinstance(event, events.LanesChanged)]


@pytest.mark.parametrize("lane", ["a", ("mock", "small"), ("mock", 7)])
def test_a_closed_lane_is_named_as_people_write_it(lane):
    told = InLanes()
    item = Item(0, "a0", None, 1, (lane, None))
    told.items.append(item)
    told.tell(ItemsRead([item]))
    told.tell(SourceEnded())
    told.starts()
    told.fail("a0", teaches=Feedback(closed="no credit"))
    name = {"a": "a", ("mock", "small"): "mock/small", ("mock", 7): "mock/7"}[lane]
    assert told.events[-1].stopped == f"the lane '{name}' is closed: no credit"


# ── what is forgotten ───────────────────────────────────────────────────────────────────────


def crowd(count, lane=None, **rest):
    """Run one item in each of so many lanes."""
    told = InLanes(lane, **rest)
    for number in range(count):
        item = Item(number, str(number), None, 1, (number, None), {"tokens": 1})
        told.items.append(item)
        told.tell(ItemsRead([item]))
        assert told.starts(at=number * 10.0) == [str(number)]
        told.end(str(number))
    return told


def test_lanes_of_which_nothing_is_known_are_forgotten():
    told = crowd(500, Lane(concurrency=2, rate=Rate(1), budgets={"tokens": Rate(1)}))
    assert len(told.machine._waiting.lane_states(told.now)) < 150


def test_what_a_lane_has_learnt_is_not_forgotten_however_many_there_are():
    told = InLanes()
    told.read("a0", "b0", "c0", "d0", "e0")
    told.starts()
    told.end("a0", teaches=Feedback(closed="enough"))
    told.fail("b0", teaches=Feedback(pause=400.0))
    told.end("c0", teaches=Feedback(rate=Rate(1, per=500)))
    told.fail("d0", teaches=REFUSED)
    known = crowd(500)
    for number in range(500):
        item = Item(5 + number, f"x{number}", None, 1, (number, None))
        told.items.append(item)
        told.tell(ItemsRead([item]))
        told.starts()
        told.end(f"x{number}")
    assert len(known.machine._waiting.lane_states(0.0)) < 150
    kept = {state.key: state for state in told.machine._waiting.lane_states(told.now)}
    assert len(kept) < 150
    assert kept["a"].closed == "enough"
    assert kept["b"].paused_until == 400.0
    assert kept["e"].in_flight == 1
    assert {"c", "d"} <= set(kept)


def test_what_was_tried_of_items_that_are_cancelled_is_forgotten():
    told = InLanes(Lane(concurrency=2), retry=Retry(attempts=9, base=100.0, within=1000.0))
    told.read("a0", "a1", "a2")
    told.starts()
    told.fail("a0", teaches=Feedback(charged=False))
    told.fail("a1")
    told.tell(Cancel("interrupted", 0.0))
    assert set(told.settled.values()) == {"cancelled"}
    retries = told.machine._retries
    assert not len(retries) + len(retries._waits) + len(retries._first_failed)
