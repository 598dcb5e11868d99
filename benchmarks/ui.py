"""How soon the UI answers while much happens, what it costs to be watched, and what pages take.

A run of tiny items on eight workers goes into a file with its record, as fast as it can, alone and
with somebody in front of the UI, in a terminal of their own. No peer has such a UI; the only
column is our own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import harness
from benchmarks.functions import record
from benchmarks.harness import Facts, Options, Result, Target
from benchmarks.ui_watching import Screen

CASE = "ui"
WORKERS = 8
WAIT = 60.0  # seconds for somebody to be in front of the UI


def measure(facts: Facts, *, engine: str, what: str, n: int, start_method: str) -> None:
    """Measure one of the things, in a folder of its own."""
    del engine
    here = Path.cwd()
    # A short path: the sockets of runs and of the UI are here too.
    with tempfile.TemporaryDirectory(prefix="tu") as place:
        os.environ.update(
            TREADLE_RUNS_DIR=f"{place}/runs",
            TREADLE_STATE_DIR=f"{place}/state",
            XDG_RUNTIME_DIR=place,
            TMPDIR=place,
        )
        tempfile.tempdir = place
        os.chdir(place)
        try:
            _STEPS[what](facts, Path(place), n, start_method)
        finally:
            os.chdir(here)


def _alone(facts: Facts, place: Path, n: int, start_method: str) -> None:
    del place
    _run(facts, n, start_method)


def _watched(facts: Facts, place: Path, n: int, start_method: str) -> None:
    with _somebody(place):
        _run(facts, n, start_method)
    seen = json.loads((place / "seen.json").read_text())
    for name in ("keys", "gaps"):
        facts[f"{name}_ms"] = [seconds * 1e3 for seconds in seen[name]]
        facts[f"{name}_median_ms"] = median(facts[f"{name}_ms"])
        facts[f"{name}_max_ms"] = max(facts[f"{name}_ms"])


@contextmanager
def _somebody(place: Path) -> Iterator[None]:
    """Have somebody look at the runs that are begun within."""
    command = [sys.executable, "-m", "benchmarks.ui_watching", str(place)]
    with subprocess.Popen(command) as watching:
        end = time.monotonic() + WAIT
        while not (place / "ready").exists():
            if watching.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the UI did not come up")
            time.sleep(0.02)
        yield
        watching.wait(WAIT)


def _run(facts: Facts, n: int, start_method: str) -> Any:
    treadle: Any = import_module("treadle")
    with treadle.Pool(workers=WORKERS, start_method=start_method) as pool:
        if not all(outcome.ok for outcome in pool.map(record, range(2000))):
            raise RuntimeError("an item failed")
        began = time.perf_counter()
        report = pool.run(record, range(n), into="out.csv")
        facts["per_second"] = n / (time.perf_counter() - began)
    return report


def _home(facts: Facts, place: Path, n: int, start_method: str) -> None:
    """Copy one recorded run many times; open the UI twice, the second time with what it kept."""
    del start_method
    treadle: Any = import_module("treadle")
    report = treadle.run(record, range(20), backend="inline", runs_dir=place / "one")
    first = place / "one" / report.run_id
    about = json.loads((first / "run.json").read_text())
    for number in range(n):
        name = f"{250101 + number // 1000:06}-{number % 1000:06}"
        to = place / "runs" / name
        shutil.copytree(first, to)
        (to / "run.json").write_text(json.dumps({**about, "id": name, "run_id": name}))
    for which in ("first", "again"):
        screen = Screen()
        try:
            facts[f"{which}_rows"] = screen.until("finished")
            facts[f"{which}_all"] = screen.until(f"{n:,} runs", limit=120.0)
        finally:
            screen.close()


def _report(facts: Facts, place: Path, n: int, start_method: str) -> None:
    treadle: Any = import_module("treadle")
    report = _run(facts, n, start_method)
    run = treadle.open(report.run_id, runs_dir=place / "runs")
    began = time.perf_counter()
    path = run.report(place / "page.html")
    facts["seconds"] = time.perf_counter() - began
    facts["megabytes"] = path.stat().st_size / 1e6


_STEPS = {"alone": _alone, "watched": _watched, "home": _home, "report": _report}


def run(options: Options) -> Result:
    """Measure all of it."""
    n = 100_000 if options.quick else 2_000_000
    runs = 200 if options.quick else 10_000
    items = 20_000 if options.quick else 1_000_000
    common = {"start_method": options.start_method}
    variants = {what: {**common, "what": what, "n": n} for what in ("alone", "watched")}
    result = Result(CASE, {**common, "items": n, "workers": WORKERS, "runs": runs})
    rounds = options.rounds or (1 if options.quick else 5)
    engines = (harness.TREADLE,)
    limit = 300.0
    found = harness.interleave(CASE, engines, variants, rounds=rounds, limit=limit)
    others = {
        "home": {**common, "what": "home", "n": runs},
        "report": {**common, "what": "report", "n": items},
    }
    found += harness.interleave(CASE, engines, others, rounds=min(rounds, 3), limit=limit)
    result.measurements = found
    _add_rows(result, n, runs, items)
    return result


def _add_rows(result: Result, n: int, runs: int, items: int) -> None:
    load = f"{n:,} items on {WORKERS} workers"
    opened = f"Home with {runs:,} runs"
    again = f"{opened}, the second time"
    soon, short = Target(limit=100.0), Target(limit=1.0)
    rows: list[tuple[str, str, str, str, Target]] = [
        ("alone", f"{load}, alone", "items/s", "per_second", Target()),
        ("watched", f"{load}, watched", "items/s", "per_second", Target(limit=50_000.0)),
        ("watched", "from a key to what it shows, median", "ms", "keys_median_ms", soon),
        ("watched", "from a key to what it shows, longest", "ms", "keys_max_ms", soon),
        ("watched", "between redraws of the counts, median", "ms", "gaps_median_ms", Target()),
        ("watched", "between redraws of the counts, longest", "ms", "gaps_max_ms", Target()),
        ("home", f"{opened}: the first rows", "s", "first_rows", short),
        ("home", f"{opened}: all", "s", "first_all", Target()),
        ("home", f"{again}: the first rows", "s", "again_rows", short),
        ("home", f"{again}: all", "s", "again_all", short),
        ("report", f"report of {items:,} items", "s", "seconds", Target()),
        ("report", f"report of {items:,} items", "MB", "megabytes", Target(limit=5.0)),
    ]  # fmt: skip
    for variant, what, unit, fact, target in rows:
        values = harness.values(result.measurements, fact, variant)
        better = "higher" if fact == "per_second" else "lower"
        harness.add_row(result, what, unit, values, better=better, target=target)
    _add_cost(result)


def _add_cost(result: Result) -> None:
    """Add what watching costs: of the rates of the same round, since the machine has moods."""
    rates = {
        variant: {
            each.round: each.facts["per_second"]
            for each in result.measurements
            if each.variant == variant and "per_second" in each.facts
        }
        for variant in ("alone", "watched")
    }
    both = rates["alone"].keys() & rates["watched"].keys()
    costs = [100 * (1 - rates["watched"][turn] / rates["alone"][turn]) for turn in sorted(both)]
    harness.add_row(
        result,
        "what being watched costs",
        "% of the rate",
        {harness.TREADLE: costs} if costs else {},
        better="lower",
        target=Target(limit=3.0),
    )


if __name__ == "__main__":
    harness.main(run, __doc__)
