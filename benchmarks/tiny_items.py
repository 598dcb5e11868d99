"""No-op items per second on a warm pool: the cost of the engine itself, outcomes included.

After a warm-up call the number of items grows until a pass takes long enough to mean something;
the rate of the last pass counts. Time runs from the call to its last result.
"""

from __future__ import annotations

import time

from benchmarks import harness, peers
from benchmarks.functions import nothing
from benchmarks.harness import Facts, Options, Result, Target

CASE = "tiny_items"
CHUNK = 2000  # by hand: larger gains nothing, smaller costs (Pool and executor, 2 workers)
MOST = 4_000_000


def measure(facts: Facts, *, engine: str, start_method: str, seconds: float) -> None:
    """Count results per second in a pass of at least half of *seconds*."""
    with peers.ENGINES[engine](harness.WORKERS, start_method, CHUNK) as pool:
        pool.map_tiny(nothing, 2 * CHUNK if not pool.slow else 50)
        n = 200 if pool.slow else 2000
        while True:
            began = time.perf_counter()
            count = pool.map_tiny(nothing, n)
            elapsed = time.perf_counter() - began
            if count != n:
                raise RuntimeError(f"{count} results of {n} items")
            if elapsed >= seconds / 2 or n >= MOST:
                break
            n = min(MOST, int(n * max(2.0, min(8.0, seconds / elapsed))))
    facts.update(per_second=n / elapsed, items=n, seconds=elapsed)


def run(options: Options) -> Result:
    """Measure all engines."""
    seconds = 0.1 if options.quick else 1.5
    arguments = {"start_method": options.start_method, "seconds": seconds}
    result = Result(CASE, {**arguments, "chunk of tuned engines": CHUNK})
    engines = harness.choose(options, harness.every_peer(), result.notes)
    rounds = options.rounds or (1 if options.quick else 5)
    result.measurements = harness.interleave(CASE, engines, {CASE: arguments}, rounds=rounds)
    rates = harness.values(result.measurements, "per_second")
    for against, ratio in (("joblib", 3.0), ("executor submit", 60.0), ("tuned Pool", 0.2)):
        harness.add_row(
            result,
            f"tiny items, against {against}",
            "items/s",
            rates,
            better="higher",
            target=Target(ratio=ratio),
            against=against,
        )
    return result


if __name__ == "__main__":
    harness.main(run, __doc__)
