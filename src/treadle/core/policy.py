"""What the user asked for: retries, rates, capacities and limits. Values with their arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from treadle.core.outcome import AnyOutcome
from treadle.errors import UsageError

On: TypeAlias = (
    type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]
)


# Seconds between two starts that a Rate may ask for: a picosecond, and a thousand years.
SHORTEST = 1e-12
LONGEST = 3.2e10


def positive(name: str, value: float | None, *, example: str) -> None:
    """
    Refuse a number that is not above zero, or not finite.

    Raises:
        UsageError: *value* is not a finite number above zero.
    """
    if value is None:
        return
    if not is_number(value) or not value > 0:
        raise UsageError(f"{name} must be a finite number above 0, got {value!r}", hint=example)


def is_number(value: object) -> bool:
    """Tell whether *value* is a number that a clock can be compared with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


def positive_int(name: str, value: int | None, *, example: str) -> None:
    """
    Refuse anything but a whole number above zero.

    Raises:
        UsageError: *value* is something else.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name} must be a whole number above 0, got {value!r}", hint=example)


def function_or_none(name: str, value: object, *, example: str) -> None:
    """
    Refuse what cannot be called.

    Raises:
        UsageError: *value* is neither a function nor None.
    """
    if value is not None and not callable(value):
        raise UsageError(f"{name} must be a function, got {value!r}", hint=example)


@dataclass(frozen=True, slots=True)
class Retry:
    """
    Which failed attempts deserve another one, and when.

    The delay before attempt n + 1 is drawn uniformly from 0 to ``min(cap, base · 2^(n-1))``
    seconds: "full jitter" (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture
    Blog, 2015). An exception with a ``retry_after`` attribute (seconds) waits at least that long.

    Attributes:
        attempts: Attempts in all, the first included; 1 means no retry.
        on: Exception type, tuple of types, or a predicate of the exception. A timeout counts as
            ``CallTimedOut`` (a ``TimeoutError``, hence an ``OSError``), a dead worker as
            ``WorkerDied``. A value that cannot be pickled is never tried again.
        base: Upper bound of the first delay, in seconds.
        cap: Upper bound of any drawn delay, in seconds.
        budget: Retries allowed in the whole run; None for no such limit.
    """

    attempts: int = 3
    on: On = Exception
    base: float = 0.1
    cap: float = 30.0
    budget: int | None = None

    def __post_init__(self) -> None:
        positive_int("attempts", self.attempts, example="attempts=3 tries each item up to 3 times")
        for name, number in (("base", self.base), ("cap", self.cap)):
            if not is_number(number) or not number >= 0:
                raise UsageError(
                    f"{name} must be finite seconds, 0 or more, got {number!r}", hint=f"{name}=1.0"
                )
        budget = self.budget
        if budget is not None and (
            isinstance(budget, bool) or not isinstance(budget, int) or budget < 0
        ):
            raise UsageError(
                f"budget must be a whole number, 0 or more, got {self.budget!r}",
                hint="budget=100 allows 100 retries in the whole run",
            )
        types = self.on if isinstance(self.on, tuple) else (self.on,)
        for type_ in types:
            is_type = isinstance(type_, type) and issubclass(type_, BaseException)
            if not is_type and (isinstance(self.on, tuple) or not callable(type_)):
                raise UsageError(
                    f"on must be exception types or a predicate, got {type_!r}",
                    hint="on=(OSError, TimeoutError), or on=lambda error: ...",
                )

    def wants(self, outcome: AnyOutcome) -> bool:
        """Tell whether this ending may be tried again, attempts and budget aside."""
        if outcome.ok or outcome.kind in ("cancelled", "unpicklable"):
            return False
        error = outcome.error
        if not isinstance(self.on, (type, tuple)):
            return bool(self.on(error))
        if isinstance(error, self.on):
            return True
        types = self.on if isinstance(self.on, tuple) else (self.on,)
        return any(_qualified(type_) in outcome.failure.mro for type_ in types)

    def delay(self, attempt: int, error: BaseException, random: Random) -> float:
        """Return the seconds to wait after *attempt* (from 1) failed with *error*."""
        drawn = random.uniform(0.0, min(self.cap, self.base * 2.0 ** min(attempt - 1, 60)))
        return max(drawn, _retry_after(error))


def _retry_after(error: BaseException) -> float:
    """Return the seconds that *error* itself asks for; 0 when it does not, or cannot tell."""
    try:
        told = getattr(error, "retry_after", None)
        return float(told) if told is not None and is_number(told) else 0.0
    except BaseException:  # a property of the user's: it must not end the run
        return 0.0


def _qualified(type_: type) -> str:
    if type_.__module__ == "builtins":
        return type_.__qualname__
    return f"{type_.__module__}.{type_.__qualname__}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    Everything the machine obeys.

    Attributes:
        timeout: Seconds per attempt; None for no limit.
        retry: See :class:`Retry`.
        rate: See :class:`Rate`; None for no limit.
        capacity: See :class:`Capacity`; None for no limit.
        ordered: Release outcomes in input order instead of as they settle.
        max_failures: Stop once this many items have failed; None to go on to the end.
        time_limit: Seconds from the start of the run after which what is unsettled is cancelled.
        grace: Seconds that running items may go on after a cancel before they are killed.
    """

    timeout: float | None = None
    retry: Retry = field(default_factory=lambda: Retry(attempts=1))
    rate: Rate | None = None
    capacity: Capacity | None = None
    ordered: bool = False
    max_failures: int | None = None
    time_limit: float | None = None
    grace: float = 30.0

    def __post_init__(self) -> None:
        positive("timeout", self.timeout, example="timeout=30 gives each attempt 30 seconds")
        positive_int("max_failures", self.max_failures, example="max_failures=1 stops at the first")

    def lane(self, value: object) -> tuple[Hashable, Hashable] | None:
        """Return the keys of the limits that apply to an item of this *value*."""
        by_rate = self.rate.key if self.rate else None
        by_capacity = self.capacity.key if self.capacity else None
        if by_rate is None and by_capacity is None:
            return None
        return (by_rate(value) if by_rate else None, by_capacity(value) if by_capacity else None)
