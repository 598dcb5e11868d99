"""Every call has an ending, whatever its exception does to those who look at it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pytest

import treadle
from treadle.backends.coroutines import Coroutines
from treadle.backends.inline import Inline
from treadle.backends.threads import Threads


def broken(*_):
    raise SystemExit("not to be looked at")


@dataclass(frozen=True)
class Frozen(Exception):
    code: int = 0


class BrokenProperties(Exception):
    message = property(broken)
    hint = property(broken)
    retry_after = property(broken)
    __notes__ = property(broken)
    __traceback__ = property(broken)
    __str__ = broken
    __repr__ = broken


class BrokenSetter(Exception):
    __setattr__ = broken


class BrokenNote:
    __str__ = broken


class WithBrokenNote(Exception):
    __notes__ = (BrokenNote(),)


class BrokenMeta(type):
    def __getattribute__(cls, name):
        return (
            broken() if name in ("__module__", "__qualname__") else super().__getattribute__(name)
        )


class WithBrokenMeta(Exception, metaclass=BrokenMeta):
    pass


EXCEPTIONS = {
    "frozen": Frozen,
    "properties": BrokenProperties,
    "setter": BrokenSetter,
    "note": WithBrokenNote,
    "metaclass": WithBrokenMeta,
}
BACKENDS = ["inline", "threads", "coroutines"]


def on(backend, function):
    if backend != "coroutines":
        return function

    async def awaited(*arguments):
        return function(*arguments)

    return awaited


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_an_exception_that_cannot_be_looked_at_is_an_outcome_like_any_other(backend, kind):
    def function(value):
        if value == 1:
            raise kind(7)
        return value

    retry = treadle.Retry(attempts=2, base=0.0)
    run = treadle.map(on(backend, function), range(3), backend=backend, retry=retry)
    outcomes = sorted(run, key=lambda outcome: outcome.index)
    assert [outcome.kind for outcome in outcomes] == ["succeeded", "raised", "succeeded"]
    assert type(outcomes[1].error) is kind
    assert outcomes[1].attempts == 2
    assert "in function" in outcomes[1].failure.traceback


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_a_setup_whose_exception_cannot_be_looked_at_fails_its_run(backend, kind):
    def setup():
        raise kind(7)

    def function(value, state):
        return (value, state)

    run = treadle.map(on(backend, function), range(3), backend=backend, setup=setup)
    with pytest.raises(treadle.errors.SetupFailed, match=r"setup= of .* raised"):
        run.values()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_failure_inside_the_engine_is_the_ending_of_its_item(backend, monkeypatch):
    """
    The last resort: an item without an ending would hang its run.
    """

    def fails(*_):
        raise MemoryError("ours")

    monkeypatch.setattr("treadle.backends.endings.Work.returned", fails)
    [outcome] = treadle.map(on(backend, abs), [1], backend=backend)
    assert outcome.failure.message == "ours"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_teardown_that_raises_where_warnings_are_errors_ends_nothing_else(backend, capfd):
    def function(value, state):
        return value

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with treadle.Pool(backend=backend) as pool:
            run = pool.map(on(backend, function), [1], setup=dict, teardown=lambda state: 1 / 0)
            assert run.values() == [1]
            assert pool.map(on(backend, abs), [-2]).values() == [2]
    assert "teardown= of" in capfd.readouterr().err


@pytest.mark.parametrize("make", [Inline, lambda: Threads(1), lambda: Coroutines(1)], ids=BACKENDS)
def test_a_backend_can_be_woken_while_it_is_being_woken(make, nested):
    """
    A signal handler does that: it cancels the run, from between any two steps of the main thread.
    """
    nested(lambda: make().wake)
    backend = make()
    backend.wake()
    backend.wait(None)  # returns: it was woken
    backend.close(kill=False)
