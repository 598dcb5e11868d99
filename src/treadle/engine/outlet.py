"""Hand outcomes from the dispatcher to the consumer, and count what the consumer has taken."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterator, Sequence

from treadle.core.outcome import AnyOutcome

LOOK_UP_EVERY = 0.5  # seconds


class Outlet:
    """
    One producer (the dispatcher), one consumer (whoever iterates).

    Args:
        wake: Wakes the dispatcher when it waits for the consumer.

    Attributes:
        consumed: Outcomes taken so far.
        starving: Set by the dispatcher when reading waits for the consumer.
        ended: True once the consumer has seen the end.
        error: Why the run could not go on, or None.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._queue: queue.SimpleQueue[Sequence[AnyOutcome] | None] = queue.SimpleQueue()
        self._on_put: Callable[[], None] | None = None
        self.consumed = 0
        self.starving = False
        self.ended = False
        self.error: BaseException | None = None

    def put(self, outcomes: Sequence[AnyOutcome]) -> None:
        """Hand over outcomes."""
        self._queue.put(outcomes)
        if self._on_put is not None:
            self._on_put()

    def end(self, error: BaseException | None) -> None:
        """Say that nothing more comes."""
        self.error = error
        self._queue.put(None)
        if self._on_put is not None:
            self._on_put()

    def notify(self, on_put: Callable[[], None]) -> None:
        """Call *on_put* from the dispatcher's thread whenever something was handed over."""
        self._on_put = on_put

    def take(self, timeout: float | None = None) -> Sequence[AnyOutcome] | None:
        """
        Wait for outcomes; None means the end.

        Raises:
            queue.Empty: Nothing came within *timeout* seconds.
        """
        outcomes = None if self.ended else self._next(timeout)
        if outcomes is None:
            self.ended = True
        return outcomes

    def _next(self, timeout: float | None) -> Sequence[AnyOutcome] | None:
        if timeout is not None:
            return self._queue.get(timeout=timeout)
        while True:
            # Not for ever at once: a Ctrl-C that the kernel gives to another thread of ours does
            # not wake a main thread that is blocked; its handler runs when this returns.
            try:
                return self._queue.get(timeout=LOOK_UP_EVERY)
            except queue.Empty:
                continue

    def take_now(self) -> Sequence[AnyOutcome] | None:
        """
        Like ``take`` without waiting.

        Raises:
            queue.Empty: Nothing is there.
        """
        outcomes = None if self.ended else self._queue.get_nowait()
        if outcomes is None:
            self.ended = True
        return outcomes

    def take_all(self) -> Iterator[Sequence[AnyOutcome]]:
        """Yield all further outcomes that are there already, without waiting."""
        while True:
            try:
                outcomes = self.take_now()
            except queue.Empty:
                return
            if outcomes is None:
                return  # the end, which ``take`` says again
            yield outcomes

    def hand_out(self, outcomes: Sequence[AnyOutcome]) -> Iterator[AnyOutcome]:
        """Yield *outcomes* and count them as consumed, a quarter at a time."""
        # By quarters: often enough that reading goes on while a slow consumer is busy, seldom
        # enough that a fast one does not wake the dispatcher for every item.
        left = iter(outcomes)
        step = max(1, len(outcomes) // 4)
        for start in range(0, len(outcomes), step):
            yield from itertools.islice(left, step)
            self.count(min(step, len(outcomes) - start))

    def count(self, taken: int) -> None:
        """Count *taken* outcomes as consumed."""
        self.consumed += taken
        if self.starving:
            self.starving = False
            self._wake()
