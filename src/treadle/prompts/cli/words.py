"""What is said of an experiment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle.prompts.running import Report


def of_run(report: Report, width: int) -> list[str]:
    """Return what to say at the end of a run: the table by model, and where everything is."""
    lines = report.summary.table(width)
    where = report.output or "standard output"
    counts = f"{report.requests:,} requests, {report.sent:,} of them now"
    if report.pending:
        counts += f", {report.pending:,} left"
    lines.append(f"{counts}, in {report.elapsed:.1f} s; results in {where}, run {report.run_id}")
    if report.stopped:
        lines.append(f"stopped: {report.stopped}")
    return lines


def as_json(report: Report) -> str:
    """Return a report as one JSON object on one line."""
    return json.dumps(
        {
            "run": report.run_id,
            "output": report.output or None,
            "requests": report.requests,
            "sent": report.sent,
            "pending": report.pending,
            "failed": report.failed,
            "cost": str(report.cost),
            "closed": report.closed,
            "stopped": report.stopped or None,
            "elapsed": round(report.elapsed, 3),
            "warnings": list(report.warnings),
            "summary": report.summary.as_json(),
        }
    )
