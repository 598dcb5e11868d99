"""What every backend owes to those who use it: one suite, all of them walk through it."""

from __future__ import annotations

import asyncio
import itertools
import threading
from datetime import timedelta
from functools import partial
from random import Random

import deeds
import numpy as np
import pytest
import shared_dice

import treadle
from treadle import Retry, Succeeded
from treadle.core import events
from treadle.core.context import item_seed
from treadle.errors import SetupFailed, SourceFailed, UsageError

# ── values and order ────────────────────────────────────────────────────────────────────────


def test_values_come_in_input_order_from_values(engine):
    assert engine.map(deeds.double, range(30)).values() == [2 * n for n in range(30)]


def test_each_item_has_exactly_one_outcome(engine):
    outcomes = list(engine.map(deeds.double, range(200)))
    assert sorted(outcome.index for outcome in outcomes) == list(range(200))
    assert all(outcome.value == 2 * outcome.index for outcome in outcomes)


def test_ordered_outcomes_come_in_input_order_however_long_each_takes(engine):
    outcomes = list(engine.map(deeds.last_first, range(10), ordered=True))
    assert [outcome.value for outcome in outcomes] == list(range(10))


def test_no_items_no_outcomes(engine):
    assert list(engine.map(deeds.double, [])) == []


def test_an_outcome_says_where_when_and_how_long(engine):
    [outcome] = engine.map(deeds.brief, ["a"])
    assert isinstance(outcome, Succeeded)
    assert (outcome.key, outcome.index, outcome.attempts) == (0, 0, 1)
    assert outcome.started > 1_600_000_000
    assert outcome.duration >= 3 * deeds.MOMENT
    assert outcome.cpu is None or outcome.cpu >= 0
    assert outcome.worker


def test_items_have_the_keys_they_are_given(engine):
    outcomes = engine.outcomes(deeds.double, ["a", "b"], key=lambda value: f"key of {value}")
    assert [outcome.key for outcome in outcomes] == ["key of a", "key of b"]


def test_the_caller_can_count_on_the_stats(engine):
    outcomes = engine.map(deeds.fails, range(10))
    list(outcomes)
    stats = outcomes.stats
    assert (stats.read, stats.ok, stats.failed, stats.cancelled) == (10, 5, 5, 0)
    assert stats.stopped is None


def test_listeners_hear_of_every_item_and_of_the_end(engine):
    heard = []
    list(engine.map(deeds.double, range(5), listeners=[heard.append]))
    settled = [o for e in heard if isinstance(e, events.ItemsSettled) for o in e.outcomes]
    assert sorted(outcome.index for outcome in settled) == list(range(5))
    assert isinstance(heard[0], events.RunStarted)
    assert isinstance(heard[-1], events.RunEnded)


def test_outcomes_come_to_async_for_as_well(engine):
    async def collect():
        outcomes = treadle.amap(engine.deed(deeds.double), range(10), **engine.options)
        async with asyncio.timeout(20):
            return sorted([outcome.value async for outcome in outcomes])

    assert asyncio.run(collect()) == [2 * n for n in range(10)]


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────


def test_a_failing_item_fails_alone(engine):
    outcomes = engine.outcomes(deeds.fails, range(6))
    assert [outcome.ok for outcome in outcomes] == [True, False] * 3
    assert str(outcomes[1].error) == "1 is odd"
    assert type(outcomes[1].error) is ValueError


def test_an_error_arrives_whole(engine):
    """
    Type, arguments, message, notes, and a traceback that ends where it was raised.
    """
    [outcome] = engine.map(deeds.explains, [0])
    assert outcome.kind == "raised"
    assert type(outcome.error) is deeds.Refused
    assert (outcome.error.code, outcome.error.why) == (42, "no reason")
    assert outcome.error.__notes__ == ["a note", "another note"]
    failure = outcome.failure
    assert failure.type == "deeds.Refused"
    assert failure.message == "code 42: no reason"
    assert failure.notes == ("a note", "another note")
    assert failure.mro == ("deeds.Refused", "Exception", "BaseException", "object")
    assert "deeds.py" in failure.traceback
    assert "in explains" in failure.traceback
    assert failure.traceback.rstrip().endswith("another note")
    with pytest.raises(deeds.Refused):
        outcome.get()


def test_the_traceback_is_the_users_and_not_ours(engine):
    [outcome] = engine.map(deeds.explains, [0])
    assert "treadle/backends" not in outcome.failure.traceback


def test_the_cause_of_an_error_is_in_its_traceback(engine):
    [outcome] = engine.map(deeds.chained, [0])
    text = outcome.failure.traceback
    assert text.index("KeyError: 'missing'") < text.index("direct cause") < text.index("outer")


