"""A mistake in an argument is named at once, before anything is read or started."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta

import chores
import pytest

import treadle


class Untouched:
    """A source that must not be read."""

    def __iter__(self):
        pytest.fail("the source was read")


def map_(function, items, **options):
    return treadle.map(function, items, **options)


def run(function, items, **options):
    return treadle.run(function, items, **options)


def pool_map(function, items, **options):
    with treadle.Pool(backend="threads") as pool:
        return pool.map(function, items, **options)


def pool_run(function, items, **options):
    with treadle.Pool(backend="threads") as pool:
        return pool.run(function, items, **options)


def pool(**options):
    return treadle.Pool(**options)


def shown(value):
    """The same in every process, so that the tests can be shared out among several."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def name(value):
    return value.__name__.strip("_") if callable(value) else str(value)


EVERYWHERE = (map_, run, pool_map, pool_run)

# option, value, and what the message names beside both
RUN_OPTIONS = [
    ("timeout", 0, "above 0"),
    ("timeout", -1, "above 0"),
    ("timeout", "5", "above 0"),
    ("timeout", float("nan"), "above 0"),
    ("timeout", True, "above 0"),
    ("timeout", float("inf"), "finite"),
    ("timeout", 10**400, "finite"),
    ("timeout", timedelta(seconds=5), "above 0"),
    ("retry", "3", "Retry"),
    ("retry", 2.5, "Retry"),
    ("retry", True, "Retry"),
    ("rate", 600, "treadle.Rate"),
    ("rate", "600/min", "treadle.Rate"),
    ("capacity", 4, "treadle.Capacity"),
    ("ordered", "no", "True or False"),
    ("ordered", 1, "True or False"),
    ("ordered", None, "True or False"),
    ("seed", 1.5, "whole number"),
    ("seed", "x", "whole number"),
    ("seed", True, "whole number"),
    ("on_error", "ignore", "cannot be"),
    ("on_error", None, "cannot be"),
    ("max_failures", 0, "above 0"),
    ("max_failures", 1.5, "above 0"),
    ("max_failures", "1", "above 0"),
    ("deadline", 5, "timedelta"),
    ("deadline", "18:30", "timedelta"),
    ("deadline", timedelta(0), "has passed"),
    ("deadline", timedelta(seconds=-5), "has passed"),
    ("deadline", datetime(2020, 1, 1, tzinfo=UTC), "has passed"),
    ("deadline", datetime(2020, 1, 1), "has passed"),  # noqa: DTZ001  local time, as people write it
    ("grace", -1, "0 or more"),
    ("grace", "long", "0 or more"),
    ("grace", None, "0 or more"),
    ("grace", float("nan"), "0 or more"),
    ("key", "column", "function"),
    ("key", 3, "function"),
    ("progress", "bar", "cannot be"),
    ("progress", True, "cannot be"),
    ("name", 5, "text"),
    ("name", ["a"], "text"),
    ("setup", "connect", "function"),
    ("listeners", None, "functions"),
    ("listeners", 5, "functions"),
    ("listeners", [5], "functions"),
    ("listeners", "print", "functions"),
    ("listeners", print, "functions"),
]

POOL_OPTIONS = [
    ("workers", 0, "above 0"),
    ("workers", -2, "above 0"),
    ("workers", 1.5, "above 0"),
    ("workers", "4", "above 0"),
    ("workers", True, "above 0"),
    ("backend", "process", "cannot be"),
    ("backend", None, "cannot be"),
    ("backend", 3, "cannot be"),
    ("start_method", "thread", "cannot be"),
    ("start_method", 3, "cannot be"),
    ("max_items_per_worker", 0, "above 0"),
    ("max_items_per_worker", 2.5, "above 0"),
    ("max_worker_memory", 0, "above 0"),
    ("max_worker_memory", "2GB", "above 0"),
    ("min_free_memory", -1, "above 0"),
    ("min_free_memory", "2GB", "above 0"),
]


