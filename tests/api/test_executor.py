"""The contract of PEP 3148: what holds for the standard library's executors holds for ours.

Tests that take ``executor`` or ``make`` without saying otherwise run against both, to prove that
one may be put in the place of the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import multiprocessing
import threading
import traceback
import weakref
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import chores
import pytest
from meeting import Arrivals, Gate

import treadle

PATIENCE = 40.0  # seconds; a net under busy machines


@dataclass(frozen=True)
class Kind:
    """One sort of executor."""

    make: Any
    ours: bool
    processes: bool


def ours(start_method):
    return lambda count, **options: treadle.Executor(count, start_method=start_method, **options)


def standard(count, **options):
    # Not the default: on Linux that is fork until 3.13, which warns beside other threads.
    return ProcessPoolExecutor(
        count, mp_context=multiprocessing.get_context("forkserver"), **options
    )


def threads(count, **options):
    return treadle.Executor(count, backend="threads", **options)


KINDS = {
    "treadle-spawn": Kind(ours("spawn"), ours=True, processes=True),
    "treadle-forkserver": Kind(ours("forkserver"), ours=True, processes=True),
    "treadle-threads": Kind(threads, ours=True, processes=False),
    "standard-processes": Kind(standard, ours=False, processes=True),
    "standard-threads": Kind(ThreadPoolExecutor, ours=False, processes=False),
}
OURS = [name for name, kind in KINDS.items() if kind.ours]
PROCESSES = [name for name, kind in KINDS.items() if kind.processes]
OUR_PROCESSES = [name for name in OURS if name in PROCESSES]


def only(names):
    return pytest.mark.parametrize("kind", names, indirect=True, scope="module")


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request):
    return KINDS[request.param]


@pytest.fixture(scope="module")
def executor(kind, tmp_path_factory):
    """Two workers that are there already, shared by all tests that do them no harm."""
    folder = tmp_path_factory.mktemp("executor")
    gate, arrivals = Gate(folder / "gate"), Arrivals(folder / "arrivals")
    with kind.make(2) as executor:
        both = [executor.submit(chores.arrive_and_wait, arrivals.path, gate.path) for _ in "ab"]
        for _ in both:
            arrivals.next()
        gate.open()
        wait(both)
        arrivals.close()
        # Objects of the user's are loaded in a thread that is there from the first one on.
        assert executor.submit(chores.refuses, 1, "warm").exception()
        yield executor


@pytest.fixture
def make(kind):
    """Make executors that are shut down in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda count=2, **options: stack.enter_context(kind.make(count, **options))


@pytest.fixture
def busy(executor, gate, arrivals):
    """Both workers busy until the gate opens; the two futures."""
    return keep_busy(executor, gate, arrivals, 2)


def keep_busy(executor, gate, arrivals, count):
    running = [
        executor.submit(chores.arrive_and_wait, arrivals.path, gate.path, number)
        for number in range(count)
    ]
    for _ in running:
        arrivals.next()
    return running


# --- submit, result, exception -------------------------------------------------------------------


def test_a_future_has_the_result_of_its_call(executor):
    future = executor.submit(chores.add, 1, other=2, third=3)
    assert isinstance(future, Future)
    assert future.result() == 6
    assert future.exception() is None
    assert future.done()
    assert not future.running()
    assert not future.cancelled()


def test_any_name_of_a_keyword_can_be_passed_on(executor):
    assert executor.submit(chores.keywords, fn=1, self=2, args=3, timeout=4).result() == {
        "fn": 1,
        "self": 2,
        "args": 3,
        "timeout": 4,
    }


def test_an_exception_is_raised_by_result_and_returned_by_exception(executor):
    future = executor.submit(chores.refuses, 42, "no reason")
    error = future.exception()
    assert type(error) is chores.Refused
    assert (error.code, error.why, error.args) == (42, "no reason", (42, "no reason"))
    with pytest.raises(chores.Refused) as caught:
        future.result()
    assert caught.value is error


def test_an_exception_shows_where_in_the_worker_it_was_raised(executor):
    shown = "".join(traceback.format_exception(executor.submit(chores.divide, 1, 0).exception()))
    assert "chores.py" in shown
    assert "in divide" in shown
    assert "return one / other" in shown


@only(PROCESSES)
def test_the_traceback_of_the_worker_is_the_cause(executor):
    error = executor.submit(chores.divide, 1, 0).exception()
    assert "ZeroDivisionError: division by zero" in str(error.__cause__)


