"""Staging a lab's files beside two plain processes that only read and write them.

What is compared: the floor (``lab_floor``) and ``treadle.lab.stage`` on the same files, two workers
each, their start included. Beside that: what each part of the floor costs, how long a rerun takes
that has nothing to do, a whole pipeline with the memory of its processes, and a scan of one
procedure before and after ``treadle.lab.compact``.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil

from benchmarks import harness, lab_floor, lab_tree
from benchmarks.harness import Facts, Options, Result, Target

CASE = "lab"
PLAIN = "plain"
FLOOR_FILES = 2_000
SCANNED = "IVg"
MINUTES = 60.0


def measure(facts: Facts, *, engine: str, what: str, raw: str, **arguments: Any) -> None:
    """Measure one of the things, in a folder of its own beside *raw*."""
    with tempfile.TemporaryDirectory(dir=Path(raw).parent, prefix="out-") as folder:
        _STEPS[engine, what](facts, Path(raw), Path(folder), **arguments)


def _plain(facts: Facts, raw: Path, out: Path, variant: str = "floor") -> None:
    facts.update(lab_floor.run(raw, out, lab_floor.VARIANTS[variant], processes=harness.WORKERS))


def _stage(facts: Facts, raw: Path, out: Path, start_method: str) -> None:
    lab: Any = import_module("treadle.lab")
    report, facts["seconds"] = _timed(
        lambda: lab.stage(raw, out / "stage", workers=harness.WORKERS, start_method=start_method)
    )
    facts["files_per_second"] = report.files / facts["seconds"]
    _check(report, raw)


def _check(report: Any, raw: Path) -> None:
    """Compare with what the tree holds: what is fast must be right too."""
    tree = lab_tree.told(raw)
    found = (report.files, report.rejected, report.runs)
    wanted = (tree.files, tree.rejected, sum(tree.runs.values()))
    if found != wanted:
        raise RuntimeError(f"(files, rejected, runs) are {found}, not {wanted}")


def _whole(facts: Facts, raw: Path, out: Path, start_method: str, *, rerun: bool) -> None:
    lab: Any = import_module("treadle.lab")

    def all_of_it() -> Any:
        # Metrics have a case of their own: lab_metrics.
        how = {"workers": harness.WORKERS, "start_method": start_method}
        return lab.pipeline(raw, out, until="segment", **how)

    with watched_memory(facts):
        report, facts["seconds"] = _timed(all_of_it)
    _check(report.stage, raw)
    facts["files_per_second"] = report.stage.files / facts["seconds"]
    facts["segment_seconds"] = report.segment.elapsed
    if rerun:
        report, facts["rerun_seconds"] = _timed(all_of_it)
        if report.stage.opened:
            raise RuntimeError(f"{report.stage.opened} files were opened again")
        _scans(facts, out / "stage")


@contextmanager
def watched_memory(facts: Facts, every: float = 0.1) -> Iterator[None]:
    """Write down the highest resident memory of this process, and of the largest of its own."""
    done = threading.Event()
    here = psutil.Process()
    facts["driver_mb"] = facts["worker_mb"] = 0.0

    def watch() -> None:
        while not done.wait(every):
            sizes = []
            for process in here.children(recursive=True):
                try:
                    sizes.append(process.memory_info().rss)
                except psutil.Error:
                    continue  # it has just ended
            facts["driver_mb"] = max(facts["driver_mb"], here.memory_info().rss / 1e6)
            facts["worker_mb"] = max(facts["worker_mb"], max(sizes, default=0) / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _scans(facts: Facts, stage_root: Path) -> None:
    lab: Any = import_module("treadle.lab")
    report, facts["compact_seconds"] = _timed(lambda: lab.compact(stage_root))
    _, facts["compact_rerun_seconds"] = _timed(lambda: lab.compact(stage_root))
    facts["compacted_runs"] = report.runs
    places = {
        "runs": f"{stage_root}/proc={SCANNED}/date=*/run_id=*/*.parquet",
        "compact": f"{stage_root}/_compact/proc={SCANNED}/date=*/*.parquet",
    }
    results = {}
    for name, place in places.items():
        seconds = []
        for _ in range(3):
            results[name], took = _timed(lambda place=place: _aggregate(place))
            seconds.append(took)
        facts[f"scan_{name}_seconds"] = statistics.median(seconds)
    if results["runs"] != results["compact"]:
        raise RuntimeError(f"the scans differ: {results}")
    facts["scan_ratio"] = facts["scan_runs_seconds"] / facts["scan_compact_seconds"]


def _aggregate(place: str) -> list[Any]:
    """Scan two columns of all rows; no sum, whose last digit depends on the order of the rows."""
    import polars as pl

    columns = pl.col("Vg (V)", "I (A)")
    scan = pl.scan_parquet(place, missing_columns="insert", extra_columns="ignore")
    found = scan.select(
        pl.len(), columns.min().name.prefix("min "), columns.max().name.prefix("max ")
    )
    return found.collect().rows()


def _timed(action: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    result = action()
    return result, time.perf_counter() - began


_STEPS: dict[tuple[str, str], Callable[..., None]] = {
    (PLAIN, "stage"): _plain,
    (harness.TREADLE, "stage"): _stage,
    (harness.TREADLE, "whole"): _whole,
}


def run(options: Options) -> Result:
    """Measure all of it."""
    files, all_files = (150, 200) if options.quick else (FLOOR_FILES, lab_tree.FILES)
    result = Result(CASE, {"files": files, "all_files": all_files})
    result.settings["start_method"] = options.start_method
    folder = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix="lab-"))
    try:
        small, large = folder / "small" / "raw", folder / "large" / "raw"
        lab_tree.write(small, files)
        lab_tree.write(large, all_files)
        os.sync()  # lest the disk is still busy with it
        _compare(result, options, small, files)
        _parts(result, options, small)
        _all(result, options, large, all_files)
    finally:
        shutil.rmtree(folder)
    return result


def _compare(result: Result, options: Options, raw: Path, files: int) -> None:
    rounds = options.rounds or (1 if options.quick else 7)
    what = f"stage {files:,} files"
    common = {"what": "stage", "raw": str(raw)}
    found = []
    for engine, more in ((harness.TREADLE, {"start_method": options.start_method}), (PLAIN, {})):
        found.append((engine, {what: {**common, **more}}))
    for number in range(rounds):
        for engine, variants in found if number % 2 else reversed(found):
            measured = harness.interleave(CASE, (engine,), variants, rounds=1)
            result.measurements.extend(measured)
    by_engine = harness.values(result.measurements, "files_per_second", what)
    target = Target(ratio=1.0)
    harness.add_row(result, what, "files/s", by_engine, better="higher", target=target)


def _parts(result: Result, options: Options, raw: Path) -> None:
    """Measure the variants of the floor; they are told in the notes, as none is ours."""
    rounds = options.rounds or (1 if options.quick else 3)
    names = ("floor", "32 files parsed at once; polars") if options.quick else lab_floor.VARIANTS
    variants = {name: {"what": "stage", "raw": str(raw), "variant": name} for name in names}
    measured = harness.interleave(CASE, (PLAIN,), variants, rounds=rounds)
    result.measurements.extend(measured)
    rates = {
        name: statistics.median(harness.values(measured, "working_files_per_second", name)[PLAIN])
        for name in variants
    }
    result.medians["plain processes without their start, files/s"] = rates
    result.notes.extend(
        f"{name}: {rate:,.0f} files/s without the start, {2000 / rate:.2f} ms a file and process, "
        f"{rate / rates['floor']:.2f}x the floor"
        for name, rate in rates.items()
    )


def _all(result: Result, options: Options, raw: Path, files: int) -> None:
    what = f"stage and segment {files:,} files"
    arguments = {"what": "whole", "raw": str(raw), "rerun": True}
    arguments["start_method"] = options.start_method
    rounds = options.rounds or 1
    measured = harness.interleave(
        CASE, (harness.TREADLE,), {what: arguments}, rounds=rounds, limit=MINUTES * 60
    )
    result.measurements.extend(measured)
    rows = (
        (what, "files/s", "files_per_second", Target()),
        (what, "MB, driver", "driver_mb", Target()),
        (what, "MB, largest worker", "worker_mb", Target()),
        (f"nothing changed in {files:,} files", "s", "rerun_seconds", Target(limit=5.0)),
        ("compact all of it", "s", "compact_seconds", Target()),
        (f"scan {SCANNED}, one file a run", "s", "scan_runs_seconds", Target()),
        (f"scan {SCANNED}, compacted", "s", "scan_compact_seconds", Target()),
        (f"scan {SCANNED}, compacted", "times as fast", "scan_ratio", Target(limit=20.0)),
    )
    for name, unit, fact, target in rows:
        better = "higher" if fact in {"files_per_second", "scan_ratio"} else "lower"
        by_engine = harness.values(measured, fact, what)
        harness.add_row(result, name, unit, by_engine, better=better, target=target)


if __name__ == "__main__":
    harness.main(run, __doc__)
