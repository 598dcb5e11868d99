"""What the contract has its workers do. Workers import it from here.

A deed that has to wait is a generator: each ``yield`` lets a moment pass, in whatever way the
backend waits.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from inspect import isgenerator

import treadle

MOMENT = 0.002


class Plain:
    """Does a deed as a plain function."""

    def __init__(self, deed):
        self.deed = deed

    def __call__(self, *arguments):
        result = self.deed(*arguments)
        if not isgenerator(result):
            return result
        while True:
            try:
                next(result)
            except StopIteration as end:
                return end.value
            time.sleep(MOMENT)


class Awaited:
    """Does a deed as a coroutine."""

    def __init__(self, deed):
        self.deed = deed

    async def __call__(self, *arguments):
        result = self.deed(*arguments)
        if not isgenerator(result):
            return result
        while True:
            try:
                next(result)
            except StopIteration as end:
                return end.value
            await asyncio.sleep(MOMENT)


def double(value):
    return value * 2


def last_first(value):
    """Take longer for smaller values."""
    for _ in range(10 - value):
        yield
    return value


def brief(value):
    """Take a few moments."""
    for _ in range(4):
        yield
    return value


def nap(value):
    """Take a second and a quarter when the value says so."""
    until = time.monotonic() + 1.25
    while value == "nap" and time.monotonic() < until:
        yield
    return value


def until_sign(path, value):
    """Wait for the file at *path*, twenty seconds at most."""
    until = time.monotonic() + 20
    while not os.path.exists(path) and time.monotonic() < until:
        yield
    return value


def tell_and_wait(folder, value):
    """Leave a sign, then wait for one."""
    open(os.path.join(folder, f"began-{value}"), "w").close()
    return until_sign(os.path.join(folder, "go"), value)


def sees(path, value):
    """Take a few moments, having looked at the beginning whether the file at *path* is there."""
    seen = os.path.exists(path)
    yield from brief(value)
    return seen


def crowd(folder, value):
    """
    Return how many of these ran at once; the first two tell that they began, and wait for a sign.
    """
    if value < 2:
        yield from tell_and_wait(folder, value)
        return 0
    mark = os.path.join(folder, f"running-{value}")
    open(mark, "w").close()
    yield from brief(value)
    count = sum(name.startswith("running-") for name in os.listdir(folder))
    os.remove(mark)
    return count


# --- what goes wrong ----------------------------------------------------------------------------


class Refused(Exception):
    """An exception whose ``__init__`` is not like ``Exception``'s."""

    def __init__(self, code, *, why):
        super().__init__(f"code {code}: {why}")
        self.code = code
        self.why = why

    def __reduce__(self):
        return (_refused, (self.code, self.why), self.__dict__)


def _refused(code, why):
    return Refused(code, why=why)


def fails(value):
    if value % 2:
        raise ValueError(f"{value} is odd")
    return value


def always_fails(value):
    raise ValueError("always")


def explains(value):
    error = Refused(42, why="no reason")
    error.add_note("a note")
    error.add_note("another note")
    raise error


def chained(value):
    try:
        {}["missing"]
    except KeyError as error:
        raise RuntimeError("outer") from error


def grouped(value):
    raise ExceptionGroup("two at once", [ValueError("first"), OSError("second")])


def exits(value):
    if value == 1:
        sys.exit("enough")
    return value


def third_time_lucky(value):
    attempt = treadle.current().attempt
    if attempt < 3:
        raise OSError(f"attempt {attempt}")
    return attempt


# --- what a call knows ---------------------------------------------------------------------------


def knows(value):
    now = treadle.current()
    yield
    assert treadle.current() is now or treadle.current().key == now.key
    return (now.key, now.index, now.attempt)


def draws(value):
    now = treadle.current()
    return (now.seed, now.random.random(), now.random.random())


# --- state ---------------------------------------------------------------------------------------


class Setup:
    """Makes a state, and leaves a sign for it."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self):
        state = uuid.uuid4().hex
        open(os.path.join(self.folder, f"made-{state}"), "w").close()
        return state


class Teardown:
    """Leaves a sign for a state that is gone."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, state):
        open(os.path.join(self.folder, f"gone-{state}"), "w").close()


def with_state(value, state):
    yield
    return (value, state)


def broken_setup():
    raise ConnectionError("no database")
