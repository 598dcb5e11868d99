"""Anthropic is asked as its documentation wants, and each answer is read for what it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from http_server import ask_once, asked, events, lane, served

from treadle.prompts import errors
from treadle.prompts.providers.anthropic import MAX_TOKENS, Anthropic
from treadle.prompts.providers.registry import provider_named
from treadle.prompts.values import Message

ANTHROPIC = Anthropic()
SITE = "https://api.anthropic.com"


def reply(text="Hi there", **fields):
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-tiny-20261001",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {"input_tokens": 10, "output_tokens": 3},
        **fields,
    }


def answer(value, ask=None, **fields):
    return ask_once(ANTHROPIC, value, ask, **fields)[0]


def failure(status, kind, words, headers=None):
    """Return the failure that a reply of Anthropic's form means."""
    body = {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_9"}
    response = web.json_response(body, status=status, headers=headers)
    with pytest.raises(errors.RequestFailed) as caught:
        ask_once(ANTHROPIC, response)
    return caught.value


def test_it_is_registered_under_its_name():
    assert isinstance(provider_named("anthropic"), Anthropic)
    assert (ANTHROPIC.url, ANTHROPIC.key_env) == (SITE, "ANTHROPIC_API_KEY")


# --- what is sent -------------------------------------------------------------------------------


def test_a_plain_ask_sends_model_and_messages_and_nothing_else():
    """max_tokens must be there; the cells of the row must not."""
    request = ANTHROPIC.request(asked("Hello"), lane(SITE, key="sk-ant-1"))
    assert (request.method, request.url) == ("POST", f"{SITE}/v1/messages")
    assert request.headers == {"x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01"}
    assert request.json == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": MAX_TOKENS,
    }


def test_the_system_prompt_has_a_field_of_its_own():
    turns = [("system", "Be brief."), ("user", "A"), ("assistant", "B"), ("user", "C")]
    messages = tuple(Message(role, text) for role, text in turns)
    body = ANTHROPIC.request(asked(messages=messages), lane(SITE)).json
    assert body["system"] == "Be brief."
    assert [(m["role"], m["content"]) for m in body["messages"]] == turns[1:]
    messages += (Message("system", "In French."),)
    assert ANTHROPIC.request(asked(messages=messages), lane(SITE)).json["system"] == (
        "Be brief.\n\nIn French."
    )


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_output_tokens": 7}, {"max_tokens": 7}),
        ({"max_completion_tokens": 7}, {"max_tokens": 7}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ({"temperature": 0.2, "top_k": 5}, {"temperature": 0.2, "top_k": 5}),
        ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
    ],
)
def test_params_are_sent_by_the_names_that_they_have_there(params, sent):
    body = ANTHROPIC.request(asked(params=params), lane(SITE)).json
    assert set(body) == {"model", "messages", "max_tokens", *sent}
    assert {name: body[name] for name in sent} == sent


@given(name=st.sampled_from(["model", "messages"]), value=st.text())
def test_no_param_takes_the_place_of_what_is_asked(name, value):
    body = ANTHROPIC.request(asked("Hello", params={name: value}), lane(SITE)).json
    assert (body["model"], body["messages"][0]["content"]) == ("tiny", "Hello")


def test_a_base_url_may_end_in_v1():
    for url in ("http://box:1", "http://box:1/", "http://box:1/v1", "http://box:1/v1/"):
        assert ANTHROPIC.request(asked(), lane(url)).url == "http://box:1/v1/messages"


def test_its_own_site_needs_a_key_and_others_do_not():
    with pytest.raises(errors.Unauthorized, match="ANTHROPIC_API_KEY"):
        ANTHROPIC.request(asked(), lane(SITE, key=""))
    assert "x-api-key" not in ANTHROPIC.request(asked(), lane("http://box", key="")).headers
    own = {"Authorization": "Bearer other", "anthropic-beta": "x"}
    sent = ANTHROPIC.request(asked(), lane(SITE, key="", headers=own)).headers
    assert sent == {**own, "anthropic-version": "2023-06-01"}


