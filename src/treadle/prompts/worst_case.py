"""The most that a request can cost, so that a limit on money holds whatever the answers are.

A token is at least one byte of text, and each message adds a few that nobody typed. An answer is
as long as ``max_tokens`` lets it be, or the model. Where neither is known, no limit can hold:
that is said before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

import treadle
from treadle.prompts.prices import Prices
from treadle.prompts.values import Ask, LaneSettings

OUTPUT_PARAMS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict")
"""The parameters that limit an answer, as the providers call them."""

# Those that a provider obeys, by its name. What it does not know limits nothing.
_OF_CHAT = ("max_tokens", "max_completion_tokens")
_OBEYED = {
    "anthropic": (*_OF_CHAT, "max_output_tokens"),
    "ollama": OUTPUT_PARAMS,
    "openai-responses": (*_OF_CHAT, "max_output_tokens"),
}
# What a provider sends where none is set.
_DEFAULTS = {"anthropic": 4096}
# Tiers of service that cost what the list says.
_LISTED_TIERS = frozenset({"default", "standard_only"})

# What a provider puts around each message: its role, and marks for where it begins and ends.
_PER_MESSAGE = 16


def input_tokens(ask: Ask) -> int:
    """Return the most tokens that can be sent, tools and formats among the parameters included."""
    sent = ask.size + _PER_MESSAGE * len(ask.messages)
    if ask.params:
        sent += len(
            json.dumps(dict(ask.params), default=str, ensure_ascii=False).encode("utf-8", "replace")
        )
    return sent


def output_limit(ask: Ask, provider: str | None = None) -> int | None:
    """
    Return the tokens that one answer is limited to by its parameters; None when it is not.

    Args:
        ask: What is asked.
        provider: Name of the provider that is asked, which obeys its own parameters only; None
            when any of them will do, as for an estimate.
    """
    names = OUTPUT_PARAMS if provider is None else _OBEYED.get(provider, _OF_CHAT)
    limits = [each for name in names if (each := _whole(ask.params.get(name)))]
    default = None if provider is None else _DEFAULTS.get(provider)
    return max(limits, default=default)  # the one that is not obeyed may be the smaller one


def choices(ask: Ask) -> int:
    """Return how many answers are made at once: the parameter ``n``, or ``best_of`` if larger."""
    return max(1, _whole(ask.params.get("n")), _whole(ask.params.get("best_of")))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


class WorstCase:
    """
    The most that requests can use.

    Args:
        lanes: All lanes, by name.
        prices: What the models cost.
    """

    def __init__(self, lanes: Mapping[str, LaneSettings], prices: Prices) -> None:
        self._lanes = lanes
        self._prices = prices

    def tokens(self, ask: Ask) -> int:
        """
        Return the most tokens, in and out.

        Raises:
            UsageError: Nothing limits the answer.
        """
        return input_tokens(ask) + self._output(ask)

    def cost(self, ask: Ask) -> Decimal:
        """
        Return the most US dollars.

        Raises:
            UsageError: The model has no price, or nothing limits the answer.
        """
        price = self._prices.of(ask.model, lane=self._lanes.get(ask.lane))
        if price is None:
            raise treadle.UsageError(
                f"what {ask.model!r} of the lane {ask.lane!r} costs is not known, "
                "so that no limit on money can hold",
                hint=f'give its price per million tokens in treadle.toml: [prompts.prices."'
                f'{ask.model}"] with input = 0.5 and output = 1.5, or leave --max-cost out',
            )
        if price.is_free:
            return Decimal(0)
        return price.worst(input_tokens(ask), self._output(ask))

    def _output(self, ask: Ask) -> int:
        lane = self._lanes.get(ask.lane)
        limit = output_limit(ask, "" if lane is None else lane.provider)
        if limit is None:
            limit = self._prices.max_output(ask.model, lane=lane)
        if limit is None:
            raise treadle.UsageError(
                f"how long an answer of {ask.model!r} can become is not known, "
                "so that no limit on money or tokens can hold",
                hint="give --param max_tokens=1000, or leave --max-cost and --max-tokens-total out",
            )
        return limit * choices(ask)


def check_limits(
    ask: Ask,
    worst: WorstCase,
    *,
    max_cost: Decimal | None = None,
    max_tokens_total: int | None = None,
) -> None:
    """
    Make sure that the limits of a run can hold for *ask*; for planning, before anything is sent.

    Raises:
        UsageError: Its worst case is not known, or is more than the whole limit.
    """
    tier = ask.params.get("service_tier")
    if max_cost is not None and tier is not None and tier not in _LISTED_TIERS:
        raise treadle.UsageError(
            f"what service_tier={tier!r} costs is not known, so that no limit on money can hold "
            f"(row {ask.row})",
            hint="leave service_tier out, or --max-cost",
        )
    if max_cost is not None and (cost := worst.cost(ask)) > max_cost:
        raise _too_much(ask, f"${cost.normalize():f}", f"--max-cost is {max_cost}")
    if max_tokens_total is not None and (tokens := worst.tokens(ask)) > max_tokens_total:
        most = f"--max-tokens-total is {max_tokens_total:,}"
        raise _too_much(ask, f"{tokens:,} tokens", most)


def _too_much(ask: Ask, worst: str, limit: str) -> treadle.UsageError:
    return treadle.UsageError(
        f"one request to {ask.model!r} (row {ask.row}) may use {worst}, but {limit}",
        hint="raise the limit, or limit the answers: --param max_tokens=500",
    )
