"""Two thousand waits of 50 ms on one event loop, a hundred at a time: ideally one second.

The peer is what one would write by hand: ``asyncio.gather`` behind a semaphore, without outcomes,
limits, retries or cancellation. Both start their event loop inside the measured time.
"""

from __future__ import annotations

import asyncio
import time
from importlib import import_module
from typing import Any

from benchmarks import harness
from benchmarks.functions import wait
from benchmarks.harness import Facts, Options, Result, Target

CASE = "coroutines"
BARE = "asyncio.gather"
SECONDS = 0.05
AT_ONCE = 100


def measure(facts: Facts, *, engine: str, n: int) -> None:
    """Time all waits."""
    items = [SECONDS] * n
    if engine == BARE:
        began = time.perf_counter()
        count = asyncio.run(_gather(items))
    else:
        treadle: Any = import_module("treadle")
        began = time.perf_counter()
        count = sum(1 for outcome in treadle.map(wait, items, workers=AT_ONCE) if outcome.ok)
    elapsed = time.perf_counter() - began
    if count != n:
        raise RuntimeError(f"{count} results of {n} items")
    facts.update(seconds=elapsed, of_ideal=elapsed / (n / AT_ONCE * SECONDS))


async def _gather(items: list[float]) -> int:
    limit = asyncio.Semaphore(AT_ONCE)

    async def limited(seconds: float) -> float:
        async with limit:
            return await wait(seconds)

    return len(await asyncio.gather(*map(limited, items)))


def run(options: Options) -> Result:
    """Measure both."""
    n = 400 if options.quick else 2000
    result = Result(CASE, {"items": n, "seconds per item": SECONDS, "at once": AT_ONCE})
    rounds = options.rounds or (1 if options.quick else 5)
    result.measurements = harness.interleave(
        CASE, (harness.TREADLE, BARE), {CASE: {"n": n}}, rounds=rounds
    )
    harness.add_row(
        result,
        f"{n:,} coroutines of 50 ms, 100 at once",
        "s",
        harness.values(result.measurements, "seconds"),
        better="lower",
        target=Target(limit=1.1 * n / AT_ONCE * SECONDS),
    )
    return result


if __name__ == "__main__":
    harness.main(run, __doc__)
