"""What is particular to coroutines: an event loop of their own, and calls that can be cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading

import pytest

import treadle
from treadle.backends.coroutines import Coroutines
from treadle.errors import SetupFailed


def mapped(function, items, workers=4, **options):
    return treadle.map(function, items, backend="coroutines", workers=workers, **options)


@pytest.fixture
def complaints(monkeypatch, caplog):
    """What asyncio logs and what Python cannot raise: both must stay empty."""
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    return lambda: [record.getMessage() for record in caplog.records] + unraisable


async def same(value):
    await asyncio.sleep(0)
    return value


def test_no_more_than_workers_run_at_once_and_that_many_do():
    now, most = 0, 0

    async def function(value):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1

    assert all(outcome.ok for outcome in mapped(function, range(100), workers=7))
    assert most == 7


def test_a_timed_out_call_is_really_cancelled_and_can_clean_up():
    cleaned_up = threading.Event()

    async def function(value):
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned_up.set()

    [outcome] = mapped(function, [1], timeout=0.05)
    assert outcome.kind == "timed out"
    assert not outcome.abandoned
    assert cleaned_up.wait(20)


def test_a_call_that_swallows_its_cancellation_gives_its_place_and_is_not_heard_of(complaints):
    async def function(value):
        if value != "stubborn":
            return value
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    outcomes = sorted(
        mapped(function, ["stubborn", 1, 2, 3], workers=1, timeout=0.5), key=lambda o: o.index
    )
    assert [outcome.ok for outcome in outcomes] == [False, True, True, True]
    assert complaints() == []


def test_what_a_cancelled_call_still_returns_is_dropped():
    async def function(value):
        if value != "late":
            return value
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "too late"

    outcomes = list(mapped(function, ["late", 1], timeout=0.5))
    assert sorted(str(outcome.kind) for outcome in outcomes) == ["succeeded", "timed out"]


def test_a_call_that_cancels_itself_fails_alone():
    async def function(value):
        if value == 1:
            asyncio.current_task().cancel()
        await asyncio.sleep(0)
        return value

    outcomes = sorted(mapped(function, range(3)), key=lambda o: o.index)
    assert [outcome.kind for outcome in outcomes] == ["succeeded", "raised", "succeeded"]
    assert outcomes[1].failure.type == "asyncio.exceptions.CancelledError"


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_exit_in_a_task_that_a_call_made_is_that_calls_ending(error):
    """
    asyncio lets these two through its loop, which must live on for the others.
    """

    async def leave():
        raise error

    async def function(value):
        if value == 1:
            await asyncio.gather(leave())
        await asyncio.sleep(0.01)
        return value

    outcomes = sorted(mapped(function, range(4)), key=lambda o: o.index)
    assert [outcome.kind for outcome in outcomes] == [
        "succeeded",
        "raised",
        "succeeded",
        "succeeded",
    ]
    assert type(outcomes[1].error) is error


def test_one_state_for_the_loop_made_and_torn_down_on_it():
    loops = []

    async def setup():
        await asyncio.sleep(0.01)
        loops.append(asyncio.get_running_loop())
        return "state"

    async def teardown(state):
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())

    async def function(value, state):
        return (value, state)

    values = mapped(function, range(10), setup=setup, teardown=teardown).values()
    assert values == [(n, "state") for n in range(10)]
    assert len(loops) == 2
    assert loops[0] is loops[1]


def test_an_item_cancelled_during_the_setup_does_not_take_the_setup_with_it():
    inside, go = threading.Event(), threading.Event()

    async def setup():
        inside.set()
        await asyncio.to_thread(go.wait, 20)
        return "state"

    async def function(value, state):
        return state

    with treadle.Pool(backend="coroutines", workers=2) as pool:
        killed = pool.map(function, [1], setup=setup)
        assert inside.wait(20)
        killed.kill()
        assert [outcome.kind for outcome in killed] == ["cancelled"]
        go.set()
        assert pool.map(function, [1, 2], setup=setup).values() == ["state", "state"]


def test_a_setup_that_raises_breaks_its_run_and_no_other():
    async def broken():
        raise OSError("no network")

    async def function(value, state):
        return value

    with treadle.Pool(backend="coroutines", workers=2) as pool:
        with pytest.raises(SetupFailed, match="no network"):
            list(pool.map(function, range(10), setup=broken))
        assert pool.map(same, range(3)).values() == [0, 1, 2]


def test_closing_leaves_nothing_behind(complaints):
    """
    Background tasks, asynchronous generators and helper threads end with the loop.
    """
    closed = []

    async def numbers():
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            closed.append("generator")

    kept = []

    async def function(value):
        async def background():
            try:
                await asyncio.sleep(60)
            finally:
                closed.append("task")

        kept.append(asyncio.get_running_loop().create_task(background()))
        generator = numbers()
        kept.append(generator)
        await anext(generator)
        return await asyncio.to_thread(threading.get_ident)

    [outcome] = mapped(function, [1])
    assert outcome.value != threading.get_ident()
    assert sorted(closed) == ["generator", "task"]
    assert complaints() == []


def test_leaving_early_cancels_what_runs(complaints):
    ended = []

    async def function(value):
        try:
            await asyncio.sleep(0 if value == 0 else 60)
        finally:
            ended.append(value)
        return value

    with mapped(function, range(4)) as outcomes:
        assert next(outcomes).value == 0
    assert 0 in ended
    assert complaints() == []


def test_each_call_has_a_context_of_its_own():
    variable = contextvars.ContextVar("variable", default="unset")

    async def function(value):
        before = variable.get()
        variable.set(value)
        await asyncio.sleep(0.001)
        return (before, variable.get(), treadle.current().index)

    values = mapped(function, range(20)).values()
    assert values == [("unset", n, n) for n in range(20)]


def test_the_next_item_starts_without_a_round_trip():
    """
    Enough is kept ready behind what runs: between two calls the loop asks nobody.
    """
    backend = Coroutines(2)
    room = backend.room(treadle.core.call.Call(same), paced=False)
    assert room == 4
    assert backend.room(treadle.core.call.Call(same), paced=True) == 2
    backend.close(kill=False)
