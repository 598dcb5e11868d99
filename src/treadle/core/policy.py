"""What the user asked for: retries, limits and when to stop. Values with their arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from treadle.core.checks import is_number, positive, positive_int
from treadle.core.lanes import Lanes
from treadle.core.limits import Capacity, Rate
from treadle.core.outcome import AnyOutcome
from treadle.errors import UsageError

On: TypeAlias = (
    type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]
)


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
        waits: Attempts of one item that may end by being told to come later
            (``Feedback.charged`` False) without counting towards `attempts`.
        within: Seconds from the first failure of an item after which it is not tried again; None
            for no such limit.
    """

    attempts: int = 3
    on: On = Exception
    base: float = 0.1
    cap: float = 30.0
    budget: int | None = None
    waits: int = 100
    within: float | None = None

    def __post_init__(self) -> None:
        positive_int("attempts", self.attempts, example="attempts=3 tries each item up to 3 times")
        for name, number in (("base", self.base), ("cap", self.cap)):
            if not is_number(number) or not number >= 0:
                raise UsageError(
                    f"{name} must be finite seconds, 0 or more, got {number!r}", hint=f"{name}=1.0"
                )
        for name, count in (("budget", self.budget), ("waits", self.waits)):
            if count is not None and (
                isinstance(count, bool) or not isinstance(count, int) or count < 0
            ):
                raise UsageError(
                    f"{name} must be a whole number, 0 or more, got {count!r}",
                    hint="budget=100 allows 100 retries in the whole run",
                )
        positive("within", self.within, example="within=3600 tries an item again for an hour")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    Everything the machine obeys.

    Attributes:
        timeout: Seconds per attempt; None for no limit.
        retry: See :class:`Retry`.
        rate: See :class:`Rate`; None for no limit.
        capacity: See :class:`Capacity`; None for no limit.
        lanes: See :class:`Lanes`; None for none. Excludes `rate` and `capacity`.
        ordered: Release outcomes in input order instead of as they settle.
        max_failures: Stop once this many items have failed; None to go on to the end.
        time_limit: Seconds from the start of the run after which what is unsettled is cancelled.
        grace: Seconds that running items may go on after a cancel before they are killed.
    """

    timeout: float | None = None
    retry: Retry = field(default_factory=lambda: Retry(attempts=1))
    rate: Rate | None = None
    capacity: Capacity | None = None
    lanes: Lanes | None = None
    ordered: bool = False
    max_failures: int | None = None
    time_limit: float | None = None
    grace: float = 30.0

    def __post_init__(self) -> None:
        positive("timeout", self.timeout, example="timeout=30 gives each attempt 30 seconds")
        positive_int("max_failures", self.max_failures, example="max_failures=1 stops at the first")
        if self.lanes is not None and (self.rate is not None or self.capacity is not None):
            raise UsageError(
                "lanes= does not go together with rate= or capacity=",
                hint="give each lane its own: Lane(concurrency=4, rate=treadle.Rate(600, per=60))",
            )

    def lane(self, value: object) -> tuple[Hashable, Hashable] | None:
        """Return the keys of the limits that apply to an item of this *value*."""
        if self.lanes is not None:
            return (self.lanes.key(value), None)
        by_rate = self.rate.key if self.rate else None
        by_capacity = self.capacity.key if self.capacity else None
        if by_rate is None and by_capacity is None:
            return None
        return (by_rate(value) if by_rate else None, by_capacity(value) if by_capacity else None)
