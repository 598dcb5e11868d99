"""Send one request by HTTP and return the whole reply. The only module that knows aiohttp.

It is imported when a request is sent, never before. What an error reply means is said by
``faults``; how often a request is tried is left to the engine.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import aiohttp
from yarl import URL

import treadle
from treadle.prompts import errors, faults
from treadle.prompts.providers.base import HttpReply, HttpRequest

CONNECT_TIMEOUT = 10.0

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def open_session(limit: int = 0) -> aiohttp.ClientSession:
    """
    Return the session of a run; call it in the event loop, and close it there.

    Args:
        limit: Most connections at a time; 0 for no limit, for lanes have their own.
    """
    _target.cache_clear()  # the proxies may have changed since the last run
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, ttl_dns_cache=300),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"treadle/{treadle.__version__}"},
    )


async def send(
    session: aiohttp.ClientSession,
    request: HttpRequest,
    *,
    timeout: float,  # noqa: ASYNC109  one that the connection knows costs less, and says more
    provider: str = "the server",
) -> HttpReply:
    """
    Send *request* once and return the reply, which is JSON and no error.

    Args:
        session: From `open_session`.
        request: What to send.
        timeout: Seconds for all of it, from now.
        provider: Who is asked, for messages.

    Raises:
        RequestFailed: There is no such reply; the class says why.
    """
    started = time.monotonic()
    try:
        async with await _opened(session, request, timeout) as response:
            body = await response.read()
    except (aiohttp.ClientError, OSError, ValueError) as error:
        cause = faults.cause_of(error, _secrets(request))
        raise _failure(error, request, provider, timeout) from cause
    return _checked(
        HttpReply(
            response.status,
            _lowered(response),
            body,
            parsed(body),
            time.monotonic() - started,
            secrets=_secrets(request),
        ),
        provider,
    )


async def stream_send(
    session: aiohttp.ClientSession,
    request: HttpRequest,
    *,
    timeout: float,  # noqa: ASYNC109  as in `send`
    folded: Callable[[Sequence[Mapping[str, Any]]], Any],
    has_text: Callable[[Mapping[str, Any]], bool],
    provider: str = "the server",
) -> HttpReply:
    """
    Send *request* once and put its answer, which comes in pieces, together.

    A server that answers in one piece all the same is understood.

    Args:
        session: From `open_session`.
        request: What to send; ``request.idle`` limits the time between two pieces.
        timeout: Seconds for all of it, from now.
        folded: See `HttpProvider.folded`.
        has_text: See `HttpProvider.has_text`.
        provider: Who is asked, for messages.

    Raises:
        RequestFailed: There is no whole answer; the class says why.
    """
    started = time.monotonic()
    events: list[Mapping[str, Any]] = []
    times: list[float] = []
    body = b""
    try:
        async with await _opened(session, request, timeout) as response:
            status, lowered = response.status, _lowered(response)
            is_stream = status < 300 and response.content_type == "text/event-stream"
            if is_stream:
                split = Events()
                async for chunk in response.content.iter_any():
                    found = split.feed(chunk)
                    events += found
                    times += [time.monotonic() - started] * len(found)
                events += (found := split.end())
                times += [time.monotonic() - started] * len(found)
            else:
                body = await response.read()
    except (aiohttp.ClientError, OSError, ValueError) as error:
        cause = faults.cause_of(error, _secrets(request))
        raise _failure(error, request, provider, timeout) from cause
    seconds = time.monotonic() - started
    reply = HttpReply(status, lowered, body, None, seconds, secrets=_secrets(request))
    if not is_stream:
        reply.json = parsed(body)
        return _checked(reply, provider)
    broken = next((event for event in events if event.get("error")), None)
    if broken is not None:
        reply.body = dumped(broken)  # its text may say how long to wait
    try:
        reply.json = folded(events) if broken is None else broken
        pairs = zip(events, times, strict=True)
        reply.ttft = next((seconds for event, seconds in pairs if has_text(event)), None)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        said = faults.redacted(repr(error), reply.secrets)[: faults.SHOWN]
        raise errors.NotUnderstood(
            f"the pieces of the answer of {provider} are not what was expected: {said}",
            hint="leave out the option stream",
            status=status,
        ) from faults.cause_of(error, reply.secrets)
    return _checked(reply, provider)


class Events:
    """The events of a stream (``text/event-stream``), cut out of chunks that end anywhere."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Mapping[str, Any]]:
        """
        Return the events that *chunk* completes: the objects in their ``data``.

        Raises:
            ValueError: The data of an event are no JSON.
        """
        *blocks, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n\n")
        found: list[Mapping[str, Any]] = []
        for block in blocks:
            data = b"\n".join(
                line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:")
            )
            if data and data != b"[DONE]":
                event = _lenient(data)
                if isinstance(event, dict):
                    found.append(event)
        return found

    def end(self) -> list[Mapping[str, Any]]:
        """Return the event that the stream ended with, when no empty line came after it."""
        try:
            return self.feed(b"\n\n")
        except ValueError:
            return []  # cut off in its middle: whoever puts the pieces together misses it


