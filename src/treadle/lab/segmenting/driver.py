"""Segment all sweeps of a stage root: those that are new or changed, and list them all.

Two lists stand in ``_manifest`` of the root of all segments, made anew from the record each time:
``manifest.parquet``, a row for each sweep, and ``segments.parquet``, a row for each segment.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import treadle
from treadle.cli import typed
from treadle.lab import manifest_file, places
from treadle.lab.errors import Unreadable
from treadle.lab.lock import only_one
from treadle.lab.recorded import Ran, newest, refusal, seen_through, stored
from treadle.lab.schema.spec import Schema
from treadle.lab.segmenting.one import Segmented, SegmentOne, Sweep
from treadle.lab.segmenting.report import SegmentReport
from treadle.lab.staging.driver import check_workers
from treadle.lab.staging.report import Reject

if TYPE_CHECKING:
    import polars as pl

SEGMENTS = f"{places.LISTS}/segments.parquet"
_NAME = "segment"
_PATIENCE = 300.0  # seconds for one sweep
_NEEDED = (
    "run_id", "proc", "path", "size", "parameters", "date_local", "start_time_utc", "chip_name",
    "source_file",
)  # fmt: skip
_SEGMENT = ("segment_id", "type", "direction", "start", "end", "v_start", "v_end", "points")


def segment(
    stage_root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    method: str = "turns",
    schema: Schema | str | os.PathLike[str] | None = None,
    procedures: str | Sequence[str] = (),
    limit: int | None = None,
    force: bool = False,
    timeout: float | None = _PATIENCE,
    workers: int | None = None,
    backend: Literal["processes", "threads", "inline"] = "processes",
    start_method: Literal["forkserver", "spawn"] | None = None,
    progress: str | treadle.Listener | None = None,
    pool: treadle.Pool | None = None,
    **settings: Any,
) -> SegmentReport:
    """
    Cut all sweeps of a stage root into segments.

    ``OUT/proc=IV/date=…/run_id=…/part-000.parquet`` holds the rows of one measurement with the
    columns that :meth:`treadle.lab.Segments.label` adds; all segments of a run appear together.
    In ``OUT/_manifest``, ``segments.parquet`` has a row for each segment and ``manifest.parquet``
    one for each sweep. Run again, this does what is new or changed.

    Args:
        stage_root: A folder that :func:`stage` has written.
        out: The folder for the segments; made if need be.
        method: ``"turns"`` (default) or ``"classic"``; see :func:`treadle.lab.segments`.
        schema: Says which procedures are sweeps, and of which column. Default: the schema with
            which the stage root was made.
        procedures: Only these; default: all that the schema calls sweeps.
        limit: Only the first so many runs, by their start times.
        force: Segment again what is segmented already.
        timeout: Seconds for each run (default 300).
        workers: As for :func:`stage`, and so are the following ones.
        backend: See there.
        start_method: See there.
        progress: See there.
        pool: See there.
        settings: Of the method: ``hysteresis`` (turns), ``dv_threshold`` and ``min_points``
            (classic).

    Raises:
        UsageError: The stage root has no manifest, a procedure is no sweep, the method is not
            there, or another process segments into that folder. Nothing was done.
        Interrupted: Ctrl-C; what has settled is in the lists.
        RunFailed: The run could not go on.
    """
    began = time.monotonic()
    root, place = places.check_root(stage_root, "stage root"), Path(out).resolve()
    check_workers(backend, start_method)
    if (place / places.STAGED).is_file():
        raise treadle.UsageError(
            f"segments would be written over what they are made from: {str(place)!r}",
            hint="name another folder",
        )
    if limit is not None and limit < 1:
        raise treadle.UsageError(f"limit must be 1 or more, got {limit!r}", hint="limit=10")
    procedures = (procedures,) if isinstance(procedures, str) else procedures
    listed = manifest_file.manifest(root, status="staged", columns=_NEEDED)
    swept = _swept(root, schema, procedures)
    one = SegmentOne(root, place, method, settings)
    _try(one)
    with ExitStack() as stack:
        if pool is None:
            pool = stack.enter_context(
                treadle.Pool(workers=workers, backend=backend, start_method=start_method)
            )
        was_ended = stack.enter_context(only_one(place, "segmenting"))
        sweeps = Sweeps(listed, swept, limit, one.version)
        session = _Session(one, sweeps, listed, force=force, was_ended=was_ended)
        places.keep_text(place / places.SEGMENTED, json.dumps(places.made_of(root, place)))
        report = seen_through(session, pool, timeout, progress)
    report.elapsed = time.monotonic() - began
    return report


def check(
    method: str = "turns",
    schema: Schema | str | os.PathLike[str] | None = None,
    procedures: Sequence[str] = (),
    **settings: Any,
) -> None:
    """
    Refuse what :func:`segment` would refuse, before there is anything to segment.

    Args:
        method: As there, and so are the following ones.
        schema: The one that the runs will be staged with; None for the default.
        procedures: See there.
        settings: See there.

    Raises:
        UsageError: The method, a setting of it or a sweep is not there.
    """
    _try(SegmentOne(Path(), Path(), method, settings))
    if not isinstance(schema, Schema):
        from treadle.lab.schema import load_schema

        schema = load_schema(schema)
    _of_schema(schema, procedures)


class Sweeps:
    """
    A source of the sweeps of a stage root, in order of their start times; keys are run ids.

    Args:
        listed: The manifest of the stage root, without its rejects.
        swept: By procedure, the column that is swept.
        limit: Only the first so many; None for all.
        version: Text that differs when the same sweep would be segmented differently.
    """

    def __init__(
        self, listed: pl.DataFrame, swept: dict[str, str], limit: int | None, version: str
    ) -> None:
        import polars as pl

        names = ["run_id", "proc", "path", "size", "parameters"]
        rows = listed.filter(pl.col("proc").is_in(list(swept))).select(names)
        rows = rows if limit is None else rows.head(limit)
        self._version = version
        self._sweeps = [
            Sweep(run_id, proc, path, size, swept[proc], parameters)
            for run_id, proc, path, size, parameters in rows.iter_rows()
        ]

    def __iter__(self) -> Iterator[Sweep]:
        """Yield the sweeps."""
        return iter(self._sweeps)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._sweeps)

    def key(self, value: Sweep, index: int) -> str:  # noqa: ARG002  a source's key() gets both
        """Return the run id."""
        return value.run_id

    def fingerprint(self, value: Sweep) -> str:
        """
        Return what differs when the measurement, its schema, or the method has changed.

        The method is not the run's version: a change would redo what is not in this source, too.
        """
        text = f"{value.part} {value.size} {value.column} {value.parameters} {self._version}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _swept(
    root: Path, schema: Schema | str | os.PathLike[str] | None, procedures: Sequence[str]
) -> dict[str, str]:
    """Return the column that is swept, by procedure; of those asked for, or of all."""
    if not isinstance(schema, Schema):
        from treadle.lab.schema import load_schema

        own = root / places.SCHEMA
        if schema is None and own.is_file():
            schema = load_schema(own, with_default=False)
        else:
            schema = load_schema(schema)
    return _of_schema(schema, procedures)


def _of_schema(schema: Schema, procedures: Sequence[str]) -> dict[str, str]:
    swept = {name: each.sweep for name, each in schema.procedures.items() if each.sweep}
    for name in procedures:
        if name not in swept:
            raise treadle.UsageError(
                f"{name!r} is no sweep by the schema, which has: {', '.join(sorted(swept))}",
                hint="Config: {sweep: COLUMN} in procedures.yml makes it one",
            )
    return {name: swept[name] for name in procedures or swept}


def _try(one: SegmentOne) -> None:
    """Let a method or a setting that does not exist be known before anything starts."""
    from treadle.lab.segmentation import segments

    segments({"V": [0.0, 1.0]}, column="V", method=one.method, **one.settings)


class _Session:
    """One segmentation, from the first sweep to the lists."""

    def __init__(
        self,
        one: SegmentOne,
        sweeps: Sweeps,
        listed: pl.DataFrame,
        *,
        force: bool,
        was_ended: bool,
    ) -> None:
        self._one = one
        self._sweeps = sweeps
        self._listed = listed
        self._out = one.out
        self._ran = Ran()
        self._earlier = newest(self._out, _NAME)
        self._was_ended = was_ended
        self._rejects: list[Reject] = []
        self._known: set[str] = set()
        self._redo = self._lost(everything=force)

    def _lost(self, *, everything: bool) -> set[str]:
        """Return the runs to do again: those whose file is gone, those that failed by chance."""
        redo: set[str] = set()
        if self._earlier is None:
            return redo
        for key, found in stored(self._earlier):
            self._known.add(key)
            if everything or not places.has(self._out, found["part"], found["size"]):
                redo.add(key)
        for outcome in self._earlier.failures():
            self._known.add(str(outcome.key))
            why = refusal(outcome)
            # What could not be read may have been staged again since, to the very same bytes.
            if everything or not why.lasts or why.reason == Unreadable.reason:
                redo.add(str(outcome.key))
        self._earlier.close()
        return redo

    def run(
        self, pool: treadle.Pool, timeout: float | None, progress: str | treadle.Listener | None
    ) -> None:
        one = self._one
        again: dict[str, Any] = {}
        if self._earlier is not None:
            again = {"resume": self._earlier.id, "redo": self._redo}
        pool.run(
            one,
            self._sweeps,
            name=_NAME,
            runs_dir=self._out / places.RUNS,
            timeout=timeout,
            progress=progress,  # type: ignore[arg-type]  # checked there
            listeners=[self._ran],
            command=typed(),
            **again,
        )

    def close(self) -> SegmentReport:
        """Make the lists, remove what has no measurement any more, and report."""
        report = SegmentReport(stage_root=self._one.stage_root, out=self._out)
        report.slowest, report.runs = self._ran.slowest, len(self._sweeps)
        now = newest(self._out, _NAME)
        if now is None:
            return report
        report.run_id = now.id
        staged = set(self._listed["run_id"])
        settled = [found for key, found in stored(now) if key in staged]
        failed = [outcome for outcome in now.failures() if str(outcome.key) in staged]
        now.close()
        self._count(report, settled, failed)
        self._write_lists(settled, self._rejects)
        report.manifest = self._out / places.MANIFEST
        if self._ran.keys or not self._was_ended or self._known - staged:
            report.removed = places.sweep(self._out, {found["part"] for found in settled})
        return report

    def _count(
        self,
        report: SegmentReport,
        settled: Iterable[Segmented],
        failed: Iterable[treadle.FailedOutcome],
    ) -> None:
        mine = {sweep.run_id for sweep in self._sweeps}
        dropped: Counter[str] = Counter()
        for found in settled:
            run_id = found["run_id"]
            if run_id not in mine:
                continue
            dropped.update(found["dropped"])
            report.segments += len(found["segments"])
            report.incomplete += "INCOMPLETE_SWEEP" in found["flags"]
            is_new = run_id not in self._known
            again = run_id in self._ran.keys and not is_new
            report.new += is_new
            report.changed += again
            report.unchanged += not is_new and not again
        for outcome in failed:
            why = refusal(outcome)
            if outcome.kind != "cancelled":
                self._rejects.append(Reject(str(outcome.key), why.reason, why.message, why.hint))
        report.rejects = [each for each in self._rejects if each.source in mine]
        report.rejected = len(report.rejects)
        report.dropped = dict(sorted(dropped.items()))

    def _write_lists(self, settled: Sequence[Segmented], rejects: Sequence[Reject]) -> None:
        import polars as pl

        about = self._listed.select(
            "run_id", "proc", "date_local", "start_time_utc", "chip_name", "source_file"
        )
        order = ["start_time_utc", "run_id"]
        sweeps = pl.DataFrame(
            [_sweep_row(found) for found in settled]
            + [
                {"run_id": each.source, "status": "rejected", "reason": each.reason,
                 "message": each.message}
                for each in rejects
            ],
            schema=_sweep_types(),
        )  # fmt: skip
        frame = about.join(sweeps, on="run_id", how="inner").sort(order)
        places.put_list(frame, self._out / places.MANIFEST)
        each = _segment_table(settled)
        flags = frame.select("run_id", "path", "flags", "method", "settings")
        segments = about.join(each, on="run_id", how="inner").join(flags, on="run_id", how="left")
        segments = segments.sort([*order, "segment_id"])
        places.put_list(segments, self._out / SEGMENTS)


def _sweep_row(found: Segmented) -> dict[str, Any]:
    return {
        "run_id": found["run_id"],
        "status": "segmented",
        "rows": found["rows"],
        "segments": len(found["segments"]),
        "dropped": sum(found["dropped"].values()),
        "dropped_reasons": json.dumps(found["dropped"]) if found["dropped"] else None,
        "flags": found["flags"],
        "path": found["part"],
        "method": found["method"],
        "settings": found["settings"],
    }


def _segment_table(settled: Sequence[Segmented]) -> pl.DataFrame:
    """Return a row for each segment; column by column, as there are a hundred thousand."""
    import polars as pl

    kinds = (pl.Int32, pl.String, pl.String, pl.Int64, pl.Int64, pl.Float64, pl.Float64, pl.Int64)
    ids = [found["run_id"] for found in settled for _ in found["segments"]]
    values = zip(*(each for found in settled for each in found["segments"]), strict=True)
    columns = list(values) or [()] * len(_SEGMENT)
    return pl.DataFrame(
        [
            pl.Series("run_id", ids, dtype=pl.String),
            *(
                pl.Series(name, column, dtype=kind)
                for name, column, kind in zip(_SEGMENT, columns, kinds, strict=True)
            ),
        ]
    )


def _sweep_types() -> dict[str, Any]:
    import polars as pl

    return {
        "run_id": pl.String,
        "status": pl.String,
        "rows": pl.Int64,
        "segments": pl.Int64,
        "dropped": pl.Int64,
        "dropped_reasons": pl.String,
        "flags": pl.List(pl.String),
        "path": pl.String,
        "method": pl.String,
        "settings": pl.String,
        "reason": pl.String,
        "message": pl.String,
    }