# --- what comes back ----------------------------------------------------------------------------


def test_an_answer():
    response = web.json_response(
        reply(), headers={"request-id": "req_1", "anthropic-ratelimit-requests-limit": "50"}
    )
    found = answer(response)
    assert (found.text, found.status, found.finish) == ("Hi there", "ok", "end_turn")
    assert (found.usage.input, found.usage.output, found.usage.cached) == (10, 3, None)
    assert (found.model, found.request_id) == ("claude-tiny-20261001", "req_1")
    assert found.limits["anthropic-ratelimit-requests-limit"] == "50"
    assert found.warnings == ()


def test_tokens_of_a_cache_are_part_of_the_input():
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "output_tokens": 3,
    }
    found = answer(reply(usage=usage)).usage
    assert (found.input, found.cached, found.cache_written, found.output) == (1110, 1000, 100, 3)


def test_no_usage_is_no_zero():
    for usage in (None, {}, "many"):
        found = answer(reply(usage=usage)).usage
        assert (found.input, found.output) == (None, None)


@pytest.mark.parametrize(
    ("reason", "status", "warned"),
    [
        ("end_turn", "ok", False),
        ("stop_sequence", "ok", False),
        ("max_tokens", "truncated", True),
        ("model_context_window_exceeded", "truncated", True),
        ("refusal", "filtered", False),
        ("pause_turn", "ok", True),
    ],
)
def test_why_it_ended_decides_the_status(reason, status, warned):
    found = answer(reply(stop_reason=reason))
    assert (found.status, bool(found.warnings)) == (status, warned)


def test_a_limit_that_the_user_has_set_is_not_explained_to_him():
    ask = asked(params={"max_output_tokens": 5})
    found = answer(reply(stop_reason="max_tokens"), ask)
    assert (found.status, found.warnings) == ("truncated", ())


def test_a_refusal_says_why():
    details = {"type": "refusal", "category": "bio", "explanation": "Not that."}
    found = answer(reply(content=[], stop_reason="refusal", stop_details=details))
    assert (found.status, found.text, found.warnings) == ("filtered", "", ("refused: Not that.",))


def test_thoughts_are_no_part_of_the_answer():
    parts = [
        {"type": "thinking", "thinking": "Let me see", "signature": "x"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "42."},
    ]
    assert answer(reply(content=parts)).text == "It is 42."


def test_a_call_of_a_tool_becomes_json():
    call = {"type": "tool_use", "id": "t", "name": "weather", "input": {"city": "Zürich"}}
    found = answer(reply(content=[call], stop_reason="tool_use"))
    assert json.loads(found.text) == [{"name": "weather", "arguments": '{"city": "Zürich"}'}]
    assert (found.status, len(found.warnings)) == ("ok", 1)


def test_an_answer_without_text_is_empty():
    assert answer(reply(content=[])).status == "empty"


@pytest.mark.parametrize("odd", [{}, [], {"content": [{}]}, {"content": 1}])
def test_what_is_no_answer_is_not_asked_for_again(odd):
    with pytest.raises(errors.NotUnderstood) as caught:
        answer(odd)
    assert not caught.value.again


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": "12", "output_tokens": "3", "cache_read_input_tokens": 1}, (None, None)),
        ({"input_tokens": 12, "output_tokens": "3"}, (12, None)),
        ({"input_tokens": 12, "output_tokens": 3, "cache_read_input_tokens": [1]}, (12, 3)),
        ("many", (None, None)),
    ],
)
def test_an_answer_is_kept_whatever_is_said_of_its_tokens(usage, expected):
    found = answer(reply(usage=usage))
    assert found.status == "ok"
    assert (found.usage.input, found.usage.output) == expected


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "words", "expected"),
    [
        (400, "invalid_request_error", "temperature: range: -1..1", errors.BadRequest),
        (400, "invalid_request_error", "prompt is too long: 9 > 8", errors.ContextOverflow),
        (400, "invalid_request_error", "Your credit balance is too low", errors.OutOfQuota),
        (401, "authentication_error", "invalid x-api-key", errors.Unauthorized),
        (403, "permission_error", "not allowed", errors.Unauthorized),
        (404, "not_found_error", "model: claude-zero", errors.ModelNotFound),
        (413, "request_too_large", "Request exceeds the maximum size", errors.ContextOverflow),
        (429, "rate_limit_error", "would exceed your rate limit", errors.RateLimited),
        (500, "api_error", "Internal server error", errors.ServerError),
        (529, "overloaded_error", "Overloaded", errors.Overloaded),
    ],
)
def test_each_of_its_errors_has_its_cure(status, kind, words, expected):
    found = failure(status, kind, words)
    assert type(found) is expected
    assert (found.status, found.request_id) == (status, "req_9")
    assert words in found.message