def test_sys_exit_in_a_call_is_the_exception_of_its_future_alone(executor):
    future = executor.submit(chores.leaves, 3)
    error = future.exception()
    assert type(error) is SystemExit
    assert error.code == 3
    assert executor.submit(chores.double, 4).result() == 8


@only(OURS)
def test_lambdas_and_closures_travel(executor):
    offset = 100
    assert executor.submit(lambda value: value + offset, 1).result() == 101
    assert list(executor.map(lambda value: value + offset, range(3))) == [100, 101, 102]


@only(PROCESSES)
def test_an_argument_that_cannot_be_pickled_fails_its_future_alone(executor):
    failing = executor.submit(chores.identity, threading.Lock())
    assert isinstance(failing.exception(), TypeError)
    assert failing.done()
    assert executor.submit(chores.double, 4).result() == 8


@only(PROCESSES)
def test_a_result_that_cannot_be_pickled_fails_its_future_alone(executor):
    assert isinstance(executor.submit(chores.makes_a_lock).exception(), TypeError)
    assert executor.submit(chores.double, 4).result() == 8


@only(OUR_PROCESSES)
def test_what_cannot_be_pickled_is_named(executor):
    argument = executor.submit(chores.identity, {"guard": threading.Lock()}).exception()
    assert isinstance(argument, treadle.NotPicklable)
    assert '"guard"' in argument.message
    assert "_thread.lock" in argument.message
    result = executor.submit(chores.makes_a_lock).exception()
    assert isinstance(result, treadle.NotPicklable)
    assert "_thread.lock" in result.message


@only(OUR_PROCESSES)
def test_what_is_changed_after_submit_does_not_reach_the_call(executor, gate, busy):
    argument = [1]
    future = executor.submit(chores.identity, argument)
    argument.append(2)
    gate.open()
    assert future.result() == [1]


