"""The iterator that ``map`` returns: what it yields, and what can be done with the run."""

from __future__ import annotations

import gc
import itertools
import threading
import warnings
from datetime import UTC, datetime, timedelta

import chores
import pytest

import treadle
from treadle import events

PATIENCE = 40.0  # seconds; a net under busy machines
MOMENT = timedelta(microseconds=1)  # a deadline that has passed when the run begins
THREADS = {"backend": "threads", "workers": 2}
PROCESSES = {"backend": "processes", "workers": 2}
INLINE = {"backend": "inline"}


@pytest.fixture(params=[THREADS, PROCESSES, INLINE], ids=lambda options: options["backend"])
def options(request):
    return request.param


class Source:
    """A generator of numbers that tells how far it was read, and when it was closed."""

    def __init__(self, numbers):
        self.read = 0
        self.closed = threading.Event()
        self._numbers = iter(numbers)

    def __iter__(self):
        try:
            for number in self._numbers:
                self.read += 1
                yield number
        finally:
            self.closed.set()


# --- taking outcomes -----------------------------------------------------------------------------


def test_next_and_for_may_be_mixed(options):
    """
    However outcomes are taken, each is taken once and none is lost.
    """
    outcomes = treadle.map(chores.identity, range(200), ordered=True, **options)
    taken = [next(outcomes).value, next(outcomes).value]
    for outcome in outcomes:
        taken.append(outcome.value)
        if len(taken) == 50:
            break
    taken.append(next(outcomes).value)
    for outcome in outcomes:
        taken.append(outcome.value)
        if len(taken) == 100:
            break
    taken += [outcome.value for outcome in itertools.islice(outcomes, 20)]
    taken += [outcome.value for outcome in outcomes]
    assert taken == list(range(200))


def test_at_the_end_it_stays_at_the_end(options):
    outcomes = treadle.map(chores.identity, range(3), **options)
    assert len(list(outcomes)) == 3
    assert list(outcomes) == []
    with pytest.raises(StopIteration):
        next(outcomes)
    assert outcomes.values() == []
    assert outcomes.failures() == []


def test_an_empty_source_has_no_outcomes(options):
    outcomes = treadle.map(chores.identity, (), **options)
    assert list(outcomes) == []
    assert (outcomes.stats.read, outcomes.stats.total, outcomes.stats.stopped) == (0, 0, None)


def test_unordered_outcomes_come_as_they_settle(gate, arrivals):
    waiting = chores.Waiting(arrivals.path, gate.path, held=[0])
    outcomes = treadle.map(waiting, range(4), **THREADS)
    assert [next(outcomes).index for _ in range(3)] == [1, 2, 3]
    gate.open()
    assert [outcome.index for outcome in outcomes] == [0]


def test_ordered_outcomes_wait_for_those_before(gate, arrivals):
    waiting = chores.Waiting(arrivals.path, gate.path, held=[1])
    settled = threading.Semaphore(0)

    def count(event):
        if isinstance(event, events.ItemsSettled):
            settled.release(len(event.outcomes))

    outcomes = treadle.map(waiting, range(6), ordered=True, listeners=[count], **THREADS)
    assert next(outcomes).index == 0
    assert all(settled.acquire(timeout=PATIENCE) for _ in range(2))  # at least one behind
    gate.open()
    assert [outcome.index for outcome in outcomes] == [1, 2, 3, 4, 5]


def test_values_come_in_input_order(gate, arrivals, options):
    assert treadle.map(chores.double, range(50), **options).values() == [2 * n for n in range(50)]


def test_values_raises_the_failure_that_settled_first_and_ends_the_run(options):
    source = Source(itertools.count())
    with pytest.raises(ValueError, match="is wrong"):
        treadle.map(chores.always_fails, source, **options).values()
    assert source.closed.wait(PATIENCE)


def test_values_of_a_run_that_was_stopped_raises(options):
    """
    Even if not one item was read, and so none was cancelled: some values, or none, would pass for
    all of them.
    """
    run = treadle.map(chores.identity, itertools.count(), deadline=MOMENT, **options)
    with pytest.raises(treadle.CallCancelled, match="deadline"):
        run.values()
    run = treadle.map(chores.identity, itertools.count(), **options)
    run.cancel()
    with pytest.raises(treadle.CallCancelled, match="interrupted"):
        run.values()


