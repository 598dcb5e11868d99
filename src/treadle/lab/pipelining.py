"""Raw files to segments in one go: each step on the same warm workers, each resumed by itself."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import treadle
from treadle.lab.manifest_file import manifest
from treadle.lab.places import MANIFEST, check_root
from treadle.lab.segmenting import SegmentReport, check, segment
from treadle.lab.staging import StageReport, stage

STEPS = ("stage", "segment")
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
    """

    procedure: str
    measurements: int
    rows: int
    segments: int | None


@dataclass(slots=True, kw_only=True)
class PipelineReport:
    """
    What became of a pipeline.

    Attributes:
        out: The folder of all that came out; each step has its own in it.
        stage: What became of the raw files.
        segment: What became of the sweeps among them.
        kinds: What there is now, by procedure.
        elapsed: Seconds, all in all.
    """

    out: Path
    stage: StageReport
    segment: SegmentReport
    kinds: list[Kind] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def rejected(self) -> int:
        """Files and sweeps that could not be worked on."""
        return self.stage.rejected + self.segment.rejected

    def __str__(self) -> str:
        return f"{self.stage}\n{self.segment}"


def pipeline(
    raw_root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    stage_options: Mapping[str, Any] | None = None,
    segment_options: Mapping[str, Any] | None = None,
    workers: int | None = None,
    backend: Literal["processes", "threads", "inline"] = "processes",
    start_method: Literal["forkserver", "spawn"] | None = None,
    progress: str | treadle.Listener | None = None,
    pool: treadle.Pool | None = None,
) -> PipelineReport:
    """
    Stage all raw files of a folder into ``OUT/stage``, and segment them into ``OUT/segment``.

    The steps run one after the other on one pool. Run again, each does what is new or changed, or
    what a crash has left.

    Args:
        raw_root: As for :func:`stage`.
        out: The folder for all that comes out; made if need be.
        stage_options: Further arguments of :func:`stage`, such as ``{"strict": True}``.
        segment_options: Further arguments of :func:`segment`, such as ``{"method": "classic"}``.
        workers: As for :func:`stage`, and so are the following ones.
        backend: See there.
        start_method: See there.
        progress: See there; a listener hears the runs of all steps, one after the other.
        pool: See there.

    Raises:
        UsageError: As :func:`stage` and :func:`segment`.
        Interrupted: Ctrl-C; what has settled is kept, and the next call goes on.
        RunFailed: As :func:`stage` and :func:`segment`.
    """
    began = time.monotonic()
    raw, place = check_root(raw_root, "raw root"), Path(out).absolute()
    of_stage, of_segment = dict(stage_options or {}), dict(segment_options or {})
    _check(of_stage, of_segment)
    with ExitStack() as stack:
        if pool is None:
            pool = stack.enter_context(
                treadle.Pool(workers=workers, backend=backend, start_method=start_method)
            )
        shared: dict[str, Any] = {"progress": progress, "pool": pool}
        staged = stage(raw, place / "stage", **shared, **of_stage)
        segmented = segment(place / "stage", place / "segment", **shared, **of_segment)
    return PipelineReport(
        out=place,
        stage=staged,
        segment=segmented,
        kinds=_kinds(place),
        elapsed=time.monotonic() - began,
    )


def _check(of_stage: Mapping[str, Any], of_segment: Mapping[str, Any]) -> None:
    """Let what is wrong with the last step be known before the first one has taken its time."""
    of_run = {"limit", "force", "timeout", "workers", "backend", "start_method"}
    settings = {name: value for name, value in of_segment.items() if name not in of_run}
    check(**{"schema": of_stage.get("schema"), **settings})


def _kinds(out: Path) -> list[Kind]:
    import polars as pl

    staged = manifest(out / "stage", status="staged", columns=["proc", "rows"])
    per = staged.group_by("proc").agg(pl.len().alias("measurements"), pl.col("rows").sum())
    cut = pl.read_parquet(out / "segment" / MANIFEST, hive_partitioning=False)
    segments = cut.group_by("proc").agg(pl.col("segments").sum())
    both = per.join(segments, on="proc", how="left").sort("proc")
    return [Kind(*row) for row in both.iter_rows()]
