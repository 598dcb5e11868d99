"""How fast a run settles items now, and how long the rest will take."""

from __future__ import annotations

from collections import deque

# Long enough to smooth batches of items that settle together, short enough to follow a change.
WINDOW = 20.0
_STEP = 0.25


class Pace:
    """
    Rate over the last 20 seconds, from samples of ``(at, settled)``.

    Cancelled items are not to be counted: that they settle all at once says nothing of the pace.
    The clock is that of the events; nothing here knows what time it is.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, at: float, settled: int) -> None:
        """Take a sample; those that come faster than four a second count as one."""
        samples = self._samples
        if len(samples) > 1 and at - samples[-2][0] < _STEP:
            samples[-1] = (at, settled)
        else:
            samples.append((at, settled))
        while len(samples) > 2 and samples[1][0] <= at - WINDOW:
            samples.popleft()

    @property
    def rate(self) -> float:
        """Items settled per second; 0.0 before anything can be said."""
        if not self._samples:
            return 0.0
        (began, before), (ended, after) = self._samples[0], self._samples[-1]
        return (after - before) / (ended - began) if ended > began else 0.0

    def left(self, remaining: int) -> float | None:
        """Seconds that *remaining* items will take at this rate; None when it is not known."""
        rate = self.rate
        return remaining / rate if rate > 0 else None
