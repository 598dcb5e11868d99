"""The tools that treadle offers for tests of programs that use it."""

from __future__ import annotations

import pickle
import random

import pytest

import treadle
from treadle.core.call import Call
from treadle.core.item import Item
from treadle.core.policy import Policy, Retry
from treadle.engine.dispatcher import Dispatcher
from treadle.engine.machine import Machine
from treadle.engine.outlet import Outlet
from treadle.engine.reader import Reader
from treadle.engine.stage import Stage
from treadle.errors import UsageError
from treadle.testing import (
    Dies,
    FakeClock,
    Faulty,
    Hangs,
    Raises,
    Returns,
    ScriptedBackend,
    Stalled,
)


def on_fake_time(script, items, policy=None, **backend_options):
    """Run *items* through the real dispatcher; return outcomes by index, and the clock."""
    clock = FakeClock()
    backend = ScriptedBackend(clock, script, patience=0.01, **backend_options)
    dispatcher = Dispatcher(backend, clock=clock, threaded=False)
    call = Call(lambda value: value)
    policy = policy or Policy()
    stage = Stage(
        call,
        Machine(policy, backend.capabilities, random=random.Random(0)),
        Reader(items, call=call.id, pack=backend.pack, key=None, lane=None, wake=backend.wake),
        Outlet(backend.wake),
        asks_running=policy.timeout is not None,
    )
    dispatcher.add(stage)
    outcomes = []
    while not stage.machine.ended:
        dispatcher.turn()
        while not stage.outlet._queue.empty():
            taken = stage.outlet.take_now() or []
            outcomes += taken
            stage.outlet.count(len(taken))
    dispatcher.close()
    return sorted(outcomes, key=lambda outcome: outcome.index), clock


def test_hours_pass_in_no_time():
    outcomes, clock = on_fake_time({0: [Returns("slow", after=7200.0)]}, range(3), behind=0)
    assert [outcome.value for outcome in outcomes] == ["slow", 1, 2]
    assert clock.monotonic() == 7200.0
    assert outcomes[0].duration == 7200.0


def test_a_script_says_how_each_attempt_goes():
    script = {1: [Raises(OSError("no")), Dies("SIGSEGV"), Returns("third")]}
    outcomes, _ = on_fake_time(script, range(2), Policy(retry=Retry(attempts=3, base=1.0)))
    assert [(outcome.value, outcome.attempts) for outcome in outcomes] == [(0, 1), ("third", 3)]


def test_a_timeout_ends_what_hangs():
    outcomes, clock = on_fake_time({0: [Hangs()]}, range(2), Policy(timeout=30.0))
    assert [outcome.kind for outcome in outcomes] == ["timed out", "succeeded"]
    assert clock.monotonic() == 30.0


def test_those_queued_behind_a_death_are_innocent():
    outcomes, _ = on_fake_time({0: [Dies("SIGKILL")]}, range(4), workers=1, behind=3)
    assert [outcome.kind for outcome in outcomes] == ["worker lost"] + ["succeeded"] * 3
    assert [outcome.attempts for outcome in outcomes] == [1, 1, 1, 1]
    assert outcomes[0].signal == "SIGKILL"


def test_what_would_hang_for_ever_is_an_error_at_once():
    with pytest.raises(Stalled):
        on_fake_time({0: [Hangs()]}, range(1))


def test_a_script_may_be_a_function():
    outcomes, _ = on_fake_time(lambda item: Returns(item.index * 10), range(3))
    assert [outcome.value for outcome in outcomes] == [0, 10, 20]


def test_no_more_may_be_started_than_there_is_room_for():
    backend = ScriptedBackend(FakeClock(), workers=1, behind=0)
    call = Call(str)
    with pytest.raises(AssertionError, match="no room"):
        backend.start(call, [Item(0, 0, "a"), Item(1, 1, "b")])


def test_time_moves_forward_only():
    clock = FakeClock(now=5.0, epoch=100.0)
    clock.advance(1.5)
    clock.advance_to(2.0)
    assert (clock.monotonic(), clock.time()) == (6.5, 106.5)
    with pytest.raises(UsageError, match="back"):
        clock.advance(-1)


def test_a_faulty_function_fails_by_script_and_works_otherwise():
    faulty = Faulty(str, {1: [Raises(OSError("reset"), after=0), Returns("so", after=0)]})
    outcomes = treadle.map(faulty, range(3), backend="threads", workers=2, retry=2)
    assert outcomes.values() == ["0", "so", "2"]
    [outcome] = treadle.map(faulty, ["x"], backend="inline", key=lambda value: 1)
    assert str(outcome.error) == "reset"


def test_a_faulty_function_takes_its_worker_with_it_and_never_the_test():
    faulty = Faulty(str, {0: [Dies(after=0)], 1: [Dies(signal=None, exitcode=7, after=0)]})
    assert isinstance(pickle.loads(pickle.dumps(faulty)), Faulty)
    outcomes = sorted(
        treadle.map(faulty, range(4), backend="processes", workers=2), key=lambda o: o.index
    )
    assert [outcome.kind for outcome in outcomes] == ["worker lost"] * 2 + ["succeeded"] * 2
    assert (outcomes[0].signal, outcomes[1].exitcode) == ("SIGKILL", 7)
    [outcome, *_] = treadle.map(faulty, [0], backend="inline")
    assert outcome.failure.type == "treadle.errors.UsageError"
