"""``map`` and ``amap``: a function over many items, on workers made for this one run."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import suppress
from typing import Any, TypeVar, Unpack, cast, overload

from treadle.api.options import (
    MAP_NAMES,
    POOL_NAMES,
    Options,
    PoolOptions,
    Settings,
    check_names,
    settings_from,
)
from treadle.api.outcomes import Outcomes
from treadle.api.pool import Pool
from treadle.core.outcome import Outcome

T = TypeVar("T")

BREATHE_EVERY = 0.005  # seconds for which outcomes may be handed out before others get their turn


@overload
def map(  # noqa: A001  the name is the point
    function: Callable[..., Coroutine[Any, Any, T]],
    items: Iterable[Any],
    **options: Unpack[Options],
) -> Outcomes[T]: ...


@overload
def map(  # noqa: A001
    function: Callable[..., T], items: Iterable[Any], **options: Unpack[Options]
) -> Outcomes[T]: ...


def map(  # noqa: A001
    function: Callable[..., Any], items: Iterable[Any], **options: Unpack[Options]
) -> Outcomes[Any]:
    """
    Call *function* on every item in parallel and yield an outcome for each, as they settle.

    The source is read as capacity allows and may be infinite; memory does not grow with the
    number of items. A failing item, a dead worker or a timeout is an outcome, not an exception.

    Args:
        function: Called as ``function(item)``, or ``function(item, state)`` with ``setup=``. An
            ``async def`` runs on an event loop, anything else in worker processes, unless
            ``backend=`` says otherwise.
        items: Any iterable, or a source such as ``treadle.files("data/**/*.csv")``.
        options: See :class:`treadle.api.options.Options`.

    Raises:
        UsageError: An argument is wrong; nothing was started.
        NotPicklable: The function cannot travel to a worker process; nothing was started.
    """
    pool, settings = pool_for("map", options)
    return pool.begin(function, items, settings, then_close=True)


def amap(
    function: Callable[..., Any],
    items: Iterable[Any] | AsyncIterable[Any],
    **options: Unpack[Options],
) -> AsyncIterator[Outcome[Any]]:
    """
    Like :func:`map`, for ``async for``: the event loop is never blocked.

    Args:
        function: As for ``map``.
        items: Any iterable (read in a thread) or async iterable (read in the running loop).
        options: As for ``map``.

    Raises:
        UsageError: An argument is wrong.
    """
    pool, settings = pool_for("amap", options)
    return iterate_async(
        lambda source: pool.begin(function, source, settings, then_close=True, in_thread=True),
        items,
    )


def pool_for(where: str, options: Mapping[str, Any]) -> tuple[Pool, Settings]:
    """
    Check *options*, and make of them a pool for one run and the settings of the run.

    Raises:
        UsageError: One of them is wrong.
    """
    check_names(options, POOL_NAMES | MAP_NAMES, where)
    settings = settings_from(options)
    mine = {name: value for name, value in options.items() if name in POOL_NAMES}
    return Pool(**cast("PoolOptions", mine)), settings


async def iterate_async(
    begin: Callable[[Any], Outcomes[Any]], items: Iterable[Any] | AsyncIterable[Any]
) -> AsyncIterator[Outcome[Any]]:
    """Yield the outcomes of the run that *begin* starts, without ever blocking the loop."""
    loop = asyncio.get_running_loop()
    news = asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop was closed, and nobody waits any more
            loop.call_soon_threadsafe(news.set)

    source = _Bridge(items, loop) if isinstance(items, AsyncIterable) else items
    outcomes = begin(source)
    outlet = outcomes.outlet
    outlet.notify(tell)
    breathe_at = loop.time() + BREATHE_EVERY
    try:
        while True:
            try:
                block = outlet.take_now()
            except queue.Empty:
                await news.wait()
                news.clear()
                breathe_at = loop.time() + BREATHE_EVERY
                continue
            if block is None:
                break
            for outcome in outlet.hand_out(block):
                yield outcome
                if loop.time() > breathe_at:
                    # A consumer that always finds more would keep the loop to itself.
                    await asyncio.sleep(0)
                    breathe_at = loop.time() + BREATHE_EVERY
        if outlet.error is not None:
            raise outlet.error
    finally:
        # Ending workers may take a moment, in which the loop must go on.
        await asyncio.shield(loop.run_in_executor(None, outcomes.close))


class _Bridge:
    """Reads an async iterable from the reader's thread, one item at a time as it is asked for."""

    def __init__(self, items: AsyncIterable[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._items = items
        self._loop = loop
        key = getattr(items, "key", None)
        if callable(key):
            self.key = key

    def __iter__(self) -> Iterator[Any]:
        iterator = self._items.__aiter__()

        async def following() -> tuple[bool, Any]:
            try:
                return True, await iterator.__anext__()
            except StopAsyncIteration:
                return False, None

        while True:
            there, value = asyncio.run_coroutine_threadsafe(following(), self._loop).result()
            if not there:
                return
            yield value
