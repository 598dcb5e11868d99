"""What became of a staging, as values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reject:
    """
    A raw file that could not be staged.

    Attributes:
        source: Its path, relative to the raw root.
        reason: Why, in few words; the same words for the same kind of trouble.
        message: What exactly is wrong with it.
        hint: What to do about it, or None.
    """

    source: str
    reason: str
    message: str
    hint: str | None = None


@dataclass(slots=True, kw_only=True)
class StageReport:
    """
    What became of a staging.

    Every file counts once: as new, unchanged, changed or rejected.

    Attributes:
        raw_root: Where the raw files are.
        stage_root: Where their Parquet files went.
        files: Raw files found.
        new: Files not seen before that hold a measurement not seen before.
        unchanged: Files that are as they were, and files that hold a measurement that is staged
            already: touched, moved or copied ones.
        changed: Files that hold something else than before.
        rejected: Files that could not be staged, whether in this session or an earlier one.
        opened: Files that were opened in this session.
        again: Those of them whose measurement had been staged before, and was staged again.
        copies: Staged files that hold the same measurement as another one.
        noted: How many of the staged files have a note, by its code; of warnings and errors.
        runs: Measurements that are staged now, from whatever raw root.
        gone: Those of them of which no raw file is there any more.
        removed: Measurements that were removed, since their file holds something else now.
        rejects: Those that could not be staged, in order of their paths.
        slowest: Paths and seconds of the files that took longest in this session, longest first.
        elapsed: Seconds.
        run_id: Id of the run in the record (``treadle show RUN --runs-dir STAGE/.treadle/runs``).
        manifest: The manifest; None for a dry run.
        dry: Nothing was done: these are the counts of what would be.
    """

    raw_root: Path
    stage_root: Path
    files: int = 0
    new: int = 0
    unchanged: int = 0
    changed: int = 0
    rejected: int = 0
    opened: int = 0
    again: int = 0
    copies: int = 0
    noted: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    gone: int = 0
    removed: int = 0
    rejects: list[Reject] = field(default_factory=list)
    slowest: list[tuple[str, float]] = field(default_factory=list)
    elapsed: float = 0.0
    run_id: str | None = None
    manifest: Path | None = None
    dry: bool = False

    @property
    def by_reason(self) -> dict[str, int]:
        """How many files were rejected for each reason, most frequent first."""
        return dict(Counter(reject.reason for reject in self.rejects).most_common())

    def __str__(self) -> str:
        done = "would be" if self.dry else "are"
        return (
            f"{self.files:,} files: {self.new:,} {done} new, {self.changed:,} changed, "
            f"{self.unchanged:,} unchanged, {self.rejected:,} rejected; "
            f"{self.runs:,} measurements in {str(self.stage_root)!r}"
        )
