"""Lanes: limits of the items of one key, such as one provider's model. Values, no decisions.

``Lane`` says what one lane may do, ``Lanes`` which items belong to which, and ``Feedback`` what an
attempt has taught about its lane: that it must wait, shrink, close, or what it may do at all. What
follows from it is decided by ``engine/lanes.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from treadle.core.checks import function_or_none, positive, positive_int
from treadle.core.limits import Rate
from treadle.core.outcome import AnyOutcome
from treadle.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """
    What the items of one lane may do.

    Attributes:
        concurrency: Most items in flight; None for as many as the pool has workers.
        start: Find the limit by trying: begin with so many in flight, double while all goes well
            and all of them are used, give way when the lane is overloaded, up to `concurrency`.
            None (default) for a fixed limit.
        rate: Starts per period, spread evenly; None for no limit but what feedback announces.
        budgets: Amounts per period by name, such as ``{"tokens": Rate(200_000, per=60)}``. An
            attempt reserves what ``Lanes.cost`` says before it starts; what it has really used
            settles that.
        warm_up: Start one item alone, until one has shown that the lane works. The same follows a
            pause that a failed attempt was told.
        braked: Take growth back that makes nothing faster: for servers that never refuse but
            become slow.
        max_pause: A pause longer than so many seconds closes the lane instead.
        fault_pause: Seconds that the lane pauses at a fault of its own; twice as long at each
            further one in a row, up to a minute. One item alone tries it again.
        trip_after: So many faults of the lane in a row close it. Those of attempts that were in
            flight together count once, and none of an attempt during which another has succeeded.
            With five, and pauses from half a second, a lane whose server is gone closes after some
            7.5 seconds.
    """

    concurrency: int | None = None
    start: int | None = None
    rate: Rate | None = None
    budgets: Mapping[str, Rate] = field(default_factory=dict)
    warm_up: bool = False
    braked: bool = False
    max_pause: float = 600.0
    fault_pause: float = 0.5
    trip_after: int = 5

    def __post_init__(self) -> None:
        positive_int("concurrency", self.concurrency, example="Lane(concurrency=20)")
        positive_int("start", self.start, example="Lane(start=8, concurrency=100)")
        positive_int("trip_after", self.trip_after, example="trip_after=5")
        positive("max_pause", self.max_pause, example="max_pause=600 waits ten minutes at most")
        positive("fault_pause", self.fault_pause, example="fault_pause=0.5 waits 0.5, 1, 2 ... s")
        _mapping("budgets", self.budgets, example='budgets={"tokens": treadle.Rate(1000, per=60)}')
        rates = {"rate": self.rate, **self.budgets}
        for name, rate in rates.items():
            if rate is not None and not isinstance(rate, Rate):
                raise UsageError(
                    f"{name} of a lane must be a treadle.Rate, got {rate!r}",
                    hint="Lane(rate=treadle.Rate(600, per=60))",
                )
            if rate is not None and rate.key is not None:
                raise UsageError(
                    f"{name} of a lane has a key of its own: {rate!r}",
                    hint="a lane is one key already; leave key= out of its rates",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """
    What an attempt has taught about its lane.

    Attributes:
        used: What it has really used of each budget and total; what is not named counts as used
            where the attempt succeeded, and is given back where it failed.
        at_least: What it has used at least where nobody has counted: what was reserved stands,
            unless this is more.
        spent: Although it failed, it may have used all that was reserved: nothing is given back
            but what `used` says.
        pause: Seconds from now in which nothing further of the lane may start.
        overloaded: There were too many in flight: the lane shrinks.
        charged: False for an attempt that was only told to come later. It does not count towards
            ``Retry.attempts``, but towards ``Retry.waits``.
        fault: What is wrong with the lane rather than with the item, such as a refused
            connection; the lane pauses for ``Lane.fault_pause``, and ``Lane.trip_after`` of these
            in a row close it. A failure that is `spent` or `overloaded` without being a fault
            does not end the row: it does not show that the lane works.
        closed: Why nothing further of the lane may start. Its items, this one too if it failed,
            are left: they settle as cancelled, and a resumed run does them.
        room: So many more may start now, by the other side's own count: no more are in flight,
            though always one, until another attempt says otherwise or the lane has paused.
        rate: The starts per period that were announced; counts beside the lane's own.
        budgets: The amounts per period that were announced, by name; the same.
    """

    used: Mapping[str, Any] = field(default_factory=dict)
    at_least: Mapping[str, Any] = field(default_factory=dict)
    spent: bool = False
    pause: float | None = None
    overloaded: bool = False
    charged: bool = True
    fault: str | None = None
    closed: str | None = None
    room: int | None = None
    rate: Rate | None = None
    budgets: Mapping[str, Rate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """
    Which items share limits, and which limits.

    Lanes are independent: one that waits does not hold up another, as long as items of the other
    are among those that were read ahead. Within a lane, items start in input order, and those that
    are tried again go first.

    Attributes:
        key: A function of the item's value that returns its lane: text, a number or a tuple.
        limits: The :class:`Lane` for each key: one for all, a mapping, or a function of the key.
            Keys that a mapping has not are not limited.
        cost: A function of the item's value that returns what an attempt may use, by the names of
            budgets and totals; None for nothing.
        feedback: A function of the outcome of an attempt that returns a :class:`Feedback`, or None
            when there is nothing to be learnt. It runs in the engine and must be quick.
        totals: Amounts for the whole run by name, never exceeded as long as no attempt uses more
            than its cost: it starts only when so much is left. Once one has used more, all
            further ones of its lane that have a cost reserve at least as much. A lane whose next
            item can never have so much is closed. Numbers of any one type, such as ``Decimal``.
        spent: What earlier runs have used of the `totals`, by the same names.
        ahead: Items read ahead of those that run, so that a lane that waits does not keep others
            from being read.
    """

    key: Callable[[Any], Hashable]
    limits: Lane | Mapping[Any, Lane] | Callable[[Any], Lane]
    cost: Callable[[Any], Mapping[str, Any]] | None = None
    feedback: Callable[[AnyOutcome], Feedback | None] | None = None
    totals: Mapping[str, Any] = field(default_factory=dict)
    spent: Mapping[str, Any] = field(default_factory=dict)
    ahead: int = 1000

    def __post_init__(self) -> None:
        for name in ("key", "cost", "feedback"):
            value = getattr(self, name)
            function_or_none(name, value, example=f"{name}=my_{name}")
        if self.key is None:
            raise UsageError("key of Lanes is missing", hint="Lanes(key=provider_of, limits=...)")
        if not isinstance(self.limits, (Lane, Mapping)) and not callable(self.limits):
            raise UsageError(
                f"limits must be a treadle.Lane, a mapping or a function, got {self.limits!r:.80}",
                hint="Lanes(key=provider_of, limits=treadle.Lane(concurrency=8))",
            )
        positive_int("ahead", self.ahead, example="ahead=1000")
        if isinstance(self.limits, Mapping):
            for key in self.limits:
                self.of(key)
        _mapping("totals", self.totals, example="totals={'cost': Decimal('5.00')}")
        for name, total in self.totals.items():
            if not _is_amount(total):
                raise UsageError(
                    f"the total {name!r} must be a number, 0 or more, got {total!r}",
                    hint="totals={'cost': Decimal('5.00')}",
                )
        _mapping("spent", self.spent, example="spent={'cost': Decimal('1.25')}")
        for name, amount in self.spent.items():
            if name not in self.totals or not _is_part(amount, self.totals[name]):
                raise UsageError(
                    f"spent names {amount!r} of {name!r}, which is no amount of one of the totals",
                    hint="totals={'cost': Decimal('5.00')}, spent={'cost': Decimal('1.25')}",
                )

    def of(self, key: Hashable) -> Lane:
        """
        Return the limits of the lane *key*.

        Raises:
            UsageError: A function that was given as `limits` returned something else.
        """
        limits = self.limits
        if isinstance(limits, Lane):
            return limits
        found = limits.get(key, Lane()) if isinstance(limits, Mapping) else limits(key)
        if not isinstance(found, Lane):
            raise UsageError(
                f"the limits of the lane {key!r} must be a treadle.Lane, got {found!r:.80}",
                hint="Lanes(key=provider_of, limits={'openai': treadle.Lane(concurrency=8)})",
            )
        return found


def _mapping(name: str, value: object, *, example: str) -> None:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} must be amounts by name, got {value!r:.80}", hint=example)


def _is_amount(value: Any) -> bool:
    """Tell whether *value*, of whatever type of number, is 0 or more."""
    try:
        return bool(value >= 0)
    except (TypeError, ArithmeticError):  # no number; a NaN of Decimal
        return False


def _is_part(amount: Any, total: Any) -> bool:
    """Tell whether *amount* can be taken from *total*: a Decimal and a float do not go together."""
    try:
        _ = total - amount
    except (TypeError, ArithmeticError):
        return False
    return _is_amount(amount)
