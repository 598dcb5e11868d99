"""What the tests of the public API have workers do. Workers import it from here."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from pathlib import Path

state = []


def double(value):
    return value * 2


def add(one, other=0, **others):
    return one + other + sum(others.values())


def keywords(**given):
    return given


def identity(value):
    return value


def odd_fails(value):
    if value % 2:
        raise ValueError(f"{value} is odd")
    return value


def always_fails(value):
    raise ValueError(f"{value} is wrong")


def divide(one, other):
    return one / other


class Refused(Exception):
    """An exception with an ``__init__`` of its own."""

    def __init__(self, code, why):
        super().__init__(code, why)
        self.code = code
        self.why = why


def refuses(code, why):
    raise Refused(code, why)


def leaves(code):
    sys.exit(code)


def makes_a_lock(_=None):
    return threading.Lock()


def is_killed(_=None):
    os.kill(os.getpid(), signal.SIGKILL)


def pid(_=None):
    return os.getpid()


def variable(name):
    return os.environ.get(name)


def usable_cpus(_):
    import treadle

    return treadle.usable_cpus()


# --- meeting points, the same for threads and processes -----------------------------------------


def touch(folder, value):
    """Leave a file named for the value."""
    Path(folder, str(value)).touch()
    return value


def pass_gate(gate, value=None):
    """Wait until the gate is open."""
    with open(gate) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
    return value


def arrive(arrivals, value):
    """Say that it has begun."""
    with open(arrivals, "w") as file:
        file.write(f"{value}\n")
    return value


def arrive_and_wait(arrivals, gate, value=None):
    arrive(arrivals, value)
    return pass_gate(gate, value)


class Waiting:
    """Maps values to themselves; those in ``held`` say that they have begun and wait."""

    def __init__(self, arrivals, gate, held=()):
        self.arrivals = arrivals
        self.gate = gate
        self.held = held

    def __call__(self, value):
        if value in self.held:
            return arrive_and_wait(self.arrivals, self.gate, value)
        return value


# --- state of workers ----------------------------------------------------------------------------


def initialize(folder, value):
    """Leave a file for each worker that was initialised."""
    state[:] = [value]
    touch(folder, f"{os.getpid()}-{threading.get_ident()}")


def initialized(_=None):
    return state


def broken_initializer(why):
    raise ConnectionError(why)


class Method:
    """Something whose lifetime can be watched."""

    def call(self):
        return "called"