def test_failures_are_what_is_not_ok_in_input_order(options):
    outcomes = treadle.map(chores.odd_fails, range(10), **options)
    failures = outcomes.failures()
    assert [failure.index for failure in failures] == [1, 3, 5, 7, 9]
    assert {type(failure) for failure in failures} == {treadle.Raised}


def test_get_returns_the_value_or_raises(options):
    good, bad = treadle.map(chores.odd_fails, range(2), ordered=True, **options)
    assert good.get() == 0
    with pytest.raises(ValueError, match="1 is odd"):
        bad.get()


def test_the_same_object_twice_is_two_items(options):
    thing = ["thing"]
    outcomes = list(treadle.map(chores.identity, [thing] * 3, ordered=True, **options))
    assert [outcome.value for outcome in outcomes] == [["thing"]] * 3
    assert [outcome.index for outcome in outcomes] == [0, 1, 2]


def test_stats_count_what_became_of_the_items(options):
    outcomes = treadle.map(chores.odd_fails, range(10), name="halves", **options)
    assert (outcomes.stats.name, outcomes.stats.total) == ("halves", 10)
    list(outcomes)
    stats = outcomes.stats
    assert (stats.read, stats.ok, stats.failed, stats.cancelled, stats.settled) == (10, 5, 5, 0, 10)
    assert [(kind.title, kind.count) for kind in stats.kinds.values()] == [("raised ValueError", 5)]
    assert (stats.backend, stats.stopped) == (options["backend"], None)
    assert stats.began <= stats.ended


def test_the_name_of_a_run_is_that_of_its_function_unless_given():
    assert treadle.map(chores.double, [1], **THREADS).stats.name == "double"
    assert treadle.map(chores.double, [1], name="twice", **THREADS).stats.name == "twice"


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_is_the_position_unless_there_is_a_function_for_it(options):
    def keys(**more):
        outcomes = treadle.map(chores.identity, ["b", "a"], ordered=True, **options, **more)
        return [outcome.key for outcome in outcomes]

    assert keys() == [0, 1]
    assert keys(key=lambda value: f"item {value}") == ["item b", "item a"]


def test_a_source_may_know_its_keys_and_key_goes_before_it():
    class Letters(list):
        def key(self, value, index):
            return f"{value}{index}"

    source = Letters("ab")
    assert [o.key for o in treadle.map(chores.identity, source, **INLINE)] == ["a0", "b1"]
    outcomes = treadle.map(chores.identity, source, key=str.upper, **INLINE)
    assert [outcome.key for outcome in outcomes] == ["A", "B"]


def test_a_key_function_that_raises_fails_its_item_alone(options):
    outcomes = treadle.map(
        chores.identity, [1, 0, 2], key=lambda value: 10 // value, ordered=True, **options
    )
    kinds = [(outcome.key, outcome.kind) for outcome in outcomes]
    assert kinds == [(10, "succeeded"), (1, "raised"), (5, "succeeded")]


# --- sources -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [OSError("disk gone"), SystemExit(3), KeyboardInterrupt()], ids=repr
)
@pytest.mark.parametrize("options", [THREADS, PROCESSES], ids=lambda options: options["backend"])
def test_a_source_that_raises_ends_the_run_after_its_items(options, error):
    def source():
        yield from range(5)
        raise error

    taken = []

    def take():
        for outcome in treadle.map(chores.identity, source(), **options):
            taken.append(outcome.value)

    with pytest.raises(treadle.SourceFailed) as caught:
        take()
    assert sorted(taken) == [0, 1, 2, 3, 4]
    assert caught.value.__cause__ is error
    assert type(error).__name__ in caught.value.message


def test_values_of_a_source_that_raises_raises():
    def source():
        yield 1
        raise OSError("disk gone")

    with pytest.raises(treadle.SourceFailed, match="disk gone"):
        treadle.map(chores.identity, source(), **THREADS).values()


def test_a_source_that_raises_at_once_fails_the_run(options):
    class Broken:
        def __iter__(self):
            raise OSError("no such table")

    with pytest.raises(treadle.SourceFailed, match="no such table"):
        list(treadle.map(chores.identity, Broken(), **options))


