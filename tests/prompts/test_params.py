"""Parameters as they are typed: each gets the type its provider wants, or is refused by name."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts.params import KNOWN, is_param, param_name, parse_option, typed


@pytest.mark.parametrize(
    ("column", "expected"),
    [("param.temperature", True), ("param.", False), ("parameter", False), ("Param.n", False)],
)
def test_columns_of_parameters_begin_with_param(column, expected):
    assert is_param(column) is expected


def test_the_name_of_a_parameter_is_what_follows():
    assert param_name("param.extra.top_k") == "extra.top_k"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0.2", 0.2),
        ("temperature", " 1 ", 1),
        ("temperature", ".5", 0.5),
        ("temperature", "-1e-3", -0.001),
        ("max_tokens", "256", 256),
        ("max_tokens", "256.0", 256),
        ("seed", "-1", -1),
        ("seed", "null", None),
        ("logprobs", "TRUE", True),
        ("logprobs", "no", False),
        ("reasoning_effort", "high", "high"),
        ("reasoning_effort", '"high"', "high"),
        ("user", "42", "42"),
        ("stop", "END", "END"),
        ("stop", '["a", "\\n"]', ["a", "\n"]),
        ("stop", '"\\n"', "\n"),
        ("response_format", '{"type": "json_object"}', {"type": "json_object"}),
        ("tools", "[]", []),
        ("tool_choice", "auto", "auto"),
        ("tool_choice", '{"type": "any"}', {"type": "any"}),
        ("of_some_vendor", "3", 3),
        ("of_some_vendor", "true", True),
        ("of_some_vendor", '{"a": [1]}', {"a": [1]}),
        ("of_some_vendor", "NaN", "NaN"),
        ("of_some_vendor", "429:0.1,500:0.05", "429:0.1,500:0.05"),
        ("of_some_vendor", "[" * 100_000, "[" * 100_000),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_gets_the_type_of_its_parameter(name, text, value):
    found = typed(name, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("temperature", "hot", "temperature='hot' is no number"),
        ("temperature", "0,2", "temperature='0,2' is no number"),
        ("temperature", "nan", "temperature='nan' is no number"),
        ("temperature", "1e999", "temperature='1e999' is no number"),
        ("max_tokens", "1.5", "max_tokens='1.5' is no whole number"),
        ("max_tokens", "1_000", "max_tokens='1_000' is no whole number"),
        ("seed", "9" * 5000, "is no whole number"),
        ("logprobs", "maybe", "logprobs='maybe' is no true or false"),
        ("stop", "[1]", "stop='[1]' is no text or JSON list of texts"),
        ("tools", "{}", "tools='{}' is no JSON list"),
        ("tools", "[" * 100_000, "is no JSON list"),
        ("response_format", "json", "response_format='json' is no JSON object"),
        ("logit_bias", '{"a": NaN}', "is no JSON object"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_of_the_wrong_type_is_named_with_a_hint(name, text, message):
    with pytest.raises(treadle.BadRowError) as caught:
        typed(name, text)
    assert message in caught.value.message
    assert caught.value.hint


@given(st.sampled_from(sorted(KNOWN)) | st.text(min_size=1), st.text())
def test_whatever_is_typed_can_be_sent_or_is_refused(name, text):
    refused, value = "", None
    try:
        value = typed(name, text)
    except treadle.BadRowError as error:
        refused = error.message
    assert name in refused if refused else json.loads(json.dumps(value, allow_nan=False)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_through_exactly(number):
    assert math.isclose(typed("temperature", repr(number)), number, rel_tol=0)


@pytest.mark.parametrize("name", ["model", "messages", "stream"])
@pytest.mark.parametrize("text", ["true", "[]", "null", "gpt"])
def test_what_is_sent_anyway_is_no_parameter(name, text):
    with pytest.raises(treadle.BadRowError, match=f"{name} is no parameter") as caught:
        typed(name, text)
    assert caught.value.hint
    with pytest.raises(treadle.UsageError, match=f"{name} is no parameter"):
        parse_option(f"{name}={text}")


def test_an_option_has_a_name_and_a_value():
    assert parse_option("temperature=0.2") == ("temperature", 0.2)
    assert parse_option("stop==") == ("stop", "=")
    assert parse_option("param.seed = 7") == ("seed", 7)


@pytest.mark.parametrize("text", ["temperature", "=1", "temperature=", "temperature=hot", ""])
def test_an_option_that_sets_nothing_is_refused(text):
    with pytest.raises(treadle.UsageError) as caught:
        parse_option(text)
    assert caught.value.hint
