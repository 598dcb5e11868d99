"""What each lane may do, and what its replies teach: settings and replies into ``treadle.Lanes``.

The engine obeys and decides; here the words of providers become its words. A lane is a model of a
provider, or all models of it together where they share their limits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from typing import Any

import treadle
from treadle.prompts import errors, headers
from treadle.prompts.estimates import Estimates
from treadle.prompts.prices import Prices
from treadle.prompts.values import Answer, Ask, LaneSettings
from treadle.prompts.worst_case import WorstCase

COST = "cost"
"""The total of US dollars, as ``treadle.Lanes`` calls it."""

TOTAL_TOKENS = "total_tokens"
"""The total of tokens, in and out; beside the budget ``tokens``, which is per minute."""

_START, _MOST = 10, 200
_LOCAL_START, _LOCAL_MOST = 1, 16
# A little below what is allowed: clocks differ, and a refusal costs more than what is left unused.
_PACE = 0.975
_MINUTE = 60.0
# Limits of longer periods are no pace: ten thousand a day would be one in nine seconds, where five
# hundred a minute are allowed as long as some of them are left.
_LONGEST_PACED = 120.0
# Told "too fast" without a word on how long to wait.
_PAUSE = 2.0
# Above so many per second, a limit is none.
_NO_LIMIT = 1e6
# A gateway that fails each time is a fault of the lane, as a dead server is, from this attempt at
# the same request on: one that fails now and then has answered by then.
_FAULT_FROM = 3
_FAULTS = (errors.ServerError, errors.Overloaded, errors.NoReply)


def lanes_for(
    lanes: Mapping[str, LaneSettings],
    *,
    estimates: Estimates,
    prices: Prices,
    max_cost: Decimal | None = None,
    max_tokens_total: int | None = None,
    spent: Decimal = Decimal(0),
    spent_tokens: int = 0,
    ahead: int = 1000,
    clock: Callable[[], float] = time.time,
) -> treadle.Lanes:
    """
    Return the policy for a run whose items are :class:`~treadle.prompts.values.Ask`.

    Args:
        lanes: All lanes, by name.
        estimates: What tokens are expected; somebody else lets them learn.
        prices: What the models cost.
        max_cost: US dollars that all attempts together never exceed; None for no limit.
        max_tokens_total: The same for tokens, in and out.
        spent: US dollars that earlier parts of the run have cost.
        spent_tokens: Tokens that they have used.
        ahead: As in ``treadle.Lanes``.
        clock: Seconds since the epoch; replies name points in time.
    """
    totals: dict[str, Any] = {}
    if max_cost is not None:
        totals[COST] = max_cost
    if max_tokens_total is not None:
        totals[TOTAL_TOKENS] = max_tokens_total
    before = {COST: spent, TOTAL_TOKENS: spent_tokens}
    policy = _Policy(lanes, estimates, WorstCase(lanes, prices), frozenset(totals), clock)
    return treadle.Lanes(
        key=policy.key,
        limits=policy.limits,
        cost=policy.cost,
        feedback=policy.feedback,
        totals=totals,
        spent={name: before[name] for name in totals},
        ahead=ahead,
    )


class _Policy:
    """The functions of ``treadle.Lanes``, and what they share."""

    def __init__(
        self,
        lanes: Mapping[str, LaneSettings],
        estimates: Estimates,
        worst: WorstCase,
        totals: frozenset[str],
        clock: Callable[[], float],
    ) -> None:
        self._lanes = lanes
        self._estimates = estimates
        self._worst = worst
        self._totals = totals
        self._clock = clock

    def key(self, ask: Ask) -> Hashable:
        """Return the lane of *ask*."""
        settings = self._lanes.get(ask.lane)
        shared = settings is not None and settings.shared
        return ask.lane if shared else (ask.lane, ask.model)

    def limits(self, key: Hashable) -> treadle.Lane:
        """Return what the lane *key* may do."""
        name = key[0] if isinstance(key, tuple) else key
        settings = self._lanes.get(str(name))
        return treadle.Lane() if settings is None else _lane(settings)

    def cost(self, ask: Ask) -> Mapping[str, Any]:
        """
        Return what an attempt at *ask* will use, and at worst can use.

        Raises:
            UsageError: A limit for the run is set and the worst case is not known; planning says
                so earlier.
        """
        if ask.problem:
            return {}  # it is never sent
        tokens_in = self._estimates.tokens(ask.size, ask.lane)
        tokens_out = self._estimates.output(ask)
        expected = _tokens(tokens_in, tokens_out)
        if not self._totals:
            return expected
        worst: dict[str, Any] = {}
        if COST in self._totals:
            worst[COST] = self._worst.cost(ask)
        if TOTAL_TOKENS in self._totals:
            worst[TOTAL_TOKENS] = self._worst.tokens(ask)
        return expected | worst

    def feedback(self, outcome: treadle.AnyOutcome) -> treadle.Feedback | None:
        """Return what *outcome* teaches about its lane."""
        if isinstance(outcome, treadle.Succeeded):
            value = outcome.value
            return self._answered(value) if isinstance(value, Answer) else None
        if isinstance(outcome, treadle.Cancelled):
            return None
        if isinstance(outcome, treadle.TimedOut):
            return treadle.Feedback(spent=True, overloaded=True)
        if isinstance(outcome.error, errors.RequestFailed):
            return self._refused(outcome.error, outcome.attempts)
        return treadle.Feedback(spent=True)  # nobody knows how far it came

    def _answered(self, answer: Answer) -> treadle.Feedback:
        said = self._read(answer.limits, status=answer.http_status or 200)
        rate, budgets = _rates(said)
        used, at_least = self._used(answer)
        return treadle.Feedback(
            used=used,
            at_least=at_least,
            pause=_until_more(said),
            room=_room(said),
            rate=rate,
            budgets=budgets,
        )

    def _used(self, answer: Answer) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what *answer* has used, and what it has used at least: an estimate may be low."""
        usage = answer.usage
        used, at_least = _tokens(usage.input, usage.output), dict[str, Any]()
        is_counted = usage.source == "usage"
        if COST in self._totals and answer.cost is not None:
            is_certain = is_counted or answer.cost_source == "provider" or answer.cost == 0
            (used if is_certain else at_least)[COST] = answer.cost
        if TOTAL_TOKENS in self._totals and "tokens" in used:
            (used if is_counted else at_least)[TOTAL_TOKENS] = used["tokens"]
        return used, at_least

    def _refused(self, error: errors.RequestFailed, attempts: int) -> treadle.Feedback:
        said = self._read(error.limits, status=error.status, body=error.message)
        rate, budgets = _rates(said)
        told = said.retry_after if error.retry_after is None else max(0.0, error.retry_after)
        too_fast = isinstance(error, errors.RateLimited)
        too_many = isinstance(error, errors.TooManyAtOnce)
        pause = _PAUSE if told is None and too_fast else told
        is_fault = error.lane_fault or (isinstance(error, _FAULTS) and attempts >= _FAULT_FROM)
        return treadle.Feedback(
            spent=errors.is_perhaps_charged(type(error), error.status),
            pause=pause if error.again and not too_many else None,
            overloaded=isinstance(error, (errors.TooManyAtOnce, errors.Overloaded, errors.NoReply)),
            charged=not (too_fast or too_many),
            fault=error.message if is_fault else None,
            closed=error.message if error.closes_lane else None,
            room=_room(said),
            rate=rate,
            budgets=budgets,
        )

    def _read(self, limits: Mapping[str, str], *, status: int, body: str = "") -> headers.Announced:
        if not limits and not body:
            return headers.Announced()
        return headers.announced(limits, status=status, body=body, now=self._clock())


