"""Estimates of tokens: the first guess, and what replies teach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.prompts.estimates import OUTPUT, Estimates
from treadle.prompts.values import Answer, Ask, Message, Usage


def an_ask(text="hello", *, lane="openai", model="m", prompt="p.txt", **params):
    return Ask(
        key="k",
        index=0,
        row=1,
        prompt=prompt,
        prompt_hash="",
        lane=lane,
        model=model,
        messages=(Message("user", text),),
        params=params,
    )


def an_answer(tokens_in, tokens_out, **more):
    return Answer(text="x", usage=Usage(input=tokens_in, output=tokens_out, **more))


def test_before_any_reply_four_bytes_are_a_token():
    estimates = Estimates()
    assert estimates.tokens(400, "openai") == 100
    assert estimates.tokens(1, "openai") == 1
    assert estimates.tokens(0, "openai") == 0


def test_a_lane_learns_from_its_replies_and_other_lanes_do_not():
    estimates = Estimates()
    for _ in range(20):
        estimates.learn(an_ask("x" * 600), an_answer(300, 10))
    assert estimates.tokens(1000, "openai") == 500
    assert estimates.tokens(1000, "anthropic") == 250


def test_the_latest_replies_count_most():
    estimates = Estimates()
    for tokens in [100] * 50 + [400] * 50:
        estimates.learn(an_ask("x" * 400), an_answer(tokens, 10))
    assert estimates.tokens(400, "openai") == pytest.approx(400, abs=5)


def test_answers_are_expected_as_long_as_they_were_to_the_same_prompt():
    estimates = Estimates()
    short, long = an_ask(prompt="short.txt"), an_ask(prompt="long.txt")
    assert estimates.output(short) == OUTPUT
    for _ in range(10):
        estimates.learn(short, an_answer(5, 20))
        estimates.learn(long, an_answer(5, 2000))
    assert estimates.output(short) == 20
    assert estimates.output(long) == 2000
    assert estimates.output(an_ask(prompt="other.txt")) == OUTPUT


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "num_predict"])
def test_no_answer_is_expected_to_be_longer_than_it_may_be(name):
    assert Estimates().output(an_ask(**{name: 7})) == 7


def test_several_answers_at_once_are_longer_together():
    assert Estimates().output(an_ask(n=3)) == 3 * OUTPUT
    assert Estimates().output(an_ask(n=3, max_tokens=10)) == 30


def test_what_is_itself_an_estimate_teaches_nothing():
    estimates = Estimates()
    estimates.learn(an_ask("x" * 400), an_answer(400, 7, source="estimate"))
    estimates.learn(an_ask("x" * 400), an_answer(None, None))
    assert estimates.tokens(400, "openai") == 100
    assert estimates.output(an_ask()) == OUTPUT


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 9_999))))
def test_whatever_servers_count_an_estimate_stays_within_what_was_seen(replies):
    estimates = Estimates()
    for size, tokens_in, tokens_out in replies:
        estimates.learn(an_ask("x" * size), an_answer(tokens_in, tokens_out))
    assert estimates.tokens(1000, "openai") >= 0
    outputs = [tokens_out for _, _, tokens_out in replies] or [OUTPUT]
    assert min(outputs) <= estimates.output(an_ask()) <= max(outputs) + 1
