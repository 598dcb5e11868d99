"""What goes in and comes out: arrays as they were, functions wherever they were defined."""

from __future__ import annotations

import functools
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import calls
import numpy as np
import psutil
import pytest
from conditions import shared_memory, soon

import treadle

SMALL, LARGE = 1 << 10, 1 << 19  # doubles: inside a frame, and in a segment beside it


@pytest.fixture(params=[SMALL, LARGE], ids=["small", "large"])
def size(request):
    return request.param


# --- arrays and bytes ----------------------------------------------------------------------------


def layouts(size):
    rows = size // 16
    base = np.arange(size, dtype="f8").reshape(rows, 16)
    read_only = base.copy()
    read_only.setflags(write=False)
    return {
        "contiguous": base,
        "read-only": read_only,
        "fortran": np.asfortranarray(base),
        "strided": base[::2, ::3],
        "reversed": base[::-1],
        "of records": np.zeros(rows, dtype=[("x", "f8"), ("name", "U4")]),
        "of objects": np.array([["text", None, 3]] * 100, dtype=object),
        "without dimensions": np.array(3.5),
        "empty": np.zeros((0, 3)),
        "big-endian": base.astype(">f8"),
    }


def test_arrays_arrive_as_they_were_in_both_directions(pool, size):
    arrays = layouts(size)
    backs = pool.map(calls.echo, arrays.values()).values()
    for (name, array), back in zip(arrays.items(), backs, strict=True):
        assert back.dtype == array.dtype, name
        assert back.shape == array.shape, name
        assert np.array_equal(back, array), name
        assert back.flags.writeable == array.flags.writeable, name


def test_the_writable_stay_writable_and_the_read_only_read_only(pool, size):
    writable = np.ones(size)
    read_only = np.ones(size)
    read_only.setflags(write=False)
    (first, second) = pool.map(calls.facts, [writable, read_only]).values()
    assert first == ((size,), "<f8", True, True, float(size))
    assert second == ((size,), "<f8", False, False, float(size))
    assert writable[0] == 1.0


@pytest.mark.parametrize("make", [calls.make_array, calls.make_read_only, calls.make_strided])
def test_results_of_megabytes_come_back_whole(pool, make):
    arrays = pool.map(make, [3] * 6).values()
    expected = make(3)
    for array in arrays:
        assert np.array_equal(array, expected)
        assert array.flags.writeable == expected.flags.writeable
    if expected.flags.writeable:
        arrays[0][:] = 7  # a copy of one's own
        assert arrays[1][0] == expected[0]


@pytest.mark.parametrize(
    "make",
    [bytes, bytearray, lambda n: "ü" * n, lambda n: [b"x" * n] * 3, lambda n: {"a": [bytes(n)]}],
    ids=["bytes", "bytearray", "text", "list", "nested"],
)
def test_bytes_and_text_of_any_length(pool, make):
    values = [make(length) for length in (0, 100, 40_000, 1 << 20, 5_000_000)]
    for back, value in zip(pool.map(calls.echo, values).values(), values, strict=True):
        assert back == value
        assert type(back) is type(value)


@pytest.mark.parametrize("wrap", [memoryview, pickle.PickleBuffer])
def test_the_content_of_a_view_arrives_as_bytes_of_some_kind(pool, wrap):
    """
    A view of somebody's memory cannot be one over there; pickling makes bytes of it.
    """
    for data in (bytearray(b"ab" * 10), bytearray(b"ab" * (1 << 20))):
        (back,) = pool.map(calls.echo, [wrap(data)]).values()
        assert bytes(back) == data


