"""Goes over all requests once without sending any: how many, how long, how dear, what is wrong.

One pass, and what is kept does not grow with the table, except for what finds requests that are
the same.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import treadle
from treadle.prompts.estimates import Estimates
from treadle.prompts.items import Items
from treadle.prompts.plans import Lack, Plan, Share
from treadle.prompts.prices import Prices
from treadle.prompts.providers.registry import provider_named
from treadle.prompts.values import Ask, LaneSettings, Usage
from treadle.prompts.worst_case import WorstCase, check_limits, choices, input_tokens, output_limit

__all__ = ["Plan", "plan"]

# What is usual where nothing else is known: for the guess of how long a run takes, no more.
_TOKENS_PER_SECOND = 50
_FIRST_TOKEN_SECONDS = 1.0
_IN_FLIGHT = 20
_IN_FLIGHT_LOCAL = 2

_NOTHING = Decimal(0)
_EXAMPLES = 20
_TOLD = 3  # reasons in a warning
_FIRST_ROWS = 5
_MOST_LANES = 100


def plan(
    items: Items,
    *,
    lanes: Mapping[str, LaneSettings],
    prices: Prices,
    estimates: Estimates,
    max_cost: Decimal | None = None,
    max_tokens_total: int | None = None,
    done: Container[str] = (),
    spent: Decimal = _NOTHING,
) -> Plan:
    """
    Find out what a run of *items* would do. Nothing is sent.

    All figures but the numbers of rows and of requests are of those that are left to be asked.

    Args:
        items: What would be asked.
        lanes: All lanes by name.
        prices: What tokens cost.
        estimates: How many tokens are expected.
        max_cost: The limit of the run in US dollars; None for no limit.
        max_tokens_total: The limit in tokens; None for no limit.
        done: The keys of requests that have ended already and are not asked again.
        spent: US dollars that those have cost.

    Raises:
        UsageError: The table has changed such that it cannot be read any more.
    """
    found = _Pass(items, lanes, prices, estimates, max_cost, max_tokens_total, done, spent)
    for ask in items.in_input_order(found.note_missing):
        found.add(ask)
    return found.plan()


class _Share:
    """Adds up what goes to one model."""

    def __init__(
        self, lane: LaneSettings, model: str, prices: Prices, estimates: Estimates
    ) -> None:
        self._lane = lane
        self._model = model
        self._estimates = estimates
        self._price = prices.of(model, lane=lane)
        self._window = prices.window(model, lane=lane)
        self._max_output = prices.max_output(model, lane=lane)
        self._items = self._in = self._out = 0
        self._cost = Decimal(0)
        self._most: Decimal | None = Decimal(0)
        self.too_long = 0
        self.first_too_long = 0

    def add(self, ask: Ask) -> None:
        """Take one request in."""
        expected_in = self._estimates.tokens(ask.size, ask.lane)
        expected_out = self._estimates.output(ask)
        self._items += 1
        self._in += expected_in
        self._out += expected_out
        limit = output_limit(ask, self._lane.provider)
        if self._window is not None and expected_in + (limit or 0) > self._window:
            self.first_too_long = self.first_too_long or ask.row
            self.too_long += 1
        price = self._price
        if price is None or price.is_free:
            return
        self._cost += price.cost(Usage(input=expected_in, output=expected_out)) or 0
        limit = limit or self._max_output
        if limit is None:
            self._most = None
        elif self._most is not None:
            self._most += price.worst(input_tokens(ask), limit * choices(ask))

    def share(self) -> Share:
        """Return the sums."""
        known = self._price is not None
        return Share(
            lane=self._lane.name,
            model=self._model,
            items=self._items,
            tokens_in=self._in,
            tokens_out=self._out,
            cost=self._cost if known else None,
            cost_most=self._most if known else None,
            minutes=self._minutes(),
            too_long=self.too_long,
        )

    def overflow(self) -> str:
        """Say that requests are longer than what the model takes."""
        return (
            f"{self.too_long:,} of {self._items:,} requests to {self._model!r} are probably longer"
            f" than its {self._window:,} tokens, first in row {self.first_too_long}"
        )

    def _minutes(self) -> float:
        """Return how long it takes, by whichever limit takes longest."""
        lane = self._lane
        if lane.provider == "mock":
            return 0.0
        in_flight = lane.concurrency or (_IN_FLIGHT_LOCAL if lane.local else _IN_FLIGHT)
        seconds = self._items * _FIRST_TOKEN_SECONDS + self._out / _TOKENS_PER_SECOND
        times = [seconds / 60 / min(in_flight, max(1, self._items))]
        for amount, per_minute in (
            (self._items, lane.rpm),
            (self._in + self._out, lane.tpm),
            (self._in, lane.input_tpm),
            (self._out, lane.output_tpm),
        ):
            if per_minute:
                times.append(amount / per_minute)
        return max(times)


class _Pass:
    """What one pass over all requests finds."""

    def __init__(
        self,
        items: Items,
        lanes: Mapping[str, LaneSettings],
        prices: Prices,
        estimates: Estimates,
        max_cost: Decimal | None,
        max_tokens_total: int | None,
        done: Container[str],
        spent: Decimal,
    ) -> None:
        self._all = items
        self._done = done
        self._spent = spent
        self._lanes = lanes
        self._prices = prices
        self._estimates = estimates
        self._limits = (max_cost, max_tokens_total)
        self._worst = WorstCase(lanes, prices)
        self._over_limit = ""
        self._items = self._answered = 0
        self._shares: dict[tuple[str, str], _Share] = {}
        self._used: dict[str, None] = {}
        self._missing: dict[str, _Rows] = {}
        self._bad = _Rows()
        self._bad_examples: dict[int, str] = {}
        self._unknown_lanes: dict[str, None] = {}
        self._duplicates = 0
        self._odd = _Rows()
        self._first_oddity = ""

    def note_missing(self, row: int, name: str) -> None:
        """Take in that *row* has no variable *name*."""
        self._missing.setdefault(name, _Rows()).add(row)

    def add(self, ask: Ask) -> None:
        """Take one request in."""
        self._items += 1
        has_ended = ask.key in self._done
        self._answered += has_ended
        if ask.problem:
            self._add_bad(ask)
            return
        self._used[ask.lane] = None
        if has_ended:
            return
        if ask.warnings:
            self._first_oddity = self._first_oddity or ask.warnings[0]
            self._odd.add(ask.row)
        self._duplicates += "#" in ask.key
        if not self._over_limit:
            self._check_limits(ask)
        share = self._shares.get((ask.lane, ask.model))
        if share is None:
            lane = self._lanes[ask.lane]
            share = _Share(lane, ask.model, self._prices, self._estimates)
            self._shares[ask.lane, ask.model] = share
        share.add(ask)

    def plan(self) -> Plan:
        """Return all that was found."""
        shares = tuple(share.share() for share in self._shares.values())
        plan = Plan(
            rows=self._all.rows,
            items=self._items,
            answered=self._answered,
            lanes=tuple(self._used),
            shares=shares,
            minutes=self._minutes(shares),
            missing=tuple(
                Lack(name=name, rows=rows.count, first=tuple(rows.first))
                for name, rows in self._missing.items()
            ),
            bad_rows=self._bad.count,
            bad_examples=self._bad_examples,
            duplicates=self._duplicates,
            unknown_lanes=tuple(self._unknown_lanes),
            keyless=self._keyless(),
        )
        return replace(
            plan, problems=tuple(self._problems(plan)), warnings=tuple(self._warnings(plan))
        )

    def _add_bad(self, ask: Ask) -> None:
        lacks_only_variables = any(rows.last == ask.row for rows in self._missing.values())
        if lacks_only_variables:
            return  # told apart from bad rows, by variable
        self._bad.add(ask.row)
        if len(self._bad_examples) < _EXAMPLES:
            self._bad_examples.setdefault(ask.row, ask.problem)
        if ask.lane and ask.lane not in self._lanes and len(self._unknown_lanes) < _MOST_LANES:
            self._unknown_lanes[ask.lane] = None

    def _check_limits(self, ask: Ask) -> None:
        max_cost, max_tokens_total = self._limits
        try:
            check_limits(ask, self._worst, max_cost=max_cost, max_tokens_total=max_tokens_total)
        except treadle.UsageError as error:
            self._over_limit = f"{error.message}; {error.hint}" if error.hint else error.message

    def _minutes(self, shares: Sequence[Share]) -> float:
        """Return how long all takes; models that share the limits of a lane wait for each other."""
        by_lane: dict[str, list[float]] = {}
        for share in shares:
            by_lane.setdefault(share.lane, []).append(share.minutes)
        times = (
            sum(minutes) if self._lanes[lane].shared else max(minutes)
            for lane, minutes in by_lane.items()
        )
        return max(times, default=0.0)

    def _keyless(self) -> dict[str, str]:
        used = dict.fromkeys(lane for lane, _model in self._shares)
        settings = [self._lanes[lane] for lane in used]
        return {
            each.name: each.key_env
            for each in settings
            if each.key is None and provider_named(each.provider).key_needed(each)
        }

    def _problems(self, plan: Plan) -> Iterator[str]:
        if self._all.missing == "error":
            yield from (_lacking(each) for each in plan.missing)
        if plan.rows and plan.bad_rows == plan.rows:
            first = next(iter(plan.bad_examples.values()))
            yield f"none of the rows can be sent; the first: {first}"
        if plan.keyless and plan.keyless.keys() == {share.lane for share in plan.shares}:
            yield from map(_no_key, plan.keyless.items())
        if self._over_limit:
            yield self._over_limit

    def _warnings(self, plan: Plan) -> Iterator[str]:
        if not plan.rows:
            yield "no row takes part: none fits --where"
        if self._all.missing != "error":
            yield from (_lacking(each) for each in plan.missing)
        if plan.bad_rows and plan.bad_rows < plan.rows:
            yield _bad_rows(plan)
        if plan.keyless.keys() < {share.lane for share in plan.shares}:
            yield from map(_no_key, plan.keyless.items())
        if plan.duplicates:
            noun = "request is" if plan.duplicates == 1 else "requests are"
            yield f"{plan.duplicates:,} {noun} exactly the same as an earlier one; all are sent"
        if self._odd.count and not plan.missing:
            yield f"{self._first_oddity} (in {self._odd.count:,} rows like this)"
        for share in self._shares.values():
            if share.too_long:
                yield share.overflow()
        yield from self._about_money(plan)

    def _about_money(self, plan: Plan) -> Iterator[str]:
        unknown = [f"{share.lane}/{share.model}" for share in plan.shares if share.cost is None]
        if unknown:
            yield f"no price is known of {', '.join(unknown[:_FIRST_ROWS])}: costs are left out"
        max_cost = self._limits[0]
        known = sum((share.cost or Decimal(0) for share in plan.shares), Decimal(0))
        if max_cost is not None and known > max_cost - self._spent:
            spent = f" and ${self._spent:.2f} was spent" if self._spent else ""
            yield (
                f"about ${known:.2f} is expected{spent}, so --max-cost {max_cost} ends the run "
                "before"
            )


class _Rows:
    """Counts rows, each once, though it may come several times in a row."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[int] = []
        self.last = 0

    def add(self, number: int) -> None:
        """Take in the row *number*."""
        if number == self.last:
            return
        self.last = number
        self.count += 1
        if len(self.first) < _FIRST_ROWS:
            self.first.append(number)


def _bad_rows(plan: Plan) -> str:
    """Say that some rows cannot be sent, and why."""
    noun = "row" if plan.bad_rows == 1 else "rows"
    reasons = list(dict.fromkeys(plan.bad_examples.values()))[:_TOLD]
    more = ", ..." if plan.bad_rows > len(reasons) else ""
    return (
        f"{plan.bad_rows:,} {noun} cannot be sent and will be errors in the results: "
        f"{', '.join(reasons)}{more}"
    )


def _lacking(lack: Lack) -> str:
    rows = ", ".join(map(str, lack.first)) + (", ..." if lack.rows > len(lack.first) else "")
    which = f"row {rows} has" if lack.rows == 1 else f"{lack.rows:,} rows ({rows}) have"
    return f"{which} no {lack.name!r}, which a prompt needs"


def _no_key(lane: tuple[str, str]) -> str:
    name, variable = lane
    where = f"set {variable} in the environment or in .env" if variable else "name it by key-env"
    return f"the lane {name!r} needs a key: {where}"
