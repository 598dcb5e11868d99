"""What is particular to inline: it is the caller's own thread."""

from __future__ import annotations

import threading

import pytest

import treadle
from treadle.backends.inline import Inline
from treadle.core.call import Call
from treadle.core.item import Item
from treadle.core.protocols import Finished, Returned
from treadle.errors import UsageError


def started(backend, function, *values, **options):
    call = Call(function, **options)
    backend.open_call(call)
    items = [Item(index, index, value, call.id) for index, value in enumerate(values)]
    for item in items:
        item.attempt = 1
    backend.start(call, items)
    return call, items


def test_calls_run_in_the_callers_thread_one_by_one_as_outcomes_are_taken():
    seen = []

    def function(value):
        seen.append((value, threading.current_thread()))

    outcomes = treadle.map(function, range(3), backend="inline")
    assert seen == []
    next(outcomes)
    assert seen == [(0, threading.current_thread())]
    list(outcomes)
    assert [value for value, _ in seen] == [0, 1, 2]


def test_ctrl_c_reaches_the_caller_and_its_item_is_handed_back():
    def function(value):
        raise KeyboardInterrupt

    backend = Inline()
    call, [item] = started(backend, function, 1)
    with pytest.raises(KeyboardInterrupt):
        backend.wait(None)
    assert backend.wait(None) == [Returned(call.id, [item])]
    backend.close(kill=True)


def test_ctrl_c_in_a_setup_reaches_the_caller_too():
    def setup():
        raise KeyboardInterrupt

    backend = Inline()
    call, [item] = started(backend, lambda value, state: value, 1, setup=setup)
    with pytest.raises(KeyboardInterrupt):
        backend.wait(None)
    assert backend.wait(None) == [Returned(call.id, [item])]
    backend.close(kill=True)


def test_in_another_thread_a_keyboard_interrupt_is_an_error_like_any_other():
    def function(value):
        raise KeyboardInterrupt

    found = []
    thread = threading.Thread(
        target=lambda: found.extend(treadle.map(function, [1], backend="inline"))
    )
    thread.start()
    thread.join()
    assert [outcome.failure.type for outcome in found] == ["KeyboardInterrupt"]


def test_other_threads_wake_it():
    backend = Inline()
    backend.wake()
    assert backend.wait(None) == []


def test_what_was_stopped_or_taken_back_does_not_run():
    ran = []
    backend = Inline()
    call, items = started(backend, ran.append, 0, 1, 2)
    backend.stop(call, items[:1])
    assert backend.recall(call) == items[1:]
    assert backend.wait(0) == []
    assert ran == []
    backend.close(kill=False)


def test_a_call_may_map_inline_itself():
    """
    Each knows its own item, and the outer one again afterwards.
    """

    def inner(value):
        return treadle.current().key

    def outer(value):
        keys = treadle.map(inner, range(3), backend="inline").values()
        return (treadle.current().key, keys)

    outcomes = treadle.map(outer, ["a"], backend="inline", key=lambda value: f"key {value}")
    assert outcomes.values() == [("key a", [0, 1, 2])]


def test_the_state_is_made_once_and_torn_down_with_its_call():
    made, gone = [], []
    backend = Inline()
    call, _ = started(
        backend,
        lambda value, state: (value, state),
        1,
        2,
        setup=lambda: made.append("state") or "state",
        teardown=gone.append,
    )
    for value in (1, 2):
        [report] = backend.wait(None)
        assert isinstance(report, Finished)
        assert report.endings[0][1].value == (value, "state")
    assert (made, gone) == (["state"], [])
    backend.close_call(call)
    assert gone == ["state"]
    backend.close(kill=False)
    assert gone == ["state"]


async def an_async_setup():
    return 1


def test_an_async_setup_is_refused():
    with pytest.raises(UsageError, match=r"setup= is an async function") as caught:
        treadle.map(lambda value, state: value, [1], backend="inline", setup=an_async_setup)
    assert caught.value.hint.startswith('backend="coroutines"')
