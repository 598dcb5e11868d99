"""What the workers run. A worker imports this module and nothing else of the benchmarks."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from importlib import import_module
from itertools import repeat
from pathlib import Path
from typing import Any

# Enough additions for a minute and more at the 10 ns each costs, all inside one C call.
_A_MINUTE = 12_000_000_000


def nothing(item: object) -> object:
    """Return *item*: whatever this takes is the engine's own cost."""
    return item


def record(number: int) -> dict[str, int]:
    """Return a small row."""
    return {"number": number, "square": number * number}


def work(loops: int) -> float:
    """Keep a core busy for a fixed amount of work; return the CPU seconds that it took here."""
    began = time.thread_time()
    total = 0
    for number in range(loops):
        total += number
    return time.thread_time() - began


def touch(array: Any) -> float:
    """Read one number on every page of *array*, so that it has really arrived."""
    return float(array[::512].sum())


def make_array(number: int) -> Any:
    """Make an array of 8 MB, filled with *number*."""
    return import_module("numpy").full(1_000_000, float(number))


def make_small_array(number: int) -> Any:
    """Make an array of 80 kB; warms up what arrays need without moving much."""
    return import_module("numpy").full(10_000, float(number))


def crash(item: tuple[int, float, str]) -> int:
    """Sleep, then return the item's number, or die in the way the item says."""
    number, seconds, fate = item
    if seconds:
        time.sleep(seconds)
    if fate == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fate == "exited":
        os._exit(7)
    return number


def overrun(item: tuple[int, str]) -> int:
    """Return the item's number soon, or far too late, in the way the item says."""
    number, fate = item
    if fate == "sleeps":
        time.sleep(60)
    elif fate == "spins":
        sum(repeat(1, _A_MINUTE))  # one C call: no Python signal handler gets a turn
    else:
        time.sleep(0.01)
    return number


def pause(seconds: float) -> float:
    """Sleep; when it is more than a moment, tell the harness first that it has come this far."""
    if seconds:
        Path(os.environ["TREADLE_BENCHMARK_READY"]).touch()
        time.sleep(seconds)
    return seconds


async def wait(seconds: float) -> float:
    """Sleep on the event loop."""
    await asyncio.sleep(seconds)
    return seconds
