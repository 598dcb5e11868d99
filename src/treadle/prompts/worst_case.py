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


def output_limit(ask: Ask) -> int | None:
    """Return the tokens that one answer is limited to by its parameters; None when it is not."""
    named = [ask.params.get(name) for name in OUTPUT_PARAMS]
    limits = [each for each in named if isinstance(each, int) and each > 0]
    return max(limits, default=None)  # the one that is not obeyed may be the smaller one


def choices(ask: Ask) -> int:
    """Return how many answers are asked for at once: the parameter ``n``."""
    n = ask.params.get("n")
    return n if isinstance(n, int) and n > 1 else 1


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
        limit = output_limit(ask)
        if limit is None:
            limit = self._prices.max_output(ask.model, lane=self._lanes.get(ask.lane))
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
