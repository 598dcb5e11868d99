"""One request goes out as it should, and whatever comes back, or does not, is named rightly."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import sys
import traceback
from pathlib import Path
from urllib.parse import quote, quote_plus

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from http_server import events, served

from treadle.prompts import errors, faults
from treadle.prompts.providers import wire
from treadle.prompts.providers.base import HttpReply, HttpRequest

SECRET = "sk-live-abcdefghijkl"


def sent(handler, **fields):
    async def use(session, url):
        request = HttpRequest(
            url + "/chat", {"Authorization": f"Bearer {SECRET}"}, {"a": 1}, **fields
        )
        return await wire.send(session, request, timeout=20.0, provider="there")

    return served(handler, use)


def refused(handler, kind, **fields):
    with pytest.raises(kind) as caught:
        sent(handler, **fields)
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    return caught.value


def raw_server(reply, use):
    """Return what *use* returns with a session and the URL of a server that sends just *reply*."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await reader.read(100)
        writer.write(reply)
        await writer.drain()
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, wire.open_session() as session:
            return await use(session, f"http://127.0.0.1:{port}/v1")

    return asyncio.run(main())


def raw_failure(reply, kind):
    async def use(session, url):
        request = HttpRequest(url, {}, {"a": 1})
        with pytest.raises(kind) as caught:
            await wire.send(session, request, timeout=20.0)
        return caught.value

    return raw_server(reply, use)


# --- what is sent ---------------------------------------------------------------------------------


def test_a_request_arrives_whole_and_its_reply_too():
    reply, [seen] = sent(lambda _: web.json_response({"b": 2}, headers={"X-Request-ID": "r1"}))
    assert (reply.status, reply.json, reply.headers["x-request-id"]) == (200, {"b": 2}, "r1")
    assert (seen.method, seen.path, seen.json) == ("POST", "/v1/chat", {"a": 1})
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["authorization"] == f"Bearer {SECRET}"
    assert seen.headers["user-agent"].startswith("treadle/")
    assert reply.seconds > 0


@given(st.recursive(st.text(st.characters(), max_size=20), st.lists))
def test_any_text_is_sent_so_that_it_arrives_as_it_was(value):
    """Half a surrogate pair, which UTF-8 cannot carry, goes escaped."""
    assert json.loads(wire.dumped(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}])
def test_what_json_cannot_say_is_a_bad_request(value):
    with pytest.raises(errors.BadRequest, match="cannot be written as JSON"):
        wire.dumped({"temperature": value})


def test_one_connection_serves_many_requests():
    ports = set()

    def handler(request):
        ports.add(request.transport.get_extra_info("peername")[1])
        return {"ok": 1}

    async def use(session, url):
        for _ in range(5):
            await wire.send(session, HttpRequest(url, {}, {}), timeout=20.0)

    served(handler, use)
    assert len(ports) == 1


def test_a_proxy_of_the_environment_is_used_but_not_for_exceptions(monkeypatch):
    def handler(_):
        return {"ok": 1}

    async def through(session, url):
        monkeypatch.setenv("http_proxy", url.removesuffix("/v1"))
        wire._target.cache_clear()
        await wire.send(session, HttpRequest("http://model.invalid/v1", {}, {}), timeout=20.0)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        await wire.send(session, HttpRequest(url + "/direct", {}, {}), timeout=20.0)

    _, [first, second] = served(handler, through)
    wire._target.cache_clear()
    assert first.headers["host"] == "model.invalid"
    assert second.path == "/v1/direct"


