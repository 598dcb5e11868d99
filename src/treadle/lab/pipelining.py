"""Raw files to segments in one go: each step on the same warm workers, each resumed by itself."""

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
from treadle.lab.manifest_file import manifest
from treadle.lab.places import MANIFEST, check_root
from treadle.lab.segmentation import METHODS
from treadle.lab.segmenting import SegmentReport, check, segment
from treadle.lab.staging import StageReport, stage
from treadle.lab.staging.driver import check_workers

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
        segment: What became of the sweeps among them; None for a dry run.
        kinds: What there is now, by procedure.
        elapsed: Seconds, all in all.
    """

    out: Path
    stage: StageReport
    segment: SegmentReport | None = None
    kinds: list[Kind] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def rejected(self) -> int:
        """Files and sweeps that could not be worked on."""
        return self.stage.rejected + (self.segment.rejected if self.segment else 0)

    def __str__(self) -> str:
        return "\n".join(str(step) for step in (self.stage, self.segment) if step is not None)


def pipeline(
    raw_root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    dry_run: bool = False,
    workers: int | None = None,
    backend: Literal["processes", "threads", "inline"] = "processes",
    start_method: Literal["forkserver", "spawn"] | None = None,
    progress: str | treadle.Listener | None = None,
    pool: treadle.Pool | None = None,
    **options: Any,
) -> PipelineReport:
    """
    Stage all raw files of a folder into ``OUT/stage``, and segment them into ``OUT/segment``.

    The steps run one after the other on one pool. Run again, each does what is new or changed, or
    what a crash has left.

    Args:
        raw_root: As for :func:`stage`.
        out: The folder for all that comes out; made if need be.
        dry_run: Do nothing; report what staging would do.
        workers: As for :func:`stage`, and so are the following ones.
        backend: See there.
        start_method: See there.
        progress: See there; a listener hears the runs of all steps, one after the other.
        pool: See there.
        options: Further ones of :func:`stage` and of :func:`segment`; ``force`` and ``timeout``
            are for both, ``schema`` and ``limit`` for the first, whose schema the second takes.

    Raises:
        UsageError: As :func:`stage` and :func:`segment`; or an option is of neither.
        Interrupted: Ctrl-C; what has settled is kept, and the next call goes on.
        RunFailed: As :func:`stage` and :func:`segment`.
    """
    began = time.monotonic()
    raw, place = check_root(raw_root, "raw root"), Path(out).resolve()
    of_stage, of_segment = _shared_out(options)
    check_workers(backend, start_method)
    check(options.get("method", "turns"), options.get("schema"), **_settings(of_segment))
    if dry_run:
        staged = stage(raw, place / "stage", dry_run=True, **of_stage)
        return PipelineReport(out=place, stage=staged, elapsed=time.monotonic() - began)
    with ExitStack() as stack:
        if pool is None:
            pool = stack.enter_context(
                treadle.Pool(workers=workers, backend=backend, start_method=start_method)
            )
        common: dict[str, Any] = {"progress": progress, "pool": pool}
        staged = stage(raw, place / "stage", **common, **of_stage)
        segmented = segment(place / "stage", place / "segment", **common, **of_segment)
    return PipelineReport(
        out=place,
        stage=staged,
        segment=segmented,
        kinds=_kinds(place),
        elapsed=time.monotonic() - began,
    )


_OF_STAGE = frozenset(
    {"schema", "layouts", "local_tz", "exclude", "limit", "strict", "only_schema_columns", "prune"}
)
_OF_SEGMENT = frozenset({"method", "procedures"}).union(*METHODS.values())
_OF_BOTH = frozenset({"force", "timeout"})


def _shared_out(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell the options of the one step from those of the other."""
    known = _OF_STAGE | _OF_SEGMENT | _OF_BOTH
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            raise treadle.UsageError(
                f"pipeline has no option {name!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}",
            )
    of_stage = {name: options[name] for name in options if name in _OF_STAGE | _OF_BOTH}
    of_segment = {name: options[name] for name in options if name in _OF_SEGMENT | _OF_BOTH}
    return of_stage, of_segment


def _settings(of_segment: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be checked before there is anything to segment."""
    known = _OF_BOTH | {"method"}
    return {name: value for name, value in of_segment.items() if name not in known}


def _kinds(out: Path) -> list[Kind]:
    import polars as pl

    staged = manifest(out / "stage", status="staged", columns=["proc", "rows"])
    per = staged.group_by("proc").agg(pl.len().alias("measurements"), pl.col("rows").sum())
    cut = pl.read_parquet(out / "segment" / MANIFEST, hive_partitioning=False)
    segments = cut.group_by("proc").agg(pl.col("segments").sum())
    both = per.join(segments, on="proc", how="left").sort("proc")
    return [Kind(*row) for row in both.iter_rows()]