def test_an_exception_group_arrives_with_its_members(engine):
    [outcome] = engine.map(deeds.grouped, [0])
    assert isinstance(outcome.error, ExceptionGroup)
    assert [type(error) for error in outcome.error.exceptions] == [ValueError, OSError]
    assert "ValueError: first" in outcome.failure.traceback
    assert "OSError: second" in outcome.failure.traceback


def test_sys_exit_in_a_call_is_that_items_ending(engine):
    outcomes = engine.outcomes(deeds.exits, range(4))
    assert [outcome.ok for outcome in outcomes] == [True, False, True, True]
    assert outcomes[1].failure.type == "SystemExit"
    assert outcomes[1].failure.message == "enough"


def test_values_raises_the_first_failure(engine):
    with pytest.raises(ValueError, match="is odd"):
        engine.map(deeds.fails, range(10)).values()


def test_a_failing_attempt_is_tried_again(engine):
    outcomes = engine.outcomes(
        deeds.third_time_lucky, range(4), retry=Retry(attempts=3, on=OSError, base=0.001)
    )
    assert [outcome.value for outcome in outcomes] == [3, 3, 3, 3]
    assert [outcome.attempts for outcome in outcomes] == [3, 3, 3, 3]


def test_retries_end_with_the_last_attempts_error(engine):
    [outcome] = engine.map(deeds.third_time_lucky, [0], retry=Retry(attempts=2, base=0.001))
    assert (outcome.attempts, str(outcome.error)) == (2, "attempt 2")


def test_an_attempt_past_its_timeout_times_out_and_the_others_deliver(engine):
    """
    Where a call cannot be interrupted, it is noticed when the call returns.
    """
    items = [0, "nap", *range(2, 8)]
    outcomes = engine.outcomes(deeds.nap, items, timeout=0.8)
    assert [outcome.ok for outcome in outcomes] == [item != "nap" for item in items]
    late = outcomes[1]
    assert late.kind == "timed out"
    assert late.after == 0.8
    assert late.duration >= 0.8
    can = engine.capabilities
    assert late.abandoned == (can.interrupts_timeouts and not can.stops_calls)


def test_the_failure_limit_ends_an_endless_run(engine):
    outcomes = engine.map(deeds.always_fails, itertools.count(), max_failures=3)
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds.count("raised") >= 3
    assert set(kinds) <= {"raised", "cancelled"}
    assert outcomes.stats.stopped == "failure limit"


def test_on_error_stop_stops_at_the_first(engine):
    outcomes = engine.map(deeds.always_fails, range(1000), on_error="stop")
    assert next(iter(outcomes)).kind == "raised"
    list(outcomes)
    assert outcomes.stats.stopped == "failure limit"
    assert outcomes.stats.read < 1000


def test_a_source_that_raises_fails_the_run_after_its_items_have_settled(engine):
    def source():
        yield 1
        yield 2
        raise OSError("disk gone")

    taken = []

    def take_all():
        taken.extend(outcome.value for outcome in engine.map(deeds.double, source()))

    with pytest.raises(SourceFailed, match="disk gone") as caught:
        take_all()
    assert sorted(taken) == [2, 4]
    assert isinstance(caught.value.__cause__, OSError)


# ── what a call knows ───────────────────────────────────────────────────────────────────────


def test_a_call_knows_its_key_index_and_attempt(engine):
    outcomes = engine.outcomes(deeds.knows, list("abcd"), key=lambda value: f"key {value}")
    assert [outcome.value for outcome in outcomes] == [
        (f"key {letter}", index, 1) for index, letter in enumerate("abcd")
    ]
    with pytest.raises(UsageError, match="no item"):
        treadle.current()


def test_random_numbers_are_the_same_on_every_backend(engine):
    outcomes = engine.outcomes(deeds.draws, range(6), seed=7)
    for outcome in outcomes:
        seed = item_seed(7, outcome.key)
        random = Random(seed)
        assert outcome.value == (seed, random.random(), random.random())


def test_shared_generators_are_seeded_where_the_backend_says_so(engine):
    if not engine.capabilities.seeds_globals:
        pytest.skip("its calls run side by side in one process and share the generators")
    first = [o.value for o in engine.outcomes(shared_dice.draws_globally, range(20), seed=7)]
    assert [value[0] for value in first] == [
        Random(item_seed(7, key)).random() for key in range(20)
    ]
    np.random.seed(1)  # noqa: NPY002  the one that everybody shares is what this is about
    again = [o.value for o in engine.outcomes(shared_dice.draws_globally, range(20), seed=7)]
    assert [value[1] for value in first] == [value[1] for value in again]


