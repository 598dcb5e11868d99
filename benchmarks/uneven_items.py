"""Short and skewed items: how much of what two cores give a bare loop an engine hands on.

An item is a fixed amount of work, not a time: 1 ms each, or drawn from a log-normal distribution
and given in random, ascending or descending order. The bare loop is two processes that share the
same items evenly between them.

The same loop runs up to 12 % faster or slower in the next process, by how its memory happens to
lie, so times of different processes say little. Each item measures the CPU time that it takes where
it runs; an engine's share is the sum of these over what the cores had to give while it ran (cores
times elapsed time), and its efficiency is its share over that of the bare loop in that round.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import harness, peers
from benchmarks.functions import nothing, work
from benchmarks.harness import Facts, Measurement, Options, Result, Target

CASE = "uneven_items"
BARE = "bare loop"
CHUNK = 16  # by hand: 16 ms of work in the even case, about 26 ms in the skewed ones
SIGMA = 1.0  # of the log-normal distribution with median 1 ms: mean 1.65 ms, longest about 25 ms
DISTURBED = 1.05  # no engine beats a bare loop by that much: something else ran beside it
ORDERS = ("even", "random", "ascending", "descending")


def measure(
    facts: Facts, *, engine: str, start_method: str, order: str, n: int, loops_per_ms: int
) -> None:
    """Time one pass over the items on a warm pool."""
    items = make_items(order, n, loops_per_ms)
    if engine == BARE:
        _note(facts, *_bare(items, start_method))
        return
    with peers.ENGINES[engine](harness.WORKERS, start_method, CHUNK) as pool:
        sum(1 for _ in pool.map_items(nothing, range(200), length=200))
        began = time.perf_counter()
        spent = list(pool.map_items(work, items, length=len(items)))
        elapsed = time.perf_counter() - began
    if len(spent) != n:
        raise RuntimeError(f"{len(spent)} results of {n} items")
    _note(facts, sum(spent), elapsed)


def _note(facts: Facts, spent: float, elapsed: float) -> None:
    facts.update(seconds=elapsed, share=spent / (harness.WORKERS * elapsed))


def make_items(order: str, n: int, loops_per_ms: int) -> list[int]:
    """Return the loops of each item; the same ones in every process."""
    if order == "even":
        return [loops_per_ms] * n
    draw = random.Random(20)  # reproducible, not secret
    items = [max(1, int(loops_per_ms * draw.lognormvariate(0.0, SIGMA))) for _ in range(n)]
    if order == "random":
        return items
    return sorted(items, reverse=order == "descending")


def _bare(items: Sequence[int], start_method: str) -> tuple[float, float]:
    """Return the CPU seconds spent on the items, and the seconds that passed."""
    context: Any = multiprocessing.get_context(start_method)
    halves: list[list[int]] = [[] for _ in range(harness.WORKERS)]
    for item in sorted(items, reverse=True):
        min(halves, key=sum).append(item)
    workers = []
    for half in halves:
        here, there = context.Pipe()
        process = context.Process(target=_loop, args=(there, half))
        process.start()
        here.recv()
        workers.append((here, process))
    began = time.perf_counter()
    for here, _ in workers:
        here.send("go")
    spent = sum([here.recv() for here, _ in workers])
    elapsed = time.perf_counter() - began
    for _, process in workers:
        process.join()
    return spent, elapsed


def _loop(pipe: Any, items: list[int]) -> None:
    pipe.send("ready")
    pipe.recv()
    pipe.send(sum([work(item) for item in items]))


def _calibrate() -> int:
    """Return the loops that take a millisecond here and now."""
    loops, best = 20_000, float("inf")
    for _ in range(50):
        began = time.perf_counter()
        work(loops)
        best = min(best, time.perf_counter() - began)
    return int(loops / best / 1000)


def efficiencies(measurements: Sequence[Measurement], order: str) -> dict[str, list[float]]:
    """Divide every engine's share of each round by the bare loop's share of that round."""
    mine = [m for m in measurements if m.variant == order and "share" in m.facts]
    bare = {m.round: m.facts["share"] for m in mine if m.engine == BARE}
    found: dict[str, list[float]] = {}
    for measured in mine:
        if measured.engine != BARE and measured.round in bare:
            efficiency = measured.facts["share"] / bare[measured.round]
            found.setdefault(measured.engine, []).append(efficiency)
    return found


def run(options: Options) -> Result:
    """Measure all engines on all four kinds of items."""
    n = 60 if options.quick else 2000
    orders = ("even", "ascending") if options.quick else ORDERS
    common = {"start_method": options.start_method, "n": n, "loops_per_ms": _calibrate()}
    result = Result(CASE, {**common, "sigma": SIGMA, "chunk of tuned engines": CHUNK})
    quick_starters = harness.every_peer(lambda engine: not engine.slow)
    engines = harness.choose(options, quick_starters, result.notes, extra=(BARE,))
    variants = {order: {**common, "order": order} for order in orders}
    rounds = options.rounds or (1 if options.quick else 3)
    result.measurements = harness.interleave(CASE, engines, variants, rounds=rounds)
    for order in orders:
        by_engine = efficiencies(result.measurements, order)
        if max((max(found) for found in by_engine.values()), default=0.0) > DISTURBED:
            result.notes.append(f"{order}: an engine beat the bare loop; the machine is not quiet")
        harness.add_row(
            result,
            "1 ms items" if order == "even" else f"log-normal items, {order}",
            "of a bare loop",
            by_engine,
            better="higher",
            target=Target(ratio=1.0, limit=0.95),
        )
    return result


if __name__ == "__main__":
    harness.main(run, __doc__)
