"""How long until something happens: import, first result, pools back to back, warm reuse.

First results are timed from making the pool, its library already imported. Pools back to back
open, map four items and close, again and again; reuse maps two items on a pool that is open.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from statistics import median
from typing import Any

from benchmarks import harness, peers
from benchmarks.functions import nothing
from benchmarks.harness import Facts, Options, Result, Target

CASE = "start_up"
METHODS = ("spawn", "forkserver")
# These two packages load nothing by themselves.
MODULES = {
    "concurrent.futures": "concurrent.futures.process",
    "multiprocessing": "multiprocessing.pool",
}
# The others take half a second and more to start a pool: a hundred of them would take minutes.
QUICK_STARTERS = ("executor submit", "Pool")


def measure(facts: Facts, *, engine: str, what: str, **arguments: Any) -> None:
    """Measure one of the four."""
    measures: dict[str, Callable[..., None]] = {
        "import": _import,
        "first result": _first_result,
        "pools": _pools,
        "reuse": _reuse,
    }
    measures[what](facts, engine, **arguments)


def _import(facts: Facts, engine: str) -> None:
    # In an interpreter of its own: this one has half of what the libraries need already.
    library = MODULES.get(peers.ENGINES[engine].library, peers.ENGINES[engine].library)
    code = (
        "import time; began = time.perf_counter(); "
        f"import {library}; print(1000 * (time.perf_counter() - began))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    facts["milliseconds"] = float(done.stdout)


def _first_result(facts: Facts, engine: str, *, start_method: str) -> None:
    pool = peers.ENGINES[engine](harness.WORKERS, start_method)
    began = time.perf_counter()
    pool.start()
    results = pool.map_items(nothing, range(8), length=8)
    for _ in islice(results, 1):
        facts["seconds"] = time.perf_counter() - began
    for _ in results:
        pass
    pool.close()


def _pools(facts: Facts, engine: str, *, start_method: str, count: int) -> None:
    began = time.perf_counter()
    for number in range(count):
        with peers.ENGINES[engine](harness.WORKERS, start_method) as pool:
            if sum(1 for _ in pool.map_items(nothing, range(4), length=4)) != 4:
                raise RuntimeError(f"pool {number} lost results")
        facts["pools"] = number + 1
    facts["seconds"] = time.perf_counter() - began


def _reuse(facts: Facts, engine: str, *, start_method: str, count: int) -> None:
    times = []
    with peers.ENGINES[engine](harness.WORKERS, start_method) as pool:
        for _ in pool.map_items(nothing, range(8), length=8):
            pass
        for _ in range(count):
            began = time.perf_counter()
            for _ in pool.map_items(nothing, range(2), length=2):
                pass
            times.append(time.perf_counter() - began)
    facts["milliseconds"] = 1000 * median(times)


def run(options: Options) -> Result:
    """Measure all four."""
    pools, reuses = (3, 20) if options.quick else (100, 200)
    result = Result(CASE, {"pools": pools, "reuses": reuses})
    engines = harness.choose(options, harness.every_peer(_untuned), result.notes)
    variants: dict[str, dict[str, Any]] = {"import": {"what": "import"}}
    for method in METHODS:
        variants[f"first result, {method}"] = {"what": "first result", "start_method": method}
    variants["reuse"] = {"what": "reuse", "start_method": options.start_method, "count": reuses}
    rounds = options.rounds or (1 if options.quick else 5)
    result.measurements = harness.interleave(CASE, engines, variants, rounds=rounds)

    starters = [name for name in engines if name in (harness.TREADLE, *QUICK_STARTERS)]
    many = {
        f"pools, {method}": {"what": "pools", "start_method": method, "count": pools}
        for method in METHODS
    }
    # A hundred pools are their own repetition.
    result.measurements += harness.interleave(CASE, starters, many, rounds=1, limit=180)
    _add_rows(result, pools)
    return result


def _untuned(engine: type[peers.Engine]) -> bool:
    return "tuned" not in engine.name


def _add_rows(result: Result, pools: int) -> None:
    def seconds(variant: str, title: str) -> None:
        harness.add_row(
            result,
            title,
            "s",
            harness.values(result.measurements, "seconds", variant),
            better="lower",
            target=Target(ratio=1.0),
            against="executor submit",
        )

    def milliseconds(variant: str, title: str, limit: float) -> None:
        harness.add_row(
            result,
            title,
            "ms",
            harness.values(result.measurements, "milliseconds", variant),
            better="lower",
            target=Target(limit=limit),
        )

    for method in METHODS:
        seconds(f"first result, {method}", f"first result, {method}")
    milliseconds("import", "import", 60.0)
    for method in METHODS:
        seconds(f"pools, {method}", f"{pools} pools back to back, {method}")
    milliseconds("reuse", "reuse of a warm pool", 2.0)


if __name__ == "__main__":
    harness.main(run, __doc__)
