"""What is said of an experiment."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from treadle.prompts.running import Report


def of_run(report: Report, width: int | None) -> list[str]:
    """Return what to say at the end of a run: the table by model, and where everything is."""
    lines = report.summary.table(width)
    counts = f"{counted(report.requests, 'request')}, {report.sent:,} of them now"
    if report.pending:
        counts += f", {report.pending:,} left"
    lines.append(
        f"{counts}, in {report.elapsed:.1f} s; results in {path(report.where)}, run {report.run_id}"
    )
    if report.stopped and not any(why in report.stopped for why in report.closed.values()):
        lines.append(f"stopped: {report.stopped}")
    return lines


def to_do(report: Report) -> str:
    """Return what to do about what is left or failed; empty when there is nothing."""
    if report.pending:
        left = report.summary.total().skipped
        first = "mend that, and " if left["closed"] else ""
        if left["budget"] and not first:
            first = "raise the limit, and "
        return f"{first}the same command asks the rest"
    return "--retry-errors asks again what has failed" if report.failed else ""


def counted(count: int, noun: str) -> str:
    """Return a number of things: ``1 row``, ``2,000 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def path(place: str) -> str:
    """Return a path as somebody in the current folder would type it."""
    try:
        return str(Path(place).relative_to(Path.cwd()))
    except ValueError:
        return place


def as_event(kind: str, **said: Any) -> str:
    """Return a line of ``--progress json``."""
    return json.dumps({"event": kind, "at": time.monotonic(), **said})


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON can have it."""
    return {
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
