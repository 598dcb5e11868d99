"""Raw files to metrics and histories in one go: all steps on the same workers, each resumed."""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import treadle
from treadle.lab.analysing import IvReport, iv
from treadle.lab.histories import write_histories
from treadle.lab.manifest_file import manifest
from treadle.lab.measuring import MetricsReport, check_sources, metrics
from treadle.lab.measuring.store import METRICS
from treadle.lab.places import MANIFEST, check_root
from treadle.lab.roots import NAMES
from treadle.lab.segmentation import METHODS
from treadle.lab.segmenting import SegmentReport, check, segment
from treadle.lab.staging import StageReport, stage
from treadle.lab.staging.driver import check_workers

STEPS = NAMES
"""The steps, in order; each writes the folder ``OUT/<step>``."""


@dataclass(frozen=True, slots=True)
class Kind:
    """
    What there is of one procedure, in all sessions.

    Attributes:
        procedure: Its name.
        measurements: Measurements that are staged.
        rows: Rows of all of them.
        segments: Segments of those that are sweeps; None for a procedure that is none.
        metrics: Metrics that have a value; None where none were looked for.
    """

    procedure: str
    measurements: int
    rows: int
    segments: int | None
    metrics: int | None


@dataclass(slots=True, kw_only=True)
class PipelineReport:
    """
    What became of a pipeline.

    Attributes:
        out: The folder of all that came out; each step has its own in it.
        stage: What became of the raw files.
        segment: What became of the sweeps among them; None where it was not come to, as in a dry
            run, and so for the following ones.
        metrics: What became of the search for metrics.
        iv: What became of the analysis of IV sweeps.
        histories: The files of the chips' histories.
        kinds: What there is now, by procedure.
        elapsed: Seconds, all in all.
    """

    out: Path
    stage: StageReport
    segment: SegmentReport | None = None
    metrics: MetricsReport | None = None
    iv: IvReport | None = None
    histories: list[Path] | None = None
    kinds: list[Kind] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def rejected(self) -> int:
        """Files, runs and sweeps that could not be worked on, and extractors that have failed."""
        sweeps = self.segment.rejected if self.segment else 0
        errors = self.metrics.errors if self.metrics else 0
        groups = self.iv.rejected if self.iv else 0
        return self.stage.rejected + sweeps + errors + groups

    def __str__(self) -> str:
        steps = (self.stage, self.segment, self.metrics, self.iv)
        return "\n".join(str(step) for step in steps if step is not None)


def pipeline(
    raw_root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    until: str = STEPS[-1],
    dry_run: bool = False,
    workers: int | None = None,
    backend: Literal["processes", "threads", "inline"] = "processes",
    start_method: Literal["forkserver", "spawn"] | None = None,
    progress: str | treadle.Listener | None = None,
    pool: treadle.Pool | None = None,
    **options: Any,
) -> PipelineReport:
    """
    Take raw files through all steps: stage, segment, metrics, iv, history; each writes ``OUT/…``.

    The steps run one after the other on one pool. Run again, each does what is new or changed, or
    what a crash has left.

    Args:
        raw_root: As for :func:`stage`.
        out: The folder for all that comes out; made if need be.
        until: The last step, one of :data:`STEPS`.
        dry_run: Do nothing; report what staging would do.
        workers: As for :func:`stage`, and so are the following ones.
        backend: See there.
        start_method: See there.
        progress: See there; a listener hears the runs of all steps, one after the other.
        pool: See there.
        options: Further ones of :func:`stage`, :func:`segment` and :func:`metrics`; ``force`` and
            ``timeout`` are for all, ``schema`` and ``limit`` for the first, whose schema the second
            takes, ``procedures`` for the second, ``chip_file`` and ``extractors`` for the third.

    Raises:
        UsageError: As the steps; or an option or a step is not known.
        Interrupted: Ctrl-C; what has settled is kept, and the next call goes on.
        RunFailed: As the steps.
    """
    began = time.monotonic()
    raw, place = check_root(raw_root, "raw root"), Path(out).resolve()
    steps = _steps(until)
    of_stage, of_segment, of_metrics = _shared_out(options)
    check_workers(backend, start_method)
    check(options.get("method", "turns"), options.get("schema"), **_settings(of_segment))
    check_sources(of_metrics.get("chip_file"), of_metrics.get("extractors", ()))
    if dry_run:
        staged = stage(raw, place / "stage", dry_run=True, **of_stage)
        return PipelineReport(out=place, stage=staged, elapsed=time.monotonic() - began)
    with ExitStack() as stack:
        if pool is None:
            pool = stack.enter_context(
                treadle.Pool(workers=workers, backend=backend, start_method=start_method)
            )
        common: dict[str, Any] = {"progress": progress, "pool": pool}
        report = PipelineReport(out=place, stage=stage(raw, place / "stage", **common, **of_stage))
        root, segments = place / "stage", place / "segment"
        if "segment" in steps:
            report.segment = segment(root, segments, **common, **of_segment)
        if "metrics" in steps:
            report.metrics = metrics(root, place / "metrics", **common, **of_metrics)
        if "iv" in steps:
            shared = {name: options[name] for name in _OF_ALL if name in options}
            report.iv = iv(root, segments, place / "iv", **common, **shared)
        if "history" in steps:
            report.histories = write_histories(place)
    report.kinds = _kinds(place)
    report.elapsed = time.monotonic() - began
    return report


def _steps(until: str) -> tuple[str, ...]:
    if until not in STEPS:
        raise treadle.UsageError(
            f"there is no step {until!r}", hint=f"choose one of: {', '.join(STEPS)}"
        )
    return STEPS[: STEPS.index(until) + 1]


_OF_ALL = frozenset({"force", "timeout"})
_OF_STAGE = _OF_ALL | frozenset(
    {"schema", "layouts", "local_tz", "exclude", "limit", "strict", "only_schema_columns", "prune"}
)
_OF_SEGMENT = _OF_ALL | frozenset({"method", "procedures"}).union(*METHODS.values())
_OF_METRICS = _OF_ALL | frozenset({"chip_file", "extractors"})


def _shared_out(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Tell the options of each step."""
    known = _OF_STAGE | _OF_SEGMENT | _OF_METRICS
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise treadle.UsageError(
                f"pipeline has no option {name!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}",
            )
    return [
        {name: options[name] for name in options if name in of_step}
        for of_step in (_OF_STAGE, _OF_SEGMENT, _OF_METRICS)
    ]


def _settings(of_segment: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be checked before there is anything to segment."""
    known = _OF_ALL | {"method"}
    return {name: value for name, value in of_segment.items() if name not in known}


def _kinds(out: Path) -> list[Kind]:
    import polars as pl

    staged = manifest(out / "stage", status="staged", columns=["proc", "rows"])
    per = staged.group_by("proc").agg(pl.len().alias("measurements"), pl.col("rows").sum())
    made = {
        "segments": (out / "segment" / MANIFEST, pl.col("segments").sum()),
        "metrics": (out / "metrics" / METRICS, (pl.col("status") == "ok").sum()),
    }
    for name, (path, count) in made.items():
        if path.is_file():
            list_ = pl.scan_parquet(path, hive_partitioning=False, glob=False)
            counted = list_.group_by("proc").agg(count.cast(pl.Int64).alias(name)).collect()
            per = per.join(counted, on="proc", how="left")
        else:
            per = per.with_columns(pl.lit(None, pl.Int64).alias(name))
    return [Kind(*row) for row in per.sort("proc").iter_rows()]
