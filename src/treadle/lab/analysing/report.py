"""What became of an analysis of IV sweeps, as values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from treadle.lab.staging.report import Reject

ANALYSED: Final = "analysed"
"""Of a run or a group: all of it is there."""
PARTLY: Final = "partly"
"""... some of it is missing, for a reason that stands beside."""
REJECTED: Final = "rejected"
"""... nothing of it could be made."""

NO_CHIP: Final = "no chip in the header"
NO_CURRENT: Final = "no current in a segment"
NO_FORWARD: Final = "no forward segment"
NO_RETURN: Final = "no return segment"


@dataclass(slots=True, kw_only=True)
class IvReport:
    """
    What became of the IV sweeps of a stage root.

    Attributes:
        stage_root: Where the measurements are.
        segment_root: Where their segments are.
        out: Where the tables went.
        runs: Sweeps in the stage root.
        groups: Groups of them: by chip, day and range.
        new: Groups that were analysed in this session and not before.
        changed: Those that were analysed again, for a run or an option has changed.
        unchanged: Those that were analysed before.
        failed: Those that could not be analysed.
        partly: Runs that could be analysed in part: without a return, for one.
        rejected: Runs that could not be analysed.
        removed: Groups that were removed, since none of their runs is there any more.
        without_resistance: Groups that have none; the reasons are in the table ``groups``.
        rejects: The runs that could not be analysed, by run id.
        reasons: How many runs were analysed in part, for each reason.
        slowest: Groups and seconds of those that took longest in this session.
        elapsed: Seconds.
        run_id: Id of the run in the record.
        manifest: The list of runs; None when it did not come so far.
    """

    stage_root: Path
    segment_root: Path
    out: Path
    runs: int = 0
    groups: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    partly: int = 0
    rejected: int = 0
    removed: int = 0
    without_resistance: int = 0
    rejects: list[Reject] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    slowest: list[tuple[str, float]] = field(default_factory=list)
    elapsed: float = 0.0
    run_id: str | None = None
    manifest: Path | None = None

    @property
    def by_reason(self) -> dict[str, int]:
        """How many runs were rejected for each reason, most frequent first."""
        return dict(Counter(reject.reason for reject in self.rejects).most_common())

    def __str__(self) -> str:
        return (
            f"{self.runs:,} sweeps in {self.groups:,} groups: {self.new:,} new, "
            f"{self.changed:,} changed, {self.unchanged:,} unchanged, {self.failed:,} failed; "
            f"{self.rejected:,} sweeps rejected; in {str(self.out)!r}"
        )
