"""Arrays of 8 MB, into workers and out of them, in MB/s.

All arrays are distinct and made before the clock starts (in) or in the worker (out), and whoever
receives one reads from every page of it.
"""

from __future__ import annotations

import time
from importlib.util import find_spec

from benchmarks import harness, peers
from benchmarks.functions import make_array, make_small_array, touch
from benchmarks.harness import Facts, Options, Result, Target

CASE = "arrays"
MEGABYTES = 8
TARGETS = {"in": Target(ratio=1.0), "out": Target(ratio=1.4)}
AGAINST = {"in": "joblib", "out": None}


def measure(facts: Facts, *, engine: str, start_method: str, direction: str, n: int) -> None:
    """Time one pass of *n* arrays on a warm pool."""
    function = touch if direction == "in" else make_array
    items = [make_array(number) for number in range(n)] if direction == "in" else list(range(n))
    with peers.ENGINES[engine](harness.WORKERS, start_method) as pool:
        for _ in pool.map_items(make_small_array, range(4), length=4):
            pass
        count = 0
        began = time.perf_counter()
        for value in pool.map_items(function, items, length=n):
            if direction == "out":
                touch(value)
            count += 1
        elapsed = time.perf_counter() - began
    if count != n:
        raise RuntimeError(f"{count} results of {n} items")
    facts.update(mb_per_second=n * MEGABYTES / elapsed, seconds=elapsed, items=n)


def run(options: Options) -> Result:
    """Measure both directions."""
    n = 6 if options.quick else 100
    common = {"start_method": options.start_method, "n": n}
    result = Result(CASE, {**common, "MB per array": MEGABYTES})
    if find_spec("numpy") is None:
        result.notes.append("skipped: numpy is not installed")
        return result
    # Chunks of large arrays help nobody, so the tuned engines would only appear twice.
    untuned = harness.every_peer(lambda engine: not engine.slow and "tuned" not in engine.name)
    engines = harness.choose(options, untuned, result.notes)
    variants = {direction: {**common, "direction": direction} for direction in TARGETS}
    rounds = options.rounds or (1 if options.quick else 5)
    result.measurements = harness.interleave(CASE, engines, variants, rounds=rounds)
    for direction, target in TARGETS.items():
        harness.add_row(
            result,
            f"8 MB arrays {direction}",
            "MB/s",
            harness.values(result.measurements, "mb_per_second", direction),
            better="higher",
            target=target,
            against=AGAINST[direction],
        )
    return result


if __name__ == "__main__":
    harness.main(run, __doc__)
