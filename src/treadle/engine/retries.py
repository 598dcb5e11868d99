"""Items that failed: whether they deserve another attempt, and those that wait for it. Pure."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from random import Random

from treadle.core.item import Item
from treadle.core.outcome import FailedOutcome
from treadle.core.policy import Retry
from treadle.engine.blame import blamed_on

_PREDICATE = "the predicate given as Retry(on=...)"
_PREDICATE_HINT = "it gets the exception of a failed attempt and returns True or False"


class Retries:
    """
    What was tried of the items of one run, and those that wait to be tried again.

    Args:
        retry: What the user asked for.
        random: Draws the jitter of back-offs.
    """

    def __init__(self, retry: Retry, random: Random) -> None:
        self._retry = retry
        self._random = random
        self._count = 0
        self._waits: dict[int, int] = {}  # by index: attempts that were only told to come later
        self._first_failed: dict[int, float] = {}  # by index, where that matters
        self._delayed: list[tuple[float, int, Item]] = []  # heap of (due, tie-break, item)
        self._tie_break = itertools.count()

    def __len__(self) -> int:
        return len(self._delayed)

    @property
    def next_due(self) -> float:
        """When the first of those that wait is due; infinity when none waits."""
        return self._delayed[0][0] if self._delayed else math.inf

    def was_told_to_wait(self, index: int) -> None:
        """Note that an attempt of an item was only told to come later."""
        self._waits[index] = self._waits.get(index, 0) + 1

    def are_deserved(self, item: Item, outcome: FailedOutcome, now: float) -> bool:
        """
        Tell whether *item*, of which an attempt ended with *outcome*, may be tried again.

        Raises:
            UsageError: The user's predicate raised.
        """
        retry = self._retry
        waits = self._waits.get(item.index, 0)
        if waits > retry.waits or item.attempt - waits >= retry.attempts:
            return False
        if retry.within is not None:
            first = self._first_failed.setdefault(item.index, now)
            if now - first > retry.within:
                return False
        if retry.budget is not None and self._count >= retry.budget:
            return False
        with blamed_on(_PREDICATE, hint=_PREDICATE_HINT):
            return retry.wants(outcome)

    def put(self, item: Item, outcome: FailedOutcome, now: float) -> float:
        """Have *item* wait for its next attempt; return for how many seconds."""
        delay = self._retry.delay(item.attempt, outcome.error, self._random)
        self._count += 1
        heapq.heappush(self._delayed, (now + delay, next(self._tie_break), item))
        return delay

    def take_due(self, now: float) -> list[Item]:
        """Remove and return the items that are due, in the order in which they are."""
        due = []
        while self._delayed and self._delayed[0][0] <= now:
            due.append(heapq.heappop(self._delayed)[2])
        return due

    def take(self, which: Callable[[Item], object]) -> list[Item]:
        """Remove and return those that *which* is true of, in the order in which they are due."""
        taken = sorted(entry for entry in self._delayed if which(entry[2]))
        if taken:
            gone = {tie_break for _, tie_break, _ in taken}
            self._delayed = [entry for entry in self._delayed if entry[1] not in gone]
            heapq.heapify(self._delayed)
        return [item for _, _, item in taken]

    def take_all(self) -> list[Item]:
        """Remove and return all, in the order in which they are due."""
        items = [item for _, _, item in sorted(self._delayed)]
        self._delayed.clear()
        return items

    def forget(self, index: int) -> None:
        """Forget what was tried of an item: it has settled."""
        self._waits.pop(index, None)
        self._first_failed.pop(index, None)
