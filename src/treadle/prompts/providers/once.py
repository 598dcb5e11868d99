"""Fetch a thing once, however many want it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
D = TypeVar("D")


class Once(Generic[T]):
    """Things that are fetched once each: who asks while one is under way waits for it."""

    def __init__(self) -> None:
        self._found: dict[Hashable, asyncio.Task[T]] = {}

    def known(self, key: Hashable, otherwise: D) -> T | D:
        """Return what was found for *key* already, without waiting; else *otherwise*."""
        task = self._found.get(key)
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return otherwise
        return task.result()

    async def get(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """
        Return what *fetch* gave for *key*, now or before. What failed is fetched again.

        Who is cancelled does not cancel the others.
        """
        task = self._found.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._found[key] = asyncio.ensure_future(_awaited(fetch))
        return await asyncio.shield(task)


async def _awaited(fetch: Callable[[], Awaitable[T]]) -> T:
    return await fetch()
