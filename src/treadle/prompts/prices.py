"""What requests cost: a bundled, dated list, and the user's own prices over it.

All amounts are ``Decimal``: money is added up over a million rows, and compared with bills. A model
that no list names has no price: that is None, and never 0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Protocol

import treadle
from treadle.prompts.near import did_you_mean
from treadle.prompts.values import LaneSettings, Usage

MILLION = Decimal(1_000_000)
"""Prices are for so many tokens."""

OWN = "treadle.toml"
"""The source of the prices that the user gives."""

_BUNDLED = "prices.toml"
# These ask nobody.
_FREE = ("mock", "echo")
# Providers whose models cost what the user's own machine does, whatever their names are.
_UNLISTED = ("ollama", *_FREE)
_RATES = ("input", "output", "cached", "cache_write")
_COUNTS = ("window", "max_output")
# gpt-4o-2024-08-06, claude-sonnet-4-5-20250929, claude-sonnet-4-5@20250929, ...-latest
_SNAPSHOT = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    The price of a model, in US dollars per million tokens.

    Attributes:
        input: Of tokens in the prompt.
        output: Of tokens in the answer, reasoning included.
        cached: Of those in the prompt that were read from a cache; None for the same as `input`.
        cache_write: Of those that were written to one; None for the same as `input`.
        above: A prompt with more tokens than this has the price `long` for the whole request; None
            for one price for all.
        long: See `above`.
        source: Where it stands, and of which day.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    above: int | None = None
    long: Price | None = None
    source: str = OWN

    @property
    def is_free(self) -> bool:
        """True when nothing of it costs anything."""
        rates = (self.input, self.output, self.cached, self.cache_write)
        return not any(rates) and (self.long is None or self.long.is_free)

    def cost(self, usage: Usage) -> Decimal | None:
        """Return what *usage* costs; None when it does not say how many tokens there were."""
        if self.is_free:
            return Decimal(0)
        if usage.input is None or usage.output is None:
            return None
        if self.long is not None and self.above is not None and usage.input > self.above:
            return self.long.cost(usage)
        cached, written = usage.cached or 0, usage.cache_written or 0
        fresh = max(usage.input - cached - written, 0)
        total = (
            fresh * self.input
            + cached * _or(self.cached, self.input)
            + written * _or(self.cache_write, self.input)
            + usage.output * self.output
        )
        return total / MILLION

    def worst(self, tokens_in: int, tokens_out: int) -> Decimal:
        """Return the most that so many tokens can cost, whatever a cache does."""
        dearest = max(self.input, _or(self.cached, self.input), _or(self.cache_write, self.input))
        total = (tokens_in * dearest + tokens_out * self.output) / MILLION
        if self.long is not None and self.above is not None and tokens_in > self.above:
            return max(total, self.long.worst(tokens_in, tokens_out))
        return total


def _or(rate: Decimal | None, other: Decimal) -> Decimal:
    return other if rate is None else rate


class PriceList(Protocol):
    """Another list, for models that the user and the bundled list do not name."""

    def of(self, model: str, provider: str) -> Price | None:
        """Return the price of *model*; None when it is not listed."""
        ...

    def window(self, model: str, provider: str) -> int | None:
        """Return the tokens of prompt and answer together; None when it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a list says of a model."""

    price: Price | None
    window: int | None = None
    max_output: int | None = None


class Prices:
    """
    What models cost. Made by :meth:`load`.

    The user's own prices come first, by ``LANE/MODEL``, then by the model, then ``LANE/*`` for all
    of a lane; then the bundled list and then another one where one was asked for. Models of Ollama
    and other local servers have no price unless the user gives one; ``mock`` and ``echo`` are free.
    """

    def __init__(
        self,
        own: Mapping[str, _Entry],
        bundled: Mapping[str, _Entry],
        source: str,
        further: PriceList | None = None,
    ) -> None:
        self._own = own
        self._bundled = bundled
        self._source = source
        self._further = further

    @classmethod
    def load(cls, overrides: Mapping[str, Any] | None = None, extra: str | None = None) -> Prices:
        """
        Read the lists.

        Args:
            overrides: The user's own prices, by ``MODEL``, ``LANE/MODEL`` or ``LANE/*``: a table
                with input and output, and perhaps cached, cache-write, window and max-output; or 0.
            extra: The name of another list: ``"genai-prices"``; None for no other.

        Raises:
            UsageError: A price makes no sense, or there is no such list.
            MissingExtra: The library of the other list is not installed.
        """
        bundled, source = _bundled()
        own = {name: _entry(name, table) for name, table in (overrides or {}).items()}
        return cls(own, bundled, source, None if extra is None else _further(extra))

    @property
    def source(self) -> str:
        """The bundled list and its day: ``"treadle 2026-11-21"``."""
        return self._source

    def of(self, model: str, *, lane: LaneSettings | None = None) -> Price | None:
        """Return the price of *model*; None when nobody knows it."""
        for entry in self._entries(model, lane):
            if entry.price is not None:
                return entry.price
        provider = "" if lane is None else lane.provider
        if provider in _FREE:
            return Price(input=Decimal(0), output=Decimal(0), source=provider)
        if self._further is None or provider in _UNLISTED:
            return None
        return self._further.of(model, provider)

    def window(self, model: str, *, lane: LaneSettings | None = None) -> int | None:
        """Return the tokens that prompt and answer may have together; None when it is unknown."""
        for entry in self._entries(model, lane):
            if entry.window is not None:
                return entry.window
        provider = "" if lane is None else lane.provider
        if self._further is None or provider in _UNLISTED:
            return None
        return self._further.window(model, provider)

    def max_output(self, model: str, *, lane: LaneSettings | None = None) -> int | None:
        """Return the tokens that an answer may have at most; None when it is unknown."""
        entries = self._entries(model, lane)
        return next((each.max_output for each in entries if each.max_output is not None), None)

    def _entries(self, model: str, lane: LaneSettings | None) -> Iterable[_Entry]:
        """Yield what the lists say of *model*, the most special first."""
        names = list(_spellings(model))
        special = [] if lane is None else [f"{lane.name}/{each}" for each in names]
        of_all = [] if lane is None else [f"{lane.name}/*"]
        for name in (*special, *names, *of_all):
            if name in self._own:
                yield self._own[name]
        if lane is None or lane.provider not in _UNLISTED:
            yield from (self._bundled[name] for name in names if name in self._bundled)


def _spellings(model: str) -> Iterable[str]:
    """
    Yield the names that a list may have *model* under, the most exact one first.

    Snapshots cost what their model does unless they are listed by themselves. OpenRouter and
    proxies put the maker before the name, and OpenRouter writes claude-sonnet-4.5.
    """
    names = [model]
    maker, slash, plain = model.partition("/")
    if slash and maker in ("openai", "anthropic"):
        names.append(plain.replace(".", "-") if maker == "anthropic" else plain)
    for name in names:
        yield name
        if (shorter := _SNAPSHOT.sub("", name)) != name:
            yield shorter


@cache
def _bundled() -> tuple[Mapping[str, _Entry], str]:
    text = resources.files("treadle.prompts").joinpath(_BUNDLED).read_text("utf-8")
    content = tomllib.loads(text, parse_float=Decimal)
    source = f"treadle {content.pop('date')}"
    entries = {
        model: _entry(model, table, source)
        for models in content.values()
        for model, table in models.items()
    }
    return entries, source


def _further(name: str) -> PriceList:
    if name == "genai-prices":
        from treadle.prompts.genai_prices_list import GenaiPrices

        return GenaiPrices()
    raise treadle.UsageError(
        f"no list of prices is called {name!r}", hint='price-list = "genai-prices", or none'
    )


def _entry(model: str, table: object, source: str = OWN) -> _Entry:
    """Read what a table says of a model."""
    if table == 0 and not isinstance(table, bool):
        return _Entry(Price(input=Decimal(0), output=Decimal(0), source=source))
    if not isinstance(table, Mapping):
        raise treadle.UsageError(
            f"the price of {model!r} is {table!r}", hint="0, or a table with input and output"
        )
    values = {str(key).replace("-", "_"): value for key, value in table.items()}
    long, above = values.pop("long", None), values.pop("above", None)
    known = (*_RATES, *_COUNTS)
    for name in values.keys() - {*known}:
        raise treadle.UsageError(
            f"the price of {model!r} has an unknown part {name!r}",
            hint=did_you_mean(name, [*known, "above", "long"], called="its parts"),
        )
    rates = {name: _rate(model, name, values[name]) for name in _RATES if name in values}
    counts = {name: _count(model, name, values[name]) for name in _COUNTS if name in values}
    if not rates:
        return _Entry(None, **counts)  # a window of a model whose price somebody else knows
    if not {"input", "output"} <= rates.keys():
        raise treadle.UsageError(
            f"the price of {model!r} is not complete: {', '.join(rates)}",
            hint="input = 0.5 and output = 1.5 are US dollars per million tokens; 0 is free",
        )
    price = Price(
        input=rates["input"],
        output=rates["output"],
        cached=rates.get("cached"),
        cache_write=rates.get("cache_write"),
        source=source,
    )
    if long is not None or above is not None:
        price = _with_long(model, price, long, above)
    return _Entry(price, **counts)


def _with_long(model: str, price: Price, long: object, above: object) -> Price:
    """Add the price of long prompts."""
    entry = _entry(f"{model}, long", long, price.source) if isinstance(long, Mapping) else None
    if entry is None or entry.price is None or above is None:
        raise treadle.UsageError(
            f"the price of {model!r} for long prompts is not complete",
            hint="above = 200000 and long = { input = 1.0, output = 3.0 } go together",
        )
    return replace(price, above=_count(model, "above", above), long=entry.price)


def _rate(model: str, name: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _no_number(model, name, value, "0.5")
    rate = Decimal(str(value))
    if not (rate.is_finite() and rate >= 0):
        raise _no_number(model, name, value, "0.5")
    return rate


def _count(model: str, name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _no_number(model, name, value, "200000")
    return value


def _no_number(model: str, name: str, value: object, example: str) -> treadle.UsageError:
    return treadle.UsageError(
        f"the price of {model!r}: {name} is {value!r}", hint=f"for example {name} = {example}"
    )
