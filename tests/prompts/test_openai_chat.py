"""Chat completions, with a server that answers as many different ones do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))

from http_server import ask_once, asked, events, lane, served

from treadle.prompts import errors
from treadle.prompts.providers.openai_chat import OpenAIChat
from treadle.prompts.providers.openrouter import OpenRouter
from treadle.prompts.providers.responses import OpenAIResponses
from treadle.prompts.values import Message, Model, Usage

OPENAI = OpenAIChat()


def reply(message=None, finish="stop", **fields):
    message = {"role": "assistant", "content": "Hi"} if message is None else message
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny-2026",
        "choices": [choice],
    } | fields


def answer(*args, **fields):
    return ask_once(OPENAI, reply(*args, **fields))[0]


def failed(value, kind):
    with pytest.raises(kind) as caught:
        ask_once(OPENAI, value)
    assert type(caught.value) is kind
    return caught.value


# --- what is sent ---------------------------------------------------------------------------------


def test_model_messages_and_parameters_are_sent_and_nothing_else():
    ask = asked(
        messages=(Message("system", "Be brief."), Message("user", "Hi \u00e9")),
        params={"temperature": 0.2, "stop": ["\n"]},
    )
    _, [seen] = ask_once(OPENAI, reply(), ask)
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert seen.json == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi \u00e9"},
        ],
        "temperature": 0.2,
        "stop": ["\n"],
    }
    assert seen.headers["authorization"] == "Bearer sk-test-1234567890"


def test_no_parameter_replaces_model_or_messages():
    ask = asked(params={"model": "other", "messages": []})
    _, [seen] = ask_once(OPENAI, reply(), ask)
    assert (seen.json["model"], len(seen.json["messages"])) == ("tiny", 1)


def test_the_headers_of_a_lane_come_last():
    _, [seen] = ask_once(OPENAI, reply(), headers={"Authorization": "Basic x", "X-Team": "a"})
    assert (seen.headers["authorization"], seen.headers["x-team"]) == ("Basic x", "a")


def test_a_base_url_may_hold_a_query():
    request = OPENAI.request(asked(), lane("https://x.example/deploy/?api-version=2"))
    assert request.url == "https://x.example/deploy/chat/completions?api-version=2"


@pytest.mark.parametrize("url", ["", "https://api.openai.com/v1", "https://eu.api.openai.com/v1"])
def test_openai_itself_is_not_asked_without_a_key(url):
    with pytest.raises(errors.Unauthorized, match="OPENAI_API_KEY is not set"):
        OPENAI.request(asked(), lane(url, key=""))


def test_any_other_server_needs_no_key():
    _, [seen] = ask_once(OPENAI, reply(), key="")
    assert "authorization" not in seen.headers


@pytest.mark.parametrize("key", ["sk-a\nb", "\u201csk-a\u201d"])
def test_a_key_that_cannot_be_one_is_not_sent_and_not_shown(key):
    with pytest.raises(errors.Unauthorized) as caught:
        OPENAI.request(asked(), lane("http://there", key=key))
    assert key not in str(caught.value)


# --- what comes back ------------------------------------------------------------------------------


def test_an_answer_has_its_text_its_tokens_and_where_it_came_from():
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    response = web.json_response(
        reply({"role": "assistant", "content": "two\nlines"}, usage=usage),
        headers={"x-request-id": "r1", "x-ratelimit-remaining-tokens": "9"},
    )
    got, _ = ask_once(OPENAI, response)
    assert (got.text, got.finish, got.model, got.status) == (
        "two\nlines",
        "stop",
        "tiny-2026",
        "ok",
    )
    assert got.usage == Usage(input=12, output=5, cached=4, reasoning=2)
    assert (got.http_status, got.request_id) == (200, "r1")
    assert got.limits["x-ratelimit-remaining-tokens"] == "9"
    assert got.latency > 0
    assert (got.cost, got.ttft, got.raw) == (None, None, None)


def test_the_whole_reply_is_kept_when_that_is_asked_for():
    got, _ = ask_once(OPENAI, reply(), options={"raw": True})
    assert got.raw == reply()
    assert got.request_id == "chatcmpl-1"


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": "many"}, 7])
def test_tokens_that_nobody_counted_are_unknown(usage):
    assert answer(usage=usage).usage == Usage()


def test_the_words_of_deepseek_and_anthropic_for_the_cache_are_known():
    usage = {"prompt_tokens": 9, "prompt_cache_hit_tokens": 3, "cache_creation_input_tokens": 2}
    assert answer(usage=usage).usage == Usage(input=9, cached=3, cache_written=2)


@pytest.mark.parametrize(
    ("message", "finish", "text", "status"),
    [
        ({"content": "cut"}, "length", "cut", "truncated"),
        ({"content": None}, "content_filter", "", "filtered"),
        ({"content": None}, "stop", "", "empty"),
        ({"content": " "}, None, " ", "empty"),
        ({"content": None, "refusal": "I can't."}, "stop", "I can't.", "filtered"),
        ({"content": "", "reasoning_content": "hm"}, "length", "", "truncated"),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            "stop",
            "ab",
            "ok",
        ),
        (
            {"content": [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "b"}]},
            "stop",
            "b",
            "ok",
        ),
        ({}, "stop", "", "empty"),
    ],
)
def test_what_is_cut_off_filtered_or_empty_is_told(message, finish, text, status):
    got = answer(message, finish)
    assert (got.text, got.status) == (text, status)


@pytest.mark.parametrize(
    "message",
    [
        {
            "content": None,
            "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"content": None, "function_call": {"name": "f", "arguments": "{}"}},
    ],
)
def test_a_call_of_a_tool_is_the_answer_in_json(message):
    got = answer(message, "tool_calls")
    assert got.text == '[{"name": "f", "arguments": "{}"}]'
    assert (got.finish, got.status, len(got.warnings)) == ("tool_calls", "ok", 1)


def test_several_answers_are_all_kept():
    choices = [
        {"message": {"content": "one"}, "finish_reason": "stop"},
        {"message": {"content": "tw"}, "finish_reason": "length"},
    ]
    got = answer(choices=choices)
    assert (got.text, got.status) == ('["one", "tw"]', "truncated")
    assert "2 answers" in got.warnings[0]


@pytest.mark.parametrize(
    "value",
    [{}, [], 7, {"choices": [{}]}, {"choices": {"a": 1}}, {"choices": [None]}],
)
def test_a_whole_reply_of_another_form_is_not_asked_and_paid_for_again(value):
    error = failed(value, errors.NotUnderstood)
    assert (error.kind, error.status, error.again) == ("not_understood", 200, False)


def test_a_reply_without_any_choice_may_be_better_the_next_time():
    error = failed({"choices": []}, errors.BadReply)
    assert (error.status, error.again) == (200, True)


@pytest.mark.parametrize(
    "value",
    [
        {"note": "Bearer topsecretkey99"},
        {"choices": [], "echo": "topsecretkey99"},
        {"choices": [{"error": {"message": "topsecretkey99 is wrong", "code": 401}}]},
    ],
    ids=["other form", "no choice", "error in a choice"],
)
def test_no_reply_makes_a_message_with_the_key_in_it(value):
    with pytest.raises(errors.RequestFailed) as caught:
        ask_once(OPENAI, value, key="topsecretkey99")
    assert "topsecretkey99" not in str(caught.value)


def test_an_error_in_a_choice_is_that_error():
    choices = [{"message": {"content": "half"}, "error": {"code": 503, "message": "gone"}}]
    assert "gone" in failed(reply(choices=choices), errors.Overloaded).message


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 20,
                "total_tokens": 30,
                "completion_tokens_details": {"reasoning_tokens": 15},
            },
            Usage(input=10, output=20, reasoning=15),  # OpenAI: within
        ),
        (
            {
                "prompt_tokens": 37,
                "completion_tokens": 530,
                "total_tokens": 800,
                "completion_tokens_details": {"reasoning_tokens": 233},
            },
            Usage(input=37, output=763, reasoning=233),  # xAI: beside
        ),
        (
            {"prompt_tokens": 8, "completion_tokens": 10, "total_tokens": 530},
            Usage(input=8, output=522, reasoning=512),  # Gemini: beside, and not named
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 20,
                "total_tokens": 5030,
                "cache_creation_input_tokens": 5000,
            },
            Usage(input=10, output=20, cache_written=5000),  # something else is beside
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 3},
            Usage(input=10, output=20),
        ),
    ],
    ids=["within", "beside", "not named", "a cache", "nonsense"],
)
def test_tokens_of_thoughts_are_part_of_the_output_wherever_they_are_counted(usage, expected):
    assert answer(usage=usage).usage == expected


# --- the name of a request ------------------------------------------------------------------------


@pytest.mark.parametrize("provider", [OpenAIChat(), OpenAIResponses()], ids=lambda each: each.name)
def test_openai_can_find_a_request_by_a_name_of_ours(provider):
    ask = asked(key="a row of mine \u00e9:0123456789abcdef#2")
    own = provider.request(ask, lane(provider.url)).headers
    assert own["X-Client-Request-Id"] == "treadle-0123456789abcdef#2-1"
    assert "X-Client-Request-Id" not in provider.request(ask, lane("http://localhost/v1")).headers


def test_others_do_not_get_the_header_that_they_do_not_know():
    provider = OpenRouter()
    assert "X-Client-Request-Id" not in provider.request(asked(), lane(provider.url)).headers


# --- in pieces ------------------------------------------------------------------------------------


def piece(delta=None, finish=None, **fields):
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "c", "model": "tiny-2026", "choices": [choice]} | fields


PIECES = [
    piece({"role": "assistant", "content": ""}),
    piece({"content": "He"}),
    piece({"content": "llo"}),
    piece(finish="length"),
    {"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
]


def test_a_streamed_answer_is_the_same_as_a_whole_one():
    got, [seen] = ask_once(OPENAI, events(*PIECES), options={"stream": True})
    assert (got.text, got.status, got.model) == ("Hello", "truncated", "tiny-2026")
    assert got.usage == Usage(input=3, output=2)
    assert 0 < got.ttft <= got.latency
    assert seen.json["stream"] is True
    assert seen.json["stream_options"] == {"include_usage": True}


def test_a_parameter_of_a_row_may_ask_for_pieces():
    got, [seen] = ask_once(OPENAI, events(*PIECES), asked(params={"stream": True}))
    assert got.text == "Hello"
    assert seen.json["stream"] is True


def test_calls_of_tools_come_in_pieces_too():
    call = {"index": 0, "function": {"name": "f", "arguments": '{"a"'}}
    rest = {"index": 0, "function": {"arguments": ": 1}"}}
    pieces = [
        piece({"tool_calls": [call]}),
        piece({"tool_calls": [rest]}),
        piece(finish="tool_calls"),
    ]
    got, _ = ask_once(OPENAI, events(*pieces), options={"stream": True})
    assert got.text == '[{"name": "f", "arguments": "{\\"a\\": 1}"}]'


@pytest.mark.parametrize("pieces", [[], PIECES[:3], [7, {"choices": [{"delta": {"content": 1}}]}]])
def test_an_answer_without_its_last_piece_is_a_bad_reply(pieces):
    with pytest.raises(errors.BadReply, match="cut off"):
        ask_once(OPENAI, events(*pieces, done=False), options={"stream": True})


def test_an_answer_whose_last_piece_has_no_empty_line_after_it_is_whole():
    stream = events(*PIECES, done=False)
    stream.text = stream.text.rstrip("\n")
    got, _ = ask_once(OPENAI, stream, options={"stream": True})
    assert (got.text, got.usage.output) == ("Hello", 2)


def test_pieces_of_another_form_are_not_asked_for_again():
    with pytest.raises(errors.NotUnderstood, match="not what was expected"):
        ask_once(OPENAI, events({"choices": [3]}), options={"stream": True})


# --- models ---------------------------------------------------------------------------------------


def models(value):
    async def use(session, url):
        return await OPENAI.models(lane(url), session)

    return served(lambda _: value, use)


def test_the_models_are_listed_with_what_the_server_says_of_them():
    value = {
        "data": [
            {"id": "plain"},
            {"id": "vllm", "max_model_len": 4096},
            {"id": "litellm", "max_input_tokens": 8192, "max_output_tokens": 100},
            {"id": "llama.cpp", "meta": {"n_ctx": 512}},
            {"id": "odd", "context_length": "big", "meta": None, "top_provider": 3},
        ]
    }
    found, [seen] = models(value)
    assert (seen.method, seen.path, seen.json) == ("GET", "/v1/models", None)
    assert found == [
        Model(id="plain"),
        Model(id="vllm", context_window=4096),
        Model(id="litellm", context_window=8192, max_output=100),
        Model(id="llama.cpp", context_window=512),
        Model(id="odd"),
    ]


def test_a_list_that_is_none_is_not_understood():
    with pytest.raises(errors.NotUnderstood, match="not what was expected"):
        models({"models": []})