def test_a_netrc_for_the_host_does_not_replace_the_key(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    _, [seen] = sent(lambda _: {"ok": 1})
    assert seen.headers["authorization"] == f"Bearer {SECRET}"


# --- what comes back ------------------------------------------------------------------------------


def test_an_answer_with_a_broken_byte_or_a_bare_control_character_is_not_lost():
    body = b'\xef\xbb\xbf{"text": "a\xff\x01b"}'
    reply, _ = sent(lambda _: web.Response(body=body))
    assert reply.json == {"text": "a\ufffd\x01b"}


def test_a_large_answer_arrives():
    text = "x\n" * 500_000
    reply, _ = sent(lambda _: {"text": text})
    assert reply.json["text"] == text


@given(st.binary(max_size=200) | st.just(b"[" * 100_000) | st.just(b"9" * 10_000))
def test_no_body_breaks_the_parser(body):
    """What is JSON as the standard has it is read as such; the rest is mended, or None."""
    try:
        expected = json.loads(body.decode())
    except (ValueError, RecursionError):
        expected = None
    value = wire.parsed(body)
    assert expected is None or repr(value) == repr(expected)


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"", "empty"), (b'{"choices": [{"mess', "cut off"), (b"<html>hello</html>", "hello")],
)
def test_a_success_without_json_is_a_bad_reply(body, words):
    error = refused(lambda _: web.Response(body=body), errors.BadReply)
    assert words in error.message
    assert error.status == 200


def test_an_error_inside_a_success_is_an_error():
    error = refused(lambda _: {"error": {"code": 502, "message": "upstream"}}, errors.ServerError)
    assert error.message == "HTTP 200 with error 502: upstream"


def test_an_error_that_is_null_is_none():
    reply, _ = sent(lambda _: {"error": None, "id": "x"})
    assert reply.json["id"] == "x"