def test_many_large_items_among_tiny_ones(pool):
    items = [np.full(LARGE // 2, n) if n % 7 == 0 else n for n in range(60)]
    for outcome in pool.map(calls.echo, items):
        assert outcome.ok
        assert np.array_equal(outcome.value, items[outcome.index])


@pytest.mark.parametrize("deed", [calls.spoil_and_fail_once, calls.spoil_and_die_once])
def test_a_function_that_overwrites_its_argument_does_not_spoil_the_next_attempt(
    pool, size, deed, tmp_path
):
    array = np.ones(size)
    retry = treadle.Retry(attempts=2, base=0)
    (outcome,) = pool.map(deed, [(array, str(tmp_path / "mark"))], retry=retry)
    assert outcome.value == size
    assert outcome.attempts == 2
    assert array.sum() == size


def test_what_the_caller_changes_after_an_item_was_read_does_not_matter(pool, gate, size):
    """
    A source that fills the same array again and again is read correctly.
    """

    def source():
        array = np.zeros(size)
        for number in range(5):
            array[:] = number
            yield array

    values = pool.map(calls.echo, source()).values()
    assert [value[-1] for value in values] == [0.0, 1.0, 2.0, 3.0, 4.0]


# --- nothing leaks -------------------------------------------------------------------------------


def test_kills_leak_neither_descriptors_nor_memory(method):
    """
    In the driver; what workers hold goes with them. Shared memory has no name that could stay.
    """
    me = psutil.Process()
    before_shm = shared_memory()

    def round_of_kills():
        with treadle.Pool(workers=2, backend="processes", start_method=method) as pool:
            array = np.ones(LARGE)
            outcomes = list(pool.map(calls.die_with_array, [(array, n) for n in range(9)]))
            assert sorted(o.kind for o in outcomes) == ["succeeded"] * 6 + ["worker lost"] * 3
            del outcomes
            list(pool.map(calls.act, ["tear_the_large_result", "tear_the_result", 1]))

    round_of_kills()
    descriptors, memory = me.num_fds(), me.memory_info().rss
    for _ in range(3):
        round_of_kills()
    assert soon(lambda: me.num_fds() <= descriptors)
    assert me.memory_info().rss - memory < 40 << 20
    assert shared_memory() <= before_shm


def own_memory():
    """Return how many bytes this process holds that are no file's, shared memory included."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) << 10


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_large_result_is_in_memory_once(pool):
    before = own_memory()
    kept = pool.map(calls.make_array, [8] * 10).values()
    assert [array.sum() for array in kept] == [2.0 * (8 << 17)] * 10
    assert own_memory() - before < 40 << 20  # the shared memory is 80, and would be copied


def test_a_worker_keeps_no_large_argument_or_result(method):
    with treadle.Pool(workers=1, backend="processes", start_method=method) as pool:
        peaks = [o.peak_memory for o in pool.map(calls.echo, (np.ones(LARGE) for _ in range(30)))]
    assert max(peaks) - peaks[3] < 30 << 20  # 30 items of 4 MB go in and out


# --- functions -----------------------------------------------------------------------------------


def closure(factor):
    def scaled(value):
        return value * factor

    return scaled


def local_class():
    class Local:
        def __init__(self, value):
            self.value = value

    return Local


@pytest.mark.parametrize(
    "function",
    [
        lambda value: value * 3,
        closure(3),
        functools.partial(calls.with_factor, factor=3),
        functools.partial(closure(3)),
        functools.partial(lambda value, factor: value * factor, factor=3),
        calls.Scaler(3),
        calls.Scaler(3).scale,
        (3).__mul__,
    ],
    ids=[
        "lambda",
        "closure",
        "partial",
        "partial of a closure",
        "partial of a lambda",
        "callable object",
        "bound method",
        "method of a builtin",
    ],
)
def test_functions_of_every_kind(pool, function):
    assert pool.map(function, range(20)).values() == [3 * n for n in range(20)]


def test_class_and_static_methods(pool):
    assert pool.map(calls.Scaler.double, [1, 2]).values() == [2, 4]
    assert pool.map(calls.Scaler.negate, [1, 2]).values() == [-1, -2]
    assert pool.map(len, ["a", "bb"]).values() == [1, 2]
    assert pool.map(str.upper, ["a", "b"]).values() == ["A", "B"]


def test_instances_of_local_classes_go_there_and_back(pool):
    local = local_class()
    (back,) = pool.map(lambda item: local(item.value + 1), [local(1)]).values()
    assert back.value == 2
    assert isinstance(back, local)


def test_a_function_that_refers_to_itself(pool):
    def factorial(n):
        return n * factorial(n - 1) if n else 1

    assert pool.map(factorial, [0, 5]).values() == [1, 120]


def holds_lock():
    lock = threading.Lock()

    def locked(value):
        with lock:
            return value

    return locked


@pytest.mark.parametrize(
    ("function", "culprit"),
    [(holds_lock(), "lock"), (functools.lru_cache(lambda value: value), "cache")],
    ids=["lock in a closure", "cached lambda"],
)
def test_a_function_that_cannot_travel_fails_before_anything_starts(pool, function, culprit):
    before = psutil.Process().children(recursive=True)
    with pytest.raises(treadle.NotPicklable, match=culprit):
        pool.map(function, [1, 2])
    assert psutil.Process().children(recursive=True) == before


SCRIPT = """
import dataclasses, enum, json, sys
import treadle

class Colour(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Point:
    x: int
    colour: Colour = Colour.RED

class Problem(Exception):
    pass

OFFSET = 100

def offset(value):
    return value + OFFSET

def move(point):
    if point.x == 3:
        raise Problem("three")
    return Point(offset(point.x), point.colour)

def main():
    points = [Point(n) for n in range(6)]
    found = sorted(treadle.map(move, points, workers=2, start_method=sys.argv[1]),
                   key=lambda outcome: outcome.index)
    print(json.dumps({
        "values": [o.value.x for o in found if o.ok],
        "classes": all(isinstance(o.value, Point) for o in found if o.ok),
        "equal": found[0].value == Point(100),
        "members": all(o.value.colour is Colour.RED for o in found if o.ok),
        "error": isinstance(found[3].error, Problem),
        "verdict": found[3].verdict,
    }))

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("how", ["as a script", "from stdin", "with -c", "without a guard"])
def test_what_is_defined_in_main_comes_back_as_the_same_classes(method, how, tmp_path):
    """
    A worker has another `__main__`; instances must still be instances when they are home again.
    """
    script = SCRIPT
    if how == "without a guard":
        script = script.replace('if __name__ == "__main__":\n    main()', "main()")
    command, stdin = [sys.executable], None
    if how == "from stdin":
        command, stdin = [*command, "-"], script
    elif how == "with -c":
        command += ["-c", script]
    else:
        path = tmp_path / "script.py"
        path.write_text(script)
        command.append(str(path))
    done = subprocess.run(
        [*command, method],
        input=stdin,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "values": [100, 101, 102, 104, 105],
        "classes": True,
        "equal": True,
        "members": True,
        "error": True,
        "verdict": "raised __main__.Problem",
    }
