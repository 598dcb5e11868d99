"""A server that speaks as Ollama does, without a model: for tests, and for clients of others.

    python tests/prompts/fake_ollama.py [PORT]

It answers with the last message, word by word; a word is a token. Written after Ollama's public API
documentation, never compared with the real thing; the official client must be able to use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from datetime import UTC, datetime

from aiohttp import web

BUSY = "server busy, please try again.  maximum pending requests exceeded"
TOO_LONG = "the input length exceeds the context length"
DEFAULT_CONTEXT = 4096


class FakeOllama:
    """
    The state of one server.

    Attributes:
        models: The installed models, and what each was trained for: tokens of context.
        parameters: What the file of a model sets, such as ``"num_ctx 2048"``.
        max_queue: Requests that may be waiting or running; one more is refused with 503.
        seen: All requests: path and JSON.
        gate: While it is not set, chats wait.
        running: Chats that are waiting or running.
        arrived: Set when a chat has arrived.
    """

    def __init__(self, models=None, *, parameters=None, max_queue=512):
        self.models = models or {"tiny:latest": 8192}
        self.parameters = parameters or {}
        self.max_queue = max_queue
        self.seen = []
        self.running = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()

    def app(self):
        """Return the server's routes."""
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/", self.root)
        app.router.add_get("/api/version", self.version)
        app.router.add_get("/api/tags", self.tags)
        app.router.add_get("/api/ps", self.loaded)
        app.router.add_post("/api/show", self.show)
        app.router.add_post("/api/chat", self.chat)
        app.router.add_post("/api/generate", self.generate)
        return app

    async def root(self, request):
        return web.Response(text="Ollama is running")

    async def version(self, request):
        return web.json_response({"version": "0.12.6"})

    async def tags(self, request):
        self.seen.append((request.path, None))
        models = [self.listed(name) for name in self.models]
        return web.json_response({"models": models})

    async def loaded(self, request):
        listed = [
            {**self.listed(name), "expires_at": now(), "size_vram": 0, "context_length": 4096}
            for name in self.models
        ]
        return web.json_response({"models": listed})

    def listed(self, name):
        return {
            "name": name,
            "model": name,
            "modified_at": now(),
            "size": 514_000,
            "digest": f"{abs(hash(name)):064x}"[:64],
            "details": details(),
        }

    async def show(self, request):
        asked = await self.read(request)
        name = self.installed(asked.get("model") or asked.get("name"))
        if name is None:
            return missing(asked)
        return web.json_response(
            {
                "modelfile": f"FROM {name}",
                "parameters": self.parameters.get(name, ""),
                "template": "{{ .Prompt }}",
                "details": details(),
                "model_info": {
                    "general.architecture": "llama",
                    "llama.context_length": self.models[name],
                    "llama.embedding_length": 64,
                },
                "capabilities": ["completion"],
                "modified_at": now(),
            }
        )

    async def chat(self, request):
        asked = await self.read(request)
        messages = asked.get("messages") or []
        words = [word for message in messages for word in message["content"].split()]
        last = messages[-1]["content"] if messages else ""

        def part(text):
            return {"message": {"role": "assistant", "content": text}}

        return await self.said(request, asked, words, last, part)

    async def generate(self, request):
        asked = await self.read(request)
        prompt = asked.get("prompt") or ""
        words = f"{asked.get('system') or ''} {prompt}".split()
        return await self.said(request, asked, words, prompt, lambda text: {"response": text})

    async def read(self, request):
        asked = json.loads(await request.text())
        self.seen.append((request.path, asked))
        return asked

    def installed(self, name):
        """Return the whole name of a model; ``latest`` may be left out."""
        whole = name if not name or ":" in name else f"{name}:latest"
        return whole if whole in self.models else None

    async def said(self, request, asked, words, answer, part):
        """Answer with *answer*, in the form of *part*."""
        name = self.installed(asked.get("model"))
        if name is None:
            return missing(asked)
        if self.running >= self.max_queue:
            return refused(503, BUSY)
        options = asked.get("options") or {}
        if not isinstance(options.get("stop", []), list):
            return refused(400, 'option "stop" must be of type array')
        context = min(options.get("num_ctx", DEFAULT_CONTEXT), self.models[name])
        if len(words) > context:
            if asked.get("truncate") is False:
                return refused(400, TOO_LONG)
            words = words[-context // 2 :]
        began = time.monotonic_ns()
        self.running += 1
        self.arrived.set()
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        tokens = answer.split()
        limit = options.get("num_predict", -1)
        cut = 0 <= limit < len(tokens)
        spoken = tokens[:limit] if cut else tokens
        spent = max(1, time.monotonic_ns() - began)
        final = {
            "done": True,
            "done_reason": "length" if cut else "stop",
            "total_duration": 3 * spent,
            "load_duration": spent,
            "prompt_eval_count": len(words),
            "prompt_eval_duration": spent,
            "eval_count": len(spoken),
            "eval_duration": spent,
        }
        head = {"model": asked["model"], "created_at": now()}
        if asked.get("stream", True) is False:
            return web.json_response({**head, **part(" ".join(spoken)), **final})
        pieces = [
            {**head, **part(f" {word}" if number else word), "done": False}
            for number, word in enumerate(spoken)
        ]
        return await streamed(request, [*pieces, {**head, **part(""), **final}])


async def streamed(request, values):
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    for value in values:
        await response.write(json.dumps(value).encode() + b"\n")
    await response.write_eof()
    return response


def details():
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "0.1M",
        "quantization_level": "F16",
    }


def missing(asked):
    return refused(404, f"model '{asked.get('model') or asked.get('name')}' not found")


def refused(status, words):
    return web.json_response({"error": words}, status=status)


def now():
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


async def serve(port):
    runner = web.AppRunner(FakeOllama().app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"http://127.0.0.1:{port}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 11434))
