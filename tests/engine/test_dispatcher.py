"""The dispatcher: what it owes to consumers, readers and backends, whatever the order of things."""

from __future__ import annotations

import random
import threading
import warnings

import pytest
from driving import drive, soon

from treadle.backends.inline import Inline
from treadle.backends.threads import Threads
from treadle.core import events
from treadle.core.call import Call
from treadle.core.limits import Capacity, Rate
from treadle.core.outcome import Cancelled, Raised, Succeeded
from treadle.core.policy import Policy, Retry
from treadle.engine.dispatcher import Dispatcher
from treadle.engine.machine import Machine
from treadle.engine.outlet import Outlet
from treadle.engine.reader import Reader
from treadle.engine.stage import Stage
from treadle.errors import RunFailed, SourceFailed, UsageError


@pytest.fixture
def inline():
    dispatcher = Dispatcher(Inline(), threaded=False)
    yield dispatcher
    dispatcher.close()


@pytest.fixture
def threads():
    dispatcher = Dispatcher(Threads(2))
    yield dispatcher
    dispatcher.close(kill=True)


def double(value):
    return value * 2


def test_a_run_without_a_thread_ends_when_its_source_does(inline):
    """
    Nobody else will wake the consumer's own thread: once the end is handed over, it must not wait.
    """
    assert [outcome.value for outcome in drive(inline, double, range(3))] == [0, 2, 4]


def test_an_empty_source_ends_at_once(inline, threads):
    assert list(drive(inline, double, [])) == []
    assert list(drive(threads, double, [])) == []


def test_runs_without_a_thread_can_be_read_alternately(inline):
    """
    While one waits for its consumer, the end of the other must still come through.
    """
    first, second = iter(drive(inline, double, [1, 2])), iter(drive(inline, double, [10]))
    assert next(first).value == 2
    assert [outcome.value for outcome in second] == [20]
    assert [outcome.value for outcome in first] == [4]


class EagerOutlet(Outlet):
    """An outlet whose consumer takes everything right after the dispatcher has looked."""

    def __init__(self, wake):
        super().__init__(wake)
        self.looks = 0
        self._taken = 0

    @property
    def consumed(self):
        self.looks += 1
        if self.looks == self.fast_at:
            self._taken = self.fast_to
        return self._taken

    @consumed.setter
    def consumed(self, value):
        self._taken = value

    fast_at = -1
    fast_to = 0


def test_a_consumer_that_is_faster_than_the_dispatchers_look_is_noticed():
    """
    The consumer takes all there is between the tick and the request to be woken, and finds nobody
    who wants to be woken. Waiting now would be waiting for ever, on both sides.
    """
    backend = Inline()
    dispatcher = Dispatcher(backend, threaded=False)
    call = Call(double)
    backend.open_call(call)
    outlet = EagerOutlet(backend.wake)
    reader = Reader(
        range(2), call=call.id, pack=backend.pack, key=None, lane=None, wake=backend.wake
    )
    machine = Machine(Policy(), backend.capabilities, random=random.Random(0))
    stage = Stage(call, machine, reader, outlet)
    dispatcher.add(stage)
    while not machine._released:
        dispatcher.turn()  # until the first outcome lies in the outlet
    outlet.fast_at, outlet.fast_to = outlet.looks + 2, 1  # the tick looks first
    waited = []
    backend.wait = lambda timeout: waited.append(timeout) or []
    dispatcher.turn()
    assert waited == [0.0]
    dispatcher.close(kill=True)


def test_what_was_read_but_not_yet_collected_settles_when_the_run_is_cancelled():
    """
    The reader may be ahead of the dispatcher; no item may vanish in between.
    """
    backend = Threads(2)
    dispatcher = Dispatcher(backend, threaded=False)
    run = drive(dispatcher, double, range(3))
    dispatcher.turn()  # reads, and has not looked at what was read
    run.cancel()
    assert [(o.kind, o.index, o.attempts) for o in run] == [
        ("cancelled", 0, 0),
        ("cancelled", 1, 0),
        ("cancelled", 2, 0),
    ]
    dispatcher.close()


