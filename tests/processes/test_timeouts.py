"""A timeout is kept whatever the call does; it costs one item and one worker, and nobody else."""

from __future__ import annotations

import ctypes
import os

import calls
import psutil
import pytest
from conditions import is_gone, soon

import treadle
from treadle.errors import CallTimedOut

# Seconds. The innocent need a moment, but a busy machine may let a worker stand still for as long
# as some tenths: each item that hangs costs this much, so it is not much longer than that.
LIMIT = 0.5


@pytest.fixture(autouse=True)
def known_as_the_driver(monkeypatch):
    monkeypatch.setenv(calls.DRIVER, str(os.getpid()))


def check(outcomes, items, guilty, *, attempts=1):
    assert sorted(outcome.key for outcome in outcomes) == list(range(len(items)))
    for outcome in outcomes:
        if items[outcome.key] in guilty:
            assert outcome.kind == "timed out"
            assert outcome.after == LIMIT
            assert not outcome.abandoned
            assert outcome.attempts == attempts
            assert outcome.duration >= LIMIT
            assert isinstance(outcome.error, CallTimedOut)
        else:
            assert outcome.ok, outcome
            assert outcome.attempts == 1


@pytest.mark.parametrize("guilty", ["hang", "spin_in_c", "ignore_sigterm_and_hang"])
def test_a_call_that_does_not_end_is_ended(pool, guilty):
    """
    Asleep, deep in C with the interpreter lock, or deaf to every signal that can be ignored.
    """
    items = [*range(100), guilty, *range(100)]
    outcomes = list(pool.map(calls.act, items, timeout=LIMIT))
    check(outcomes, items, {guilty})
    assert pool.map(calls.act, [1, 2, 3], timeout=LIMIT).values() == [1, 2, 3]


def test_the_worker_of_a_timed_out_call_is_replaced(pool):
    before = {outcome.worker for outcome in pool.map(calls.pid, range(100))}
    (outcome,) = pool.map(calls.act, ["hang"], timeout=LIMIT)
    assert outcome.worker not in {o.worker for o in pool.map(calls.pid, range(100))}
    assert soon(lambda: not psutil.pid_exists(int(outcome.worker.removeprefix("process-"))))
    assert before


def test_more_hanging_items_than_workers(pool):
    items = ["hang", 1, "spin_in_c", 2, "hang", 3, *range(50)]
    check(list(pool.map(calls.act, items, timeout=LIMIT)), items, {"hang", "spin_in_c"})


def test_items_behind_a_hanging_one_are_not_charged_for_their_wait(method):
    """
    With one worker, a batch is queued behind each of them for longer than the limit.
    """
    with treadle.Pool(workers=1, backend="processes", start_method=method) as pool:
        items = [*range(50), "hang", *range(50), "hang", *range(50)]
        check(list(pool.map(calls.act, items, timeout=LIMIT)), items, {"hang"})


def test_a_second_attempt_may_succeed(pool, tmp_path):
    items = [*range(50), f"hang_once {tmp_path / 'mark'}", *range(50)]
    retry = treadle.Retry(attempts=2, base=0)
    outcomes = list(pool.map(calls.act, items, timeout=LIMIT, retry=retry))
    assert all(outcome.ok for outcome in outcomes)
    assert {o.key: o.attempts for o in outcomes if o.attempts != 1} == {50: 2}
    assert len(outcomes) == 101


def test_attempts_that_time_out_are_counted_exactly(pool, arrivals):
    """
    The next attempt begins at once, while the worker of the last one is still being killed.
    """
    items = [1, f"arrive_and_hang {arrivals.path}", 2, 3]
    retry = treadle.Retry(attempts=3, base=0)
    outcomes = list(pool.map(calls.act, items, timeout=LIMIT, retry=retry))
    (guilty,) = [outcome for outcome in outcomes if not outcome.ok]
    assert guilty.attempts == 3
    assert len(outcomes) == len(items)
    assert len({arrivals.next() for _ in range(3)}) == 3
    assert not arrivals.pending


def test_everything_a_timed_out_call_has_started_ends_with_it(pool, arrivals):
    run = pool.map(calls.act, [f"start_child_and_hang {arrivals.path}"], timeout=LIMIT)
    child = psutil.Process(int(arrivals.next()))
    assert [outcome.kind for outcome in run] == ["timed out"]
    assert soon(lambda: is_gone(child))


def test_a_result_that_hangs_while_it_is_loaded_here_times_out_alone(pool, gate):
    """
    Other results that are loaded with care wait behind it, and are not charged for that.
    """
    hanging = f"return_hanging_here {gate.path}"
    items = [*(f"return_harmless {n}" for n in range(5)), hanging]
    items += [f"return_harmless {n}" for n in range(20)]
    outcomes = list(pool.map(calls.act, items, timeout=LIMIT))
    check(outcomes, items, {hanging})
    gate.open()  # lets the abandoned thread go


def test_two_runs_on_one_pool_do_not_confuse_their_items(pool, gate):
    """
    Both have an item 0: one hangs while it is loaded, the other must not suffer.
    """
    with pool.map(calls.act, [f"return_hanging_here {gate.path}"], timeout=LIMIT) as bad:
        good = list(pool.map(calls.act, [f"return_harmless {n}" for n in range(50)]))
        assert [outcome.kind for outcome in bad] == ["timed out"]
    assert all(outcome.ok for outcome in good)
    gate.open()


def test_timeouts_and_crashes_side_by_side(pool):
    items = [("hang", "sigkill", number)[number % 3] for number in range(9)]
    outcomes = list(pool.map(calls.act, items, timeout=LIMIT))
    kinds = {outcome.key: outcome.kind for outcome in outcomes}
    expected = ("timed out", "worker lost", "succeeded")
    assert kinds == {number: expected[number % 3] for number in range(9)}


def test_a_deadline_ends_a_run_whose_calls_hang(pool):
    from datetime import timedelta

    run = pool.map(calls.act, ["hang"] * 4, deadline=timedelta(seconds=LIMIT))
    assert [outcome.kind for outcome in run] == ["cancelled"] * 4
    assert pool.map(calls.act, [1]).values() == [1]


def test_a_driver_that_stands_still_charges_no_item_for_it(pool):
    """
    Workers wait with results that nobody takes from them: their calls have returned.
    """
    run = pool.map(calls.act, ["return_text 20000"] * 1000, timeout=LIMIT)
    assert next(run).ok
    ctypes.PyDLL(None).usleep(int(LIMIT * 2_000_000))  # holds the GIL
    assert all(outcome.ok for outcome in run)
