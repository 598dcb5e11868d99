"""What each lane may do now: its limit, its pace, its pauses, and when it is closed. Pure.

An item starts when its lane is open, not paused, has a place free, and the budgets of lane and run
have room for what the item may use. What an attempt teaches comes back as a ``Feedback``.

The limit of a lane without a fixed one follows additive increase, multiplicative decrease (D.-M.
Chiu and R. Jain, 1989): a round of as many successes as the limit lets it grow, by doubling until
the first overload and by a tenth from then on; an overload takes three tenths away, once for all
attempts that were in flight at that time. Growth only follows a round in which all places were
used, or the limit would say nothing.

A lane that was told to wait opens again with one item, as one with a warm-up begins, beside those
that are in flight already. All places are open once an attempt has ended after the pause in a way
that shows that the lane works.

A fault of the lane, such as a refused connection, makes it pause by itself, for twice as long each
time. Of the attempts that were in flight at a fault, only that one counts: they met the same dead
server. None counts during which another attempt has succeeded.

Once an attempt has used more of a total than was reserved, what items say that they may use is not
to be believed: all further ones of its lane reserve the most that was seen, if that is more.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from treadle.core.events import LaneState
from treadle.core.failures import shown
from treadle.core.item import Item
from treadle.core.lanes import Feedback, Lane, Lanes
from treadle.core.limits import Rate
from treadle.core.outcome import AnyOutcome
from treadle.engine.blame import blamed_on
from treadle.errors import UsageError

_DOUBLING = 2.0
_TENTH = 0.1
_SHRINK = 0.7
# A lane with a brake keeps growth that made it faster by at least so much, and else tries again
# after so many rounds.
_WORTH = 1.1
_HOLD = 8
# Seconds that a lane pauses at most for a fault of its own.
_LONGEST_FAULT_PAUSE = 60.0
_STARTS = ""  # the name of the bucket of starts; budgets have names of their own
_NOTHING = Feedback()
# Rounding must not turn "now" into a wake-up that finds nothing to do.
_ROUNDING = 1e-9
_PRUNE_AT = 64  # lanes; with more of them, those of which nothing is known are forgotten
_FEEDBACK_HINT = "it gets the outcome of an attempt and returns a treadle.Feedback or None"
_LIMITS_HINT = "it gets the key of a lane and returns a treadle.Lane"


class LaneStates:
    """
    The lanes of one run.

    Args:
        policy: What the user asked for.
    """

    def __init__(self, policy: Lanes) -> None:
        self._policy = policy
        self._lanes: dict[Hashable, _Lane] = {}
        self._left: dict[str, Any] = {
            name: total - policy.spent[name] if name in policy.spent else total
            for name, total in policy.totals.items()
        }
        self._raised: dict[int, Mapping[str, Any]] = {}  # reserved for items that cost less
        self._in_flight = 0
        self._prune_at = _PRUNE_AT
        self._newly_closed: deque[Hashable] = deque()
        self.ready_at = math.inf
        self.any_closed = False

    def check(self, items: Iterable[Item]) -> None:
        """
        Refuse items whose lane has no limits, or whose cost is no amounts.

        Raises:
            UsageError: A function of the user's returned something else, or raised.
        """
        for item in items:
            assert item.lane is not None
            with blamed_on("the function given as Lanes(limits=...)", hint=_LIMITS_HINT):
                self._of(item.lane[0])
            if item.cost is not None:
                self._check_amounts("cost of an item", item.cost)

    def closed(self, key: Hashable) -> str:
        """Return why the lane *key* is closed; empty while it is open."""
        lane = self._lanes.get(key)
        return "" if lane is None else lane.closed

    def take_newly_closed(self) -> list[Hashable]:
        """Return the lanes that have closed since this was last asked."""
        return [self._newly_closed.popleft() for _ in range(len(self._newly_closed))]

    def snapshot(self, waiting: Mapping[Hashable, int], now: float) -> tuple[LaneState, ...]:
        """Return the state of all lanes, given how many items of each wait."""
        return tuple(
            LaneState(
                key,
                waiting.get(key, 0),
                lane.in_flight,
                None if math.isinf(lane.limit) else int(lane.limit),
                lane.paused_until if lane.paused_until > now else 0.0,
                lane.closed,
            )
            for key, lane in self._lanes.items()
        )

    def admit(self, key: Hashable, item: Item, now: float) -> bool:
        """
        Count *item* as in flight, if it may start now.

        Sets ``ready_at`` to when it may be asked again where only time is in the way. An item that
        no total has room for, with nothing in flight that could give some back, closes the lane.
        """
        lane = self._of(key)
        if lane.closed or not lane.has_place:
            return False
        earliest = lane.earliest()
        if earliest > now + _ROUNDING:
            self.ready_at = min(self.ready_at, earliest)
            return False
        amounts = self._to_reserve(lane, item.cost or {})
        if (short := self._short(amounts)) is not None:
            if not self._in_flight:
                lane.closed = self._spent(short, amounts[short])
                self._note_closed(key)
            return False
        for name in self._left.keys() & amounts.keys():
            self._left[name] -= amounts[name]
        if amounts is not item.cost and amounts:
            self._raised[item.index] = amounts
        self._in_flight += 1
        lane.start(item, amounts, now)
        return True

    def learn(self, item: Item, outcome: AnyOutcome, now: float) -> Feedback | None:
        """
        Take in how an attempt ended, and return what it has taught.

        Raises:
            UsageError: The function of the user's that says so raised, or returned something else
                than amounts and rates.
        """
        told = None
        if self._policy.feedback is not None:
            with blamed_on("the function given as Lanes(feedback=...)", hint=_FEEDBACK_HINT):
                told = self._policy.feedback(outcome)
        self._ended(item, _NOTHING if told is None else told, ok=outcome.ok, now=now)
        return told

    def _ended(self, item: Item, told: Feedback, *, ok: bool, now: float) -> None:
        self._check(told)
        assert item.lane is not None
        key = item.lane[0]
        lane = self._of(key)
        self._settle(lane, item, told, is_spent=ok or told.spent)
        was_open = not lane.closed
        lane.end(item, told, ok=ok, now=now)
        if was_open and lane.closed:
            self._note_closed(key)
        if len(self._lanes) > self._prune_at:
            self._prune(now)

    def gave_back(self, item: Item) -> None:
        """Count *item* as no longer in flight: it never began."""
        assert item.lane is not None
        lane = self._of(item.lane[0])
        self._settle(lane, item, _NOTHING, is_spent=False)
        lane.leave(item)

    def _note_closed(self, key: Hashable) -> None:
        self.any_closed = True
        self._newly_closed.append(key)

    def _prune(self, now: float) -> None:
        """Forget the lanes that are as new: there may be as many of them as items."""
        lanes = self._lanes.items()
        self._lanes = {key: lane for key, lane in lanes if not lane.is_as_new(now)}
        self._prune_at = 2 * len(self._lanes) + _PRUNE_AT

    def _check(self, told: Feedback) -> None:
        if not isinstance(told, Feedback):
            raise UsageError(
                f"feedback must return a treadle.Feedback or None, got {shown(told):.80}",
                hint="treadle.Feedback(pause=2.0, charged=False)",
            )
        if told.used:
            self._check_amounts("feedback's used", told.used)
        if told.at_least:
            self._check_amounts("feedback's at_least", told.at_least)
        if told.room is not None and not _is_count(told.room):
            raise UsageError(
                f"feedback's room must be a whole number, 0 or more, got {shown(told.room):.80}",
                hint="treadle.Feedback(room=12)",
            )
        if told.pause is not None and not _is_span(told.pause):
            raise UsageError(
                f"feedback's pause must be seconds, 0 or more, got {shown(told.pause):.80}",
                hint="treadle.Feedback(pause=2.0, charged=False)",
            )
        for rate in (told.rate, *told.budgets.values()):
            if rate is not None and not isinstance(rate, Rate):
                raise UsageError(
                    f"feedback must announce limits as a treadle.Rate, got {shown(rate):.80}",
                    hint="treadle.Feedback(budgets={'tokens': treadle.Rate(200_000, per=60)})",
                )

    def _check_amounts(self, what: str, amounts: Mapping[str, Any]) -> None:
        if not self._are_amounts(amounts):
            raise UsageError(
                f"the {what} must be amounts by name, 0 or more, got {shown(amounts):.80}",
                hint="such as {'tokens': 1200}; an amount of a total is of the total's type",
            )

    def _are_amounts(self, amounts: Mapping[str, Any]) -> bool:
        try:
            for name in self._left.keys() & amounts.keys():
                _ = self._left[name] - amounts[name]  # a Decimal and a float do not go together
            return all(0 <= amount < math.inf for amount in amounts.values())
        except (TypeError, AttributeError, ArithmeticError):
            return False

    def _to_reserve(self, lane: _Lane, amounts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return *amounts*, those that have turned out too small for this lane raised."""
        raised = {
            name: most
            for name, most in lane.most.items()
            if name in amounts and most > amounts[name]
        }
        return {**amounts, **raised} if raised else amounts

    def _settle(self, lane: _Lane, item: Item, told: Feedback, *, is_spent: bool) -> None:
        """Put what was used in the place of what was reserved."""
        self._in_flight -= 1
        amounts = self._raised.pop(item.index, item.cost or {})
        for name in {**amounts, **told.used, **told.at_least}:
            reserved = amounts.get(name, 0)
            really = told.used.get(name, reserved if is_spent else 0)
            if name in told.at_least:
                really = max(really, told.at_least[name])
            if name in self._left:
                self._left[name] += reserved - really
                if really > reserved:
                    lane.most[name] = max(really, lane.most.get(name, really))
            lane.settle(name, float(really) - float(reserved))

    def _of(self, key: Hashable) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(self._policy.of(key))
        return lane

    def _short(self, amounts: Mapping[str, Any]) -> str | None:
        """Return the name of a total that has no room for *amounts*; None when all have."""
        for name, left in self._left.items():
            amount = amounts.get(name, 0)
            if amount > max(left, 0):  # what costs nothing may start even when all is spent
                return name
        return None

    def _spent(self, name: str, amount: Any) -> str:
        total, left = self._policy.totals[name], self._left[name]
        return (
            f"{name} is limited to {_plain(total)}, of which {_plain(max(left, 0))} is left "
            f"(the next item may use {_plain(amount)})"
        )