def test_an_item_that_never_began_counts_no_attempt_even_when_the_run_is_killed(threads):
    """
    It lay in the backend's queue; it is taken back before what runs is killed.
    """
    go, inside = threading.Event(), threading.Semaphore(0)

    def function(value):
        inside.release()
        go.wait(30)

    run = drive(threads, function, range(6))
    for _ in range(2):
        assert inside.acquire(timeout=30)
    assert soon(lambda: run.stage.machine.in_flight == 4)
    run.cancel(grace=0.0)
    outcomes = sorted(run, key=lambda outcome: outcome.index)
    go.set()
    assert [outcome.attempts for outcome in outcomes] == [1, 1, 0, 0, 0, 0]
    assert all(isinstance(outcome, Cancelled) for outcome in outcomes)


def test_while_paused_not_even_what_was_given_to_the_backend_begins(threads):
    go, inside = threading.Event(), threading.Semaphore(0)
    began = []

    def function(value):
        began.append(value)
        inside.release()
        go.wait(30)

    run = drive(threads, function, range(6))
    for _ in range(2):
        assert inside.acquire(timeout=30)
    assert soon(lambda: run.stage.machine.in_flight == 4)
    run.pause()
    assert soon(lambda: run.stage.machine.in_flight == 2)
    go.set()
    assert soon(lambda: run.stage.machine.in_flight == 0)
    assert sorted(began) == [0, 1]
    run.resume()
    assert sorted(outcome.index for outcome in run) == list(range(6))


def test_a_lane_without_a_limit_reached_starts_while_another_waits_for_its_token(threads):
    """
    Items of the slow lane are waiting, so the dispatcher is not short of items. It must ask to be
    woken all the same: the next item may be of a lane that can start.
    """
    late = threading.Event()

    def source():
        yield "a1"
        yield "a2"  # waits an hour for its token
        assert late.wait(30)
        yield "b1"

    policy = Policy(rate=Rate(1, per=3600, key=lambda value: value[0]))
    run = drive(threads, lambda value: value, source(), policy=policy)
    outcomes = iter(run)
    assert next(outcomes).value == "a1"
    assert soon(lambda: run.stage.reader.hungry)
    late.set()
    assert next(outcomes).value == "b1"
    run.cancel()
    assert [outcome.kind for outcome in outcomes] == ["cancelled"]


def test_a_broken_source_fails_the_run_after_all_it_gave_has_settled(threads):
    def source():
        yield 1
        yield 2
        raise OSError("disk gone")

    outcomes = []
    with pytest.raises(SourceFailed, match="disk gone") as caught:
        outcomes.extend(drive(threads, double, source()))
    assert isinstance(caught.value.__cause__, OSError)


def test_ctrl_c_while_the_source_is_read_reaches_the_caller(inline):
    """
    Without a thread, the source is read in the consumer's own: its Ctrl-C is not the source's.
    """

    def source():
        yield 1
        raise KeyboardInterrupt

    run = iter(drive(inline, double, source()))
    assert next(run).value == 2
    with pytest.raises(KeyboardInterrupt):
        next(run)


def test_a_listener_that_raises_is_told_nothing_further_and_the_run_goes_on(inline):
    heard = []

    def listener(event):
        heard.append(event)
        raise ValueError("no")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        values = [o.value for o in drive(inline, double, range(3), listeners=[listener])]
    assert values == [0, 2, 4]
    assert len(heard) == 1
    assert [str(w.message).startswith("listener") for w in caught] == [True]


def test_listeners_hear_the_story_in_order(threads):
    heard = []
    list(drive(threads, double, range(5), listeners=[heard.append]))
    assert isinstance(heard[-1], events.RunEnded)
    read = sum(event.count for event in heard if isinstance(event, events.ItemsRead))
    settled = [o for e in heard if isinstance(e, events.ItemsSettled) for o in e.outcomes]
    assert read == len(settled) == 5


