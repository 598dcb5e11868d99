"""All metrics of a lab's runs beside one process that goes through them one file at a time.

The plain process does what scripts do: for each run it looks into the manifest where the file is,
reads it, and calls the very same extractors, one after the other. It is measured on a part of the
runs, drawn at random; treadle on all of them, start of its two workers included. Beside that: the
memory of its processes with a tenth of the runs and with all, and a rerun that has nothing to do.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import harness, lab_tree
from benchmarks.harness import Facts, Options, Result, Target
from benchmarks.lab import watched_memory

CASE = "lab_metrics"
PLAIN = "plain"
RUNS = 10_000
SAMPLE = 400
MINUTES = 60.0


def measure(facts: Facts, *, engine: str, stage: str, chips: str, **arguments: Any) -> None:
    """Measure one of the two on the runs of a stage root."""
    if engine == PLAIN:
        _plain(facts, Path(stage), Path(chips), **arguments)
        return
    with tempfile.TemporaryDirectory(dir=Path(stage).parent, prefix="out-") as out:
        _treadle(facts, Path(stage), Path(out), chips, **arguments)


def _plain(facts: Facts, stage: Path, chip_file: Path, sample: int) -> None:
    import polars as pl

    lab: Any = import_module("treadle.lab")
    work: Any = import_module("treadle.lab.measuring.work")
    finding: Any = import_module("treadle.lab.extraction.finding")
    chips = import_module("treadle.lab.chips").load_chips(chip_file)
    extractors = [each for each in finding.all_extractors() if each.of == "run"]
    ids = lab.manifest(stage, status="staged")["run_id"].to_list()
    chosen = random.Random(1).sample(ids, min(sample, len(ids)))
    values = 0
    began = time.perf_counter()
    for run_id in chosen:
        listed = pl.read_parquet(stage / "_manifest/manifest.parquet", hive_partitioning=False)
        row = listed.row(by_predicate=pl.col("run_id") == run_id, named=True)
        proc = row.pop("proc")
        for extractor in extractors:
            chip = chips.of(row["chip_name"], row["chip_number"])
            if proc not in extractor.procedures or (extractor.needs_chip and chip is None):
                continue
            table = pl.read_parquet(stage / row["path"], hive_partitioning=False)
            numbers = table.select(pl.selectors.numeric()).to_dict()
            columns = {name: column.to_numpy() for name, column in numbers.items()}
            run = lab.StagedRun(proc, columns, chip=chip, **row)
            found = work.records_of(extractor, (run,), None)
            values += sum(each.status == "ok" for each in found)
    facts["seconds"] = time.perf_counter() - began
    facts["runs_per_second"] = len(chosen) / facts["seconds"]
    facts["values_per_run"] = values / len(chosen)


def _treadle(facts: Facts, stage: Path, out: Path, chips: str) -> None:
    lab: Any = import_module("treadle.lab")

    def all_of_it() -> Any:
        return lab.metrics(stage, out / "metrics", chip_file=chips, workers=harness.WORKERS)

    began = time.perf_counter()
    with watched_memory(facts):
        report = all_of_it()
    facts["seconds"] = time.perf_counter() - began
    facts["runs"], facts["runs_per_second"] = report.runs, report.runs / facts["seconds"]
    facts["values_per_run"] = report.values / max(report.runs, 1)
    began = time.perf_counter()
    again = all_of_it()
    facts["rerun_seconds"] = time.perf_counter() - began
    if report.errors or again.unchanged != report.runs:
        raise RuntimeError(f"{report.errors} errors; {again.unchanged} of {report.runs} unchanged")


def run(options: Options) -> Result:
    """Measure both."""
    runs, sample = (200, 40) if options.quick else (RUNS, SAMPLE)
    result = Result(CASE, {"runs": runs, "sample": sample})
    folder = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix="lab-"))
    try:
        _stage(folder / "all", runs)
        _stage(folder / "tenth", runs // 10)
        os.sync()
        _compare(result, options, folder / "all", sample)
        _rest(result, folder, runs)
    finally:
        shutil.rmtree(folder)
    return result


def _stage(folder: Path, runs: int) -> None:
    lab: Any = import_module("treadle.lab")
    lab_tree.write(folder / "raw", runs)
    lab.stage(folder / "raw", folder / "stage", workers=harness.WORKERS)
    _write_chips(folder / "chips.yml", lab.manifest(folder / "stage"))


def _write_chips(path: Path, listed: Any) -> None:
    """Say of every chip what it is made of, so that mobilities are found."""
    numbers = sorted(set(listed["chip_number"].drop_nulls()))
    entry = "{material: hBN, top_hBN_nm: 20, bottom_dielectric_nm: 40}"
    path.write_text("chips:\n" + "".join(f"  {number}: {entry}\n" for number in numbers))


def _compare(result: Result, options: Options, folder: Path, sample: int) -> None:
    what = "all metrics of a run"
    rounds = options.rounds or (1 if options.quick else 3)
    for number in range(rounds):
        both = ((PLAIN, {"sample": sample}), (harness.TREADLE, {}))
        for engine, more in both if number % 2 else reversed(both):
            variants = {what: {**_places(folder), **more}}
            measured = harness.interleave(CASE, (engine,), variants, rounds=1, limit=MINUTES * 60)
            result.measurements.extend(measured)
    by_engine = harness.values(result.measurements, "runs_per_second", what)
    target = Target(ratio=3.0)
    harness.add_row(result, what, "runs/s", by_engine, better="higher", target=target)


def _places(folder: Path) -> dict[str, str]:
    return {"stage": str(folder / "stage"), "chips": str(folder / "chips.yml")}


def _rest(result: Result, folder: Path, runs: int) -> None:
    what, tenth = "all metrics of a run", f"{runs // 10:,} runs"
    variants = {tenth: _places(folder / "tenth")}
    result.measurements.extend(harness.interleave(CASE, (harness.TREADLE,), variants, rounds=1))
    mine = [each for each in result.measurements if each.engine == harness.TREADLE]
    for name, unit, fact, variant, target in (
        (f"nothing new in {runs:,} runs", "s", "rerun_seconds", what, Target(limit=5.0)),
        (f"{runs:,} runs", "MB, driver", "driver_mb", what, Target()),
        (tenth, "MB, driver", "driver_mb", tenth, Target()),
        (f"{runs:,} runs", "MB, largest worker", "worker_mb", what, Target()),
        (tenth, "MB, largest worker", "worker_mb", tenth, Target()),
    ):
        by_engine = harness.values(mine, fact, variant)
        harness.add_row(result, name, unit, by_engine, better="lower", target=target)


if __name__ == "__main__":
    harness.main(run, __doc__)
