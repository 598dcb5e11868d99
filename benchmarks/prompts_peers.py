"""What one would write instead: a bare loop of aiohttp, and two ways to use LiteLLM.

``python -m benchmarks.prompts_peers NAME URL ROWS AT_ONCE OUT`` sends each line of *ROWS*
and writes the answers to *OUT*. LiteLLM is in a Python without our libraries: none is imported.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODEL = "small"
PATIENCE = 300


def bare(url: str, prompts: list[str], at_once: int, out: Path) -> None:
    """Workers that take from one iterator; a line is in the file as soon as its answer is here."""
    asyncio.run(_bare(url, prompts, at_once, out))


async def _bare(url: str, prompts: list[str], at_once: int, out: Path) -> None:
    import aiohttp

    left = iter(prompts)
    connector = aiohttp.TCPConnector(limit=0)
    with out.open("w", encoding="utf-8") as file:
        async with aiohttp.ClientSession(connector=connector) as session:

            async def work() -> None:
                for prompt in left:
                    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
                    async with session.post(f"{url}/chat/completions", json=body) as reply:
                        answered = await reply.json()
                    text = answered["choices"][0]["message"]["content"]
                    file.write(json.dumps({"prompt": prompt, "answer": text}) + "\n")
                    file.flush()

            await asyncio.gather(*(work() for _ in range(at_once)))


def acompletion(url: str, prompts: list[str], at_once: int, out: Path) -> None:
    """``litellm.acompletion`` for each, behind a semaphore; all is written at the end."""
    import litellm

    async def every() -> list[Any]:
        limit = asyncio.Semaphore(at_once)

        async def one(prompt: str) -> Any:
            async with limit:
                return await litellm.acompletion(
                    model=f"openai/{MODEL}",
                    messages=[{"role": "user", "content": prompt}],
                    api_base=url,
                    api_key="x",
                    timeout=PATIENCE,
                )

        return await asyncio.gather(*map(one, prompts))

    _write(prompts, asyncio.run(every()), out)


def batch_completion(url: str, prompts: list[str], at_once: int, out: Path) -> None:
    """``litellm.batch_completion`` on that many threads; it returns a list."""
    import litellm

    answers = litellm.batch_completion(
        model=f"openai/{MODEL}",
        messages=[[{"role": "user", "content": prompt}] for prompt in prompts],
        max_workers=at_once,
        api_base=url,
        api_key="x",
        timeout=PATIENCE,
    )
    _write(prompts, answers, out)


def _write(prompts: list[str], answers: list[Any], out: Path) -> None:
    with out.open("w", encoding="utf-8") as file:
        for prompt, answer in zip(prompts, answers, strict=True):
            text = answer.choices[0].message.content
            file.write(json.dumps({"prompt": prompt, "answer": text}) + "\n")


_WAYS: dict[str, Callable[[str, list[str], int, Path], None]] = {
    "aiohttp": bare,
    "litellm.acompletion": acompletion,
    "litellm.batch_completion": batch_completion,
}


if __name__ == "__main__":
    name, to, rows, number, results = sys.argv[1:]
    lines = Path(rows).read_text(encoding="utf-8").splitlines()
    _WAYS[name](to, lines, int(number), Path(results))
