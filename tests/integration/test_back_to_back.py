"""Pools one after another, stages on one warm pool, runs that feed each other."""

from __future__ import annotations

import itertools
import threading

import psutil
import pytest
from mapped import double, pid, raises, square

import treadle

WARM_UP = 3  # pools, before which things that stay are still being made


def left_behind() -> tuple[int, int, int]:
    """Count open descriptors, threads, and processes below us."""
    me = psutil.Process()
    return me.num_fds(), threading.active_count(), len(me.children(recursive=True))


def one_pool_after_another(count: int, start_method: str) -> None:
    before = (0, 0, 0)
    for number in range(count):
        if number == WARM_UP:
            before = left_behind()
        values = treadle.map(square, range(10), workers=2, start_method=start_method).values()
        assert values == [value * value for value in range(10)]
    assert left_behind() == before


@pytest.mark.parametrize(("start_method", "count"), [("forkserver", 30), ("spawn", 10)])
def test_pools_one_after_another_leave_nothing_behind(start_method, count):
    one_pool_after_another(count, start_method)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_a_thousand_pools_one_after_another_leave_nothing_behind(start_method):
    one_pool_after_another(1000, start_method)


def test_pools_that_are_left_early_leave_nothing_behind():
    """
    Broken off in the middle, or ended by a failure, with items still in flight.
    """
    before = (0, 0, 0)
    for number in range(WARM_UP + 10):
        if number == WARM_UP:
            before = left_behind()
        for _ in treadle.map(square, itertools.count(), workers=2):
            break
        with pytest.raises(ValueError, match=r"\d"):
            treadle.map(raises, itertools.count(), workers=2).values()
    assert left_behind() == before


def test_stages_share_the_workers_of_a_warm_pool():
    with treadle.Pool(workers=2) as pool:
        # Not all workers need to be started for a short stage, so look which were ever there.
        workers = [{outcome.value for outcome in pool.map(pid, range(200))} for _ in range(20)]
    assert len(set.union(*workers)) <= 2


def test_a_stage_reads_the_outcomes_of_another_as_they_come():
    with treadle.Pool(workers=2) as pool:
        first = pool.map(square, range(500))
        second = pool.map(double, (outcome.value for outcome in first))
        third = pool.map(double, (outcome.value for outcome in second))
        values = sorted(outcome.value for outcome in third)
    assert values == [4 * value * value for value in range(500)]


def test_a_chain_of_stages_may_stand_on_an_endless_source():
    with treadle.Pool(workers=2) as pool:
        first = pool.map(square, itertools.count())
        second = pool.map(double, (outcome.value for outcome in first))
        values = [outcome.value for outcome in itertools.islice(second, 50)]
    assert len(set(values)) == 50


def test_many_threads_use_one_pool_at_once():
    found: dict[int, list[int]] = {}
    together = threading.Barrier(4)

    def chain(number: int) -> None:
        together.wait()
        first = pool.map(square, range(number, number + 100), ordered=True)
        second = pool.map(double, (outcome.value for outcome in first), ordered=True)
        found[number] = second.values()

    with treadle.Pool(workers=2) as pool:
        threads = [threading.Thread(target=chain, args=[1000 * number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {
        start: [2 * value * value for value in range(start, start + 100)]
        for start in (0, 1000, 2000, 3000)
    }


def test_stages_of_both_start_methods_follow_each_other():
    for start_method in ("spawn", "forkserver", "spawn"):
        with treadle.Pool(workers=2, start_method=start_method) as pool:
            assert pool.map(square, [3]).values() == [9]
            assert pool.map(double, [3]).values() == [6]
