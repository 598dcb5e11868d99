"""In an event loop: ``amap`` never holds it up, and ends with whoever consumes it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time

import psutil
import pytest
from mapped import double, identity, pid, raises, square, touch_and_hang, wait_for_file

import treadle

STALL = 0.05  # seconds that nothing of ours may hold up the loop


def workers_now() -> int:
    """Count worker processes: they are children of the nursery, which is a child of ours."""
    return sum(len(child.children()) for child in psutil.Process().children())


async def collect(outcomes) -> list:
    return [outcome async for outcome in outcomes]


async def values(outcomes) -> list:
    return sorted([outcome.value async for outcome in outcomes])


async def until(seen) -> None:
    while not seen():  # noqa: ASYNC110  what is seen is in other processes
        await asyncio.sleep(0.005)


async def slow_square(value):
    await asyncio.sleep(0.001)
    return value * value


# --- the heartbeat -------------------------------------------------------------------------------


async def lateness(stop: asyncio.Event) -> list[float]:
    """Beat every 2 ms until *stop*; return how late each beat was, in seconds of *this thread*."""
    late = []
    while not stop.is_set():
        due = time.monotonic() + 0.002
        await asyncio.sleep(0.002)
        late.append(time.monotonic() - due)
    return late


async def heart_beside(consume) -> tuple[list[float], int]:
    stop = asyncio.Event()
    heart = asyncio.create_task(lateness(stop))
    try:
        count = await consume()
    finally:
        stop.set()
    return await heart, count


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (identity, {"backend": "processes", "start_method": "forkserver"}),
        (identity, {"backend": "processes", "start_method": "spawn"}),
        (identity, {"backend": "threads"}),
        (slow_square, {}),
    ],
    ids=["forkserver", "spawn", "threads", "coroutines"],
)
def test_nothing_of_ours_holds_up_the_loop(function, options, caplog):
    """
    asyncio itself watches each step that runs in the loop. It names the steps that took longer.

    A busy machine may stop this process for longer than that in the middle of any step; such a
    step is not ours again and again, so a second look tells it from a call that blocks.
    """
    slow: list[set[str]] = []
    for _ in range(3):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "asyncio"):
            beats = asyncio.run(watched_map(function, options), debug=True)
        assert beats
        took = {record.args[0] for record in caplog.records if "took" in record.msg}
        slow.append({str(step).split(" ")[0] for step in took})
        if not slow[-1]:
            return
    pytest.fail(f"the loop was held up, three times of three: {slow}")


async def watched_map(function, options) -> list[float]:
    asyncio.get_running_loop().slow_callback_duration = STALL

    async def consume() -> int:
        count = 0
        async for outcome in treadle.amap(function, range(2000), workers=2, **options):
            assert outcome.ok
            count += 1
        return count

    beats, count = await heart_beside(consume)
    assert count == 2000
    return beats


def test_a_consumer_that_always_finds_more_does_not_hold_up_the_loop(caplog):
    """
    Each outcome takes it a millisecond, so that the next ones are there before it asks.
    """

    async def main():
        asyncio.get_running_loop().slow_callback_duration = 4 * STALL

        async def consume() -> int:
            count = 0
            async for _ in treadle.amap(identity, range(600), workers=1, backend="threads"):
                until = time.thread_time() + 0.001
                while time.thread_time() < until:
                    pass
                count += 1
            return count

        beats, count = await heart_beside(consume)
        assert count == 600
        return beats

    with caplog.at_level(logging.WARNING, "asyncio"):
        beats = asyncio.run(main(), debug=True)
    assert not caplog.records
    assert len(beats) > 10


def test_the_loop_goes_on_while_a_call_runs(tmp_path):
    """
    The call ends when the loop says so: were the loop held up, neither would ever end.
    """
    gate = tmp_path / "gate"

    async def main():
        async def open_gate():
            for _ in range(20):
                await asyncio.sleep(0.001)
            gate.touch()

        opening = asyncio.create_task(open_gate())
        found = await values(treadle.amap(wait_for_file, [gate], workers=1))
        await opening
        return found

    assert asyncio.run(main()) == [str(gate)]


# --- several, and early ends ---------------------------------------------------------------------


def test_several_at_once():
    async def main():
        return await asyncio.gather(
            values(treadle.amap(square, range(50), workers=1)),
            values(treadle.amap(double, range(50), workers=1, backend="threads")),
            values(treadle.amap(slow_square, range(50), workers=10)),
        )

    squares = [value * value for value in range(50)]
    assert asyncio.run(main()) == [squares, list(range(0, 100, 2)), squares]


def test_several_at_once_on_one_pool():
    async def main():
        with treadle.Pool(workers=2) as pool:
            return await asyncio.gather(
                *(values(pool.amap(square, range(start, start + 50))) for start in range(4))
            )

    assert asyncio.run(main()) == [
        [value * value for value in range(start, start + 50)] for start in range(4)
    ]


def test_a_stage_may_read_the_outcomes_of_another():
    async def main():
        with treadle.Pool(workers=2) as pool:
            squares = (outcome.value async for outcome in pool.amap(square, range(50)))
            return await values(pool.amap(double, squares))

    assert asyncio.run(main()) == [2 * value * value for value in range(50)]


def test_leaving_early_ends_the_workers():
    async def main():
        outcomes = treadle.amap(square, itertools.count(), workers=2)
        async for outcome in outcomes:
            assert outcome.ok
            break
        await outcomes.aclose()
        await until(lambda: not workers_now())

    asyncio.run(main())


def test_leaving_early_without_closing_ends_the_workers_with_the_loop():
    """
    ``break`` does not close an async generator; the loop does when it shuts down.
    """

    async def main():
        async for _ in treadle.amap(square, itertools.count(), workers=2):
            break

    asyncio.run(main())
    assert not workers_now()


def test_cancelling_the_task_that_consumes_ends_running_calls(tmp_path):
    running = [tmp_path / "first", tmp_path / "second"]

    async def main():
        task = asyncio.create_task(collect(treadle.amap(touch_and_hang, running, workers=2)))
        await until(lambda: all(path.exists() for path in running))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not workers_now())

    asyncio.run(main())


def test_a_timeout_around_the_loop_ends_running_calls(tmp_path):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await collect(treadle.amap(touch_and_hang, [tmp_path / "runs"], workers=1))
        await until(lambda: not workers_now())

    asyncio.run(main())


def test_cancelling_reaches_a_running_coroutine():
    ended = threading.Event()
    begun = threading.Event()

    async def hang(_):
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    async def main():
        task = asyncio.create_task(collect(treadle.amap(hang, [1])))
        await until(begun.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended.is_set()


# --- sources -------------------------------------------------------------------------------------


async def numbers(count, closed=None):
    try:
        for number in range(count):
            await asyncio.sleep(0)
            yield number
    finally:
        if closed is not None:
            closed.append(threading.current_thread())


@pytest.mark.parametrize("backend", ["processes", "threads"])
def test_the_source_may_be_asynchronous(backend):
    found = asyncio.run(values(treadle.amap(square, numbers(50), workers=2, backend=backend)))
    assert found == [value * value for value in range(50)]


def test_an_asynchronous_source_is_read_in_the_running_loop_and_closed_there():
    closed: list[threading.Thread] = []

    async def main():
        outcomes = treadle.amap(square, numbers(10**9, closed), workers=2)
        async for _ in outcomes:
            break
        await outcomes.aclose()

    asyncio.run(main())
    assert closed == [threading.main_thread()]


def test_what_was_read_before_the_source_raised_is_delivered():
    async def breaks():
        yield 2
        yield 3
        raise OSError("the source is broken")

    found = []

    async def main():
        async for outcome in treadle.amap(square, breaks(), workers=2):
            found.append(outcome.value)

    with pytest.raises(treadle.SourceFailed, match="the source is broken"):
        asyncio.run(main())
    assert sorted(found) == [4, 9]


def test_a_source_that_never_gives_again_does_not_keep_the_run_from_ending():
    async def stuck():
        yield 1
        await asyncio.Event().wait()

    async def main():
        outcomes = treadle.amap(square, stuck(), workers=1)
        async for outcome in outcomes:
            assert outcome.value == 1
            break
        await outcomes.aclose()

    asyncio.run(main())


def test_a_slow_consumer_stops_the_reading():
    read = itertools.count()

    async def endless():
        while True:
            yield next(read)
            await asyncio.sleep(0)

    async def main():
        outcomes = treadle.amap(square, endless(), workers=2, backend="threads")
        async for _ in outcomes:
            before = -1
            while next(read) != before + 1:  # until nobody else has counted for a while
                before = next(read)
                await asyncio.sleep(0.2)
            break
        await outcomes.aclose()

    asyncio.run(main())
    assert next(read) < 10_000


# --- failures ------------------------------------------------------------------------------------


def test_failures_are_outcomes_here_too():
    found = asyncio.run(collect(treadle.amap(raises, [1, 2], workers=1)))
    assert sorted(outcome.failure.message for outcome in found) == ["1", "2"]


def test_wrong_arguments_fail_where_they_are_given():
    async def main():
        treadle.amap(square, [1], wrkers=2)

    with pytest.raises(treadle.UsageError, match="wrkers"):
        asyncio.run(main())


# --- the executor --------------------------------------------------------------------------------


def test_the_executor_serves_run_in_executor(start_method):
    async def main():
        loop = asyncio.get_running_loop()
        with treadle.Executor(max_workers=2, start_method=start_method) as executor:
            calls = [loop.run_in_executor(executor, square, number) for number in range(20)]
            squares = await asyncio.gather(*calls)
            pids = await asyncio.gather(
                *(loop.run_in_executor(executor, pid, number) for number in range(20))
            )
        return squares, pids

    squares, pids = asyncio.run(main())
    assert squares == [number * number for number in range(20)]
    assert len(set(pids)) <= 2
    assert psutil.Process().pid not in pids


def test_exceptions_come_through_run_in_executor():
    async def main():
        with treadle.Executor(max_workers=1) as executor:
            await asyncio.get_running_loop().run_in_executor(executor, raises, "why")

    with pytest.raises(ValueError, match="why"):
        asyncio.run(main())
