"""Lanes through the front door: the same on every backend, recorded and resumed."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal

import lane_calls
import pytest

import treadle
from treadle import Feedback, Lane, Lanes, Rate, Retry, events

BACKENDS = {
    "inline": {"backend": "inline"},
    "threads": {"backend": "threads", "workers": 4},
    "coroutines": {"backend": "coroutines", "workers": 4},
    "processes": {"backend": "processes", "workers": 2},
}
VALUES = ["a0", "b0", "x0", "a1", "b1", "x1", "a2", "b2"]


@pytest.fixture(params=BACKENDS, ids=str)
def backend(request):
    return request.param


@pytest.fixture
def account(backend, folder):
    kind = lane_calls.AccountInLoop if backend == "coroutines" else lane_calls.Account
    return kind(folder)


def lanes(**changes):
    given = {"limits": Lane(concurrency=1), "feedback": lane_calls.learn} | changes
    return Lanes(key=lane_calls.lane_of, **given)


def attempts(folder):
    """Return how often each value was tried, as the calls themselves have counted."""
    return Counter(path.name.split("-")[0] for path in folder.iterdir() if "-" in path.name)


def again(run):
    """Return the values by key that a run has stored."""
    return {outcome.key: outcome.value for outcome in run.outcomes() if outcome.ok}


# ── the same everywhere ─────────────────────────────────────────────────────────────────────


def test_lanes_are_the_same_on_every_backend(backend, account, folder):
    """
    A closed lane leaves its items, a busy one has its items tried again, the third works.
    """
    outcomes = list(treadle.map(account, VALUES, lanes=lanes(), **BACKENDS[backend]))
    found = {VALUES[outcome.index]: outcome.kind for outcome in outcomes}
    assert found == {value: "cancelled" if value[0] == "a" else "succeeded" for value in VALUES}
    assert attempts(folder) == {"a0": 1, "b0": 1, "b1": 1, "b2": 1, "x0": 2, "x1": 2}
    assert {outcome.reason for outcome in outcomes if outcome.kind == "cancelled"} == {"no credit"}


def test_a_closed_lane_is_why_the_run_has_stopped(backend, account):
    report = treadle.run(account, VALUES, lanes=lanes(), **BACKENDS[backend])
    assert report.stopped == "the lane 'a' is closed: no credit"
    assert (report.ok, report.failed, report.cancelled) == (5, 0, 3)


def test_a_resumed_run_does_exactly_what_was_left(backend, account, folder):
    options = {"lanes": lanes(), "key": str, "durability": "item", **BACKENDS[backend]}
    treadle.run(account, VALUES, **options)
    before = attempts(folder)
    (folder / "credit").touch()
    report = treadle.run(account, VALUES, resume=True, **options)
    assert report.stopped is None
    assert report.earlier == (5, 0)
    assert report.ok == 3
    assert attempts(folder) - before == {"a0": 1, "a1": 1, "a2": 1}
    assert report.values() == [value.upper() for value in VALUES]


def test_never_more_run_at_once_than_the_lane_has_places(folder):
    running, most = Counter(), Counter()

    async def call(value):
        running[value[0]] += 1
        most[value[0]] = max(most[value[0]], running[value[0]])
        await asyncio.sleep(0)
        running[value[0]] -= 1

    values = [f"{lane}{number}" for number in range(40) for lane in "abc"]
    limits = {"a": Lane(concurrency=1), "b": Lane(concurrency=3)}
    outcomes = treadle.map(call, values, lanes=lanes(limits=limits), workers=20)
    assert all(outcome.ok for outcome in outcomes)
    assert most["a"] == 1
    assert most["b"] <= 3


def test_in_a_loop_of_ones_own(folder):
    async def main():
        account = lane_calls.AccountInLoop(folder)
        return {outcome.index async for outcome in treadle.amap(account, VALUES, lanes=lanes())}

    assert asyncio.run(main()) == set(range(len(VALUES)))


def test_a_rate_of_a_lane_is_kept(folder):
    """
    Items of 30 a second cannot be done sooner than that, and lanes do not share it.
    """
    began = {}

    async def call(value):
        began[value] = asyncio.get_running_loop().time()

    values = [f"{lane}{number}" for number in range(6) for lane in "ab"]
    limits = Lane(rate=Rate(30))
    list(treadle.map(call, values, lanes=lanes(limits=limits), workers=20))
    for lane in "ab":
        assert began[f"{lane}5"] - began[f"{lane}0"] > 5 / 30 - 0.03


# ── totals over a run ───────────────────────────────────────────────────────────────────────


def test_a_total_ends_the_run_before_it_is_passed_and_a_higher_one_goes_on(backend, folder):
    called = lane_calls.Account(folder)
    call = called if backend != "coroutines" else lane_calls.AccountInLoop(folder)
    (folder / "credit").touch()

    def run(limit, **options):
        return treadle.run(
            call,
            VALUES,
            lanes=lanes(cost=lambda _: {"cost": Decimal(1)}, totals={"cost": Decimal(limit)}),
            **BACKENDS[backend],
            **options,
        )

    report = run("3.5")
    assert "cost is limited to 3.5" in report.stopped
    assert report.ok == 3
    report = run(5, resume=True)
    assert report.stopped is None
    assert report.earlier == (3, 0)
    assert report.ok == 5


# ── events ──────────────────────────────────────────────────────────────────────────────────


def test_listeners_hear_of_the_lanes(backend, account):
    heard = []
    list(treadle.map(account, VALUES, lanes=lanes(), listeners=[heard.append], **BACKENDS[backend]))
    snapshots = [event for event in heard if isinstance(event, events.LanesChanged)]
    last = {state.key: state for state in snapshots[-1].lanes}
    assert last["a"].closed == "no credit"
    assert last["b"] == events.LaneState("b", 0, 0, 1, 0.0, "")
    assert set(last) == {"a", "b", "x"}


def test_without_lanes_nobody_hears_of_lanes():
    heard = []
    list(treadle.map(str, range(5), listeners=[heard.append], backend="inline"))
    assert heard
    assert not [event for event in heard if isinstance(event, events.LanesChanged)]


# ── mistakes ────────────────────────────────────────────────────────────────────────────────


def shrug(_outcome):
    return "shrug"


def burst(_outcome):
    raise ZeroDivisionError("oh")


@pytest.mark.parametrize(
    ("feedback", "says"), [(shrug, "'shrug'"), (burst, "raised ZeroDivisionError")]
)
def test_wrong_feedback_is_a_usage_error_and_what_is_stored_stays(backend, feedback, says):
    with pytest.raises(treadle.UsageError, match=says):
        treadle.run(str.upper, VALUES, lanes=lanes(feedback=feedback), **BACKENDS["threads"])
    run = treadle.open("latest")
    try:
        assert set(again(run).values()) <= {value.upper() for value in VALUES}
    finally:
        run.close()


def no_key(value):
    return [value]


def test_a_key_that_cannot_be_hashed_fails_its_item():
    outcomes = list(treadle.map(str, VALUES[:2], lanes=Lanes(key=no_key, limits=Lane())))
    assert ["cannot be hashed" in str(outcome.error) for outcome in outcomes] == [True, True]


def test_a_cost_that_raises_fails_its_item():
    def cost(value):
        return {"tokens": int(value[1:])}

    outcomes = treadle.map(
        str, ["a1", "aa"], lanes=lanes(cost=cost), backend="inline", ordered=True
    )
    assert [outcome.kind for outcome in outcomes] == ["succeeded", "raised"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Lane(concurrency=0),
        lambda: Lane(start=0),
        lambda: Lane(start=2.5),
        lambda: Lane(trip_after=0),
        lambda: Lane(max_pause=0),
        lambda: Lane(max_pause=float("nan")),
        lambda: Lane(rate=5),
        lambda: Lane(rate=Rate(5, key=str)),
        lambda: Lane(budgets={"tokens": 5}),
        lambda: Lane(budgets={"tokens": Rate(5, key=str)}),
        lambda: Lane(budgets=Rate(5)),
        lambda: Lanes(key=None, limits=Lane()),
        lambda: Lanes(key="lane", limits=Lane()),
        lambda: Lanes(key=str, limits=5),
        lambda: Lanes(key=str, limits={"a": 5}),
        lambda: Lanes(key=str, limits=Lane(), cost=5),
        lambda: Lanes(key=str, limits=Lane(), feedback=5),
        lambda: Lanes(key=str, limits=Lane(), ahead=0),
        lambda: Lanes(key=str, limits=Lane(), totals={"cost": float("nan")}),
        lambda: Lanes(key=str, limits=Lane(), totals={"cost": Decimal("NaN")}),
        lambda: Lanes(key=str, limits=Lane(), totals={"cost": -1}),
        lambda: Lanes(key=str, limits=Lane(), totals={"cost": "5"}),
        lambda: Lanes(key=str, limits=Lane(), totals={"cost": None}),
        lambda: Lanes(key=str, limits=Lane(), totals=5),
        lambda: Lanes(key=str, limits=Lane(), spent={"cost": 1}),
        lambda: Lanes(key=str, limits=Lane(), totals={"cost": Decimal(1)}, spent={"cost": 0.5}),
        lambda: Lanes(key=str, limits=Lane(), totals={"cost": 1}, spent={"cost": -1}),
        lambda: Lanes(key=str, limits=Lane(), totals={"cost": 1}, spent=1),
        lambda: Retry(waits=-1),
        lambda: Retry(within=0),
        lambda: treadle.map(str, [], lanes=Lane()),
        lambda: treadle.map(str, [], lanes=lanes(), rate=Rate(1)),
        lambda: treadle.map(str, [], lanes=lanes(), capacity=treadle.Capacity(1, key=str)),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(wrong):
    with pytest.raises(treadle.UsageError) as caught:
        wrong()
    assert caught.value.hint


def test_feedback_is_nothing_by_default():
    assert Feedback() == Feedback(used={}, pause=None, overloaded=False, charged=True)
