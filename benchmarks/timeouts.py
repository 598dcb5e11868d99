"""Twenty items, one of which sleeps or spins for a minute, with a limit of one second per item.

Counted are the good items delivered (of 19) and the seconds from the limit to the end of the run,
for engines that delivered them all.
The spinning item is inside one call of C code, where no signal handler of Python gets a turn.
"""

from __future__ import annotations

import time

from benchmarks import harness, peers
from benchmarks.functions import overrun
from benchmarks.harness import Facts, Options, Result, Target

CASE = "timeouts"
N = 20
SLOW = 5
LIMIT = 1.0
HUNG = 15.0  # seconds after which an engine counts as hung


def measure(facts: Facts, *, engine: str, start_method: str, fate: str) -> None:
    """Settle all items on a warm pool."""
    items = [(number, fate if number == SLOW else "good") for number in range(N)]
    with peers.ENGINES[engine](harness.WORKERS, start_method) as pool:
        for _ in pool.settle(overrun, items[:SLOW], timeout=LIMIT):
            pass
        facts.update(delivered=0, timed_out=0, seconds=HUNG)
        began = time.perf_counter()
        for ending in pool.settle(overrun, items, timeout=LIMIT):
            if ending.ok:
                facts["delivered"] += 1
            elif ending.item == SLOW:
                facts["timed_out"] += 1
                facts["verdict"] = ending.detail[:300]
        facts["seconds"] = time.perf_counter() - began - LIMIT


def run(options: Options) -> Result:
    """Measure the engines that have a timeout per item."""
    common = {"start_method": options.start_method}
    result = Result(CASE, {**common, "items": N, "limit": LIMIT})
    able = harness.every_peer(lambda engine: engine.has_timeout and "tuned" not in engine.name)
    engines = harness.choose(options, able, result.notes)
    variants = {fate: {**common, "fate": fate} for fate in ("sleeps", "spins")}
    rounds = options.rounds or (1 if options.quick else 3)
    result.measurements = harness.interleave(CASE, engines, variants, rounds=rounds, limit=HUNG)
    for variant in variants:
        title = f"an item {variant} 60 s, limit 1 s"
        for fact, unit, limit in (
            ("delivered", f"delivered of {N - 1}", N - 1.0),
            ("timed_out", "timed out of 1", 1.0),
        ):
            harness.add_row(
                result,
                title,
                unit,
                harness.values(result.measurements, fact, variant),
                better="higher",
                target=Target(limit=limit),
            )
        harness.add_row(
            result,
            title,
            "s after the limit",
            harness.values(harness.complete(result, "delivered", N - 1), "seconds", variant),
            better="lower",
            target=Target(limit=2.0),
        )
    return result


if __name__ == "__main__":
    harness.main(run, __doc__)
