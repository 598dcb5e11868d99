"""A thread that reads for a screen: what it holds open belongs to one thread, as databases do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

Found = TypeVar("Found")


class Reader:
    """
    Does what blocks, one thing after the other, beside the event loop.

    Args:
        name: Of its thread.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def __call__(self, function: Callable[..., Found], *args: Any, **kwargs: Any) -> Found:
        """Return what *function* returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(function, *args, **kwargs))

    async def close(self, last: Callable[[], object] | None = None) -> None:
        """End the thread, after *last* and what was asked before it."""
        if last is not None:
            await self(last)
        await asyncio.to_thread(self._pool.shutdown)
