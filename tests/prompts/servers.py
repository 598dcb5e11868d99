"""A real server that speaks as OpenAI's does, run in a thread, and experiments that are put to it.

It answers as a test tells it to, request by request, and logs each request with its time. Requests
of several lanes may come to one server: they are told apart by their models.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import web

import treadle
from treadle.prompts.values import Answer

SOURCE = Path(__file__).parents[2] / "src"
PATIENCE = 40.0  # seconds; a net under busy machines
KEY = "very-secret-key-of-the-tests-0123456789"


@dataclass
class Asked:
    """One request, as the server saw it; times are monotonic seconds."""

    number: int  # of all requests, from 1
    time: int  # that this text came for this model, from 1
    said: str
    model: str
    body: dict
    key: str
    at: float
    ended: float = 0.0
    status: int = 0  # 0 for a connection that was reset


@dataclass
class Reply:
    """What to send back; *body* is text, or a value that is sent as JSON."""

    body: object = ""
    status: int = 200
    headers: dict = field(default_factory=dict)
    kind: str = "application/json"
    reset: bool = False

    @property
    def content(self) -> bytes:
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


Handler = Callable[[Asked], Reply | Awaitable[Reply]]


def ok(text: str, *, finish="stop", tokens=(10, 5), **more) -> Reply:
    """Answer with *text*."""
    message = {"role": "assistant", "content": text}
    return Reply(
        {
            "id": "chatcmpl-1",
            "model": "tiny-2026",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": tokens[0],
                "completion_tokens": tokens[1],
                "total_tokens": sum(tokens),
            },
            **more,
        }
    )


def refused(status: int, code: str = "", text: str = "no", **headers) -> Reply:
    """Answer with an error; names of headers have ``_`` for ``-``."""
    error = {"message": text, "type": code or "error", "code": code or None}
    named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return Reply({"error": error}, status, named)


def echo(asked: Asked) -> Reply:
    """Answer each request in its own words."""
    return ok(f"answer to {asked.said}")


class Server:
    """
    A server for one test; a context manager.

    Args:
        handler: Returns, or is a coroutine function that returns, the reply to each request.

    Attributes:
        log: All requests, in the order in which they came.
        url: Where it is, up to ``/v1``.
        connections: The ports that requests came from.
    """

    def __init__(self, handler: Handler = echo) -> None:
        self.handler = handler
        self.log: list[Asked] = []
        self.url = ""
        self.connections: set[int] = set()
        self.errors: list[BaseException] = []  # of handlers: a test that fails in there fails
        self._times: Counter[tuple[str, str]] = Counter()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="server", daemon=True
        )

    @property
    def said(self) -> list[str]:
        """What was asked, in the order in which it came."""
        return [asked.said for asked in self.log]

    def call(self, function, *arguments) -> None:
        """Call *function* in the thread of the server, where its events are."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(function, *arguments)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_) -> None:
        self.call(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self.errors:
            raise self.errors[0]

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "tiny"}, {"id": "big"}]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername")[1])
        body = await request.json()
        said, model = body["messages"][-1]["content"], body["model"]
        self._times[said, model] += 1
        asked = Asked(
            number=len(self.log) + 1,
            time=self._times[said, model],
            said=said,
            model=model,
            body=body,
            key=request.headers.get("Authorization", "").removeprefix("Bearer "),
            at=time.monotonic(),
        )
        self.log.append(asked)
        try:
            reply = self.handler(asked)
            if not isinstance(reply, Reply):
                reply = await reply
        except Exception as error:
            self.errors.append(error)
            reply = refused(400, text="the test has failed")
        asked.ended = time.monotonic()
        if reply.reset:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        asked.status = reply.status
        return web.Response(
            body=reply.content,
            status=reply.status,
            headers=reply.headers,
            content_type=reply.kind,
        )


async def eventually_there(seen) -> bool:
    """Wait in a handler until *seen* returns something true; tell whether it did."""
    until = time.monotonic() + PATIENCE
    while not seen():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.002)
    return True


def eventually(seen) -> bool:
    """Wait until *seen* returns something true; tell whether it did."""
    until = time.monotonic() + PATIENCE
    while not seen():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


# ── an experiment in the current folder ─────────────────────────────────────────────────────────


def at_home(monkeypatch, folder: Path) -> Path:
    """Make *folder* the current one, with records beside the results and no keys around."""
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "ANTHROPIC_", "OPENROUTER_", "OLLAMA_", "TREADLE_")):
            monkeypatch.delenv(name)
    for name in ("COLUMNS", "LINES", "CI"):
        monkeypatch.delenv(name, raising=False)
    return folder


def table(rows: int | list[str], *, lane="mine", model="tiny", name="rows.csv") -> Path:
    """Write a table with so many topics, or with these."""
    topics = [f"topic {number}" for number in range(1, rows + 1)] if isinstance(rows, int) else rows
    text = "".join(f"{lane},{model},{topic}\n" for topic in topics)
    Path(name).write_text("provider,model,topic\n" + text)
    return Path(name)


def prompt(text: str = "Say {{topic}}", name: str = "prompt.txt") -> Path:
    """Write a prompt."""
    Path(name).write_text(text)
    return Path(name)


def lane(server: Server, name="mine", *, key_env="MINE_KEY", **settings) -> None:
    """Add a lane that leads to *server* to the settings."""
    settings = {"provider": "openai", "url": server.url, "key-env": key_env, **settings}
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    with Path("treadle.toml").open("a") as file:
        file.write(f"[prompts.lanes.{name}]\n{lines}")


def results(path="results.csv") -> list[dict[str, str]]:
    """Return the rows of a results file, by the standard library; it must be whole."""
    csv.field_size_limit(1 << 30)
    text = Path(path).read_bytes().decode()
    assert text.endswith("\n"), repr(text[-80:])
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert all(None not in row and None not in row.values() for row in rows), text[-400:]
    return rows


def records(runs_dir=".treadle/runs") -> list[tuple[dict[str, Answer], set[str]]]:
    """Return of each run, the oldest first, its answers by key and the keys of what failed."""
    found = []
    for run in treadle.runs(runs_dir):
        found.append((dict(run.stored()), {outcome.key for outcome in run.failures()}))
        run.close()
    return found


def recorded(runs_dir=".treadle/runs") -> set[str]:
    """Return the keys of all requests that have ended, from the records below *runs_dir*."""
    return {key for answers, failed in records(runs_dir) for key in (*answers, *failed)}


# ── the command ─────────────────────────────────────────────────────────────────────────────────


def command(*arguments) -> list[str]:
    """Return the command line of ``treadle prompts``."""
    return [sys.executable, "-m", "treadle", "prompts", *map(str, arguments)]


def start(*arguments, **options) -> subprocess.Popen:
    """Start ``treadle prompts`` in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), **options.pop("env", {})}
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
        **options,
    )


def ended(process: subprocess.Popen, told: str | None = None) -> tuple[int, str, str]:
    """Wait for the end of a program; return exit code, stdout and stderr."""
    try:
        out, err = process.communicate(told, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the program did not end: {out}\n{err}") from None
    return process.returncode, out, err
