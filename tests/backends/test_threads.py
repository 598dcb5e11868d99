"""What is particular to threads: they cannot be stopped, so they are abandoned and replaced."""

from __future__ import annotations

import sqlite3
import threading

import pytest

import treadle
from treadle.backends.threads import Threads
from treadle.core import events
from treadle.core.call import Call
from treadle.core.item import Item
from treadle.core.protocols import Finished, Noted


class Bench:
    """A backend used by hand, verb by verb."""

    def __init__(self, backend, function, **options):
        self.backend = backend
        self.call = Call(function, **options)
        backend.open_call(self.call)
        self.count = 0
        self.notes = []

    def start(self, *values):
        items = []
        for value in values:
            items.append(Item(self.count, self.count, value, self.call.id))
            items[-1].attempt = 1
            self.count += 1
        self.backend.start(self.call, items)
        return items

    def finish(self, count):
        """Wait until *count* items have ended; return their outcomes."""
        outcomes = []
        while len(outcomes) < count:
            reports = self.backend.wait(20)
            self.notes += [r.event for r in reports if isinstance(r, Noted)]
            for report in reports:
                if isinstance(report, Finished):
                    outcomes += [outcome for _, outcome in report.endings]
        return outcomes


@pytest.fixture
def go():
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def bench():
    made = []

    def make(function, workers=1, **options):
        made.append(Bench(Threads(workers), function, **options))
        return made[-1]

    yield make
    for each in made:
        each.backend.close(kill=False)


def test_an_abandoned_call_makes_room_at_once_and_its_late_result_is_dropped(bench, go):
    inside, late = threading.Event(), threading.Event()

    def function(value):
        if value == "stuck":
            inside.set()
            go.wait(20)
            late.set()
        return value

    b = bench(function)
    stuck, _ = b.start("stuck", "next")
    assert inside.wait(20)
    b.backend.stop(b.call, [stuck])
    assert [outcome.value for outcome in b.finish(1)] == ["next"]
    go.set()
    assert late.wait(20)
    b.start("last")
    assert [outcome.value for outcome in b.finish(1)] == ["last"]
    assert [type(note) for note in b.notes] == [
        events.WorkerStarted,
        events.WorkerEnded,
        events.WorkerStarted,
    ]
    assert b.notes[1].reason == "abandoned"


def test_closing_by_force_does_not_wait_for_a_stuck_thread(bench, go):
    inside = threading.Event()

    def function(value):
        inside.set()
        go.wait(20)

    b = bench(function)
    b.start("stuck")
    assert inside.wait(20)
    b.backend.close(kill=True)
    assert not go.is_set()


def test_no_more_threads_than_items(bench):
    b = bench(lambda value: value, workers=50)
    b.start(1, 2, 3)
    b.finish(3)
    started = [note for note in b.notes if isinstance(note, events.WorkerStarted)]
    assert 1 <= len(started) <= 3


def test_a_state_is_made_used_and_torn_down_in_one_thread():
    """
    SQLite connections insist on it.
    """
    gone = []

    def teardown(connection):
        connection.execute("select 1")
        connection.close()
        gone.append(connection)

    outcomes = treadle.map(
        lambda value, connection: connection.execute("select ?", (value,)).fetchone()[0],
        range(20),
        backend="threads",
        workers=2,
        setup=lambda: sqlite3.connect(":memory:"),
        teardown=teardown,
    )
    assert outcomes.values() == list(range(20))
    assert 1 <= len(gone) <= 2


def test_in_a_pool_states_are_torn_down_when_their_run_ends():
    gone = threading.Semaphore(0)
    with treadle.Pool(backend="threads", workers=1) as pool:
        run = pool.map(
            lambda value, state: value, [1], setup=object, teardown=lambda state: gone.release()
        )
        assert run.values() == [1]
        assert gone.acquire(timeout=20)


def test_a_teardown_that_raises_is_told_and_harms_nothing(monkeypatch):
    heard = []
    monkeypatch.setattr("warnings.warn", lambda message, *rest, **more: heard.append(message))

    def teardown(state):
        raise OSError("cannot close")

    run = treadle.map(
        lambda value, state: value,
        [1, 2],
        backend="threads",
        workers=1,
        setup=object,
        teardown=teardown,
    )
    assert run.values() == [1, 2]
    assert len(heard) == 1
    assert "cannot close" in heard[0]


def test_tiny_items_are_kept_ready_in_greater_numbers(bench):
    b = bench(lambda value: value, workers=2)
    assert b.backend.room(b.call, paced=False) == 4
    assert b.backend.window(b.call) == 8
    b.start(1, 2)
    b.finish(2)
    assert b.backend.room(b.call, paced=False) > 100
    assert b.backend.window(b.call) < 10_000


def test_under_a_rate_limit_only_free_threads_count_as_room(bench, go):
    b = bench(lambda value: go.wait(20), workers=2)
    assert b.backend.room(b.call, paced=True) == 2
    b.start(1)
    assert b.backend.room(b.call, paced=True) == 1
    go.set()
    b.finish(1)


def test_what_has_not_begun_can_be_taken_back_and_nothing_else(bench, go):
    inside = threading.Event()

    def function(value):
        inside.set()
        go.wait(20)
        return value

    b = bench(function)
    items = b.start(0, 1, 2)
    assert inside.wait(20)
    assert b.backend.recall(b.call) == items[1:]
    [(item, running)] = b.backend.running()
    assert item is items[0]
    assert running.worker == "thread-1"
    go.set()
    assert [outcome.value for outcome in b.finish(1)] == [0]


def test_waking_is_remembered(bench):
    b = bench(lambda value: value)
    b.backend.wait(0.0)  # that its first thread has started is told at once
    b.backend.wake()
    b.backend.wake()
    assert b.backend.wait(None) == []


def test_an_error_keeps_the_frames_that_raised_it_and_none_of_ours(bench):
    def function(value):
        raise ValueError("here")

    b = bench(function)
    b.start(1)
    [outcome] = b.finish(1)
    assert outcome.error.__traceback__.tb_frame.f_code is function.__code__
    assert outcome.error.__traceback__.tb_next is None


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2"])
def test_a_number_of_workers_that_makes_no_sense_is_refused(workers):
    with pytest.raises(treadle.UsageError, match="workers"):
        Threads(workers)
