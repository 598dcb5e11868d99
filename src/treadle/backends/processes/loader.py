"""Load results that may run anybody's code, in a thread of their own.

A ``__setstate__`` that is slow, or hangs, or imports half a framework holds up other such results,
never the loop. A load that outlives its item's timeout is abandoned with its thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from treadle.core.events import Running
from treadle.core.item import Item
from treadle.core.protocols import Report

Load: TypeAlias = tuple[Item, str, Callable[[], Report]]


class Loader:
    """
    Runs loads one after another and gives what came of them to the loop.

    Args:
        wake: Wakes the loop when something is there to collect.

    Attributes:
        current: What is being loaded now, and since when; those that wait have not begun.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.current: tuple[Item, Running] | None = None
        self._wake = wake
        self._waiting: deque[Load] = deque()
        self._loaded: deque[Report] = deque()
        self._changed = threading.Condition()
        self._over = False
        self._thread: threading.Thread | None = None

    def load(self, item: Item, worker: str, make: Callable[[], Report]) -> None:
        """Have *make* called for what *worker* sent for *item*; it must not raise."""
        with self._changed:
            self._waiting.append((item, worker, make))
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="treadle-loader", daemon=True)
            self._thread.start()

    def collect(self) -> list[Report]:
        """Return what has been made since the last call."""
        return [self._loaded.popleft() for _ in range(len(self._loaded))]

    def without(self, item: Item) -> Loader:
        """Leave the load of *item*, which hangs, with its thread; return who does the others."""
        successor = Loader(self._wake)
        with self._changed:
            if self.current is None or self.current[0] is not item:
                return self  # It has just ended.
            self._over = True
            rest, self._waiting = self._waiting, deque()
            successor._loaded.extend(self.collect())
        for load in rest:
            successor.load(*load)
        return successor

    def close(self) -> None:
        """Let the thread end."""
        with self._changed:
            self._over = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._over:
                    self._changed.wait()
                if self._over:
                    return
                item, worker, make = self._waiting.popleft()
                began = time.monotonic()
                self.current = (item, Running(item.key, item.index, item.attempt, worker, began))
            report = make()
            with self._changed:
                self.current = None
                if self._over:
                    return
                self._loaded.append(report)
            self._wake()
