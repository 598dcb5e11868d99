"""How many items to keep ready behind the running ones, from how long they take.

For backends whose workers fetch from one queue in this process: an item that waits there is bound
to no worker and can be taken back, so waiting costs only its place in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from treadle.core.item import Item
from treadle.core.outcome import AnyOutcome

# Seconds of work to keep ready per worker: several times the 5 ms after which CPython makes a busy
# thread give way, so that workers stay busy until the dispatcher gets its turn.
AHEAD = 0.02
# Items kept ready in all, however short they are: more than this gains nothing.
MOST = 1024


@dataclass(slots=True)
class Prefetch:
    """
    Follows the durations of one call.

    Attributes:
        given: Items that the backend has, running ones included.
        mean: Moving average of their durations in seconds; None before the first.
    """

    given: int = 0
    mean: float | None = None

    def took(self, endings: Sequence[tuple[Item, AnyOutcome]]) -> None:
        """Take finished items into account."""
        self.given -= len(endings)
        mean = sum(outcome.duration for _, outcome in endings) / len(endings)
        self.mean = mean if self.mean is None else (self.mean + mean) / 2

    def room(self, workers: int) -> int:
        """Return how many further items the backend should get."""
        return max(0, workers + self._behind(workers) - self.given)

    def window(self, workers: int) -> int:
        """Return how many items may be between source and consumer: twice what is kept here."""
        return 2 * (workers + self._behind(workers))

    def _behind(self, workers: int) -> int:
        """Return how many items to keep ready: one per worker, more when they are tiny."""
        if self.mean is None:
            return workers
        wanted = math.ceil(workers * AHEAD / max(self.mean, 1e-6))
        return max(workers, min(wanted, MOST))