@pytest.mark.parametrize("call", EVERYWHERE, ids=name)
@pytest.mark.parametrize(("option", "value", "named"), RUN_OPTIONS, ids=str)
def test_an_option_of_a_run_that_is_wrong(call, option, value, named):
    with pytest.raises(treadle.UsageError) as caught:
        call(chores.double, Untouched(), **{option: value})
    assert option in caught.value.message
    assert named in caught.value.message
    shown = value[0] if isinstance(value, list) and option == "listeners" else value
    assert repr(shown) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("call", [map_, run, pool], ids=name)
@pytest.mark.parametrize(("option", "value", "named"), POOL_OPTIONS, ids=str)
def test_an_option_of_the_workers_that_is_wrong(call, option, value, named):
    positional = () if call is pool else (chores.double, Untouched())
    with pytest.raises(treadle.UsageError) as caught:
        call(*positional, **{option: value})
    assert option in caught.value.message
    assert named in caught.value.message
    assert repr(value) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("call", [map_, run, pool], ids=name)
@pytest.mark.parametrize("backend", ["threads", "inline", "coroutines"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("start_method", "spawn"),
        ("max_items_per_worker", 10),
        ("max_worker_memory", 10**9),
        ("min_free_memory", 10**9),
    ],
)
def test_an_option_for_processes_on_a_backend_without(call, backend, option, value):
    """
    It would have no effect, which nobody would notice.
    """
    positional = () if call is pool else (chores.double, Untouched())
    with pytest.raises(treadle.UsageError, match=f"{option}={value!r} .*{backend}") as caught:
        call(*positional, backend=backend, **{option: value})
    assert "processes" in caught.value.hint


async def an_async_function(value):
    return value


def test_an_option_for_processes_with_an_async_function():
    """
    Here it is the function that decides on the backend.
    """
    with pytest.raises(treadle.UsageError, match=r"start_method.*coroutines"):
        treadle.map(an_async_function, Untouched(), start_method="spawn")


@pytest.mark.parametrize("call", [*EVERYWHERE, pool], ids=name)
@pytest.mark.parametrize(
    ("option", "meant"), [("worker", "workers"), ("time_out", "timeout"), ("zzz", "options are")]
)
def test_an_option_that_does_not_exist(call, option, meant):
    positional = () if call is pool else (chores.double, Untouched())
    with pytest.raises(treadle.UsageError, match=f"no option '{option}'") as caught:
        call(*positional, **{option: 1})
    if call in (map_, run) or meant == "options are":
        assert meant in caught.value.hint


@pytest.mark.parametrize("call", [pool_map, pool_run], ids=name)
def test_an_option_of_the_workers_given_to_a_run_on_a_pool(call):
    belongs = r"no option 'workers': workers belongs to treadle\.Pool"
    with pytest.raises(treadle.UsageError, match=belongs) as caught:
        call(chores.double, Untouched(), workers=3)
    assert "treadle.Pool(workers=" in caught.value.hint


@pytest.mark.parametrize("call", EVERYWHERE, ids=name)
@pytest.mark.parametrize("function", [None, 5, "chores:double", [chores.double]], ids=shown)
def test_a_function_that_is_none(call, function):
    with pytest.raises(treadle.UsageError, match="not callable") as caught:
        call(function, Untouched())
    assert repr(function)[:20] in caught.value.message


@pytest.mark.parametrize("call", EVERYWHERE, ids=name)
@pytest.mark.parametrize("items", [None, 5, object, chores.double], ids=shown)
def test_items_that_cannot_be_iterated_over(call, items):
    with pytest.raises(treadle.UsageError, match="must be iterable") as caught:
        call(chores.double, items)
    assert repr(items)[:20] in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("call", EVERYWHERE, ids=name)
@pytest.mark.parametrize("items", ["data/*.csv", b"bytes"], ids=str)
def test_text_for_items(call, items):
    with pytest.raises(treadle.UsageError, match="is text") as caught:
        call(chores.double, items)
    assert "files" in caught.value.hint