def _tokens(tokens_in: int | None, tokens_out: int | None) -> dict[str, Any]:
    """Return the amounts of the budgets of tokens; what is not known is not there."""
    amounts: dict[str, Any] = {}
    if tokens_in is not None:
        amounts["input_tokens"] = tokens_in
    if tokens_out is not None:
        amounts["output_tokens"] = tokens_out
    if tokens_in is not None and tokens_out is not None:
        amounts["tokens"] = tokens_in + tokens_out
    return amounts


def _lane(settings: LaneSettings) -> treadle.Lane:
    per_minute = {
        "tokens": settings.tpm,
        "input_tokens": settings.input_tpm,
        "output_tokens": settings.output_tpm,
    }
    budgets = {name: _paced(each, _MINUTE) for name, each in per_minute.items() if each}
    start: int | None = None
    concurrency = settings.concurrency
    if concurrency is None:
        start, concurrency = (_LOCAL_START, _LOCAL_MOST) if settings.local else (_START, _MOST)
    return treadle.Lane(
        concurrency=concurrency,
        start=start,
        rate=_paced(settings.rpm, _MINUTE) if settings.rpm else None,
        budgets=budgets,
        warm_up=True,
        braked=settings.local and start is not None,
    )


def _paced(amount: float, period: float) -> treadle.Rate:
    return treadle.Rate(amount * _PACE, per=period)


def _rates(said: headers.Announced) -> tuple[treadle.Rate | None, dict[str, treadle.Rate]]:
    """Return the limits that were announced with their periods: of starts, and of budgets."""
    rates: dict[str, treadle.Rate] = {}
    for name, limit in said.limits.items():
        amount, period = limit.limit, limit.period
        if amount and period and _is_pace(limit) and 0 < amount / period < _NO_LIMIT:
            rates[name] = _paced(amount, period)
    return rates.pop("requests", None), rates


def _is_pace(limit: headers.Limit) -> bool:
    """Tell whether requests can be spread over the period of *limit*."""
    return limit.period is not None and limit.period <= _LONGEST_PACED


def _room(said: headers.Announced) -> int | None:
    """
    Return how many more may start, by the server's count; None where it has none.

    A limit that is paced needs no such care: it may refill steadily.
    """
    limit = said.limits.get("requests")
    if limit is None or limit.remaining is None or _is_pace(limit):
        return None
    return max(0, limit.remaining)


def _until_more(said: headers.Announced) -> float | None:
    """
    Return how long to wait after a reply that says that nothing is left.

    Limits that are paced need no wait: they may refill steadily, long before the reset.
    """
    waits = [
        limit.reset
        for limit in said.limits.values()
        if not _is_pace(limit) and limit.reset and limit.remaining is not None
        if limit.remaining <= 0
    ]
    if said.retry_after:
        waits.append(said.retry_after)
    return max(waits, default=None)
