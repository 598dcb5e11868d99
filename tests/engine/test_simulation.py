"""Thousands of random schedules of faults against the machine; see ``simulation`` for the rules.

``TREADLE_SCHEDULES`` says how many (600; 200,000 for chaos, which take some ten minutes). A
failing one shrinks to a few lines, which can be pasted below as a test of its own.
"""

from __future__ import annotations

import os
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from simulation import (
    Capacity,
    Feedback,
    Lane,
    Lanes,
    Policy,
    Rate,
    Retry,
    Schedule,
    simulate,
)

from treadle.engine.stimuli import Cancel, Continue, Pause
from treadle.testing import Dies, Hangs, Raises, Returns

SCHEDULES = int(os.environ.get("TREADLE_SCHEDULES", "600"))
CHAOS_SCHEDULES = int(os.environ.get("TREADLE_SCHEDULES", "200000"))

seconds = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 10.0])
ERROR, OTHER = OSError("no"), KeyError("no")  # one is tried again, the other is not

step = st.one_of(
    st.builds(Returns, after=seconds),
    st.builds(Raises, st.sampled_from([ERROR, OTHER]), after=seconds),
    st.builds(Dies, after=seconds),
    st.just(Hangs()),
)
script = st.lists(step, max_size=3)

retry = st.builds(
    Retry,
    attempts=st.integers(1, 3),
    on=st.sampled_from([OSError, Exception]),
    base=st.sampled_from([0.0, 1.0]),
    budget=st.none() | st.integers(0, 2),
    waits=st.integers(0, 3),
    within=st.none() | st.sampled_from([1.0, 5.0]),
)
rate = st.builds(
    Rate,
    n=st.sampled_from([0.5, 1, 4]),
    burst=st.integers(1, 2),
    key=st.sampled_from([None, str]),
)
capacity = st.builds(Capacity, n=st.integers(1, 2) | st.just({0: 1}), key=st.just(str))
lane = st.builds(
    Lane,
    concurrency=st.none() | st.integers(1, 3),
    start=st.none() | st.integers(1, 2),
    rate=st.none() | st.builds(Rate, n=st.sampled_from([0.5, 4]), burst=st.integers(1, 2)),
    budgets=st.just({}) | st.just({"tokens": Rate(1)}),
    warm_up=st.booleans(),
    braked=st.booleans(),
    max_pause=st.just(5.0),
    fault_pause=st.sampled_from([0.25, 2.0]),
    trip_after=st.integers(1, 3),
)
lanes = st.builds(
    Lanes,
    key=st.just(str),
    limits=lane | st.dictionaries(st.sampled_from("012"), lane, max_size=2),
    totals=st.just({}) | st.fractions(0, 8, max_denominator=2).map(lambda total: {"cost": total}),
    ahead=st.sampled_from([8, 1, 2, 4]),
)
cost = st.none() | st.fixed_dictionaries(
    {}, optional={"cost": st.sampled_from([Fraction(1, 2), Fraction(3)]), "tokens": st.just(2)}
)
lesson = st.none() | st.builds(
    Feedback,
    used=st.just({}) | st.just({"cost": 0, "tokens": 0}),
    spent=st.booleans(),
    pause=st.none() | st.sampled_from([0.0, 0.5, 3.0, 6.0]),
    overloaded=st.booleans(),
    charged=st.booleans(),
    fault=st.none() | st.just("refused"),
    closed=st.sampled_from([None, None, None, "enough"]),
    rate=st.none() | st.just(Rate(1)),
    budgets=st.just({}) | st.just({"tokens": Rate(2)}),
)
limits = st.one_of(
    st.fixed_dictionaries({"rate": st.none() | rate, "capacity": st.none() | capacity}),
    st.fixed_dictionaries({"lanes": lanes}),
)
policy = st.builds(
    lambda limits, **rest: Policy(**limits, **rest),
    limits=limits,
    timeout=st.none() | st.sampled_from([0.5, 2.0, 5.0]),
    retry=retry,
    ordered=st.booleans(),
    max_failures=st.none() | st.integers(1, 2),
    time_limit=st.none() | st.sampled_from([0.0, 3.0, 10.0]),
    grace=st.sampled_from([0.0, 3.0]),
)
command = st.one_of(
    st.builds(Pause),
    st.builds(Continue),
    st.builds(Cancel, st.just("user"), st.sampled_from([0.0, 1.0, 5.0])),
)


@st.composite
def schedules(draw):  # not st.builds: a failure prints the repr of the schedule, which is short
    drawn = draw(policy)
    # Where all lanes are closed, an endless source is read, and left, for ever.
    ends = drawn.lanes is not None or draw(st.sampled_from([True, True, True, True, False]))
    return Schedule(
        scripts=draw(st.lists(script, max_size=8)),
        endless=not ends,
        source_error=draw(st.booleans()),
        lags=draw(st.lists(seconds, max_size=3)),
        naps=draw(st.lists(seconds, max_size=3)),
        bites=draw(st.sampled_from([100, 1, 2, 3])),
        user=draw(st.lists(st.tuples(seconds, command), max_size=3)),
        workers=draw(st.integers(1, 3)),
        behind=draw(st.integers(0, 2)),
        windows=draw(st.lists(st.sampled_from([4, 1, 2, 8]), min_size=1, max_size=2)),
        lanes=draw(st.integers(1, 3)),
        costs=draw(st.lists(cost, max_size=3)) if drawn.lanes else [],
        lessons=draw(st.lists(lesson, max_size=4)) if drawn.lanes else [],
        policy=drawn,
    )


few_lines = settings(
    deadline=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    phases=[phase for phase in Phase if phase is not Phase.explain],
)


@pytest.mark.timeout(180)  # it takes some 15 s; on a busy machine, more than others may
@settings(few_lines, max_examples=SCHEDULES)
@given(schedules())
def test_every_item_settles_once_within_the_window_and_is_charged_only_for_itself(schedule):
    simulate(schedule)


@pytest.mark.chaos
@pytest.mark.timeout(0)
@settings(few_lines, max_examples=CHAOS_SCHEDULES)
@given(schedules())
def test_the_same_over_many_more_schedules(schedule):
    simulate(schedule)