def test_an_engine_failure_ends_every_run_and_refuses_new_ones(threads):
    """
    A bug of ours must not look like a run that takes for ever.
    """
    go = threading.Event()
    run = drive(threads, lambda value: go.wait(30), range(2))
    assert soon(lambda: run.stage.machine.in_flight == 2)
    threads.backend.running = None  # not callable any more: the next snapshot fails
    run.stage.asks_running = True
    threads.backend.wake()
    with pytest.raises(RunFailed, match="the engine failed"):
        list(run)
    go.set()
    with pytest.raises(RunFailed, match="the pool is closed"):
        drive(threads, double, [1])


def test_close_ends_the_runs_that_are_left(threads):
    run = drive(threads, double, iter(int, 1))
    outcomes = iter(run)
    assert next(outcomes).ok
    threads.close()
    rest = list(outcomes)
    assert run.stage.machine.ended
    assert {type(outcome) for outcome in rest} <= {Succeeded, Cancelled}


def test_close_without_a_thread_ends_the_runs_that_are_left():
    closed = threading.Event()

    def source():
        try:
            yield from iter(int, 1)
        finally:
            closed.set()

    states = []
    dispatcher = Dispatcher(Inline(), threaded=False)
    run = drive(dispatcher, lambda *_: 1, source(), setup=object, teardown=states.append)
    assert next(iter(run)).ok
    dispatcher.close()
    assert run.stage.machine.ended
    assert closed.is_set()
    assert len(states) == 1


def test_two_runs_share_a_backend_fairly(threads):
    """
    A run over an endless source does not keep another one from its turn.
    """
    endless = drive(threads, double, iter(int, 1))
    assert next(iter(endless)).ok
    assert sorted(o.value for o in drive(threads, double, range(50))) == list(range(0, 100, 2))
    endless.cancel(0.0)
    assert all(True for _ in endless)


def test_retries_happen_and_are_counted(threads):
    seen = []

    def function(value):
        seen.append(value)
        if len(seen) < 3:
            raise OSError("not yet")
        return value

    policy = Policy(retry=Retry(attempts=3, base=0.0))
    [outcome] = drive(threads, function, ["a"], policy=policy)
    assert outcome.value == "a"
    assert outcome.attempts == 3


def test_a_stage_is_told_of_items_before_the_backend_gets_them(inline):
    started = []
    run = drive(inline, lambda value: started.append("ran"), range(2))
    run.stage.on_start = lambda items: started.extend(item.index for item in items)
    list(run)
    assert started == [0, "ran", 1, "ran"]


def test_an_item_whose_key_cannot_be_computed_settles_as_raised(threads):
    def key(value, index):
        if value == 1:
            raise LookupError("no key")
        return f"k{value}"

    outcomes = sorted(drive(threads, double, range(3), key=key), key=lambda o: o.index)
    assert [type(outcome) for outcome in outcomes] == [Succeeded, Raised, Succeeded]
    assert [outcome.key for outcome in outcomes] == ["k0", 1, "k2"]
    assert outcomes[1].attempts == 0


class Unequal:
    """A key that can be hashed and not compared."""

    def __hash__(self):
        return 1

    def __eq__(self, other):
        raise SystemExit("no comparison")


@pytest.mark.parametrize("error", [ZeroDivisionError("no"), SystemExit("no")], ids=repr)
def test_one_runs_mistake_ends_that_run_alone(threads, error):
    """
    Whatever goes wrong inside the engine for one run, the others on its workers have no part in it.
    """
    go = threading.Event()
    closed = threading.Event()

    def source():
        try:
            yield from range(100)
        finally:
            closed.set()

    def fails(*_):
        raise error

    other = drive(threads, lambda value: go.wait(30) and value, range(3))
    heard = []
    wrong = drive(threads, lambda value: go.wait(30), source(), listeners=[heard.append])
    assert soon(lambda: wrong.stage.machine.in_flight > 0)
    wrong.stage.machine._finished = fails
    wrong.stage.machine._tick = fails
    with pytest.raises(RunFailed, match=f"could not go on: {type(error).__name__}: no") as caught:
        list(wrong)
    assert caught.value.__cause__ is error
    assert wrong.stage.machine.ended
    assert closed.wait(30)
    assert isinstance(heard[-1], events.RunEnded)
    go.set()
    assert sorted(outcome.value for outcome in other) == [0, 1, 2]
    assert [outcome.value for outcome in drive(threads, double, [4])] == [8]