def test_a_refusal_holds_its_status_its_id_its_wait_and_its_limits():
    def handler(_):
        return web.json_response(
            {"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}},
            status=429,
            headers={
                "retry-after": "7",
                "x-request-id": "r7",
                "x-ratelimit-remaining-requests": "0",
            },
        )

    error = refused(handler, errors.RateLimited)
    assert (error.status, error.request_id, error.retry_after) == (429, "r7", 7.0)
    assert error.limits["x-ratelimit-remaining-requests"] == "0"


def test_a_key_that_the_server_repeats_is_not_shown():
    body = {"error": {"message": f"Incorrect API key provided: {SECRET}.", "code": "x"}}
    error = refused(lambda _: web.json_response(body, status=401), errors.Unauthorized)
    assert "Incorrect API key provided: ***" in error.message.replace("sk-***", "***")


def test_a_redirect_is_told_and_not_followed():
    """A POST would go on as a GET without its body."""
    seen = []

    def handler(request):
        seen.append(request.path)
        return web.Response(status=301, headers={"Location": "/elsewhere"})

    error = refused(handler, errors.BadRequest)
    assert "url of there" in error.hint
    assert seen == ["/v1/chat"]


# --- what does not come back ----------------------------------------------------------------------


def test_no_answer_in_time_is_no_reply():
    async def use(session, url):
        with pytest.raises(errors.NoReply, match=r"within 0\.05 s") as caught:
            await wire.send(session, HttpRequest(url, {}, {}), timeout=0.05)
        return caught.value

    async def handler(request):
        await asyncio.Event().wait()

    error, _ = served(handler, use)
    assert isinstance(error, TimeoutError)
    assert error.hint is not None


def test_a_cut_body_is_a_bad_reply():
    error = raw_failure(
        b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"choices": [', errors.BadReply
    )
    assert "cut off" in error.message


def test_a_connection_that_breaks_is_a_network_error():
    assert "broke" in raw_failure(b"", errors.NetworkError).message


def test_another_kind_of_server_is_a_bad_reply():
    error = raw_failure(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", errors.BadReply)
    assert "does not answer in HTTP" in error.message


def test_nobody_there_is_a_network_error_that_says_where():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        async def main():
            async with wire.open_session() as session:
                request = HttpRequest(f"http://127.0.0.1:{port}/v1", {}, {})
                await wire.send(session, request, timeout=20.0, provider="local")

        with pytest.raises(errors.NetworkError, match=str(port)) as caught:
            asyncio.run(main())
    assert "does local run" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("not a url", errors.ModelNotFound),
        ("ftp://host/v1", errors.ModelNotFound),
        ("http://user:hunter22@[::bad/v1", errors.RequestFailed),
    ],
)
def test_an_address_that_is_none_is_named_without_what_is_secret(url, kind):
    async def main():
        async with wire.open_session() as session:
            await wire.send(session, HttpRequest(url, {}, {}), timeout=20.0)

    with pytest.raises(kind) as caught:
        asyncio.run(main())
    assert "hunter22" not in str(caught.value)
    assert not caught.value.again


def test_a_header_that_cannot_be_sent_is_a_bad_request_without_its_value():
    async def use(session, url):
        request = HttpRequest(url, {"X-Team": "one\r\nX-Two: hunter22"}, {})
        with pytest.raises(errors.BadRequest) as caught:
            await wire.send(session, request, timeout=20.0)
        return caught.value

    error, seen = served(lambda _: {"ok": 1}, use)
    assert "hunter22" not in str(error)
    assert seen == []


class Closing:
    """A session whose first connections turn out closed before anything is sent."""

    def __init__(self, session, times):
        self.session, self.times = session, times

    async def request(self, *args, **fields):
        self.times -= 1
        if self.times >= 0:
            cause = ConnectionResetError("Cannot write to closing transport")
            raise aiohttp.ClientOSError(None, "Can not write request body") from cause
        return await self.session.request(*args, **fields)


def test_a_kept_connection_that_was_closed_costs_no_attempt():
    async def use(session, url):
        return await wire.send(Closing(session, 2), HttpRequest(url, {}, {}), timeout=20.0)

    reply, seen = served(lambda _: {"ok": 1}, use)
    assert (reply.json, len(seen)) == ({"ok": 1}, 1)


def test_what_closes_each_time_is_a_network_error():
    async def use(session, url):
        with pytest.raises(errors.NetworkError, match="broke"):
            await wire.send(Closing(session, 9), HttpRequest(url, {}, {}), timeout=20.0)

    _, seen = served(lambda _: {"ok": 1}, use)
    assert seen == []


# --- in pieces ------------------------------------------------------------------------------------


def streamed(handler, idle=None):
    async def use(session, url):
        request = HttpRequest(url, {}, {"stream": True}, stream=True, idle=idle)
        return await wire.stream_send(
            session, request, timeout=20.0, folded=list, has_text=lambda event: "t" in event
        )

    return served(handler, use)[0]


def test_pieces_are_put_together_and_the_first_token_is_timed():
    reply = streamed(lambda _: events({"role": 1}, {"t": "a"}, {"t": "b"}))
    assert reply.json == [{"role": 1}, {"t": "a"}, {"t": "b"}]
    assert 0 < reply.ttft <= reply.seconds


def test_a_server_that_does_not_stream_is_understood():
    reply = streamed(lambda _: {"whole": 1})
    assert (reply.json, reply.ttft) == ({"whole": 1}, None)


def test_an_error_among_the_pieces_fails_the_request():
    with pytest.raises(errors.Overloaded, match="busy"):
        streamed(lambda _: events({"t": "a"}, {"error": {"code": 503, "message": "busy"}}))


def test_the_wait_that_an_error_among_the_pieces_asks_for_is_handed_on():
    error = {"error": {"code": 429, "message": "Please try again in 8.71s."}}
    with pytest.raises(errors.RateLimited) as caught:
        streamed(lambda _: events({"t": "a"}, error))
    assert caught.value.retry_after == 8.71


def test_a_piece_that_is_no_json_is_a_bad_reply():
    with pytest.raises(errors.BadReply, match="no JSON"):
        streamed(lambda _: web.Response(text="data: {oh\n\n", content_type="text/event-stream"))


def test_a_refusal_of_a_stream_is_one_of_the_request():
    with pytest.raises(errors.Unauthorized):
        streamed(lambda _: web.json_response({"error": "no"}, status=401))


def test_silence_between_two_pieces_is_no_reply():
    async def handler(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"t": 1}\n\n')
        await asyncio.Event().wait()

    with pytest.raises(errors.NoReply, match=r"nothing more .* for 0\.05 s"):
        streamed(handler, idle=0.05)


@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), st.text(max_size=8)), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 9),
)
def test_events_are_the_same_however_the_stream_is_cut(values, newline, size):
    text = newline.join(f"event: x{newline}data: {json.dumps(value)}{newline}" for value in values)
    stream = f": a comment{newline}{newline}{text}{newline}".encode()
    split = wire.Events()
    found = [
        event
        for start in range(0, len(stream), size)
        for event in split.feed(stream[start : start + size])
    ]
    assert found == values


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_last_event_needs_no_empty_line_after_it(newline):
    split = wire.Events()
    assert split.feed(f'data: {{"t": 1}}{newline}{newline}data: {{"t": 2}}'.encode()) == [{"t": 1}]
    assert split.end() == [{"t": 2}]
    assert split.end() == []


