"""Workers that stay: one run after another, several at once, and the end of it all."""

from __future__ import annotations

import asyncio
import itertools
import threading

import chores
import pytest

import treadle

PATIENCE = 40.0  # seconds; a net under busy machines


@pytest.fixture(params=["threads", "processes", "inline"])
def pool(request):
    with treadle.Pool(workers=2, backend=request.param) as pool:
        yield pool


async def double_later(value):
    await asyncio.sleep(0)
    return value * 2


def draws(_):
    return treadle.current().random.random()


# --- one after another ---------------------------------------------------------------------------


def test_different_functions_use_the_same_workers():
    with treadle.Pool(workers=2, backend="processes") as pool:
        pids = set(pool.map(chores.pid, range(40)).values())
        assert pool.map(chores.double, range(5)).values() == [0, 2, 4, 6, 8]
        assert pool.run(lambda value: value + 1, range(5)).values() == [1, 2, 3, 4, 5]
        pids |= set(pool.map(chores.pid, range(40)).values())
        pids |= {outcome.worker for outcome in pool.map(chores.pid, range(3)) if not outcome.ok}
    assert len(pids) <= 2


def test_each_run_has_its_own_seed(pool):
    def drawn(seed):
        return pool.map(draws, range(5), seed=seed).values()

    assert drawn(1) == drawn(1) != drawn(2)


def test_each_run_has_its_own_setup_and_options(pool, folder):
    def setup_one():
        return 100

    def setup_two():
        return 200

    def with_state(value, state):
        return value + state

    assert pool.map(with_state, range(3), setup=setup_one).values() == [100, 101, 102]
    assert pool.map(with_state, range(3), setup=setup_two).values() == [200, 201, 202]
    assert pool.map(chores.identity, range(3), name="plain").stats.name == "plain"
    failing = pool.map(chores.always_fails, itertools.count(), max_failures=1)
    assert any(outcome.kind == "raised" for outcome in failing)
    assert pool.map(chores.double, range(3)).values() == [0, 2, 4]


def test_a_failed_run_does_not_harm_the_next(pool):
    def source():
        yield 1
        raise OSError("disk gone")

    with pytest.raises(treadle.SourceFailed):
        pool.map(chores.identity, source()).values()
    with pytest.raises(treadle.SetupFailed):
        pool.map(chores.add, [1], setup=lambda: chores.broken_initializer("why")).values()
    with pytest.raises(ValueError, match="is wrong"):
        pool.map(chores.always_fails, itertools.count()).values()
    assert pool.map(chores.double, range(3)).values() == [0, 2, 4]


def test_a_run_that_is_left_does_not_harm_the_next(pool):
    for _ in range(3):
        with pool.map(chores.identity, itertools.count()) as outcomes:
            next(outcomes)
        for _ in pool.map(chores.identity, itertools.count()):
            break
    assert pool.map(chores.double, range(3)).values() == [0, 2, 4]


def test_a_function_that_cannot_travel_does_not_harm_the_next():
    lock = threading.Lock()
    with treadle.Pool(workers=1, backend="processes") as pool:
        with pytest.raises(treadle.NotPicklable):
            pool.map(lambda value: (lock, value), [1])
        assert pool.map(chores.double, range(3)).values() == [0, 2, 4]


# --- at once -------------------------------------------------------------------------------------


def test_runs_may_be_read_in_turns(pool):
    doubled = pool.map(chores.double, range(20), ordered=True)
    same = pool.map(chores.identity, range(20), ordered=True)
    found = [(one.value, other.value) for one, other in zip(doubled, same, strict=True)]
    assert found == [(2 * n, n) for n in range(20)]


def test_a_run_may_read_the_outcomes_of_another(pool):
    first = pool.map(chores.double, range(20))
    second = pool.map(chores.double, (outcome.value for outcome in first))
    assert sorted(second.values()) == [4 * n for n in range(20)]


@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_runs_of_several_threads(backend):
    found = {}
    with treadle.Pool(workers=2, backend=backend) as pool:

        def use(number):
            found[number] = pool.map(chores.double, range(number, number + 30)).values()

        users = [threading.Thread(target=use, args=(100 * number,)) for number in range(4)]
        for user in users:
            user.start()
        for user in users:
            user.join()
    assert found == {100 * n: [2 * (100 * n + k) for k in range(30)] for n in range(4)}