def test_a_consumer_that_cannot_be_told_does_not_end_other_runs(threads):
    """
    An event loop that was closed under an ``async for`` is such a consumer.
    """

    def gone():
        raise RuntimeError("Event loop is closed")

    wrong = drive(threads, double, range(3))
    wrong.stage.outlet.notify(gone)
    assert soon(lambda: wrong.stage.machine.ended)
    assert [outcome.value for outcome in drive(threads, double, [4])] == [8]


def test_keys_of_a_limit_that_cannot_be_compared_end_that_run_alone(threads):
    policy = Policy(rate=Rate(1e6, key=lambda value: Unequal()))
    with pytest.raises(RunFailed, match="no comparison"):
        list(drive(threads, double, range(3), policy=policy))
    assert [outcome.value for outcome in drive(threads, double, [4])] == [8]


@pytest.mark.parametrize("limit", ["rate", "capacity"])
def test_an_item_whose_key_of_a_limit_cannot_be_hashed_settles_as_raised(threads, limit):
    def key(value):
        return [value] if value == 1 else value

    limits = {"rate": Rate(1e6, key=key), "capacity": Capacity(1, key=key)}
    policy = Policy(**{limit: limits[limit]})
    outcomes = sorted(drive(threads, double, range(3), policy=policy), key=lambda o: o.index)
    assert [outcome.kind for outcome in outcomes] == ["succeeded", "raised", "succeeded"]
    assert isinstance(outcomes[1].error, UsageError)
    assert "cannot be hashed: (" in outcomes[1].failure.message
    assert outcomes[1].failure.hint


@pytest.mark.parametrize("wrong", [None, True, 1.5, ("a",), ["a"], b"a"], ids=repr)
def test_an_item_whose_key_is_none_settles_as_raised(threads, wrong):
    def key(value, index):
        return wrong if value == 1 else f"k{value}"

    outcomes = sorted(drive(threads, double, range(3), key=key), key=lambda o: o.index)
    assert [outcome.key for outcome in outcomes] == ["k0", 1, "k2"]
    assert isinstance(outcomes[1].error, UsageError)
    assert repr(wrong) in outcomes[1].failure.message


class Told(Exception):
    def __init__(self, seconds):
        self.seconds = seconds

    @property
    def retry_after(self):
        if isinstance(self.seconds, BaseException):
            raise self.seconds
        return self.seconds


@pytest.mark.parametrize(
    "told",
    [10**400, float("inf"), float("nan"), "soon", True, -1, KeyError("x"), SystemExit()],
    ids=lambda told: repr(told)[:12],
)
def test_what_an_exception_says_of_its_retry_is_left_out_when_it_makes_no_sense(threads, told):
    def function(value):
        raise Told(told)

    policy = Policy(retry=Retry(attempts=2, base=0.0))
    [outcome] = drive(threads, function, [0], policy=policy)
    assert outcome.attempts == 2


def test_an_exception_may_ask_for_a_retry_beyond_any_clock(threads):
    def function(value):
        raise Told(1e300)

    run = drive(threads, function, [0], policy=Policy(retry=Retry(attempts=2, base=0.0)))
    assert soon(lambda: run.stage.machine._retries)
    assert [outcome.value for outcome in drive(threads, double, [4])] == [8]
    run.cancel()
    assert [outcome.kind for outcome in run] == ["cancelled"]


class BrokenListener:
    """A listener that nothing can be asked, and that ends the program."""

    def __call__(self, event):
        raise SystemExit("enough")

    def __repr__(self):
        raise ValueError("no repr")

    def __eq__(self, other):
        raise ValueError("no comparison")

    __hash__ = None


def test_a_listener_that_exits_where_warnings_are_errors_ends_no_run(inline, capfd):
    heard = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listeners = [BrokenListener(), BrokenListener(), heard.append]
        values = [o.value for o in drive(inline, double, range(3), listeners=listeners)]
    assert values == [0, 2, 4]
    assert isinstance(heard[-1], events.RunEnded)
    assert "it gets no further events" in capfd.readouterr().err
