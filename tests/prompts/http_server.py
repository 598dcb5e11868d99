"""What the tests of providers share: a real server in the same event loop, and asks for it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

from treadle.prompts.providers.wire import open_session
from treadle.prompts.values import Ask, LaneSettings, Message, Secret


@dataclass
class Seen:
    """One request, as the server saw it."""

    method: str
    path: str
    headers: dict
    json: object = field(default=None)


def asked(text="hello", **fields):
    defaults = {
        "key": "k1",
        "index": 0,
        "row": 1,
        "prompt": "p.txt",
        "prompt_hash": "0" * 12,
        "lane": "there",
        "model": "tiny",
        "messages": (Message("user", text),),
        "cells": {"topic": "a stray variable"},
    }
    return Ask(**(defaults | fields))


def lane(url="", *, key="sk-test-1234567890", **fields):
    defaults = {"name": "there", "provider": "openai", "timeout": 20.0}
    secret = Secret(key) if key else None
    return LaneSettings(url=url, key=secret, **(defaults | fields))


def served(handler, use):
    """
    Return what *use* returns, which gets a session and the URL of a server, and what it has seen.

    *handler* gets each request and returns its response, or a value to be sent as JSON.
    """
    seen = []

    async def handle(request):
        text = await request.text()
        seen.append(
            Seen(
                request.method,
                request.path_qs,
                {name.lower(): value for name, value in request.headers.items()},
                json.loads(text) if text else None,
            )
        )
        response = handler(request)
        if asyncio.iscoroutine(response):
            response = await response
        return response if isinstance(response, web.StreamResponse) else web.json_response(response)

    async def main():
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{rest:.*}", handle)
        async with TestServer(app) as server, open_session() as session:
            return await use(session, str(server.make_url("/v1")))

    return asyncio.run(main()), seen


def ask_once(provider, answered, ask=None, **fields):
    """Return the answer of *provider* when its server says *answered*, and what that has seen."""

    async def use(session, url):
        return await provider.ask(ask or asked(), lane(url, **fields), session)

    return served(lambda _: answered, use)


def events(*values, done=True):
    """Return *values* as a stream of server-sent events."""
    text = "".join(f"data: {json.dumps(value)}\n\n" for value in values)
    text += "data: [DONE]\n\n" if done else ""
    return web.Response(text=text, content_type="text/event-stream")