# ── state ───────────────────────────────────────────────────────────────────────────────────


def test_each_worker_has_one_state_which_is_torn_down_at_the_end(engine, signs):
    folder = str(signs.folder)
    outcomes = engine.outcomes(
        deeds.with_state,
        range(20),
        setup=deeds.Setup(folder),
        teardown=deeds.Teardown(folder),
    )
    assert [outcome.value[0] for outcome in outcomes] == list(range(20))
    states = {outcome.value[1] for outcome in outcomes}
    assert 1 <= len(states) <= engine.workers
    assert signs.count("made-*") == len(states) or signs.count("made-*") <= engine.workers
    assert signs.count("gone-*") == signs.count("made-*")


def test_a_setup_that_raises_fails_the_run_and_says_why(engine):
    run = engine.map(deeds.with_state, range(5), setup=deeds.broken_setup)
    with pytest.raises(SetupFailed, match="no database"):
        list(run)


# ── as far as needed, and no further ────────────────────────────────────────────────────────


class Counting:
    """An endless source that knows how much of it was read."""

    def __init__(self):
        self.read = 0

    def __iter__(self):
        while True:
            self.read += 1
            yield self.read - 1


def test_an_endless_source_is_read_as_it_is_needed(engine):
    source = Counting()
    with engine.map(deeds.brief, source) as outcomes:
        for _ in range(20):
            assert next(outcomes).ok
        assert source.read <= 20 + 50


def test_a_consumer_that_stops_taking_stops_the_reading(engine, soon):
    """
    Nothing piles up behind it: what has settled waits in a window of fixed size.
    """
    source = Counting()
    with engine.map(deeds.brief, source) as outcomes:
        next(outcomes)
        machine = outcomes._stage.machine
        if engine.name != "inline":
            assert soon(lambda: machine.in_flight == 0 and machine.starved)
        read = source.read
        # Not machine._window: that follows how long items take, and may have shrunk meanwhile.
        assert machine.occupied <= read <= 50
        if engine.name != "inline":
            assert soon(lambda: machine.in_flight == 0)
        assert source.read == read


def test_a_source_that_yields_one_object_again_and_again_is_read_right(engine):
    if not engine.capabilities.pickles:
        pytest.skip("it hands over the objects themselves; what becomes of them is the caller's")

    def source():
        row = {}
        for number in range(20):
            row["number"] = number
            yield row

    outcomes = engine.outcomes(deeds.brief, source())
    assert [outcome.value["number"] for outcome in outcomes] == list(range(20))


def test_leaving_early_ends_the_run_and_closes_the_source(engine, soon):
    closed = threading.Event()

    def source():
        try:
            yield from itertools.count()
        finally:
            closed.set()

    with engine.map(deeds.brief, source()) as outcomes:
        next(outcomes)
    assert closed.wait(20)


def test_a_deadline_ends_an_endless_run(engine):
    outcomes = engine.map(deeds.brief, itertools.count(), deadline=timedelta(seconds=0.5))
    indices = sorted(outcome.index for outcome in outcomes)
    assert indices == list(range(len(indices)))
    assert outcomes.stats.stopped == "deadline"


# ── cancel, kill, pause ─────────────────────────────────────────────────────────────────────


def test_after_a_cancel_what_runs_finishes_and_everything_read_settles(engine):
    source = Counting()
    run = engine.map(deeds.brief, source)
    outcomes = []
    for outcome in run:
        outcomes.append(outcome)
        if len(outcomes) == 5:
            run.cancel()
    indices = sorted(outcome.index for outcome in outcomes)
    assert indices == list(range(len(indices)))
    assert len(indices) in (source.read, source.read - 1)  # one may have been on its way
    kinds = {outcome.kind for outcome in outcomes}
    assert kinds <= {"succeeded", "cancelled"}
    assert all(o.attempts == 0 for o in outcomes if o.kind == "cancelled")
    assert run.stats.stopped == "interrupted"


def test_a_kill_does_not_wait_for_what_runs(engine, signs):
    if engine.name == "inline":
        pytest.skip("while a call runs here, nobody is there to kill it")
    deed = partial(deeds.tell_and_wait, str(signs.folder))
    run = engine.map(deed, range(20))
    for value in range(2):
        signs.wait(f"began-{value}")
    run.kill()
    outcomes = sorted(run, key=lambda outcome: outcome.index)
    assert {outcome.kind for outcome in outcomes} == {"cancelled"}
    assert [outcome.attempts for outcome in outcomes][:3] == [1, 1, 0]
    assert not signs.count("go")