def test_half_an_event_at_the_end_is_none():
    split = wire.Events()
    assert split.feed(b'data: {"t": 1, "u') == []
    assert split.end() == []


def test_a_stream_without_a_last_empty_line_is_whole():
    whole = web.Response(text='data: {"t": 1}\n\ndata: {"t": 2}', content_type="text/event-stream")
    assert streamed(lambda _: whole).json == [{"t": 1}, {"t": 2}]


# --- keys -----------------------------------------------------------------------------------------

KEY = "top secret/key+99"  # as it is; in a url it is written in another way


def all_of(error):
    """Return all that a record keeps of *error*: its text, notes and causes."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(error.hint)


@pytest.mark.parametrize(
    "reply",
    [
        web.Response(text=f"your key was {KEY}"),
        web.Response(text=f"<html><title>{KEY}</title></html>", status=502),
        web.json_response({"error": {"message": f"bad key {KEY}"}}, status=401),
        web.json_response({"error": f"bad key {KEY}"}),
        web.json_response({"detail": f"{quote(KEY, safe='')} is no key"}, status=403),
        web.Response(text="x" * 290 + KEY),  # what is shown ends in the middle of it
    ],
    ids=["text", "page", "refused", "in a success", "as it is in the url", "cut"],
)
def test_a_key_in_the_url_or_a_header_is_not_shown_when_the_server_repeats_it(reply):
    async def use(session, url):
        where = f"{url}/chat?key={quote_plus(KEY)}&api-version=2026"
        request = HttpRequest(where, {"X-Key": f"Token {KEY}"}, {})
        with pytest.raises(errors.RequestFailed) as caught:
            await wire.send(session, request, timeout=20.0)
        return caught.value

    error, _ = served(lambda _: reply, use)
    for part in ("top secret", "top%20secret", "key+99"):
        assert part not in all_of(error)


def test_a_key_in_the_url_is_not_shown_by_a_server_that_does_not_speak_http():
    async def use(session, url):
        request = HttpRequest(f"{url}?key=topsecretkey99", {}, {})
        with pytest.raises(errors.BadReply, match="does not answer in HTTP") as caught:
            await wire.send(session, request, timeout=20.0)
        return caught.value

    error = raw_server(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", use)
    assert "topsecretkey99" not in all_of(error)


def test_a_cause_without_a_key_is_kept():
    error = raw_failure(b"", errors.ConnectionLost)
    assert isinstance(error.__cause__, aiohttp.ClientError)


def test_what_is_sent_and_what_came_show_no_key_when_they_are_printed():
    url, headers = (
        "https://me:pw123@host/v1?key=topsecretkey99",
        {"Authorization": "Bearer topsecretkey99"},
    )
    shown = repr(HttpRequest(url, headers, {})) + repr(
        HttpReply(200, {}, b"", secrets=faults.secrets_in(url, headers))
    )
    assert "topsecretkey99" not in shown
    assert "pw123" not in shown