def test_threads_may_submit_side_by_side(executor):
    found = {}

    def use(number):
        futures = [executor.submit(chores.add, number, other) for other in range(50)]
        found[number] = [future.result() for future in futures]

    users = [threading.Thread(target=use, args=(1000 * number,)) for number in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert found == {1000 * n: [1000 * n + other for other in range(50)] for n in range(4)}


def test_nothing_of_a_call_is_kept_once_its_future_is_gone(executor):
    gc.collect()  # the look for leaked threads keeps the frames of all that live
    collected = threading.Event()
    method = chores.Method()
    weakref.finalize(method, collected.set)
    assert executor.submit(method.call).result() == "called"
    del method
    assert collected.wait(PATIENCE)


# --- states and callbacks ------------------------------------------------------------------------


def test_a_running_future_says_so_and_cannot_be_cancelled(executor, gate, busy):
    for future in busy:
        assert future.running()
        assert not future.done()
        assert not future.cancel()
        with pytest.raises(TimeoutError):
            future.result(timeout=0)
        with pytest.raises(TimeoutError):
            future.exception(timeout=0)
    gate.open()
    assert [future.result() for future in busy] == [0, 1]


def test_a_cancelled_future_is_not_called(make, gate, arrivals, folder):
    """
    Some calls more than workers are on their way, and so running, hence the last is taken.
    """
    executor = make()
    keep_busy(executor, gate, arrivals, 2)
    waiting = [executor.submit(chores.touch, str(folder), number) for number in range(6)]
    heard = []
    waiting[-1].add_done_callback(heard.append)
    assert waiting[-1].cancel()
    assert waiting[-1].cancel()
    assert waiting[-1].cancelled()
    assert waiting[-1].done()
    assert heard == [waiting[-1]]
    with pytest.raises(CancelledError):
        waiting[-1].result()
    gate.open()
    done, not_done = wait(waiting, timeout=PATIENCE)
    assert (len(done), not_done) == (6, set())
    assert sorted(path.name for path in folder.iterdir()) == list("01234")


def test_callbacks_are_called_once_in_order_with_the_future(executor, gate, busy):
    future, _ = busy
    heard = []
    over = threading.Event()
    for name in "abc":
        future.add_done_callback(lambda done, name=name: heard.append((name, done, done.done())))
    future.add_done_callback(lambda _: over.set())
    assert heard == []
    gate.open()
    assert over.wait(PATIENCE)
    assert heard == [(name, future, True) for name in "abc"]


def test_a_callback_added_to_a_finished_future_is_called_at_once(executor):
    future = executor.submit(chores.double, 4)
    future.result()
    heard = []
    future.add_done_callback(heard.append)
    assert heard == [future]


def test_a_callback_that_raises_is_logged_and_harms_nobody(executor, gate, busy, caplog):
    future, other = busy
    over = threading.Event()

    def raises(_):
        raise LookupError("from the callback")

    future.add_done_callback(raises)
    future.add_done_callback(lambda _: over.set())
    gate.open()
    assert over.wait(PATIENCE)
    assert other.result() == 1
    assert executor.submit(chores.double, 4).result() == 8
    assert "from the callback" in caplog.text


def test_a_callback_may_submit(executor):
    second = Future()

    def go_on(first):
        executor.submit(chores.double, first.result()).add_done_callback(
            lambda done: second.set_result(done.result())
        )

    executor.submit(chores.double, 1).add_done_callback(go_on)
    assert second.result(PATIENCE) == 4


# --- wait and as_completed -----------------------------------------------------------------------


def test_wait_for_the_first(executor, gate, arrivals):
    running = keep_busy(executor, gate, arrivals, 1)
    quick = executor.submit(chores.double, 1)
    assert wait([*running, quick], return_when=FIRST_COMPLETED) == ({quick}, set(running))
    gate.open()


def test_wait_for_the_first_exception(executor, gate, arrivals):
    running = keep_busy(executor, gate, arrivals, 1)
    fine, failing = executor.submit(chores.double, 1), executor.submit(chores.divide, 1, 0)
    done, not_done = wait([*running, fine, failing], return_when=FIRST_EXCEPTION)
    assert failing in done
    assert set(running) <= not_done
    gate.open()


def test_wait_for_the_first_exception_when_there_is_none(executor):
    futures = {executor.submit(chores.double, number) for number in range(3)}
    assert wait(futures, return_when=FIRST_EXCEPTION) == (futures, set())


def test_wait_for_all(executor):
    futures = [executor.submit(chores.odd_fails, number) for number in range(6)]
    assert wait(futures, return_when=ALL_COMPLETED) == (set(futures), set())
    assert wait([*futures, *futures]) == (set(futures), set())


def test_wait_no_longer_than_the_timeout(executor, gate, busy):
    quick = Future()
    quick.set_result(1)
    assert wait([quick, *busy], timeout=0) == ({quick}, set(busy))
    gate.open()


def test_as_completed_yields_each_future_once(executor):
    futures = [executor.submit(chores.double, number) for number in range(5)]
    found = list(as_completed([*futures, *futures]))
    assert len(found) == 5
    assert set(found) == set(futures)


def test_as_completed_yields_what_ends_first_first(executor, gate, arrivals):
    running = keep_busy(executor, gate, arrivals, 1)
    quick = executor.submit(chores.double, 1)
    completed = as_completed([*running, quick])
    assert next(completed) is quick
    gate.open()
    assert list(completed) == running


def test_as_completed_gives_up_after_its_timeout(executor, gate, busy):
    quick = Future()
    quick.set_result(1)
    completed = as_completed([quick, *busy], timeout=0)
    assert next(completed) is quick
    with pytest.raises(TimeoutError, match=r"2 \(of 3\)"):
        next(completed)
    gate.open()


# --- map -----------------------------------------------------------------------------------------


def test_map_yields_results_in_order(executor):
    assert list(executor.map(chores.double, range(100))) == [2 * n for n in range(100)]
    assert list(executor.map(chores.double, range(100), chunksize=7)) == [2 * n for n in range(100)]


def test_map_takes_an_argument_from_each_iterable_until_one_ends(executor):
    assert list(executor.map(chores.add, range(10), (10, 20, 30))) == [10, 21, 32]
    assert list(executor.map(chores.add, [])) == []


def test_map_reads_everything_at_once(executor):
    read = []

    def source():
        for number in range(10):
            read.append(number)
            yield number

    results = executor.map(chores.double, source())
    assert read == list(range(10))
    assert list(results) == [2 * n for n in range(10)]


def test_map_raises_at_the_position_of_the_failure_and_is_over_then(executor):
    results = executor.map(chores.divide, [6, 6, 6], [3, 2, 0])
    assert [next(results), next(results)] == [2.0, 3.0]
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_map_gives_up_after_its_timeout_and_cancels_what_has_not_begun(
    make, gate, arrivals, folder
):
    executor = make()
    keep_busy(executor, gate, arrivals, 2)
    results = executor.map(chores.touch, itertools.repeat(str(folder), 20), range(20), timeout=0)
    with pytest.raises(TimeoutError):
        next(results)
    assert list(results) == []
    gate.open()
    executor.submit(chores.double, 1).result()
    assert len(list(folder.iterdir())) < 20


@pytest.mark.parametrize("chunksize", [0, -1])
@only([*OURS, "standard-processes"])
def test_map_refuses_a_chunksize_below_one(executor, chunksize):
    with pytest.raises(ValueError, match="chunksize"):
        executor.map(chores.double, [1], chunksize=chunksize)


class Counting:
    """An endless iterator that knows how much of it was taken."""

    def __init__(self):
        self.taken = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.taken += 1
        return self.taken - 1


@only(OURS)
def test_map_with_a_buffer_reads_as_far_ahead_as_the_buffer_and_no_further(executor):
    numbers = Counting()
    results = executor.map(chores.double, numbers, buffersize=3)
    assert numbers.taken == 3
    for taken in range(1, 20):
        assert next(results) == 2 * (taken - 1)
        assert numbers.taken == taken + 3
    results.close()


@only(OURS)
def test_map_with_a_buffer_gives_what_map_gives_without(executor):
    def both(*iterables):
        return [list(executor.map(chores.add, *iterables, buffersize=size)) for size in (2, None)]

    assert both(range(7), range(100)) == [[0, 2, 4, 6, 8, 10, 12]] * 2
    assert both([]) == [[], []]
    results = executor.map(chores.divide, [6, 6, 6], [3, 0, 2], buffersize=2)
    assert next(results) == 2.0
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


@only(OURS)
def test_map_with_a_buffer_gives_up_after_its_timeout(make, gate, arrivals, folder):
    """
    All are cancelled but those on their way, of which there is one for each worker.
    """
    executor = make()
    busy = keep_busy(executor, gate, arrivals, 2)
    results = executor.map(
        chores.touch, itertools.repeat(str(folder)), itertools.count(), timeout=0, buffersize=9
    )
    with pytest.raises(TimeoutError):
        next(results)
    gate.open()
    wait(busy)
    executor.submit(chores.double, 1).result()
    assert {path.name for path in folder.iterdir()} <= {"0", "1"}


@pytest.mark.parametrize(
    ("buffersize", "error"), [(0, ValueError), (-1, ValueError), ("3", TypeError), (1.5, TypeError)]
)
@only(OURS)
def test_map_refuses_a_buffer_that_is_none(executor, buffersize, error):
    with pytest.raises(error, match="buffersize"):
        executor.map(chores.double, [1], buffersize=buffersize)


# --- asyncio -------------------------------------------------------------------------------------


def test_an_event_loop_runs_calls_in_it(executor):
    async def main():
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(executor, chores.double, number) for number in range(10)]
        assert await asyncio.gather(*calls) == [2 * n for n in range(10)]
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(executor, chores.divide, 1, 0)
        assert await asyncio.wrap_future(executor.submit(chores.double, 4)) == 8

    asyncio.run(main())


