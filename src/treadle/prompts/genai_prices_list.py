"""The prices of the library ``genai-prices``, for models that no other list names."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import treadle
from treadle.prompts.prices import Price
from treadle.prompts.values import Usage

LIBRARY = "genai-prices"
"""The name of the package."""

# What the library calls the makers whose names differ from ours.
_PROVIDERS = {"openai": "openai", "openai-responses": "openai", "anthropic": "anthropic"}
_PROVIDERS |= {"openrouter": "openrouter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Computed(Price):
    """A price that the library computes: it has more kinds of steps than a :class:`Price`."""

    library: Any
    model: str
    maker: str | None

    @property
    def is_free(self) -> bool:
        return False

    def cost(self, usage: Usage) -> Decimal | None:
        if usage.input is None or usage.output is None:
            return None
        try:
            return self._total(
                input_tokens=usage.input,
                cache_read_tokens=usage.cached,
                cache_write_tokens=usage.cache_written,
                output_tokens=usage.output,
            )
        except (ValueError, LookupError):  # counts that cannot be, or a kind without a price
            return None

    def worst(self, tokens_in: int, tokens_out: int) -> Decimal:
        # Written to a cache, a token may cost more than one that is just read.
        written = self._total(
            input_tokens=tokens_in, cache_write_tokens=tokens_in, output_tokens=tokens_out
        )
        return max(written, self._total(input_tokens=tokens_in, output_tokens=tokens_out))

    def _total(self, **tokens: int | None) -> Decimal:
        usage = self.library.Usage(**{name: each for name, each in tokens.items() if each})
        found = self.library.calc_price(usage, model_ref=self.model, provider_id=self.maker)
        return Decimal(found.total_price)


class GenaiPrices:
    """
    The list, as the installed version of the library has it.

    Raises:
        MissingExtra: The library is not installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("genai_prices") is None:
            raise treadle.MissingExtra(LIBRARY, None, purpose=f'price-list = "{LIBRARY}"')
        self._library = importlib.import_module("genai_prices")
        self._source = f"{LIBRARY} {importlib.metadata.version(LIBRARY)}"
        self._found: dict[tuple[str, str], Any] = {}

    def of(self, model: str, provider: str) -> Price | None:
        """Return the price of *model*; None when it is not listed."""
        found = self._look_up(model, provider)
        if found is None:
            return None
        return _Computed(
            input=Decimal(0),
            output=Decimal(0),
            source=self._source,
            library=self._library,
            model=model,
            maker=_PROVIDERS.get(provider),
        )

    def window(self, model: str, provider: str) -> int | None:
        """Return the tokens of prompt and answer together; None when it is not known."""
        found = self._look_up(model, provider)
        window = None if found is None else found.model.context_window
        return window if isinstance(window, int) else None

    def _look_up(self, model: str, provider: str) -> Any:
        which = (model, provider)
        if which not in self._found:
            try:
                self._found[which] = self._library.calc_price(
                    self._library.Usage(input_tokens=1),
                    model_ref=model,
                    provider_id=_PROVIDERS.get(provider),
                )
            except (ValueError, LookupError):
                self._found[which] = None
        return self._found[which]