def test_a_429_says_how_long_to_wait():
    headers = {
        "retry-after": "17",
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-input-tokens-remaining": "0",
    }
    found = failure(429, "rate_limit_error", "40,000 input tokens per minute", headers)
    assert found.retry_after == 17.0
    assert found.limits.keys() >= headers.keys()


# --- in pieces ----------------------------------------------------------------------------------


def pieces(*deltas, block=None, stop_reason="end_turn"):
    start = reply(content=[], stop_reason=None, usage={"input_tokens": 10, "output_tokens": 1})
    return [
        {"type": "message_start", "message": start},
        {"type": "ping"},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": block or {"type": "text", "text": ""},
        },
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason, "stop_sequence": None},
            "usage": {"output_tokens": 25, "input_tokens": None},
        },
        {"type": "message_stop"},
    ]


def text_delta(text):
    return {"type": "text_delta", "text": text}


def test_a_streamed_answer_is_the_same_as_one_that_came_whole():
    stream = events(*pieces(text_delta("Hi "), text_delta("there")), done=False)
    found, seen = ask_once(ANTHROPIC, stream, options={"stream": True})
    assert seen[0].json["stream"] is True
    assert (found.text, found.status, found.model) == ("Hi there", "ok", "claude-tiny-20261001")
    assert (found.usage.input, found.usage.output) == (10, 25)
    assert 0 <= found.ttft <= found.latency


def test_a_streamed_call_of_a_tool():
    parts = [{"type": "input_json_delta", "partial_json": text} for text in ('{"ci', 'ty": 1}')]
    block = {"type": "tool_use", "id": "t", "name": "weather", "input": {}}
    stream = events(*pieces(*parts, block=block, stop_reason="tool_use"), done=False)
    found = answer(stream, options={"stream": True})
    assert json.loads(found.text) == [{"name": "weather", "arguments": '{"city": 1}'}]


def test_streamed_thoughts_are_no_part_of_the_answer():
    thought = {"type": "thinking_delta", "thinking": "hm"}
    stream = events(*pieces(thought, block={"type": "thinking", "thinking": ""}), done=False)
    assert answer(stream, options={"stream": True}).status == "empty"


@pytest.mark.parametrize("count", range(1, 7))
def test_a_stream_that_breaks_off_is_no_answer(count):
    whole = pieces(text_delta("Hi"))
    assert len(whole) == 7
    with pytest.raises(errors.BadReply):
        answer(events(*whole[:count], done=False), options={"stream": True})


def test_an_error_in_the_stream_is_an_error():
    broken = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(errors.Overloaded):
        answer(events(*pieces()[:3], broken, done=False), options={"stream": True})


# --- models -------------------------------------------------------------------------------------


def test_its_models_with_their_limits():
    entries = [
        {"id": "claude-a", "max_input_tokens": 200_000, "max_tokens": 64_000},
        {"id": "claude-b", "display_name": "B"},
    ]

    async def use(session, url):
        return await ANTHROPIC.models(lane(url), session)

    found, seen = served(lambda _: {"data": entries, "has_more": False}, use)
    assert [(m.id, m.context_window, m.max_output) for m in found] == [
        ("claude-a", 200_000, 64_000),
        ("claude-b", None, None),
    ]
    assert (seen[0].method, seen[0].path) == ("GET", "/v1/models?limit=1000")