def test_cancelling_the_wrapped_future_cancels_the_call(make, gate, arrivals, folder):
    executor = make()
    keep_busy(executor, gate, arrivals, 2)

    async def main():
        loop = asyncio.get_running_loop()
        waiting = [
            loop.run_in_executor(executor, chores.touch, str(folder), number) for number in range(6)
        ]
        waiting[-1].cancel()
        await asyncio.sleep(0)  # the loop passes it on in its next turn
        gate.open()
        return await asyncio.gather(*waiting, return_exceptions=True)

    results = asyncio.run(main())
    assert isinstance(results[-1], asyncio.CancelledError)
    executor.submit(chores.double, 1).result()
    assert "5" not in {path.name for path in folder.iterdir()}


# --- the end -------------------------------------------------------------------------------------


def test_shutdown_waits_for_everything_that_was_submitted(make):
    executor = make()
    futures = [executor.submit(chores.double, number) for number in range(20)]
    executor.shutdown()
    assert all(future.done() for future in futures)
    assert [future.result() for future in futures] == [2 * n for n in range(20)]
    executor.shutdown()


def test_after_shutdown_nothing_can_be_submitted(make):
    executor = make()
    executor.shutdown()
    for submit in (executor.submit, executor.map):
        with pytest.raises(RuntimeError, match="after shutdown"):
            submit(chores.double, [1])