@pytest.mark.parametrize("call", EVERYWHERE, ids=name)
def test_a_teardown_without_a_setup(call):
    with pytest.raises(treadle.UsageError, match="without setup"):
        call(chores.double, Untouched(), teardown=print)


@pytest.mark.parametrize("backend", ["processes", "threads", "inline"])
def test_an_async_function_where_it_cannot_run(backend):
    with pytest.raises(treadle.UsageError, match="async") as caught:
        treadle.map(an_async_function, Untouched(), backend=backend)
    assert caught.value.hint


def test_a_plain_function_where_it_cannot_run():
    with pytest.raises(treadle.UsageError, match="async"):
        treadle.map(chores.double, Untouched(), backend="coroutines")


@pytest.mark.parametrize("part", ["function", "setup", "teardown"])
def test_a_function_that_cannot_travel(part):
    lock = threading.Lock()

    def holding(*_):
        return lock

    functions = {"function": chores.add, "setup": dict, "teardown": print} | {part: holding}
    with pytest.raises(treadle.NotPicklable, match="lock") as caught:
        treadle.map(functions.pop("function"), Untouched(), backend="processes", **functions)
    assert caught.value.hint


@pytest.mark.parametrize("into", [5, "out.txt", "", b"out.csv", object(), dict], ids=shown)
@pytest.mark.parametrize("call", [run, pool_run], ids=name)
def test_a_place_that_is_none(call, into):
    with pytest.raises(treadle.UsageError) as caught:
        call(chores.double, Untouched(), into=into)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: treadle.Retry(0), "attempts"),
        (lambda: treadle.Retry(1.5), "attempts"),
        (lambda: treadle.Retry(base=-1), "base"),
        (lambda: treadle.Retry(cap="x"), "cap"),
        (lambda: treadle.Retry(base=float("inf")), "base"),
        (lambda: treadle.Retry(base=10**400), "base"),
        (lambda: treadle.Retry(cap=float("inf")), "cap"),
        (lambda: treadle.Retry(budget=True), "budget"),
        (lambda: treadle.Retry(budget=-1), "budget"),
        (lambda: treadle.Retry(budget=1.5), "budget"),
        (lambda: treadle.Retry(on="OSError"), "on"),
        (lambda: treadle.Retry(on=(OSError, "x")), "on"),
        (lambda: treadle.Retry(on=(int,)), "on"),
        (lambda: treadle.Rate(0), "n must"),
        (lambda: treadle.Rate("5"), "n must"),
        (lambda: treadle.Rate(5, per=0), "per"),
        (lambda: treadle.Rate(5, burst=0), "burst"),
        (lambda: treadle.Rate(5, key="host"), "key"),
        (lambda: treadle.Rate(float("inf")), "n must"),
        (lambda: treadle.Rate(5, per=float("inf")), "per"),
        (lambda: treadle.Rate(10**400), "n must"),
        (lambda: treadle.Rate(1e300, per=1e-300), "beyond any clock"),
        (lambda: treadle.Rate(1e-300), "beyond any clock"),
        (lambda: treadle.Capacity(0, key=str), "n must"),
        (lambda: treadle.Capacity({"a": 0}, key=str), "n must"),
        (lambda: treadle.Capacity(4, key="host"), "key"),
        (lambda: treadle.map(chores.double, Untouched(), retry=0), "attempts"),
    ],
)
def test_the_values_of_limits_are_checked_where_they_are_made(make, named):
    with pytest.raises(treadle.UsageError, match=named) as caught:
        make()
    assert caught.value.hint


@pytest.mark.parametrize("value", [None, 0, 1.5])
def test_a_mistake_is_also_a_value_error(value):
    """
    As the standard library raises it, so that either can be caught.
    """
    with pytest.raises(ValueError, match="function"):
        treadle.map(value, [])