def test_cancelling_one_run_leaves_the_other_alone(gate, arrivals):
    with treadle.Pool(workers=2, backend="threads") as pool:
        held = chores.Waiting(arrivals.path, gate.path, held=[0])
        first = pool.map(held, itertools.count())
        arrivals.next()
        second = pool.map(chores.double, range(20))
        first.cancel()
        assert sorted(second.values()) == list(range(0, 40, 2))
        gate.open()
        assert {outcome.kind for outcome in first} <= {"succeeded", "cancelled"}
        assert first.stats.stopped == "interrupted"


# --- async and sync ------------------------------------------------------------------------------


def test_async_and_plain_functions_share_a_pool():
    """
    With ``backend="auto"``, each goes where it can run.
    """
    with treadle.Pool(workers=2) as pool:
        plain = pool.map(chores.double, range(10))
        later = pool.map(double_later, range(10))
        assert plain.values() == later.values() == [2 * n for n in range(10)]
        assert plain.stats.backend == "processes"
        assert later.stats.backend == "coroutines"
        assert pool.run(double_later, range(3)).values() == [0, 2, 4]


def test_amap_of_a_pool():
    async def main(pool):
        source = range(5)
        plain = {outcome.value async for outcome in pool.amap(chores.double, source)}
        later = {outcome.value async for outcome in pool.amap(double_later, source)}
        return plain, later

    with treadle.Pool(workers=2) as pool:
        assert asyncio.run(main(pool)) == ({0, 2, 4, 6, 8}, {0, 2, 4, 6, 8})


def test_one_after_another_amaps_do_not_disturb_map():
    async def main(pool):
        return [outcome.value async for outcome in pool.amap(chores.double, range(3))]

    with treadle.Pool(backend="inline") as pool:
        assert pool.map(chores.double, range(3)).values() == [0, 2, 4]
        assert asyncio.run(main(pool)) == [0, 2, 4]
        assert pool.map(chores.double, range(3)).values() == [0, 2, 4]


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["map", "run"])
def test_a_closed_pool_runs_nothing(pool, use):
    pool.close()
    pool.close()
    with pytest.raises(treadle.UsageError, match="closed") as caught:
        getattr(pool, use)(chores.double, [1])
    assert "Pool" in caught.value.hint


def test_a_closed_pool_does_not_amap(pool):
    async def main():
        return [outcome async for outcome in pool.amap(chores.double, [1])]

    pool.close()
    with pytest.raises(treadle.UsageError, match="closed"):
        asyncio.run(main())


def test_closing_cancels_what_is_under_way(pool):
    run = pool.map(chores.identity, itertools.count())
    next(run)
    pool.close()
    outcomes = list(run)
    assert {outcome.kind for outcome in outcomes} <= {"succeeded", "cancelled"}
    assert run.stats.stopped == "closed"


@pytest.mark.parametrize("kill", [False, True])
def test_closing_from_another_thread(gate, arrivals, kill):
    """
    Whoever iterates sees the end.
    """
    pool = treadle.Pool(workers=2, backend="processes")
    run = pool.map(chores.Waiting(arrivals.path, gate.path, held=range(2)), range(4))

    def close():
        arrivals.next()
        arrivals.next()
        pool.close(kill=kill)

    closer = threading.Thread(target=close)
    closer.start()
    assert [outcome.kind for outcome in run] == ["cancelled"] * 4
    closer.join()


def test_an_exception_in_the_block_ends_everything_at_once(gate, arrivals):
    """
    The calls that run would never end by themselves.
    """
    waiting = chores.Waiting(arrivals.path, gate.path, held=range(2))
    with (
        pytest.raises(LookupError, match="in the block"),
        treadle.Pool(workers=2, backend="processes") as pool,
    ):
        fails_inside(pool, waiting, arrivals)


def fails_inside(pool, waiting, arrivals):
    run = pool.map(waiting, range(2))
    arrivals.next()
    arrivals.next()
    raise LookupError(f"in the block, beside {run}")


def test_a_pool_that_was_never_used_has_nothing_to_close():
    treadle.Pool(workers=2).close()
    with treadle.Pool(workers=2, backend="processes", start_method="spawn"):
        pass
