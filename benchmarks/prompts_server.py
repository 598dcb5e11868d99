"""A server that answers any chat after 0.2 s, and costs next to nothing itself.

``python -m benchmarks.prompts_server`` prints its port and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

SECONDS = 0.2
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


async def answer(request: web.Request) -> web.Response:
    """Answer as OpenAI does; strict clients want model, created and usage."""
    asked = await request.json()
    await asyncio.sleep(SECONDS)
    text = f"echo of {asked['messages'][-1]['content']}"
    choice = {"index": 0, "finish_reason": "stop"}
    choice["message"] = {"role": "assistant", "content": text}
    reply = {"id": "chatcmpl-1", "object": "chat.completion", "created": int(time.time())}
    return web.json_response(reply | {"model": asked["model"], "choices": [choice], "usage": USAGE})


async def serve() -> None:
    """Serve until somebody ends the process."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
