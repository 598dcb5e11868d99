"""Ollama is asked in its own words, and says truthfully what it did, or that it is not there."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

sys.path.insert(0, str(Path(__file__).parent))

from fake_ollama import BUSY, FakeOllama
from http_server import ask_once, asked, lane

from treadle.prompts import errors
from treadle.prompts.providers.ollama import Ollama
from treadle.prompts.providers.registry import provider_named
from treadle.prompts.providers.wire import open_session
from treadle.prompts.values import Message

OLLAMA = Ollama()


def a_lane(url="http://localhost:11434", **options):
    return lane(url, key="", provider="ollama", options=options)


def with_server(use, **facts):
    """Return what ``use(server, session, url)`` returns, with a fake Ollama that is running."""

    async def main():
        fake = FakeOllama(**facts)
        async with TestServer(fake.app()) as server, open_session() as session:
            return await use(fake, session, str(server.make_url("")))

    return asyncio.run(main())


def answer(ask=None, options=None, **facts):
    """Return the answer, and the JSON that was sent for it."""

    async def use(fake, session, url):
        found = await OLLAMA.ask(ask or asked(), a_lane(url, **(options or {})), session)
        return found, fake.seen[-1][1]

    return with_server(use, **facts)


def test_it_is_registered_and_needs_no_key():
    assert isinstance(provider_named("ollama"), Ollama)
    assert (OLLAMA.url, OLLAMA.local, OLLAMA.needs_key) == ("http://localhost:11434", True, False)


# --- what is sent -------------------------------------------------------------------------------


def test_a_plain_ask_sends_model_and_messages_and_nothing_else():
    """In particular not the cells of the row; and a prompt that is too long must be an error."""
    messages = (Message("system", "Be brief."), Message("user", "Hi"))
    request = OLLAMA.request(asked(messages=messages), a_lane("http://box:1/"))
    assert (request.method, request.url, request.headers) == ("POST", "http://box:1/api/chat", {})
    assert request.json == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
        ],
        "stream": False,
        "truncate": False,
    }


@pytest.mark.parametrize(
    ("params", "options", "beside"),
    [
        ({"temperature": 0.2, "num_ctx": 2048}, {"temperature": 0.2, "num_ctx": 2048}, {}),
        ({"max_tokens": 7}, {"num_predict": 7}, {}),
        ({"stop": "END"}, {"stop": ["END"]}, {}),
        ({"stop": ["A", "B"]}, {"stop": ["A", "B"]}, {}),
        ({"options": {"mirostat": 1}, "seed": 3}, {"mirostat": 1, "seed": 3}, {}),
        ({"keep_alive": "1h"}, None, {"keep_alive": "1h"}),
        ({"reasoning_effort": "low"}, None, {"think": "low"}),
        ({"think": False}, None, {"think": False}),
        ({"truncate": True}, None, {"truncate": True}),
        ({"response_format": {"type": "json_object"}}, None, {"format": "json"}),
        ({"response_format": {"type": "text"}}, None, {"format": ""}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"a": 1}}}},
            None,
            {"format": {"a": 1}},
        ),
        ({"format": "json", "stream": True}, None, {"format": "json"}),
    ],
)
def test_params_go_where_ollama_wants_them(params, options, beside):
    body = OLLAMA.request(asked(params=params), a_lane()).json
    assert body.get("options") == options
    assert {name: body.get(name) for name in beside} == beside
    assert body["stream"] is False


def test_a_lane_has_options_for_all_and_a_row_its_own():
    body = OLLAMA.request(
        asked(params={"num_ctx": 100}), a_lane(num_ctx=8192, keep_alive="1h", raw=True)
    ).json
    assert (body["options"], body["keep_alive"]) == ({"num_ctx": 100}, "1h")
    assert "raw" not in body


def test_a_key_is_sent_where_there_is_one():
    request = OLLAMA.request(asked(), lane("http://box", key="secret-key"))
    assert request.headers == {"Authorization": "Bearer secret-key"}


# --- what comes back ----------------------------------------------------------------------------


def test_an_answer_with_the_counts_of_the_server():
    found, _ = answer(asked("Tell me all"))
    assert (found.text, found.status, found.finish) == ("Tell me all", "ok", "stop")
    assert (found.usage.input, found.usage.output, found.usage.source) == (3, 3, "usage")
    assert (found.model, found.http_status) == ("tiny", 200)
    assert found.latency > 0


def test_an_answer_that_is_cut_off_says_so():
    found, sent = answer(asked("one two three", params={"max_tokens": 2}))
    assert (found.text, found.status, found.usage.output) == ("one two", "truncated", 2)
    assert sent["options"] == {"num_predict": 2}


def reply(**fields):
    message = {"role": "assistant", "content": "Hi"}
    return {"model": "tiny", "message": message, "done": True, "done_reason": "stop", **fields}


def test_thoughts_and_cached_tokens():
    message = {"role": "assistant", "content": "42", "thinking": "Let me see"}
    counts = {"prompt_eval_count": 40, "prompt_eval_cached_count": 32, "eval_count": 5}
    found, _ = ask_once(OLLAMA, reply(message=message, **counts))
    assert (found.text, found.usage.input, found.usage.cached) == ("42", 40, 32)


def test_an_old_server_counts_nothing_and_gives_no_reason():
    found, _ = ask_once(OLLAMA, {"model": "m", "message": {"content": "Hi"}, "done": True})
    assert (found.text, found.status, found.usage.input) == ("Hi", "ok", None)


def test_a_call_of_a_tool_becomes_json():
    function = {"name": "weather", "arguments": {"city": "Zürich"}}
    message = {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}
    found, _ = ask_once(OLLAMA, reply(message=message))
    assert json.loads(found.text) == [{"name": "weather", "arguments": '{"city": "Zürich"}'}]
    assert found.warnings


@pytest.mark.parametrize(
    "odd",
    [
        reply(done=False),
        reply(message=None),
        {"done": True},
        {"message": {"content": "Hi"}},
        [],
        reply(message={"tool_calls": [1]}),
    ],
)
def test_what_is_no_answer_is_a_bad_reply(odd):
    with pytest.raises(errors.BadReply):
        ask_once(OLLAMA, odd)


def test_an_error_in_a_reply_of_200_is_an_error():
    with pytest.raises(errors.RequestFailed, match="llama runner process has terminated"):
        ask_once(OLLAMA, {"error": "llama runner process has terminated"})


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_model_that_is_not_installed_says_how_to_get_it():
    with pytest.raises(errors.ModelNotFound, match="model 'huge' not found") as caught:
        answer(asked(model="huge"))
    assert caught.value.hint == "ollama pull huge"


def test_a_server_that_is_no_ollama_is_not_sent_models():
    nothing = web.Response(status=404, text="404 page not found")
    with pytest.raises(errors.ModelNotFound, match="404 page not found") as caught:
        ask_once(OLLAMA, nothing)
    assert "pull" not in caught.value.hint


def test_a_prompt_that_does_not_fit_is_an_error_and_not_cut_off():
    """Ollama would drop the beginning of it, and answer the rest with 200."""
    ask = asked("one two three four", params={"num_ctx": 3})
    with pytest.raises(errors.ContextOverflow):
        answer(ask)
    cut, _ = answer(asked("one two three four", params={"num_ctx": 3, "truncate": True}))
    assert cut.usage.input < 4


def test_a_server_that_is_too_busy_is_asked_again_later():
    async def use(fake, session, url):
        fake.gate.clear()
        first = asyncio.ensure_future(OLLAMA.ask(asked(), a_lane(url), session))
        await asyncio.wait_for(fake.arrived.wait(), 10)
        with pytest.raises(errors.Overloaded) as caught:
            await OLLAMA.ask(asked(), a_lane(url), session)
        fake.gate.set()
        return (await first).status, caught.value

    status, error = with_server(use, max_queue=1)
    assert (status, error.status, error.again) == ("ok", 503, True)
    assert " ".join(BUSY.split()) in error.message


def a_closed_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}"


def test_a_dead_server_is_called_dead():
    """It must not read as a model that was not found."""
    url = a_closed_port()

    async def use():
        async with open_session() as session:
            return await OLLAMA.ask(asked(), a_lane(url), session)

    with pytest.raises(errors.NetworkError, match=url) as caught:
        asyncio.run(use())
    assert "ollama serve" in caught.value.hint
    assert caught.value.lane_fault


# --- models -------------------------------------------------------------------------------------


def test_the_installed_models():
    async def use(fake, session, url):
        return await OLLAMA.models(a_lane(url), session)

    found = with_server(use, models={"tiny:latest": 512, "big:70b": 131_072})
    assert [model.id for model in found] == ["tiny:latest", "big:70b"]


@pytest.mark.parametrize(
    ("facts", "options", "window"),
    [
        ({}, {}, 8192),
        ({"parameters": {"tiny:latest": 'stop "<end>"\nnum_ctx      2048\n'}}, {}, 2048),
        ({"parameters": {"tiny:latest": "num_ctx 2048"}}, {"num_ctx": 1024}, 1024),
        ({}, {"num_ctx": 1_000_000}, 8192),
    ],
)
def test_the_context_window_of_a_model_is_what_it_will_have(facts, options, window):
    async def use(fake, session, url):
        found = await OLLAMA.prepare("tiny", a_lane(url, **options), session)
        return found, fake.seen

    found, seen = with_server(use, **facts)
    assert (found.id, found.context_window) == ("tiny", window)
    assert seen == [("/api/show", {"model": "tiny"})]


def test_what_cannot_be_found_out_is_no_gate():
    async def use(fake, session, url):
        missing = await OLLAMA.prepare("huge", a_lane(url), session)
        dead = await OLLAMA.prepare("tiny", a_lane(a_closed_port()), session)
        return missing, dead

    assert with_server(use) == (None, None)


# --- the fake itself ----------------------------------------------------------------------------


def test_the_fake_streams_lines_of_json_as_ollama_does():
    async def use(fake, session, url):
        asks = {"model": "tiny", "messages": [{"role": "user", "content": "a b"}]}
        async with session.post(f"{url}/api/chat", json=asks) as response:
            return [json.loads(line) async for line in response.content]

    *pieces, last = with_server(use)
    assert [piece["message"]["content"] for piece in pieces] == ["a", " b"]
    assert [piece["done"] for piece in pieces] == [False, False]
    assert (last["done"], last["done_reason"], last["eval_count"]) == (True, "stop", 2)