def test_an_executor_that_was_never_used_ends_at_once(make):
    make().shutdown()


def test_shutdown_without_waiting_lets_everything_settle(make, gate, arrivals):
    executor = make()
    running = keep_busy(executor, gate, arrivals, 2)
    waiting = [executor.submit(chores.double, number) for number in range(6)]
    executor.shutdown(wait=False)
    assert not any(future.done() for future in running)
    with pytest.raises(RuntimeError):
        executor.submit(chores.double, 1)
    gate.open()
    assert [future.result(PATIENCE) for future in [*running, *waiting]] == [0, 1, *range(0, 12, 2)]


def test_shutdown_may_cancel_what_has_not_begun(make, gate, arrivals, folder):
    executor = make()
    running = keep_busy(executor, gate, arrivals, 2)
    waiting = [executor.submit(chores.touch, str(folder), number) for number in range(20)]
    settled = threading.Semaphore(0)
    for future in waiting:
        future.add_done_callback(lambda _: settled.release())
    executor.shutdown(wait=False, cancel_futures=True)
    gate.open()
    assert all(settled.acquire(timeout=PATIENCE) for _ in waiting)
    assert [future.result() for future in running] == [0, 1]
    cancelled = [future.cancelled() for future in waiting]
    assert cancelled == sorted(cancelled)  # some were on their way
    assert sum(cancelled) >= 17
    assert len(list(folder.iterdir())) == 20 - sum(cancelled)


def test_leaving_the_block_waits_even_when_it_raises(kind):
    futures = []
    with contextlib.suppress(LookupError), kind.make(2) as executor:
        futures += [executor.submit(chores.double, number) for number in range(5)]
        raise LookupError("in the block")
    assert [future.result(timeout=0) for future in futures] == [0, 2, 4, 6, 8]


def test_an_executor_that_nobody_holds_any_more_settles_its_futures_and_ends(kind, gate, arrivals):
    """
    That nothing of it stays is checked after every test.
    """
    executor = kind.make(2)
    futures = keep_busy(executor, gate, arrivals, 2)
    futures += [executor.submit(chores.identity, number) for number in (2, 3)]
    del executor
    gc.collect()
    gate.open()
    assert [future.result(PATIENCE) for future in futures] == [0, 1, 2, 3]


SETTLES_AT_EXIT = """
import atexit, functools, multiprocessing, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import chores, treadle

def tell(future):
    print(future.result(), flush=True)

def use():
    executor = {make}
    for number in range(5):
        executor.submit(chores.double, number).add_done_callback(tell)
    return executor

if __name__ == "__main__":
    {use}
"""
MAKES = {
    "treadle": "treadle.Executor(1)",
    "treadle-threads": "treadle.Executor(1, backend='threads')",
    "standard": "ProcessPoolExecutor(1, multiprocessing.get_context('forkserver'))",
    "standard-threads": "ThreadPoolExecutor(1)",
}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize("use", ["executor = use()", "use()"], ids=["held", "dropped"])
def test_a_program_ends_when_its_futures_have_settled(program, make, use):
    done = program(SETTLES_AT_EXIT.format(make=make, use=use))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["0", "2", "4", "6", "8"]


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_at_the_end_of_the_program_nothing_can_be_submitted(program, make):
    use = """executor = use()
    def late():
        try:
            executor.submit(chores.double, 1)
        except RuntimeError as error:
            print("refused")
    atexit.register(late)"""
    done = program(SETTLES_AT_EXIT.format(make=make, use=use))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["0", "2", "4", "6", "8", "refused"]


# --- workers -------------------------------------------------------------------------------------


def test_the_initializer_is_called_once_in_each_worker(make, folder, gate, arrivals):
    executor = make(2, initializer=chores.initialize, initargs=(str(folder), "ready"))
    keep_busy(executor, gate, arrivals, 2)
    gate.open()
    futures = [executor.submit(chores.initialized) for _ in range(20)]
    assert [future.result() for future in futures] == [["ready"]] * 20
    assert len(list(folder.iterdir())) == 2


