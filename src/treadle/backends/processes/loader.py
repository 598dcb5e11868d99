"""Load results that may run anybody's code, in a thread of their own.

A ``__setstate__`` that is slow, or hangs, or imports half a framework holds up other such results,
never the loop. A load that outlives its item's timeout is abandoned with its thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue


class Loader:
    """
    Runs loads one after another and gives what came of them to the loop.

    Args:
        wake: Wakes the loop when something is there to collect.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._queue: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._loaded: deque[object] = deque()
        self._thread: threading.Thread | None = None

    def load(self, make: Callable[[], object]) -> None:
        """Have *make* called; it must not raise."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="treadle-loader", daemon=True)
            self._thread.start()
        self._queue.put(make)

    def collect(self) -> list[object]:
        """Return what has been made since the last call."""
        return [self._loaded.popleft() for _ in range(len(self._loaded))]

    def close(self) -> None:
        """Let the thread end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(1.0)

    def _run(self) -> None:
        while (make := self._queue.get()) is not None:
            self._loaded.append(make())
            self._wake()
