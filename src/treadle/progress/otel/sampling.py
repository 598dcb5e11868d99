"""Which of very many items are looked at closely: the first ones, then a few of each second."""

from __future__ import annotations

import math

_WINDOW = 0.5  # seconds after which the spacing is fitted to the pace

_SLACK = 0.05  # a pace is never measured exactly; what comes on top of it has no room anyhow


class Sample:
    """
    Chooses positions in a stream of items: evenly spaced, and never more than was asked for.

    Args:
        first: All of so many items at the beginning are chosen.
        per_second: After those, about so many a second at most.
    """

    def __init__(self, first: int, per_second: int) -> None:
        self._first = first
        self._per_second = per_second
        self._room = math.ceil(per_second * _WINDOW)
        self._left = self._room
        self._stride = 1
        self._skip = 0
        self._since = -math.inf
        self._met = 0

    def take(self, count: int, at: float) -> range:
        """
        Choose among the next *count* items.

        Args:
            count: How many there are.
            at: When they come, in monotonic seconds.

        Returns:
            The positions of those that are chosen, from 0.
        """
        if at - self._since >= _WINDOW:
            pace = self._met / (at - self._since)
            self._stride = max(1, math.ceil(pace / self._per_second - _SLACK))
            self._since, self._met, self._left = at, 0, self._room
        self._met += count
        if self._first:
            chosen = range(min(count, self._first))
            self._first -= len(chosen)
            return chosen
        spaced = range(self._skip, count, self._stride)
        self._skip += len(spaced) * self._stride - count
        chosen = spaced[: self._left]
        self._left -= len(chosen)
        return chosen
