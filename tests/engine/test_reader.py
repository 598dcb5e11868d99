"""The reader: it reads as far as it is allowed, keeps what it reads, and never stalls anybody."""

from __future__ import annotations

import threading

import pytest
from driving import soon

from treadle.core.outcome import Raised, Unpicklable
from treadle.engine.reader import Reader
from treadle.errors import NotPicklable


class Reading:
    """A reader and what came of it."""

    def __init__(self, values, *, threaded=True, pack=lambda value: value, key=None, lane=None):
        self.woken = threading.Event()
        self.reader = Reader(values, call=7, pack=pack, key=key, lane=lane, wake=self.woken.set)
        self.items, self.refused = [], []
        self.threaded = threaded
        if threaded:
            self.reader.start()

    def collect(self):
        items, refused = self.reader.collect()
        self.items += items
        self.refused += refused

    def has(self, count):
        def there():
            self.collect()
            return len(self.items) + len(self.refused) >= count

        return soon(there)

    def end(self):
        """Wait for the end and return the error."""
        told = []

        def ended():
            self.collect()
            told.append(self.reader.take_end())
            return told[-1][0]

        assert soon(ended)
        return told[-1][1]


@pytest.fixture
def reading():
    made = []

    def make(*arguments, **options):
        made.append(Reading(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.reader.stop()
        each.reader.join(30)


@pytest.mark.parametrize("threaded", [True, False])
def test_it_reads_no_further_than_allowed(reading, threaded):
    given = []

    def source():
        for value in range(100):
            given.append(value)
            yield value

    r = reading(source(), threaded=threaded)
    assert given == []
    r.reader.allow(3)
    assert r.has(3)
    r.reader.allow(2)
    assert r.has(5)
    assert given == [0, 1, 2, 3, 4]
    assert [(item.index, item.key, item.payload, item.call) for item in r.items[:2]] == [
        (0, 0, 0, 7),
        (1, 1, 1, 7),
    ]


@pytest.mark.parametrize("threaded", [True, False])
def test_it_tells_the_end_once_and_after_everything_that_came_before(reading, threaded):
    r = reading([1, 2], threaded=threaded)
    r.reader.allow(10)
    assert soon(lambda: r.reader._ended)
    assert r.reader.take_end() == (False, None)  # two items are still to be collected
    assert r.end() is None
    assert r.reader.take_end() == (False, None)


@pytest.mark.parametrize("error", [OSError("gone"), SystemExit(3), StopAsyncIteration()])
def test_whatever_a_source_raises_is_its_end(reading, error):
    def source():
        yield 1
        raise error

    r = reading(source())
    r.reader.allow(10)
    assert r.end() is error
    assert len(r.items) == 1


def test_what_is_no_iterable_is_an_end_with_the_reason(reading):
    r = reading(42)
    r.reader.allow(1)
    assert isinstance(r.end(), TypeError)


def test_values_are_packed_before_the_source_is_asked_again(reading):
    """
    A source may yield the same object again and again, changed.
    """

    def source():
        row = {}
        for number in range(3):
            row["number"] = number
            yield row

    r = reading(source(), pack=dict)
    r.reader.allow(10)
    r.end()
    assert [item.payload for item in r.items] == [{"number": n} for n in range(3)]


def test_what_cannot_be_packed_is_refused_and_the_rest_goes_on(reading):
    def pack(value):
        if value == 1:
            raise NotPicklable("a lock at .state")
        return value

    r = reading(range(3), pack=pack)
    r.reader.allow(10)
    r.end()
    assert [item.index for item in r.items] == [0, 2]
    [(item, outcome)] = r.refused
    assert (item.index, outcome.index, outcome.attempts) == (1, 1, 0)
    assert isinstance(outcome, Unpicklable)
    assert outcome.what == "argument"
    assert "a lock at .state" in outcome.failure.message


def test_a_key_or_lane_function_that_raises_is_that_items_failure(reading):
    def key(value, index):
        return f"key {10 // value}"

    r = reading([1, 0, 5], key=key)
    r.reader.allow(10)
    r.end()
    assert [item.key for item in r.items] == ["key 10", "key 2"]
    [(_, outcome)] = r.refused
    assert isinstance(outcome, Raised)
    assert outcome.failure.type == "ZeroDivisionError"


def test_lanes_are_looked_up_as_items_are_read(reading):
    r = reading(["ab", "cd"], lane=lambda value: (value[0], value[1]))
    r.reader.allow(10)
    r.end()
    assert [item.lane for item in r.items] == [("a", "b"), ("c", "d")]


def test_it_wakes_only_who_asked_to_be_woken(reading):
    r = reading(range(10))
    r.reader.allow(1)
    assert r.has(1)
    assert not r.woken.is_set()
    r.reader.hungry = True
    r.reader.allow(1)
    assert r.woken.wait(30)


def test_the_end_always_wakes(reading):
    r = reading([])
    r.reader.allow(1)
    assert r.woken.wait(30)


def test_stopping_does_not_wait_for_a_source_that_blocks(reading):
    inside, go = threading.Event(), threading.Event()

    def source():
        inside.set()
        go.wait(30)
        yield 1

    r = reading(source())
    r.reader.allow(1)
    assert inside.wait(30)
    r.reader.stop()  # returns although the source does not
    go.set()
    r.reader.join(30)
    r.collect()
    assert r.items == []


@pytest.mark.parametrize("threaded", [True, False])
def test_stopping_closes_a_generator_so_that_it_can_clean_up(reading, threaded):
    closed = threading.Event()

    def source():
        try:
            yield from range(100)
        finally:
            closed.set()

    r = reading(source(), threaded=threaded)
    r.reader.allow(1)
    assert r.has(1)
    r.reader.stop()
    assert closed.wait(30)


def test_a_generator_that_raises_as_it_is_closed_is_heard(reading):
    def source():
        try:
            yield from range(100)
        finally:
            raise OSError("cannot clean up")

    r = reading(source())
    r.reader.allow(1)
    assert r.has(1)
    r.reader.stop()
    assert str(r.end()) == "cannot clean up"


def test_stopping_leaves_a_file_open_for_the_one_who_opened_it(reading, tmp_path):
    path = tmp_path / "lines"
    path.write_text("a\nb\nc\n")
    with path.open() as file:
        r = reading(file)
        r.reader.allow(1)
        assert r.has(1)
        r.reader.stop()
        r.reader.join(30)
        assert not file.closed


def test_a_source_of_ours_can_be_read_twice(reading):
    """
    Only ``iter`` is asked for, and only when the first item is wanted.
    """
    values = [1, 2]
    for _ in range(2):
        r = reading(values)
        r.reader.allow(10)
        r.end()
        assert [item.payload for item in r.items] == [1, 2]
