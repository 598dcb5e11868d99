"""Prices: what a request costs to the last digit, and that the unknown is never free."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts import prices as prices_module
from treadle.prompts.prices import Price, Prices
from treadle.prompts.values import LaneSettings, Usage

OPENAI = LaneSettings(name="openai", provider="openai")
OLLAMA = LaneSettings(name="ollama", provider="ollama", local=True)
BUNDLED = Prices.load()


def cost(prices, model, usage, lane=None):
    """Return what a request costs by *prices*; None when they do not say."""
    price = prices.of(model, lane=lane)
    return None if price is None else price.cost(usage)


def test_a_request_costs_what_a_hand_would_reckon():
    usage = Usage(input=1_000, output=500)
    assert cost(BUNDLED, "gpt-4o-mini", usage, lane=OPENAI) == Decimal("0.00045")
    # 1000 at 0.15, 500 at 0.60 a million


def test_cached_tokens_are_part_of_the_input_and_cheaper():
    usage = Usage(input=10_000, cached=8_000, output=100)
    # 2000 at 2.50, 8000 at 1.25, 100 at 10.00
    assert cost(BUNDLED, "gpt-4o", usage) == Decimal("0.016")


def test_tokens_written_to_a_cache_are_dearer():
    usage = Usage(input=10_000, cached=2_000, cache_written=3_000, output=1_000)
    # 5000 at 3.00, 2000 at 0.30, 3000 at 3.75, 1000 at 15.00
    assert cost(BUNDLED, "claude-sonnet-4-6", usage) == Decimal("0.04185")


def test_a_long_prompt_has_the_price_of_long_prompts_for_all_of_it():
    short = cost(BUNDLED, "claude-haiku-5-5", Usage(input=100_000, output=1_000))
    long = cost(BUNDLED, "claude-haiku-5-5", Usage(input=100_001, output=1_000))
    assert short == Decimal("0.0105")
    assert long == Decimal("0.0525005")


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("openai/gpt-4o-2024-08-06", "gpt-4o"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
    ],
)
def test_a_snapshot_and_a_name_with_its_maker_cost_what_the_model_does(name, same):
    assert BUNDLED.of(name) == BUNDLED.of(same) is not None


def test_a_snapshot_that_is_listed_has_its_own_price():
    assert BUNDLED.of("gpt-4o-2024-05-13") != BUNDLED.of("gpt-4o")


@pytest.mark.parametrize(
    "name", ["gpt-99", "", "gpt-4o-mini-tuned", "ft:gpt-4o", "openai/gpt-4o:free", "GPT"]
)
def test_the_price_of_an_unknown_model_is_not_known(name):
    usage = Usage(input=10, output=10)
    assert cost(BUNDLED, name, usage, lane=OPENAI) is None
    assert BUNDLED.max_output(name, lane=OPENAI) is None
    assert BUNDLED.window(name, lane=OPENAI) is None


def test_without_tokens_there_is_no_cost():
    assert cost(BUNDLED, "gpt-4o", Usage(input=10)) is None
    assert cost(BUNDLED, "gpt-4o", Usage()) is None


@pytest.mark.parametrize("name", ["mock", "echo"])
def test_who_asks_nobody_is_free(name):
    free = LaneSettings(name="mine", provider=name)
    assert cost(BUNDLED, "anything", Usage(input=10, output=10), lane=free) == 0
    assert cost(BUNDLED, "gpt-4o", Usage(), lane=free) == 0
    assert BUNDLED.of("gpt-4o", lane=free).source == name


def test_a_local_model_is_free_only_when_the_user_says_so():
    usage = Usage(input=10, output=10)
    # Even a model that has the name of a listed one.
    assert cost(BUNDLED, "gpt-4o", usage, lane=OLLAMA) is None
    free = Prices.load({"ollama/*": 0})
    assert cost(free, "gpt-4o", usage, lane=OLLAMA) == 0
    assert cost(free, "gpt-4o", usage, lane=OPENAI) == cost(BUNDLED, "gpt-4o", usage)


def test_prices_of_the_user_go_over_the_list_and_the_more_special_goes_first():
    def both(amount: int) -> dict[str, int]:
        return {"input": amount, "output": amount}

    own = Prices.load({"gpt-4o": both(1), "openai/gpt-4o": both(2), "openai/*": both(3)})
    other = LaneSettings(name="other", provider="openai")
    usage = Usage(input=1_000_000, output=0)
    assert cost(own, "gpt-4o", usage, lane=OPENAI) == 2
    assert cost(own, "gpt-4o", usage, lane=other) == 1
    assert cost(own, "unheard-of", usage, lane=OPENAI) == 3
    assert cost(own, "unheard-of", usage, lane=other) is None
    price = own.of("gpt-4o", lane=other)
    assert price is not None
    assert price.source == "treadle.toml"


def test_a_window_alone_leaves_the_price_of_the_list():
    own = Prices.load({"gpt-4o": {"window": 4096, "max-output": 100}})
    assert own.window("gpt-4o") == 4096
    assert own.max_output("gpt-4o") == 100
    assert own.of("gpt-4o") == BUNDLED.of("gpt-4o")


def test_the_list_is_dated_and_each_price_says_where_it_is_from():
    assert BUNDLED.source.startswith("treadle 20")
    price = BUNDLED.of("gpt-4o")
    assert price is not None
    assert price.source == BUNDLED.source


def test_every_model_of_the_list_can_be_limited_and_caches_do_not_cost_more_than_reading():
    models, _ = prices_module._bundled()
    assert len(models) > 40
    for name, entry in models.items():
        price = entry.price
        assert price is not None, name
        assert 0 < price.input <= price.output, name
        assert price.cached is None or price.cached < price.input, name
        assert entry.window is not None, name
        assert entry.max_output is not None, name
        assert entry.max_output <= entry.window, name
        assert price.long is None or price.long.input >= price.input, name


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ({"input": 1}, "not complete: input", "output = 1.5"),
        ({"imput": 1, "output": 1}, "unknown part 'imput'", "did you mean 'input'?"),
        ({"input": -1, "output": 1}, "input is -1", "input = 0.5"),
        ({"input": "1", "output": 1}, "input is '1'", "input = 0.5"),
        ({"input": True, "output": 1}, "input is True", "input = 0.5"),
        ({"input": float("nan"), "output": 1}, "input is nan", "input = 0.5"),
        ({"input": 1, "output": 1, "window": 0}, "window is 0", "window = 200000"),
        ({"input": 1, "output": 1, "above": 5}, "long prompts is not complete", "go together"),
        ({"input": 1, "output": 1, "long": {}}, "long prompts is not complete", "go together"),
        ("free", "is 'free'", "0, or a table"),
        (False, "is False", "0, or a table"),
        (5, "is 5", "0, or a table"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(table, message, hint):
    with pytest.raises(treadle.UsageError) as caught:
        Prices.load({"m": table})
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


TOKENS = st.integers(0, 2_000_000)
MODELS = st.sampled_from(["gpt-4o", "gpt-5.4", "claude-haiku-5-5", "claude-opus-5-5", "o1-pro"])


@given(MODELS, TOKENS, TOKENS, TOKENS, st.floats(0, 1), st.floats(0, 1))
def test_no_request_costs_more_than_the_worst_case(model, size, spare, output, hit, written):
    tokens = max(size - spare, 0)  # each token has at least one byte
    cached = int(tokens * hit)
    usage = Usage(
        input=tokens,
        cached=cached,
        cache_written=int((tokens - cached) * written),
        output=output,
    )
    price = BUNDLED.of(model)
    assert price is not None
    assert price.cost(usage) <= price.worst(size, output)


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=50))
def test_the_sum_over_many_requests_is_exact(requests):
    price = Price(input=Decimal("0.15"), output=Decimal("0.6"))
    costs = [price.cost(Usage(input=i, output=o)) for i, o in requests]
    total_in, total_out = (sum(column) for column in zip(*requests, strict=True))
    assert sum(cost for cost in costs if cost is not None) == price.cost(
        Usage(input=total_in, output=total_out)
    )


def test_another_list_that_does_not_exist_is_said():
    with pytest.raises(treadle.UsageError, match="no list of prices is called 'nope'"):
        Prices.load({}, "nope")


def test_a_library_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(treadle.MissingExtra, match="pip install genai-prices"):
        Prices.load({}, "genai-prices")


def test_the_library_prices_what_nobody_else_does_and_agrees_where_both_do():
    pytest.importorskip("genai_prices")
    both = Prices.load({"own": 0}, "genai-prices")
    usage = Usage(input=10_000, cached=1_000, output=500)
    listed = both.of("gpt-4o", lane=OPENAI)
    assert listed is not None
    assert listed.source == BUNDLED.source
    library = both._further
    assert library is not None
    for model in ("gpt-4o", "gpt-5.4", "claude-opus-5-5"):
        other = library.of(model, "")
        assert other is not None
        assert other.source.startswith("genai-prices ")
        assert other.cost(usage) == cost(BUNDLED, model, usage)
        assert other.cost(usage) <= other.worst(10_000, 500)
    assert cost(both, "gpt-4.5-preview", usage, lane=OPENAI) > 0
    assert both.window("gpt-4o-audio-preview", lane=OPENAI) == 128_000
    assert cost(both, "gpt-4.5-preview", usage, lane=OLLAMA) is None
    assert cost(both, "never-heard-of", usage, lane=OPENAI) is None
    assert both.window("never-heard-of", lane=OPENAI) is None
    nonsense = Usage(input=10, cached=20, output=1)  # more out of the cache than was sent
    assert library.of("gpt-4o", "").cost(nonsense) is None
