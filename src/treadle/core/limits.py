"""How fast items may start, and how many of them may run at once. Values with their arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from treadle.core.checks import function_or_none, is_number, positive_int
from treadle.errors import UsageError

# Seconds between two starts that a Rate may ask for: a picosecond, and a thousand years.
SHORTEST = 1e-12
LONGEST = 3.2e10


@dataclass(frozen=True, slots=True)
class Rate:
    """
    At most ``n`` starts per ``per`` seconds, spread evenly.

    A token bucket refilled continuously; ``burst`` tokens fit into it, so that any span of
    T seconds sees at most ``burst + T · n / per`` starts.

    Attributes:
        n: Starts per period.
        per: Length of the period, in seconds.
        burst: Starts that may happen at once after a pause. The default, 1, is the smoothest;
            rates too fast for single starts get the burst of 20 ms they need.
        key: A function of the item's value: one bucket per key it returns. None: one bucket.
    """

    n: float
    per: float = 1.0
    burst: int = 1
    key: Callable[[Any], Hashable] | None = None

    def __post_init__(self) -> None:
        for name, number in (("n", self.n), ("per", self.per)):
            if number is None or not is_number(number) or not number > 0:
                raise UsageError(
                    f"{name} must be a finite number above 0, got {number!r}",
                    hint="Rate(600, per=60) is 600 a minute; for no limit, leave rate= out",
                )
        if not SHORTEST <= self.per / self.n <= LONGEST:
            raise UsageError(
                f"a rate of n={self.n!r} per {self.per!r} s is beyond any clock",
                hint="Rate(600, per=60) is 600 a minute; for no limit, leave rate= out",
            )
        positive_int("burst", self.burst, example="burst=1")
        function_or_none("key", self.key, example="Rate(5, key=host_of) is 5 a second per host")

    @property
    def interval(self) -> float:
        """Seconds between starts."""
        return self.per / self.n

    @property
    def depth(self) -> int:
        """Tokens that fit into a bucket."""
        # The dispatcher wakes every few milliseconds at best; without this, 10,000 starts
        # a second would be 10,000 wake-ups.
        return max(self.burst, math.ceil(0.02 / self.interval))


@dataclass(frozen=True, slots=True)
class Capacity:
    """
    At most ``n`` items of the same key in flight at once.

    Attributes:
        n: The limit for every key, or a mapping from key to its limit (keys not in it: no limit).
        key: A function of the item's value that returns the key.
    """

    n: int | Mapping[Hashable, int]
    key: Callable[[Any], Hashable]

    def __post_init__(self) -> None:
        for number in self.n.values() if isinstance(self.n, Mapping) else (self.n,):
            positive_int("n", number, example="Capacity(4, key=provider)")
        function_or_none("key", self.key, example="Capacity(4, key=provider)")

    def of(self, key: Hashable) -> float:
        """Return the limit for *key*; infinity when it has none."""
        return self.n.get(key, math.inf) if isinstance(self.n, Mapping) else self.n
