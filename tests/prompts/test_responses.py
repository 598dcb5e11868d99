"""The Responses API: what is sent, and the many forms in which an answer comes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from http_server import ask_once, asked, events, lane

from treadle.prompts import errors
from treadle.prompts.providers.responses import OpenAIResponses
from treadle.prompts.values import Message, Usage

RESPONSES = OpenAIResponses()


def message(*parts):
    return {"type": "message", "role": "assistant", "content": list(parts)}


def text(words):
    return {"type": "output_text", "text": words, "annotations": []}


def reply(*output, status="completed", **fields):
    return {
        "id": "resp_1",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": "tiny-2026",
        "output": list(output),
    } | fields


def test_model_input_and_parameters_are_sent_and_nothing_else():
    ask = asked(
        messages=(Message("system", "Be brief."), Message("user", "Hi")),
        params={"max_tokens": 9, "reasoning_effort": "low", "temperature": 0},
    )
    _, [seen] = ask_once(RESPONSES, reply(message(text("Hi"))), ask)
    assert seen.path == "/v1/responses"
    assert seen.json == {
        "model": "tiny",
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "max_output_tokens": 9,
        "reasoning": {"effort": "low"},
        "temperature": 0,
    }


def test_what_is_said_of_reasoning_in_full_counts():
    ask = asked(
        params={"reasoning_effort": "low", "reasoning": {"effort": "high", "summary": "auto"}}
    )
    sent = RESPONSES.request(ask, lane()).json
    assert sent["reasoning"] == {"effort": "high", "summary": "auto"}


def test_the_texts_are_the_answer_and_the_reasoning_is_not():
    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 8},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 6},
    }
    thoughts = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    got, _ = ask_once(RESPONSES, reply(thoughts, message(text("a"), text("b")), usage=usage))
    assert (got.text, got.finish, got.status, got.model) == ("ab", "stop", "ok", "tiny-2026")
    assert got.usage == Usage(input=20, output=9, cached=8, reasoning=6)
    assert got.request_id == "resp_1"


@pytest.mark.parametrize(
    ("value", "said", "status"),
    [
        (reply(message({"type": "refusal", "refusal": "No."})), "No.", "filtered"),
        (
            reply(
                message(text("cut")),
                status="incomplete",
                incomplete_details={"reason": "max_output_tokens"},
            ),
            "cut",
            "truncated",
        ),
        (
            reply(status="incomplete", incomplete_details={"reason": "content_filter"}),
            "",
            "filtered",
        ),
        (reply(status="incomplete"), "", "truncated"),
        (reply(), "", "empty"),
    ],
)
def test_what_is_refused_cut_off_or_empty_is_told(value, said, status):
    got, _ = ask_once(RESPONSES, value)
    assert (got.text, got.status) == (said, status)


def test_a_call_of_a_tool_is_the_answer_in_json():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    got, _ = ask_once(RESPONSES, reply(call))
    assert (got.text, got.finish) == ('[{"name": "f", "arguments": "{}"}]', "tool_calls")


def test_a_response_that_failed_is_its_error():
    error = {"code": "rate_limit_exceeded", "message": "slow"}
    with pytest.raises(errors.RateLimited, match="slow"):
        ask_once(RESPONSES, reply(status="failed", error=error))


@pytest.mark.parametrize("value", [reply(status="queued", background=True), {"id": "x"}, [1]])
def test_a_response_that_is_no_answer_is_not_asked_for_again(value):
    with pytest.raises(errors.NotUnderstood):
        ask_once(RESPONSES, value)


def test_a_response_that_was_cancelled_may_be_better_the_next_time():
    with pytest.raises(errors.BadReply) as caught:
        ask_once(RESPONSES, reply(status="cancelled"))
    assert caught.value.again


def test_a_streamed_answer_is_the_same_as_a_whole_one():
    whole = reply(message(text("Hello")), usage={"input_tokens": 3, "output_tokens": 2})
    stream = events(
        {"type": "response.created", "response": {}},
        {"type": "response.output_text.delta", "delta": "Hello"},
        {"type": "response.completed", "response": whole},
        done=False,
    )
    got, [seen] = ask_once(RESPONSES, stream, options={"stream": True})
    assert (got.text, got.usage) == ("Hello", Usage(input=3, output=2))
    assert got.ttft is not None
    assert "stream_options" not in seen.json


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "code": "server_error", "message": "x"}, errors.ServerError),
        (
            {
                "type": "response.failed",
                "response": {"error": {"code": "rate_limit_exceeded", "message": "x"}},
            },
            errors.RateLimited,
        ),
        ({"type": "response.output_text.delta", "delta": "He"}, errors.BadReply),
    ],
)
def test_a_stream_that_fails_or_ends_early_is_an_error(event, kind):
    with pytest.raises(kind) as caught:
        ask_once(RESPONSES, events(event), options={"stream": True})
    assert type(caught.value) is kind
