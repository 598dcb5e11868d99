"""Sources without end, and with more items than memory should hold."""

from __future__ import annotations

import itertools
import sys
import threading

import pytest
from mapped import double, square

import treadle

MIB = 1 << 20
# A window of items is in flight, of a size that follows how fast they are: some MiB. A million
# outcomes that somebody kept would be 200 MiB, a million items alone 30.
FLAT = 10 * MIB
WINDOW = 40_000  # items; far more than is ever in flight here, far less than a runaway reader reads


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize(("method", "count"), [("forkserver", 1_000_000), ("spawn", 200_000)])
def test_memory_does_not_grow_with_the_number_of_items(programs, method, count):
    done = programs.run(programs.app("million.py"), method, count)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < FLAT


class Counted:
    """An endless source that knows how far it was read, and whether it was closed."""

    def __init__(self) -> None:
        self.read = 0
        self.closed = threading.Event()

    def __iter__(self):
        try:
            for number in itertools.count():
                self.read += 1
                yield number
        finally:
            self.closed.set()


@pytest.mark.parametrize("backend", ["processes", "threads", "inline"])
def test_an_endless_source_is_left_with_break(backend):
    source = Counted()
    for outcome in treadle.map(square, source, backend=backend, ordered=True):
        assert outcome.value == outcome.index**2
        if outcome.index == 500:
            break
    assert source.closed.wait(30)
    assert source.read < WINDOW


@pytest.mark.parametrize("backend", ["processes", "threads"])
def test_a_consumer_that_pauses_stops_the_reading(backend):
    """
    While it pauses, another run gets 5,000 items done, which is time enough to read on.
    """
    source = Counted()
    with treadle.Pool(workers=2, backend=backend) as pool:
        with pool.map(square, source) as outcomes:
            for _ in itertools.islice(outcomes, 100):
                pass
            reads = []
            while len(reads) < 3 or (reads[-1] != reads[-2] and len(reads) < 20):
                pool.map(double, range(5_000)).values()
                reads.append(source.read)
        assert source.closed.wait(30)
    assert reads[-1] < WINDOW
    assert reads[-1] == reads[-2]


def test_a_chain_of_runs_passes_the_pause_on():
    source = Counted()
    with treadle.Pool(workers=2) as pool:
        first = pool.map(square, source)
        second = pool.map(double, (outcome.value for outcome in first))
        with first, second:
            for _ in itertools.islice(second, 10):
                pass
            for _ in range(3):
                pool.map(double, range(5_000)).values()
            assert source.read < 2 * WINDOW


def test_a_million_items_can_be_left_after_one():
    values = treadle.map(square, iter(range(10**12)), workers=2)
    assert next(values).ok
    values.close()
