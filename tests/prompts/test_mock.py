"""The mock answers with what it was asked, and fails as it is told, the same way each time."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts import errors
from treadle.prompts.providers.mock import Mock
from treadle.prompts.providers.registry import provider_named
from treadle.prompts.values import Ask, LaneSettings, Message

MOCK = Mock()


def lane(**options):
    timeout = options.pop("timeout", 300.0)
    return LaneSettings(name="mock", provider="mock", options=options, timeout=timeout)


def asked(key="k1", **fields):
    defaults = {
        "key": key,
        "index": 0,
        "row": 1,
        "prompt": "p.txt",
        "prompt_hash": "0" * 12,
        "lane": "mock",
        "model": "tiny",
        "messages": (Message("user", "Tell me about physics"),),
        "cells": {"topic": "physics", "gold answer": "42"},
    }
    return Ask(**(defaults | fields))


def answer(ask=None, **options):
    """Ask once, outside of a run and without a session."""
    return asyncio.run(MOCK.ask(ask or asked(), lane(**options), None))


def fate(ask=None, **options):
    """Say how it ends in a word."""
    try:
        return answer(ask, **options).status
    except errors.RequestFailed as error:
        return error.kind


def test_it_is_registered_under_its_name():
    assert isinstance(provider_named("mock"), Mock)


def test_the_echo_is_json_that_shows_what_was_sent():
    ask = asked(
        messages=(Message("system", "Be brief."), Message("user", "Über 𝄞 {}")),
        params={"temperature": 0.2, "seed": 7},
    )
    found = answer(ask)
    assert json.loads(found.text) == {
        "model": "tiny",
        "row": 1,
        "repeat": 1,
        "input_tokens": 6,
        "variables": {"topic": "physics", "gold answer": "42"},
        "params": {"temperature": 0.2},
        "system": "Be brief.",
        "prompt": "Über 𝄞 {}",
    }
    assert (found.status, found.finish, found.model) == ("ok", "stop", "tiny")
    assert (found.usage.input, found.usage.source) == (6, "usage")
    assert found.usage.output == -(-len(found.text.encode()) // 4)
    assert (found.latency, found.http_status, found.request_id) == (0.0, 0, "mock-k1-1")


def test_an_answer_of_ones_own():
    assert answer(answer="42").text == "42"
    assert answer(asked(params={"answer": 42}), answer="no").text == "42"


def test_max_tokens_cuts_the_answer_off():
    found = answer(asked(params={"max_tokens": 2}), answer="ééééééé")
    assert (found.text, found.finish, found.status) == ("éééé", "length", "truncated")
    assert found.usage.output == 2


@pytest.mark.parametrize(
    ("script", "kind", "again"),
    [
        ("429", "rate_limited", True),
        ("too_many_at_once", "too_many_at_once", True),
        ("500", "server_error", True),
        ("503", "overloaded", True),
        ("529", "overloaded", True),
        ("400", "bad_request", False),
        ("401", "unauthorized", False),
        ("402", "out_of_quota", False),
        ("404", "not_found", False),
        ("timeout", "timeout", True),
        ("network", "network", True),
        ("context_overflow", "context_overflow", False),
    ],
)
def test_a_script_of_errors_means_what_a_server_would(script, kind, again):
    with pytest.raises(errors.RequestFailed) as caught:
        answer(errors=script)
    assert (caught.value.kind, caught.value.again) == (kind, again)
    assert caught.value.request_id == "mock-k1-1"
    if script.isdigit():
        assert caught.value.status == int(script)


@pytest.mark.parametrize(
    ("ending", "status"),
    [("ok", "ok"), ("length", "truncated"), ("content_filter", "filtered"), ("empty", "empty")],
)
def test_an_answer_can_end_badly_too(ending, status):
    assert fate(errors=ending) == status


def test_finish_can_be_anything():
    assert answer(finish="tool_calls").finish == "tool_calls"
    assert answer(finish="max_tokens").status == "truncated"


def test_a_sequence_goes_on_attempt_by_attempt_and_ends_well():
    """The engine counts the attempts, and the mock asks it."""
    seen = []
    again = treadle.Retry(attempts=4, on=errors.RequestFailed, base=0)

    async def ask(item):
        try:
            return await MOCK.ask(item, lane(errors="429, 500,ok"), None)
        except errors.RequestFailed as error:
            seen.append(error.kind)
            raise

    async def ended():
        return [outcome async for outcome in treadle.amap(ask, [asked()], retry=again)]

    (outcome,) = asyncio.run(ended())
    assert seen == ["rate_limited", "server_error"]
    assert outcome.value.request_id == "mock-k1-3"


def test_chances_come_true_about_as_often_as_they_say():
    found = [fate(asked(f"k{n}"), errors="429:0.3,500:0.1") for n in range(1000)]
    assert 250 < found.count("rate_limited") < 350
    assert 70 < found.count("server_error") < 130
    assert found.count("ok") == 1000 - found.count("rate_limited") - found.count("server_error")


def test_certain_and_impossible_chances():
    assert {fate(asked(f"k{n}"), errors="timeout:1") for n in range(50)} == {"timeout"}
    assert {fate(asked(f"k{n}"), errors="timeout:0") for n in range(50)} == {"ok"}


@given(key=st.text(max_size=20), seed=st.integers())
def test_the_same_ask_has_the_same_fate(key, seed):
    options = {"errors": "429:0.25,500:0.25,empty:0.25", "seed": seed}
    assert fate(asked(key), **options) == fate(asked(key), **options)


def test_another_seed_gives_another_fate():
    keys = [f"k{n}" for n in range(50)]
    fates = [[fate(asked(k), errors="500:0.5", seed=seed) for k in keys] for seed in (1, 2)]
    assert fates[0] != fates[1]


def test_a_row_can_steer_it_by_its_params():
    """A column ``param.errors`` holds text, or a number where the cell is one."""
    assert fate(asked(params={"errors": 429}), errors="500") == "rate_limited"
    assert fate(asked(params={"errors": "ok"}), errors="500") == "ok"


@pytest.mark.parametrize(
    "options",
    [
        {"errors": "429:2"},
        {"errors": "429:0.6,500:0.6"},
        {"errors": "429:nan"},
        {"errors": "429:0.1,500"},
        {"errors": "200"},
        {"errors": "tired"},
        {"latency": "slow"},
        {"latency": "-1"},
        {"latency": "inf"},
        {"latency": "lognormal:0"},
        {"latency": "lognormal:1:x"},
        {"window": "wide"},
    ],
)
def test_what_it_cannot_understand_is_named_and_not_tried_again(options):
    with pytest.raises(errors.BadRequest) as caught:
        answer(**options)
    assert next(iter(options)) in caught.value.message
    assert caught.value.hint


@pytest.fixture
def slept(monkeypatch):
    """Return the seconds that the mock wanted to sleep; it does not."""
    seconds = []

    async def sleep(delay):
        seconds.append(delay)

    monkeypatch.setattr("treadle.prompts.providers.mock.asyncio.sleep", sleep)
    return seconds


def test_it_never_sleeps_without_a_latency(slept):
    answer()
    answer(latency=0)
    assert slept == []


def test_a_fixed_latency(slept):
    assert answer(latency=0.25).latency == 0.25
    assert slept == [0.25]


def test_a_lognormal_latency_has_its_median(slept):
    for number in range(500):
        answer(asked(f"k{number}"), latency="lognormal:0.2:0.5")
    assert sorted(slept)[250] == pytest.approx(0.2, rel=0.15)
    assert len(set(slept)) == 500
    assert answer(latency="lognormal").latency > 0


def test_a_latency_beyond_the_timeout_is_no_reply(slept):
    with pytest.raises(errors.NoReply):
        answer(latency=9, timeout=2.0)
    assert slept == [2.0]


def test_a_prompt_beyond_the_window_overflows():
    long = asked(messages=(Message("user", "x" * 401),))
    assert fate(long, window=101) == "ok"
    with pytest.raises(errors.ContextOverflow, match=r"101 tokens.*100"):
        answer(long, window=100)


def test_its_models_and_what_is_known_of_one():
    async def both():
        return (
            await MOCK.models(lane(), None),
            await MOCK.prepare("tiny", lane(window=50), None),
        )

    (model,), prepared = asyncio.run(both())
    assert (model.id, model.context_window) == ("mock", 100_000)
    assert (prepared.id, prepared.context_window) == ("tiny", 50)