def test_an_initializer_that_raises_breaks_the_executor(kind, caplog, capfd):
    executor = kind.make(1, initializer=chores.broken_initializer, initargs=("no database",))
    futures = []
    with contextlib.suppress(BrokenExecutor):
        for number in range(5):
            futures.append(executor.submit(chores.double, number))
    for future in futures:
        assert isinstance(future.exception(PATIENCE), BrokenExecutor)
    assert futures
    with pytest.raises(BrokenExecutor):
        executor.submit(chores.double, 1)
    executor.shutdown()


@only(OURS)
def test_a_broken_executor_says_why(make):
    executor = make(1, initializer=chores.broken_initializer, initargs=("no database",))
    errors = [executor.submit(chores.double, 1).exception(PATIENCE)]
    with pytest.raises(BrokenProcessPool) as caught:
        executor.submit(chores.double, 1)
    for error in [*errors, caught.value]:
        assert isinstance(error, BrokenProcessPool)
        assert "no database" in str(error)
        assert isinstance(error.__cause__, treadle.SetupFailed)


@only(OUR_PROCESSES)
def test_a_dead_worker_fails_its_future_and_no_other(make, gate, arrivals):
    executor = make(2)
    running = keep_busy(executor, gate, arrivals, 1)
    before = [executor.submit(chores.double, number) for number in range(5)]
    dying = executor.submit(chores.is_killed)
    after = [executor.submit(chores.double, number) for number in range(5)]
    error = dying.exception(PATIENCE)
    assert isinstance(error, treadle.WorkerDied)
    assert error.signal == "SIGKILL"
    assert [future.result(PATIENCE) for future in [*before, *after]] == [0, 2, 4, 6, 8] * 2
    gate.open()
    assert running[0].result() == 0
    assert executor.submit(chores.double, 4).result() == 8


@only(PROCESSES)
def test_a_worker_is_replaced_after_its_number_of_calls(make):
    executor = make(1, max_tasks_per_child=2)
    pids = [executor.submit(chores.pid).result() for _ in range(6)]
    assert [len(list(same)) for _, same in itertools.groupby(pids)] == [2, 2, 2]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_of_a_context_the_start_method_is_taken(method):
    context = multiprocessing.get_context(method)
    with treadle.Executor(1, context) as executor:
        assert executor._pool._options["start_method"] == method
        assert executor.submit(chores.pid).result() != chores.pid()


def test_a_start_method_goes_before_that_of_a_context():
    context = multiprocessing.get_context("forkserver")
    with treadle.Executor(1, context, start_method="spawn") as executor:
        assert executor._pool._options["start_method"] == "spawn"


@pytest.mark.parametrize("make", [treadle.Executor, ProcessPoolExecutor])
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_workers": 0}, ValueError),
        ({"max_workers": -3}, ValueError),
        ({"initializer": 5}, TypeError),
        ({"max_tasks_per_child": 0}, ValueError),
        ({"max_tasks_per_child": -1}, ValueError),
        ({"max_tasks_per_child": 1.5}, TypeError),
        ({"max_tasks_per_child": "2"}, TypeError),
        ({"bogus": 1}, TypeError),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_as_by_the_standard_library(make, options, error):
    """
    What is wrong is named; that nothing was started is checked after every test.
    """
    with pytest.raises(error, match=next(iter(options))):
        make(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"backend": "bogus"},
        {"backend": "coroutines"},
        {"start_method": "bogus"},
        {"backend": "threads", "start_method": "spawn"},
        {"backend": "threads", "max_tasks_per_child": 2},
    ],
    ids=str,
)
def test_bad_arguments_of_our_own_are_refused(options):
    with pytest.raises(treadle.UsageError):
        treadle.Executor(1, **options)


def test_arguments_have_the_order_of_the_standard_library(folder):
    context = multiprocessing.get_context("forkserver")
    for make in (treadle.Executor, ProcessPoolExecutor):
        with make(1, context, chores.initialize, (str(folder), make.__name__)) as executor:
            assert executor.submit(chores.initialized).result() == [make.__name__]


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
def test_what_is_defined_in_a_program_can_be_submitted(program, start_method):
    """
    Without a guard, too: workers do not run the program again.
    """
    done = program(
        "import treadle\n"
        "def own(value):\n"
        "    return value + OFFSET\n"
        "OFFSET = 100\n"
        f"with treadle.Executor(2, start_method={start_method!r}) as executor:\n"
        "    print(executor.submit(own, 1).result())\n"
        "    print(*executor.map(lambda value: own(value) + 1, range(3)))\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "101\n101 102 103\n", "")