def test_no_more_is_read_than_is_needed(options):
    source = Source(itertools.count())
    with treadle.map(chores.identity, source, **options) as outcomes:
        for _ in range(100):
            next(outcomes)
    assert source.closed.wait(PATIENCE)
    assert source.read < 10_000


# --- leaving -------------------------------------------------------------------------------------


def leave_by_with(source, options):
    with treadle.map(chores.identity, source, **options) as outcomes:
        next(outcomes)


def leave_by_break(source, options):
    for _ in treadle.map(chores.identity, source, **options):
        break


def leave_by_close(source, options):
    outcomes = treadle.map(chores.identity, source, **options)
    next(outcomes)
    outcomes.close()
    outcomes.close()
    return outcomes


def leave_by_collection(source, options):
    outcomes = treadle.map(chores.identity, source, **options)
    next(outcomes)
    outcomes.myself = outcomes  # only the collector can tell that nobody has it any more
    del outcomes
    gc.collect()


def leave_by_exception(source, options):
    try:
        for _ in treadle.map(chores.identity, source, **options):
            raise LookupError("in the loop")
    except LookupError:
        pass


@pytest.mark.parametrize(
    "leave",
    [leave_by_with, leave_by_break, leave_by_close, leave_by_collection, leave_by_exception],
    ids=lambda leave: leave.__name__,
)
def test_leaving_early_ends_the_run_and_closes_the_source(leave, options):
    """
    That no worker stays is checked after every test.
    """
    source = Source(itertools.count())
    kept = leave(source, options)
    assert source.closed.wait(PATIENCE)
    del kept


def test_a_run_that_nobody_iterates_over_ends_when_it_is_dropped(options):
    treadle.map(chores.identity, itertools.count(), **options)


def test_leaving_does_not_wait_for_what_runs(gate, arrivals):
    """
    The gate is never opened: a process is killed.
    """
    waiting = chores.Waiting(arrivals.path, gate.path, held=range(2))
    with treadle.map(waiting, range(2), **PROCESSES):
        arrivals.next()
        arrivals.next()


# --- cancel, kill, pause, resume -----------------------------------------------------------------


def test_another_thread_may_cancel(gate, arrivals):
    """
    What runs finishes, what was read is told of, and nothing further starts.
    """
    waiting = chores.Waiting(arrivals.path, gate.path, held=range(2))
    source = Source(itertools.count())
    outcomes = treadle.map(waiting, source, **THREADS)
    cancelling = threading.Event()
    outcomes._stage.listeners.append(
        lambda event: isinstance(event, events.Cancelling) and cancelling.set()
    )

    def cancel():
        arrivals.next()
        arrivals.next()
        outcomes.cancel()
        assert cancelling.wait(PATIENCE)
        gate.open()

    other = threading.Thread(target=cancel)
    other.start()
    found = sorted(outcomes, key=lambda outcome: outcome.index)
    other.join()
    assert [outcome.index for outcome in found] == list(range(len(found)))
    assert [outcome.kind for outcome in found[:2]] == ["succeeded"] * 2
    assert {outcome.kind for outcome in found[2:]} <= {"cancelled"}
    assert all(outcome.reason == "interrupted" for outcome in found[2:])
    assert outcomes.stats.stopped == "interrupted"
    assert outcomes.stats.ok == 2


@pytest.mark.parametrize("options", [THREADS, PROCESSES], ids=lambda options: options["backend"])
@pytest.mark.parametrize("end", ["kill", "cancel at once"])
def test_another_thread_may_kill(gate, arrivals, options, end):
    waiting = chores.Waiting(arrivals.path, gate.path, held=range(2))
    outcomes = treadle.map(waiting, range(6), **options)

    def kill():
        arrivals.next()
        arrivals.next()
        if end == "kill":
            outcomes.kill()
        else:
            outcomes.cancel(grace=0)

    other = threading.Thread(target=kill)
    other.start()
    found = sorted(outcomes, key=lambda outcome: outcome.index)
    other.join()
    assert [outcome.kind for outcome in found] == ["cancelled"] * 6
    assert [outcome.attempts for outcome in found] == [1, 1, 0, 0, 0, 0]
    gate.open()