def dumped(value: Any) -> bytes:
    """
    Return *value* as JSON in UTF-8, in its shortest form.

    Raises:
        BadRequest: It cannot be written as JSON.
    """
    try:
        try:
            return _encode(value).encode()
        except UnicodeEncodeError:  # half a surrogate pair, which JSON can only carry escaped
            return _encode_ascii(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise errors.BadRequest(
            f"the request cannot be written as JSON: {error}",
            hint="look at its parameters: numbers must be finite",
        ) from error


def parsed(body: bytes) -> Any:
    """Return the JSON in *body*, broken text in it mended; None where there is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        try:
            return _lenient(body)
        except (ValueError, RecursionError):
            return None


def _lenient(body: bytes) -> Any:
    # A paid answer is not thrown away for a byte that is no UTF-8, or a control character.
    return json.loads(body.decode("utf-8-sig", "replace"), strict=False)


@lru_cache(maxsize=256)
def _target(url: str) -> tuple[URL, str | None]:
    """
    Return *url*, parsed, and the proxy that the environment names for it.

    ``trust_env`` of aiohttp looks both up for each request, in another thread, and refuses one
    that has a key when the machine's ``.netrc`` names its host.
    """
    target = URL(url)
    proxy = urllib.request.getproxies().get(target.scheme)
    if proxy is None or target.host is None or urllib.request.proxy_bypass(target.host):
        return target, None
    return target, proxy if "://" in proxy else f"http://{proxy}"


@lru_cache(maxsize=64)
def _timeout(total: float, idle: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_TIMEOUT, sock_read=idle)


async def _opened(
    session: aiohttp.ClientSession,
    request: HttpRequest,
    timeout: float,  # noqa: ASYNC109  as in `send`
) -> aiohttp.ClientResponse:
    """
    Send *request* and return the response, of which the head has come.

    Some servers close a connection that was to be kept, llama.cpp after each stream. Where that is
    noticed before anything was sent, another connection is taken: this is no second attempt.
    """
    for _ in range(2):
        try:
            return await _sent(session, request, timeout)
        except aiohttp.ClientOSError as error:
            if "closing transport" not in str(error.__cause__):
                raise
    return await _sent(session, request, timeout)


def _sent(
    session: aiohttp.ClientSession, request: HttpRequest, timeout: float
) -> Awaitable[aiohttp.ClientResponse]:
    url, proxy = _target(request.url)
    headers = request.headers
    body = None
    if request.json is not None:
        headers = {"Content-Type": "application/json", **headers}
        body = dumped(request.json)
    return session.request(
        request.method,
        url,
        data=body,
        headers=headers,
        proxy=proxy,
        timeout=_timeout(timeout, request.idle if request.stream else None),
        allow_redirects=False,  # a POST would go on as a GET, without its body
    )


def _lowered(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _checked(reply: HttpReply, provider: str) -> HttpReply:
    """Return *reply* when it is JSON and no error."""
    value = reply.json
    if reply.status < 300:
        if value is None:
            raise faults.no_json(reply, provider=provider)
        if not (isinstance(value, dict) and value.get("error")):
            return reply
    raise faults.failure_of(reply, provider=provider)


def _failure(
    error: Exception, request: HttpRequest, provider: str, timeout: float
) -> errors.RequestFailed:
    return faults.network_failure(
        error,
        provider=provider,
        url=request.url,
        timeout=timeout,
        idle=request.idle,
        secrets=_secrets(request),
    )


def _secrets(request: HttpRequest) -> tuple[str, ...]:
    return faults.secrets_in(request.url, request.headers)