def test_a_cancel_with_a_grace_period_kills_when_it_is_over(engine, signs):
    if engine.name == "inline":
        pytest.skip("while a call runs here, nobody is there to kill it")
    deed = partial(deeds.tell_and_wait, str(signs.folder))
    run = engine.map(deed, range(2))
    for value in range(2):
        signs.wait(f"began-{value}")
    run.cancel(grace=0.2)
    assert [outcome.kind for outcome in run] == ["cancelled", "cancelled"]


def test_while_paused_nothing_begins(engine, signs, soon):
    run = engine.map(partial(deeds.sees, signs["resumed"]), range(60))
    machine = run._stage.machine
    quiet = []

    def is_quiet():
        """Tell whether nothing runs any more, and whatever did has been counted."""
        stats = run.stats
        idle = stats.paused and machine.in_flight == 0
        return idle and stats.settled + len(machine._waiting) == stats.read

    def resume_when_quiet():
        soon(is_quiet)
        quiet.append(run.stats.settled)
        signs.give("resumed")
        run.resume()

    helper = threading.Thread(target=resume_when_quiet)
    saw_it = []
    for outcome in run:
        saw_it.append(outcome.value)
        if len(saw_it) == 3:
            run.pause()
            helper.start()
    helper.join()
    assert len(saw_it) == 60
    assert quiet == [saw_it.count(False)]
    assert saw_it.count(True) > 0


def test_several_runs_share_a_pool(engine):
    with treadle.Pool(**engine.options) as pool:
        first = pool.map(engine.deed(deeds.brief), range(20))
        second = pool.map(engine.deed(deeds.double), (o.value for o in first))
        assert sorted(outcome.value for outcome in second) == [2 * n for n in range(20)]
        assert pool.map(engine.deed(deeds.double), range(3)).values() == [0, 2, 4]


# ── what it cannot run ──────────────────────────────────────────────────────────────────────


async def an_async_function(value):
    return value


def test_a_function_of_the_wrong_kind_is_refused_before_anything_runs(engine):
    wrong = deeds.double if engine.name == "coroutines" else an_async_function
    with pytest.raises(UsageError, match="async") as caught:
        treadle.map(wrong, [1], **engine.options)
    assert "backend=" in caught.value.hint


# ── how many workers ────────────────────────────────────────────────────────────────────────


def test_workers_are_added_while_others_work(engine, signs, soon):
    heard = []
    outcomes = engine.map(
        partial(deeds.tell_and_wait, str(signs.folder)), range(4), listeners=[heard.append]
    )
    if not engine.capabilities.resizes:
        with outcomes, pytest.raises(UsageError, match="inline"):
            outcomes.resize(4)
        return
    assert soon(lambda: signs.count("began-*") == engine.workers)
    outcomes.resize(4)
    assert soon(lambda: signs.count("began-*") == 4)
    signs.give("go")
    assert sorted(outcomes.values()) == [0, 1, 2, 3]
    assert outcomes.stats.workers == 4
    [changed] = [event for event in heard if isinstance(event, events.WorkersChanged)]
    assert changed.workers == 4


def test_workers_too_many_end_after_their_item_and_nothing_is_lost(engine, signs, soon):
    if not engine.capabilities.resizes:
        pytest.skip("it has one worker")
    outcomes = engine.map(partial(deeds.crowd, str(signs.folder)), range(40))
    assert soon(lambda: signs.count("began-*") == 2)
    outcomes.resize(1)
    assert soon(lambda: outcomes.stats.workers == 1)
    signs.give("go")
    settled = sorted(outcomes, key=lambda outcome: outcome.index)
    assert [outcome.index for outcome in settled] == list(range(40))
    assert [outcome.attempts for outcome in settled] == [1] * 40
    assert {outcome.value for outcome in settled[2:]} == {1}


def test_workers_change_back_and_forth(engine):
    outcomes = engine.map(deeds.brief, range(120))
    numbers = itertools.cycle((1, 3, 2))
    settled = []
    for outcome in outcomes:
        settled.append(outcome.value)
        if engine.capabilities.resizes and len(settled) % 10 == 0:
            outcomes.resize(next(numbers))
    assert sorted(settled) == list(range(120))


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, None])
def test_a_number_of_workers_that_is_none_is_refused(engine, workers):
    with engine.map(deeds.double, range(3)) as outcomes:
        with pytest.raises(UsageError):
            outcomes.resize(workers)
        assert len(list(outcomes)) == 3
