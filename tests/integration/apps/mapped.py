"""Functions that the tests map, importable by name in the driver and in workers."""

from __future__ import annotations

import os
import time
from pathlib import Path


def square(value):
    return value * value


def double(value):
    return 2 * value


def identity(value):
    return value


def pid(_):
    return os.getpid()


def wait_for_file(path):
    """End once the file *path* is there: the test decides when."""
    until = time.monotonic() + 60
    while not Path(path).exists():
        if time.monotonic() > until:
            raise TimeoutError(path)
        time.sleep(0.005)
    return str(path)


def touch_and_hang(path):
    """Say with the file *path* that we run, and run until somebody ends us."""
    Path(path).touch()
    time.sleep(600)


def raises(value):
    raise ValueError(value)