def test_a_run_can_be_paused_before_its_first_item_and_resumed(options):
    """
    Another thread hears of the pause, and resumes.
    """
    go = threading.Event()

    def source():
        assert go.wait(PATIENCE)
        yield from range(10)

    outcomes = treadle.map(chores.identity, source(), **options)
    heard = []
    paused = threading.Event()

    def listen(event):
        heard.append(type(event).__name__)
        if isinstance(event, events.Paused):
            paused.set()

    outcomes._stage.listeners.append(listen)
    outcomes.pause()
    outcomes.pause()
    go.set()

    def resume():
        assert paused.wait(PATIENCE)
        assert outcomes.stats.paused
        outcomes.resume()

    other = threading.Thread(target=resume)
    other.start()
    assert sorted(outcomes.values()) == list(range(10))
    other.join()
    assert not outcomes.stats.paused
    assert heard.index("Paused") < heard.index("Continued") < heard.index("ItemsSettled")
    assert heard.count("Paused") == 1


def test_a_paused_run_can_be_cancelled():
    outcomes = treadle.map(chores.identity, itertools.count(), **THREADS)
    outcomes.pause()
    outcomes.cancel()
    assert {outcome.kind for outcome in outcomes} <= {"succeeded", "cancelled"}
    assert outcomes.stats.stopped == "interrupted"


def test_what_is_said_to_a_run_that_is_over_is_not_heard(options):
    outcomes = treadle.map(chores.identity, range(3), **options)
    list(outcomes)
    for say in (outcomes.cancel, outcomes.kill, outcomes.pause, outcomes.resume, outcomes.close):
        say()
    assert outcomes.stats.stopped is None


# --- limits --------------------------------------------------------------------------------------


def test_after_the_deadline_nothing_starts(options):
    outcomes = treadle.map(chores.identity, itertools.count(), deadline=MOMENT, **options)
    assert {outcome.kind for outcome in outcomes} <= {"cancelled"}
    assert outcomes.stats.stopped == "deadline"


@pytest.mark.parametrize(
    "deadline",
    [
        lambda: timedelta(hours=1),
        lambda: datetime.now(UTC) + timedelta(hours=1),
        lambda: datetime.now() + timedelta(hours=1),  # noqa: DTZ005  local time
    ],
    ids=["from now", "aware", "naive"],
)
def test_before_the_deadline_everything_runs(deadline):
    outcomes = treadle.map(chores.identity, range(10), deadline=deadline(), **THREADS)
    assert len(outcomes.values()) == 10


def test_at_the_deadline_what_runs_is_stopped(gate, arrivals):
    waiting = chores.Waiting(arrivals.path, gate.path, held=range(2))
    outcomes = treadle.map(waiting, range(4), deadline=timedelta(seconds=1.5), **PROCESSES)
    found = list(outcomes)
    assert [(outcome.kind, outcome.reason) for outcome in found] == [("cancelled", "deadline")] * 4


@pytest.mark.parametrize("limit", [{"on_error": "stop"}, {"max_failures": 1}], ids=str)
def test_the_run_stops_at_the_first_failure(options, limit):
    outcomes = treadle.map(chores.odd_fails, itertools.count(), **limit, **options)
    found = list(outcomes)
    failed = [outcome for outcome in found if outcome.kind == "raised"]
    assert 1 <= len(failed) <= options.get("workers", 1) * 64  # what had been started by then
    assert outcomes.stats.stopped == "failure limit"


def test_the_run_stops_at_its_failure_limit_and_not_before():
    outcomes = treadle.map(chores.odd_fails, itertools.count(), max_failures=3, **INLINE)
    assert [outcome.index for outcome in outcomes if outcome.kind == "raised"] == [1, 3, 5]


def test_without_a_limit_every_item_has_its_chance(options):
    outcomes = treadle.map(chores.always_fails, range(30), **options)
    assert [outcome.kind for outcome in outcomes] == ["raised"] * 30
    assert outcomes.stats.stopped is None


def holds(rate, starts, workers):
    """
    Tell whether no span of T seconds saw more starts than its burst and T times the rate.

    Beside them, each worker may be late with one that was its to start before the span.
    """
    return all(
        other - one + 1 <= workers + rate.depth + (last - first) * rate.n / rate.per + 1e-6
        for (one, first), (other, last) in itertools.combinations(enumerate(sorted(starts)), 2)
    )


