"""What became of a segmentation of many runs, as values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from treadle.lab.staging.report import Reject


@dataclass(slots=True, kw_only=True)
class SegmentReport:
    """
    What became of the sweeps of a stage root.

    Attributes:
        stage_root: Where the measurements are.
        out: Where their segments went.
        runs: Sweeps in the stage root.
        new: Those that were segmented in this session and not before.
        unchanged: Those that were segmented before.
        changed: Those that were segmented again, for the method or the measurement has changed.
        rejected: Those that could not be segmented.
        segments: Segments of all of them.
        incomplete: Sweeps that were aborted.
        dropped: Rows that are in no segment, by the reason.
        removed: Segmentations that were removed, since their measurement is gone.
        rejects: Those that could not be segmented, by run id.
        slowest: Run ids and seconds of those that took longest in this session.
        elapsed: Seconds.
        run_id: Id of the run in the record.
        manifest: The list of sweeps; None when it did not come so far.
    """

    stage_root: Path
    out: Path
    runs: int = 0
    new: int = 0
    unchanged: int = 0
    changed: int = 0
    rejected: int = 0
    segments: int = 0
    incomplete: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    removed: int = 0
    rejects: list[Reject] = field(default_factory=list)
    slowest: list[tuple[str, float]] = field(default_factory=list)
    elapsed: float = 0.0
    run_id: str | None = None
    manifest: Path | None = None

    @property
    def by_reason(self) -> dict[str, int]:
        """How many sweeps were rejected for each reason, most frequent first."""
        return dict(Counter(reject.reason for reject in self.rejects).most_common())

    def __str__(self) -> str:
        return (
            f"{self.runs:,} sweeps: {self.new:,} new, {self.changed:,} changed, "
            f"{self.unchanged:,} unchanged, {self.rejected:,} rejected; "
            f"{self.segments:,} segments in {str(self.out)!r}"
        )
