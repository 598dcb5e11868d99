"""Wake a thread, from any thread and from a signal handler."""

from __future__ import annotations

import queue


class Bell:
    """
    A ``threading.Event`` that may be set while it is being set.

    A signal handler that cancels a run interrupts the main thread anywhere, also inside ``ring``.
    An ``Event`` would wait there for its own lock, held by the code it interrupted.
    """

    def __init__(self) -> None:
        # Its ``put`` is documented as reentrant; there is no lock of Python's own in it.
        self._rung: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """End the ``wait`` under way, or the next one."""
        if self._rung.empty():
            self._rung.put(None)

    def wait(self, timeout: float | None) -> None:
        """Wait until it rings, *timeout* seconds at most (None: for ever)."""
        try:
            self._rung.get(timeout=timeout)
        except queue.Empty:
            return
        self.clear()

    def clear(self) -> None:
        """
        Forget that it rang.

        Clear first and look for news second: what comes after the look then rings again.
        """
        while not self._rung.empty():
            self._rung.get()  # ours is the only thread that takes