def _plain(amount: Any) -> str:
    """Return *amount* as people write it; sums of a Decimal end in zeros, or in an exponent."""
    return f"{amount.normalize():f}" if isinstance(amount, Decimal) else str(amount)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_span(seconds: object) -> bool:
    """Tell whether *seconds* is a number, 0 or more; infinity, too, is a time to wait."""
    return isinstance(seconds, (int, float)) and seconds >= 0


class _Lane:
    """The state of one lane."""

    __slots__ = (
        "_before",
        "_begun",
        "_buckets",
        "_clean",
        "_cut_at",
        "_doubles",
        "_fault_at",
        "_faults",
        "_hold",
        "_is_warm",
        "_lane",
        "_limit",
        "_probe",
        "_room",
        "_room_from",
        "_round_began",
        "_saturated",
        "_starts",
        "_worked_at",
        "closed",
        "most",
        "paused_until",
    )

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.paused_until = -math.inf
        self.closed = ""
        self._limit = _first_limit(lane)
        # By the index of each item in flight, how many had started before. Unlike times, these
        # tell for sure what was in flight at a cut.
        self._begun: dict[int, int] = {}
        self._starts = 0
        self._is_warm = not lane.warm_up
        self._probe: int | None = None  # index of the item that is in flight alone
        self._faults = 0  # in a row
        self._fault_at = 0  # starts before the last fault that counted
        self._worked_at = 0  # starts before the last success
        self._room: int | None = None  # more that may start, by the other side's count
        self._room_from = 0  # starts before the attempt that has told of it
        self.most: dict[str, Any] = {}  # of totals: used by one attempt that had reserved less
        self._buckets = {name: _Bucket(rate) for name, rate in lane.budgets.items()}
        if lane.rate is not None:
            self._buckets[_STARTS] = _Bucket(lane.rate)
        self._clean = 0  # successes of this round
        self._saturated = False
        self._doubles = True
        self._cut_at = 0  # starts before the last cut
        self._round_began = -math.inf
        self._before: tuple[float, float] | None = None  # limit and speed before the last growth
        self._hold = 0

    @property
    def in_flight(self) -> int:
        """How many are in flight."""
        return len(self._begun)

    @property
    def limit(self) -> float:
        """How many may be in flight, as far as it is known."""
        if not self._is_warm:
            return 1
        most = self._limit if self._room is None else min(self._limit, max(1, self._room))
        return most if most == math.inf else math.floor(most)

    @property
    def has_place(self) -> bool:
        """Whether one more may be in flight."""
        if not self._is_warm and self._probe is not None:
            return False
        if self._room is not None and len(self._begun) >= max(1, self._room):
            return False
        return len(self._begun) + 1 <= self._limit

    @property
    def _is_full(self) -> bool:
        """Whether all places are used; one that goes alone, or a lack of room, does not tell."""
        return self._is_warm and len(self._begun) + 1 > self._limit

    def is_as_new(self, now: float) -> bool:
        """Whether nothing would be lost if it were forgotten."""
        lane = self._lane
        is_open = not self.closed and self.paused_until <= now and self._faults == 0
        is_idle = not self._begun and all(bucket.is_full(now) for bucket in self._buckets.values())
        has_learnt = (
            self._is_warm == lane.warm_up
            or self._limit != _first_limit(lane)
            or not self._doubles
            or self._before is not None
            or self._room is not None
            or bool(self.most)
            or any(bucket.rate != self._own_rate(name) for name, bucket in self._buckets.items())
        )
        return is_open and is_idle and not has_learnt

    def earliest(self) -> float:
        """Return when the next item may start, as far as only time is in the way."""
        return max([self.paused_until, *(bucket.earliest for bucket in self._buckets.values())])

    def start(self, item: Item, amounts: Mapping[str, Any], now: float) -> None:
        """Count one item more, which may use *amounts*."""
        self._begun[item.index] = self._starts
        self._starts += 1
        if not self._is_warm:
            self._probe = item.index
        if self._round_began == -math.inf:
            self._round_began = now
        self._saturated = self._saturated or self._is_full
        for name, bucket in self._buckets.items():
            bucket.take(1.0 if name == _STARTS else float(amounts.get(name, 0)), now)

    def settle(self, name: str, difference: float) -> None:
        """Take *difference* more, or less, out of a budget."""
        bucket = self._buckets.get(name)
        if bucket is not None:
            bucket.settle(difference)

    def leave(self, item: Item) -> int:
        """Count one item less; return how many had started before it."""
        if self._probe == item.index:
            self._probe = None
        return self._begun.pop(item.index)

    def end(self, item: Item, told: Feedback, *, ok: bool, now: float) -> None:
        """Count one item less, and learn from it."""
        began = self.leave(item)
        self._learn_rates(told)
        if told.closed:
            self.closed = self.closed or told.closed
        self._count_fault(told, began, ok=ok, now=now)
        if told.pause is not None:
            self._pause(told.pause, now, is_refusal=not ok)
        self._learn_room(told.room, began, now)
        # A lane whose pace nobody knows finds it by its limit alone.
        hasty = told.pause is not None and _STARTS not in self._buckets
        if told.overloaded or hasty:
            self._shrink(began, now)
        failed_by_itself = told.charged and not told.fault and not told.closed
        if (ok or failed_by_itself) and now >= self.paused_until:
            self._is_warm = True
        if ok and not (told.overloaded or hasty):
            self._succeeded(now)

    def _learn_room(self, room: int | None, began: int, now: float) -> None:
        if now < self.paused_until:
            self._room = None  # after the pause, another count begins
            return
        if room is None:
            return
        if self._room is not None and began < self._room_from and room > self._room:
            return  # a later attempt has told of less
        self._room, self._room_from = room, began

    def _count_fault(self, told: Feedback, began: int, *, ok: bool, now: float) -> None:
        if ok:
            self._worked_at = self._starts
        if not (fault := told.fault):
            if ok or not (told.spent or told.overloaded):
                self._faults = 0
            return
        if began < max(self._fault_at, self._worked_at):
            return  # it met the same as the last one did, or what is over
        self._fault_at = self._starts
        self._faults += 1
        lane = self._lane
        if self._faults >= lane.trip_after:
            times = "" if self._faults == 1 else f" ({self._faults} times in a row)"
            self.closed = self.closed or fault + times
        else:
            longest = min(_LONGEST_FAULT_PAUSE, lane.max_pause)
            back_off = lane.fault_pause * 2.0 ** min(self._faults - 1, 60)
            self._pause(min(back_off, longest), now, is_refusal=True)

    def _pause(self, seconds: float, now: float, *, is_refusal: bool) -> None:
        if seconds > self._lane.max_pause:
            self.closed = self.closed or (
                f"told to wait for {seconds:,.0f} s, longer than {self._lane.max_pause:,.0f} s"
            )
            return
        self.paused_until = max(self.paused_until, now + seconds)
        if is_refusal:  # one item alone first: the pause may not have been enough
            self._is_warm = False
            self._probe = None

    def _shrink(self, began: int, now: float) -> None:
        if began < self._cut_at or self._lane.start is None:
            return  # it was in flight at the last cut, which has answered it
        self._limit = max(1.0, min(self._limit, self.in_flight + 1.0) * _SHRINK)
        self._cut_at = self._starts
        self._doubles = False
        self._before = None  # the limit before the last growth may be above this one
        self._new_round(now)

    def _succeeded(self, now: float) -> None:
        if self._lane.start is None:
            return
        self._clean += 1
        if self._clean < math.floor(self._limit):
            return
        speed = self._clean / max(now - self._round_began, 1e-9)
        if self._hold > 0:
            self._hold -= 1
        elif self._lane.braked and self._before is not None and speed < _WORTH * self._before[1]:
            self._limit, self._before, self._hold = self._before[0], None, _HOLD
        elif self._saturated:
            self._before = (self._limit, speed)
            more = (
                self._limit * _DOUBLING
                if self._doubles
                else (self._limit + max(1.0, self._limit * _TENTH))
            )
            most = math.inf if self._lane.concurrency is None else self._lane.concurrency
            self._limit = min(more, most)
        self._new_round(now)

    def _new_round(self, now: float) -> None:
        self._clean = 0
        self._round_began = now
        self._saturated = self._is_full

    def _learn_rates(self, told: Feedback) -> None:
        if told.rate is None and not told.budgets:
            return
        rates: dict[str, Rate] = dict(told.budgets)
        if told.rate is not None:
            rates[_STARTS] = told.rate
        for name, rate in rates.items():
            own = self._own_rate(name)
            slower = rate if own is None or rate.interval > own.interval else own
            if name in self._buckets:
                self._buckets[name].rate = slower
            else:
                self._buckets[name] = _Bucket(slower)

    def _own_rate(self, name: str) -> Rate | None:
        return self._lane.rate if name == _STARTS else self._lane.budgets.get(name)


def _first_limit(lane: Lane) -> float:
    most = math.inf if lane.concurrency is None else lane.concurrency
    return most if lane.start is None else float(min(lane.start, most))


class _Bucket:
    """
    A budget that refills evenly: the generic cell rate algorithm (ITU-T I.371) with amounts.

    An amount may be taken when what was taken before is paid for, however large it is itself: what
    is larger than a whole period must start at some time, too, and is paid for afterwards.
    """

    __slots__ = ("_due", "rate")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._due = -math.inf

    @property
    def earliest(self) -> float:
        """When the next amount may be taken."""
        return self._due - (self.rate.depth - 1) * self.rate.interval

    def is_full(self, now: float) -> bool:
        """Whether all that was taken is paid for."""
        return self._due <= now

    def take(self, amount: float, now: float) -> None:
        """Take *amount*."""
        self._due = max(self._due, now) + amount * self.rate.interval

    def settle(self, difference: float) -> None:
        """Take *difference* more; less when it is negative."""
        self._due += difference * self.rate.interval
