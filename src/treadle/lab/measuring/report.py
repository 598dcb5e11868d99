"""What became of a search for metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from treadle.lab.staging.report import Reject

if TYPE_CHECKING:
    import polars as pl


_NAMED: Final = 3


@dataclass(slots=True, kw_only=True)
class MetricsReport:
    """
    What became of a search for metrics; of the runs and the extractors that were asked for.

    Attributes:
        stage_root: Where the measurements are.
        out: The root of the metrics.
        chip_file: What has said what the chips are made of; None: there is none.
        runs: Runs that were asked for.
        new: Of them, those of which nothing was known.
        changed: ... of which something was found again, or for the first time.
        unchanged: ... of which everything was known.
        without: ... of procedures that none of the extractors takes.
        metrics: By metric, how many runs have which status.
        reasons: By status and reason, how many metrics have no value, most frequent first.
        failures: Metrics that an extractor has failed to find: by reason the first runs, and how
            many more there are.
        failed: Runs that could not be looked at: the worker was lost, the time was up, the file
            cannot be read. They are tried again the next time.
        removed: Records of measurements that are not staged any more.
        records: Rows of the store.
        store: The file of all metrics; None where nothing was written.
        run_id: The run in the record; None where nothing was to be done.
        slowest: The slowest runs of this session, with seconds.
        elapsed: Seconds.
    """

    stage_root: Path
    out: Path
    chip_file: Path | None = None
    runs: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    without: int = 0
    metrics: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)
    failed: list[Reject] = field(default_factory=list)
    removed: int = 0
    records: int = 0
    store: Path | None = None
    run_id: str | None = None
    slowest: list[tuple[str, float]] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def errors(self) -> int:
        """Metrics that an extractor has failed to find, by its own mistake or that of a file."""
        return sum(statuses.get("error", 0) for statuses in self.metrics.values())

    @property
    def values(self) -> int:
        """Metrics that have a value."""
        return sum(statuses.get("ok", 0) for statuses in self.metrics.values())

    def count(self, frame: pl.DataFrame) -> None:
        """Count the records in *frame*."""
        per = frame.group_by("metric", "status").len().sort("metric", "status")
        for metric, status, many in per.iter_rows():
            self.metrics.setdefault(metric, {})[status] = many
        why = frame.filter(frame["status"] != "ok").group_by("status", "reason").len()
        for status, reason, many in why.sort("len", "reason", descending=[True, False]).iter_rows():
            self.reasons.setdefault(status, {})[reason] = many

        failed = frame.filter(frame["status"] == "error").sort("start_time_utc", "run_id")
        for (reason,), runs in failed.unique(["reason", "run_id"], maintain_order=True).group_by(
            ["reason"], maintain_order=True
        ):
            named = runs.head(_NAMED).select("run_id", "source_file").iter_rows()
            self.failures[str(reason)] = [f"{run_id} ({source})" for run_id, source in named]
            if runs.height > _NAMED:
                self.failures[str(reason)].append(f"and {runs.height - _NAMED:,} more")

    def __str__(self) -> str:
        counts: dict[str, Any] = {
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
        }
        said = ", ".join(f"{many:,} {name}" for name, many in counts.items())
        errors = f", {self.errors:,} errors" if self.errors else ""
        return f"metrics: {self.runs:,} runs: {said}; {self.values:,} values{errors}: {self.store}"
