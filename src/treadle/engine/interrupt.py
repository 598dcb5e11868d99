"""Ctrl-C in two steps: the first asks, the second insists."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Steps:
    """How many times Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.taken = 0


@contextmanager
def two_steps(first: Callable[[], object], second: Callable[[], object]) -> Iterator[Steps]:
    """
    While the block runs, call *first* on the first Ctrl-C and *second* on every further one.

    Does nothing outside of the main thread, or where the program has a handler of its own.

    Args:
        first: Called in the main thread, between two bytecodes: must not block.
        second: The same.
    """
    steps = Steps()

    def handle(_signum: int, _frame: FrameType | None) -> None:
        steps.taken += 1
        (first if steps.taken == 1 else second)()

    if threading.current_thread() is not threading.main_thread():
        yield steps
        return
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield steps
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield steps
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
