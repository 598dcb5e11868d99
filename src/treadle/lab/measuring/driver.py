"""Find the metrics of all staged runs: those that are new or changed, merged into the store.

The store is what counts. A session is one run on the pool, whose record holds what was found until
it is in the store; what a killed session has recorded is merged by the next one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import treadle
from treadle.cli import typed
from treadle.lab import manifest_file, places
from treadle.lab.chips import ChipFile, chips_for, load_chips
from treadle.lab.extraction import Absent, finding
from treadle.lab.extraction.extractor import Extractor
from treadle.lab.lock import only_one
from treadle.lab.measuring import store
from treadle.lab.measuring.planning import (
    UNSEEN,
    Note,
    Plan,
    Planned,
    Planner,
    Works,
    check_groups,
)
from treadle.lab.measuring.report import MetricsReport
from treadle.lab.measuring.work import MeasureOne, Record, record
from treadle.lab.recorded import Ran, newest, refusal, seen_through, stored
from treadle.lab.roots import is_made_of
from treadle.lab.selection import Chips, chips_of, no_chip, select
from treadle.lab.staging.driver import check_workers
from treadle.lab.staging.report import Reject

if TYPE_CHECKING:
    import polars as pl

_NAME: Final = "metrics"
_PATIENCE: Final = 300.0  # seconds for one run


def metrics(
    stage_root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    only: str | Sequence[str] = (),
    chips: Chips | str | None = None,
    procedures: str | Sequence[str] = (),
    since: date | str | None = None,
    chip_file: str | os.PathLike[str] | None = None,
    extractors: Sequence[str | Extractor] = (),
    force: bool = False,
    timeout: float | None = _PATIENCE,
    workers: int | None = None,
    backend: Literal["processes", "threads", "inline"] = "processes",
    start_method: Literal["forkserver", "spawn"] | None = None,
    progress: str | treadle.Listener | None = None,
    pool: treadle.Pool | None = None,
) -> MetricsReport:
    """
    Find the metrics of all staged runs, and merge them into ``OUT/metrics.parquet``.

    What is known of a run is not found again unless the run, the extractor's version or the chip's
    entry has changed. Runs that are not asked for keep what they have.

    Args:
        stage_root: A folder that :func:`stage` has written.
        out: The folder for the metrics; made if need be.
        only: Only these metrics, or those of these extractors; default: all.
        chips: Only the runs of these chips: ``"67,72-75,Alisson81"``.
        procedures: Only runs of these procedures.
        since: Only runs of this local date or later: ``"2025-09-01"``.
        chip_file: What the chips are made of; a copy is kept. Default: ``chips.yml`` or
            ``config/chips.yml`` beside or above the stage root, up to the folder with
            ``treadle.toml`` or ``.git``; else that copy.
        extractors: Further extractors, or files and modules with some.
        force: Find again what is known already.
        timeout: Seconds for each run (default 300).
        workers: As for :func:`stage`, and so are the following ones.
        backend: See there.
        start_method: See there.
        progress: See there.
        pool: See there.

    Raises:
        UsageError: The stage root has no manifest, a metric is not known, metrics that were asked
            for need a chip file and there is none, or another process works on that folder.
            Nothing was done.
        Interrupted: Ctrl-C; what was found is in the store.
        RunFailed: The run could not go on.
    """
    began = time.monotonic()
    root, place = places.check_root(stage_root, "stage root"), Path(out).resolve()
    check_workers(backend, start_method)
    _check_place(root, place)
    every = finding.all_extractors(extractors)
    names = (only,) if isinstance(only, str) else only
    applied = finding.only(every, names)
    given = None if chip_file is None else load_chips(chip_file)
    known_chips = given or chips_for(root, place)
    _check_chips(applied if names else [], known_chips)
    procedures = (procedures,) if isinstance(procedures, str) else procedures
    listed = manifest_file.manifest(root, status="staged")
    chips = chips_of(chips) if isinstance(chips, str) else chips
    _check_selection(listed, chips, procedures)
    selected = select(listed, chips=chips, procedures=procedures, since=since)
    seen = listed.drop(UNSEEN & set(listed.columns))
    check_groups(applied, seen.columns)
    with ExitStack() as stack:
        if pool is None:
            pool = stack.enter_context(
                treadle.Pool(workers=workers, backend=backend, start_method=start_method)
            )
        stack.enter_context(only_one(place, "finding metrics"))
        if given is not None:
            places.keep_text(place / places.CHIPS, given.path.read_text("utf-8-sig"))
        session = _Session(root, place, listed.select(store.ABOUT), applied, known_chips)
        session.plan(seen, set(selected["run_id"]), force=force)
        report = seen_through(session, pool, timeout, progress)
    report.elapsed = time.monotonic() - began
    return report


def check_sources(
    chip_file: str | os.PathLike[str] | None = None, extractors: Sequence[str | Extractor] = ()
) -> None:
    """
    Refuse what :func:`metrics` would refuse, before there is anything staged.

    Args:
        chip_file: As there.
        extractors: See there.

    Raises:
        UsageError: The chip file or an extractor cannot be used.
    """
    finding.all_extractors(extractors)
    if chip_file is not None:
        load_chips(Path(chip_file))


def _check_place(root: Path, place: Path) -> None:
    for notes, what in ((places.STAGED, "measurements"), (places.SEGMENTED, "segments")):
        if (place / notes).is_file():
            raise treadle.UsageError(
                f"metrics would be written among {what}: {str(place)!r}", hint="name another folder"
            )
    if not is_made_of(root, place, places.MEASURED):
        other = places.read_json(place / places.MEASURED).get("stage_root")
        raise treadle.UsageError(
            f"the metrics in {str(place)!r} are those of another stage root, {other!r}",
            hint=f"name another folder for those of {str(root)!r}",
        )


def _check_chips(asked: Sequence[Extractor], chips: ChipFile | None) -> None:
    """Refuse what was asked for by name and cannot be found; else each record says so."""
    lacking = [each for each in asked if each.needs_chip]
    if lacking and chips is None:
        raise treadle.UsageError(
            f"there is no chip file, without which there is no {lacking[0].name}",
            hint="name it: --chip-file chips.yml",
        )


def _check_selection(listed: pl.DataFrame, chips: Chips | None, procedures: Sequence[str]) -> None:
    """Refuse a chip or a procedure of which there is no run: it is mistyped, as a rule."""
    for part in chips.missing(listed) if chips is not None else ():
        raise no_chip(listed, part)
    known = sorted(set(listed["proc"]))
    for name in procedures:
        if name not in known:
            raise treadle.UsageError(
                f"there is no run of a procedure {name!r}", hint=f"there are: {', '.join(known)}"
            )


class _Lost(Absent):
    """The run could not be looked at."""

    status = "error"


class _Session:
    """One search, from what is known already to the store."""

    def __init__(
        self,
        root: Path,
        out: Path,
        listed: pl.DataFrame,
        extractors: Sequence[Extractor],
        chips: ChipFile | None,
    ) -> None:
        self._root = root
        self._out = out
        self._listed = listed
        self._extractors = extractors
        self._chips = chips
        self._seen = listed
        self._ran = Ran()
        self._plan = Plan()
        self._known_runs: set[str] = set()
        self._gone = 0
        self._failed: list[Reject] = []

    def plan(self, seen: pl.DataFrame, selected: set[str], *, force: bool) -> None:
        """Find out what there is to do; what a killed session has found is merged before that."""
        self._seen = seen
        places.keep_text(self._out / places.MEASURED, self._notes(self._merged_run()))
        self._catch_up()
        before = store.read(self._out)
        self._gone = before.join(self._listed, on="run_id", how="anti").height
        self._known_runs = set(before["run_id"])
        known = dict(store.fingerprints(before))
        planner = Planner(seen, self._extractors, self._chips, known, force=force)
        self._plan = planner.plan(selected)

    def run(
        self, pool: treadle.Pool, timeout: float | None, progress: str | treadle.Listener | None
    ) -> None:
        """Find what is to be found."""
        if not self._plan.work:
            return
        pool.run(
            MeasureOne(self._root, {each.name: each for each in self._extractors}),
            Works(self._plan.work, self._seen),
            name=_NAME,
            runs_dir=self._out / places.RUNS,
            timeout=timeout,
            progress=progress,  # type: ignore[arg-type]  # checked there
            listeners=[self._ran],
            command=typed(),
        )

    def close(self) -> MetricsReport:
        """Merge what was found into the store, and report."""
        run_id = self._catch_up()
        frame = self._tidied(self._put(self._plan.notes))
        report = MetricsReport(stage_root=self._root, out=self._out, run_id=run_id)
        report.chip_file = self._chips.path if self._chips else None
        report.store, report.records = self._out / store.METRICS, frame.height
        report.removed = self._gone
        report.slowest, report.failed = self._ran.slowest, self._failed
        report.runs = len(self._plan.selected)
        report.new = len(self._plan.fresh - self._known_runs)
        report.changed = len(self._plan.fresh & self._known_runs)
        report.without = len(self._plan.selected - self._plan.covered)
        report.unchanged = report.runs - len(self._plan.fresh) - report.without
        report.count(self._asked_for(frame))
        return report

    def _asked_for(self, frame: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        names = [each.name for each in self._extractors]
        return store.newest(frame).filter(
            pl.col("run_id").is_in(list(self._plan.selected)), pl.col("extractor").is_in(names)
        )

    def _catch_up(self) -> str | None:
        """Merge what the newest run has found, if it is not in the store; return its id then."""
        run = newest(self._out, _NAME)
        if run is None or run.id == self._merged_run():
            return None
        works = {work.key: work for work in self._plan.work}
        found = (value for _, value in stored(run))
        frame = store.frame_of(found)
        failed = [self._lost(works.get(str(each.key)), each) for each in run.failures()]
        lost = store.frame_of(failed)
        store.write(self._out, store.merged(self._stored(), frame.vstack(lost), self._listed))
        places.keep_text(self._out / places.MEASURED, self._notes(run.id))
        run.close()
        return run.id

    def _lost(self, work: Planned | None, outcome: treadle.FailedOutcome) -> list[Record]:
        """Say of each metric that was wanted of a run that it could not be looked at."""
        if work is None or outcome.kind == "cancelled":
            return []
        why = refusal(outcome)
        self._failed.append(Reject(work.key, why.reason, why.message, why.hint))
        by_name = {each.name: each for each in self._extractors}
        run_id = self._listed["run_id"][work.runs[-1]]
        error = _Lost(why.reason, hint=why.hint, details={"message": why.message})
        return [
            record(by_name[wanted.extractor], run_id, metric, error, None, None)
            for wanted in work.wanted
            for metric in by_name[wanted.extractor].metrics
        ]

    def _put(self, notes: Iterable[Note]) -> pl.DataFrame:
        """Merge what was known without looking; rows of runs that are gone go."""
        new = store.frame_of(note.records() for note in notes)
        return store.merged(self._stored(), new, self._listed)

    def _tidied(self, frame: pl.DataFrame) -> pl.DataFrame:
        """
        Write the store without what holds no more.

        Those are metrics of groups that end with another run by now, and metrics that another
        extractor finds by now, of another name.
        """
        import polars as pl

        for name, heads in self._plan.heads.items():
            found = set(frame.filter(pl.col("extractor") == name)["run_id"])
            # One that ends with another run by now stays until something was found of that.
            old = [run for run in found if heads.get(run) not in (None, run)]
            gone = [run for run in old if heads[run] in found]
            gone += [run for run in found if run not in heads]
            of_old = (pl.col("extractor") == name) & pl.col("run_id").is_in(gone)
            frame = frame.filter(~of_old)
        for each in self._extractors:
            same = pl.col("metric").is_in(list(each.metrics))
            same &= pl.col("proc").is_in(list(each.procedures))
            frame = frame.filter(~(same & (pl.col("extractor") != each.name)))
        store.write(self._out, frame)
        return frame

    def _stored(self) -> pl.DataFrame:
        return store.read(self._out)

    def _merged_run(self) -> str | None:
        return places.read_json(self._out / places.MEASURED).get("merged")

    def _notes(self, merged: str | None) -> str:
        return json.dumps({**places.made_of(self._root, self._out), "merged": merged})
