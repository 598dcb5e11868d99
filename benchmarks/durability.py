"""What a record costs: per item, per commit, and when a run is resumed with nothing left to do.

The cost per item is the time of a run into a file with its ledger, less that of the same items
mapped on the same warm pool without either. No peer has a record; the only column is our own.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.functions import nothing, record
from benchmarks.harness import Facts, Options, Result, Target

CASE = "durability"
FILES = 31_806  # as many as one of the users has
COSTS = {
    "out.csv": Target(limit=15.0),
    "out.jsonl": Target(limit=15.0),
    "out.parquet": Target(),
    "out.sqlite": Target(),
}


def measure(facts: Facts, *, engine: str, what: str, n: int, start_method: str) -> None:
    """Measure one of the things, in a folder of its own, on the disk of the current folder."""
    del engine
    treadle: Any = import_module("treadle")
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="durability-") as folder,
        treadle.Pool(workers=harness.WORKERS, start_method=start_method) as pool,
    ):
        os.chdir(folder)
        _exhaust(pool.map(record, range(2000)))
        if what in COSTS:
            _cost(facts, pool, what, n)
        else:
            _STEPS[what](facts, pool, n)
        os.chdir("..")


def _exhaust(outcomes: Any) -> None:
    if not all(outcome.ok for outcome in outcomes):
        raise RuntimeError("an item failed")


def _cost(facts: Facts, pool: Any, into: str, n: int) -> None:
    seconds = _timed(lambda: _exhaust(pool.map(record, range(n))))
    facts["plain"] = seconds
    facts["recorded"] = _timed(lambda: pool.run(record, range(n), into=into))
    facts["us_per_item"] = (facts["recorded"] - seconds) / n * 1e6


def _item(facts: Facts, pool: Any, n: int) -> None:
    seconds = _timed(lambda: pool.run(record, range(n), into="out.csv", durability="item"))
    facts["per_second"] = n / seconds


def _resume(facts: Facts, pool: Any, n: int) -> None:
    pool.run(record, range(n), into="out.csv")
    began = time.perf_counter()
    first: list[float] = []

    def hear(event: Any) -> None:
        if type(event).__name__ == "ItemsSettled":
            first.append(time.perf_counter() - began)

    pool.run(record, range(n + 1), into="out.csv", resume=True, listeners=[hear])
    facts["seconds"] = first[0]


def _no_change(facts: Facts, pool: Any, n: int) -> None:
    treadle: Any = import_module("treadle")
    for number in range(n):
        path = Path(f"in/{number // 1000}/{number}.csv")
        if not number % 1000:
            path.parent.mkdir(parents=True)
        path.write_text("1,2\n")
    pool.run(nothing_of, treadle.files("in"), into="out.csv")
    report = None

    def again() -> None:
        nonlocal report
        report = pool.run(nothing_of, treadle.files("in"), into="out.csv", resume=True)

    facts["seconds"] = _timed(again)
    if report is None or report.earlier != (n, 0):
        raise RuntimeError(f"not all was left out: {report}")


def nothing_of(path: Path) -> str:
    """Return the name of a file, without a look at it."""
    return str(nothing(path.name))


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


_STEPS = {"item": _item, "resume": _resume, "no change": _no_change}


def run(options: Options) -> Result:
    """Measure all of it."""
    n = 5_000 if options.quick else 1_000_000
    files = 500 if options.quick else FILES
    common = {"start_method": options.start_method}
    variants = {into: {**common, "what": into, "n": n} for into in COSTS}
    variants["item"] = {**common, "what": "item", "n": 200 if options.quick else 5_000}
    variants["resume"] = {**common, "what": "resume", "n": n}
    variants["no change"] = {**common, "what": "no change", "n": files}
    result = Result(CASE, {**common, "items": n, "files": files})
    rounds = options.rounds or (1 if options.quick else 3)
    result.measurements = harness.interleave(CASE, (harness.TREADLE,), variants, rounds=rounds)
    rows: list[tuple[str, str, str, str, Target]] = [
        (into, f"ledger and {into}, {n:,} items", "µs an item", "us_per_item", target)
        for into, target in COSTS.items()
    ]
    rows.append(("item", 'durability="item"', "items/s", "per_second", Target(limit=1000.0)))
    what = f"resume after {n:,} settled items"
    rows.append(("resume", what, "s to the first new outcome", "seconds", Target(limit=3.0)))
    what = f"nothing changed in {files:,} files"
    rows.append(("no change", what, "s", "seconds", Target(limit=5.0)))
    for variant, what, unit, fact, target in rows:
        harness.add_row(
            result,
            what,
            unit,
            harness.values(result.measurements, fact, variant),
            better="higher" if fact == "per_second" else "lower",
            target=target,
        )
    return result


if __name__ == "__main__":
    harness.main(run, __doc__)