@pytest.mark.parametrize("options", [THREADS, PROCESSES], ids=lambda options: options["backend"])
def test_no_span_of_time_sees_more_starts_than_the_rate_allows(options):
    rate = treadle.Rate(100, burst=2)
    outcomes = treadle.map(chores.identity, range(25), rate=rate, **options)
    assert holds(rate, [outcome.started for outcome in outcomes], workers=2)


def test_a_keyed_rate_holds_each_key_to_it():
    rate = treadle.Rate(50, key=lambda value: value % 2)
    outcomes = list(treadle.map(chores.identity, range(20), rate=rate, **THREADS))
    for parity in (0, 1):
        starts = [outcome.started for outcome in outcomes if outcome.index % 2 == parity]
        assert len(starts) == 10
        assert holds(rate, starts, workers=2)


def test_of_one_key_no_more_run_at_once_than_the_capacity(gate, arrivals):
    """
    Eight workers, two keys: one of the first and two of the second.
    """
    waiting = chores.Waiting(arrivals.path, gate.path, held=range(10))
    capacity = treadle.Capacity({"even": 1, "odd": 2}, key=lambda n: ("even", "odd")[n % 2])
    outcomes = treadle.map(waiting, range(10), capacity=capacity, backend="threads", workers=8)
    begun = [int(arrivals.next()) for _ in range(3)]
    assert sorted(number % 2 for number in begun) == [0, 1, 1]
    running = outcomes._dispatcher.backend.running()
    assert len(running) == 3
    gate.open()
    assert sorted(outcome.value for outcome in outcomes) == list(range(10))


# --- listeners and displays ----------------------------------------------------------------------


def test_listeners_hear_the_story_in_order(options):
    heard = []
    list(treadle.map(chores.odd_fails, range(20), listeners=[heard.append], name="x", **options))
    kinds = [type(event) for event in heard]
    assert kinds[0] is events.RunStarted
    assert kinds[-1] is events.RunEnded
    assert kinds.count(events.RunStarted) == kinds.count(events.RunEnded) == 1
    assert (heard[0].name, heard[0].total, heard[0].backend) == ("x", 20, options["backend"])
    assert heard[-1].stopped is None
    read = settled = 0
    for event in heard:
        read += event.count if isinstance(event, events.ItemsRead) else 0
        settled += len(event.outcomes) if isinstance(event, events.ItemsSettled) else 0
        assert settled <= read
    assert (read, settled) == (20, 20)


def test_listeners_are_told_side_by_side():
    first, second = [], []
    listeners = [first.append, second.append]
    list(treadle.map(chores.identity, range(5), listeners=listeners, **THREADS))
    assert first == second != []


def test_a_listener_that_raises_is_warned_of_once_and_the_run_goes_on(options):
    heard, told = [], []

    def broken(event):
        told.append(event)
        raise LookupError("from the listener")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = treadle.map(chores.identity, range(30), listeners=[broken, heard.append], **options)
        assert sorted(run.values()) == list(range(30))
    mine = [each for each in caught if "from the listener" in str(each.message)]
    assert [each.category for each in mine] == [RuntimeWarning]
    assert len(told) == 1
    assert isinstance(heard[-1], events.RunEnded)


def test_progress_may_be_a_function_and_is_closed_if_it_can_be(options):
    class Display:
        def __init__(self):
            self.heard = []
            self.closed = 0

        def __call__(self, event):
            self.heard.append(event)

        def close(self):
            self.closed += 1

    display, heard = Display(), []
    run = treadle.map(
        chores.identity, range(5), progress=display, listeners=[heard.append], **options
    )
    list(run)
    assert display.heard == heard
    assert display.closed == 1
    with treadle.map(chores.identity, itertools.count(), progress=display, **options) as left:
        next(left)
    assert display.closed == 2


@pytest.mark.parametrize("progress", [None, "none", "plain", "json", "auto"])
def test_displays_leave_stdout_alone(progress, capfd):
    assert treadle.map(chores.identity, range(3), progress=progress, **THREADS).values() == [
        0,
        1,
        2,
    ]
    out, err = capfd.readouterr()
    assert out == ""
    assert (err == "") == (progress in (None, "none"))
