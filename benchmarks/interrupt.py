"""Ctrl-C in the middle of a run, once and twice: seconds until the driver has left, and orphans.

SIGINT goes to the whole process group, as from a terminal. Once: items take half a second, and the
run should end within a second of the last running one. Twice, 0.3 s apart: items take a minute,
and the run should end at once. Orphans are processes still there two seconds after the driver left.
"""

from __future__ import annotations

import signal
import subprocess
import time
from importlib import import_module
from typing import Any

from benchmarks import harness, peers
from benchmarks.functions import pause
from benchmarks.harness import Child, Facts, Measurement, Options, Result, Target, Trial

CASE = "interrupt"
ITEM_SECONDS = {"once": 0.5, "twice": 60.0}
BETWEEN = 0.3
SETTLE_IN = 0.2  # from the first long item to the first Ctrl-C: the other worker has one too
LIMIT = 10.0
# "At once" for a person at a keyboard, and what a loaded machine needs to end three processes.
AT_ONCE = 0.5


def measure(facts: Facts, *, engine: str, start_method: str, seconds: float) -> None:
    """Map until interrupted; never gets to the end."""
    # A parent that was started in the background may have left SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    items = [0.0] * (2 * harness.WORKERS) + [seconds] * 400
    if engine == harness.TREADLE:
        treadle: Any = import_module("treadle")
        treadle.run(pause, items, workers=harness.WORKERS, start_method=start_method)
    else:
        with peers.ENGINES[engine](harness.WORKERS, start_method) as pool:
            for _ in pool.map_items(pause, items, length=len(items)):
                pass
    raise RuntimeError(f"{len(facts)} facts, and a run that was not interrupted")


def measure_from_outside(trial: Trial) -> Measurement:
    """Start a run, press Ctrl-C, and watch it leave."""
    with harness.child(trial) as running:
        if not _is_ready(running):
            return trial.found(running.facts())
        time.sleep(SETTLE_IN)
        harness.interrupt(running.process)
        if trial.variant == "twice":
            time.sleep(BETWEEN)
            harness.interrupt(running.process)
        facts = _leaving(running)
    return trial.found(facts, int(facts["orphans"]))


def _is_ready(running: Child) -> bool:
    end = time.monotonic() + LIMIT
    while not running.ready_path.exists():
        if running.process.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _leaving(running: Child) -> Facts:
    began = time.perf_counter()
    try:
        running.process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        # The limit stands in for the time, so that medians put such an engine last.
        return {"hung": True, "seconds": LIMIT, "orphans": len(running.others())}
    elapsed = time.perf_counter() - began
    return {
        "seconds": elapsed,
        "orphans": running.left_behind(),
        "exit code": running.process.returncode,
    }


def run(options: Options) -> Result:
    """Measure all engines, with one Ctrl-C and with two."""
    common = {"start_method": options.start_method}
    result = Result(CASE, {**common, "seconds per item": ITEM_SECONDS})
    able = harness.every_peer(lambda engine: "tuned" not in engine.name)
    engines = harness.choose(options, able, result.notes)
    variants = {name: {**common, "seconds": seconds} for name, seconds in ITEM_SECONDS.items()}
    rounds = options.rounds or (1 if options.quick else 3)
    result.measurements = harness.interleave(
        CASE, engines, variants, rounds=rounds, limit=4 * LIMIT, once=measure_from_outside
    )
    for variant, limit in (("once", ITEM_SECONDS["once"] + 1.0), ("twice", AT_ONCE)):
        for fact, unit, most in (("seconds", "s", limit), ("orphans", "orphans", 0.0)):
            harness.add_row(
                result,
                f"Ctrl-C {variant}",
                unit,
                harness.values(result.measurements, fact, variant),
                better="lower",
                target=Target(limit=most),
            )
    return result


if __name__ == "__main__":
    harness.main(run, __doc__)
