"""What is said of a report, for people and for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from treadle.lab.display import printable
from treadle.lab.pipelining import PipelineReport
from treadle.lab.segmenting import SegmentReport
from treadle.lab.staging import Reject, StageReport

_NAMED = 3  # files named for each reason; `treadle lab rejects` has them all
_SLOWEST = 3
_SLOW = 1.0  # seconds; a file that takes longer is worth a line


def of_stage(report: StageReport) -> list[str]:
    """Sum up a staging."""
    would = "would be " if report.dry else ""
    lines = [
        f"stage: {_many(report.files, 'file')} in {_seconds(report.elapsed)}: "
        + _counts(report, would),
        *_rejects(report.rejects, report.by_reason),
        *_slowest(report.slowest),
    ]
    if report.again:
        lines.append(f"  {report.again:,} staged again that had been staged before")
    if not report.dry:
        gone = f", {report.removed:,} removed" if report.removed else ""
        lines.append(f"  {_many(report.runs, 'measurement')}{gone}: {report.stage_root}")
    return lines


def of_segment(report: SegmentReport) -> list[str]:
    """Sum up a segmentation."""
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in report.dropped.items())
    lines = [
        f"segment: {_many(report.runs, 'sweep')} in {_seconds(report.elapsed)}: {_counts(report)}",
        *_rejects(report.rejects, report.by_reason),
        *_slowest(report.slowest),
    ]
    if dropped:
        lines.append(f"  rows in no segment: {dropped}")
    if report.incomplete:
        lines.append(f"  {_many(report.incomplete, 'sweep')} aborted: flag INCOMPLETE_SWEEP")
    gone = f", {report.removed:,} removed" if report.removed else ""
    lines.append(f"  {_many(report.segments, 'segment')}{gone}: {report.out}")
    return lines


def _counts(report: StageReport | SegmentReport, would: str = "") -> str:
    return (
        f"{report.new:,} {would}new, {report.changed:,} {would}changed, "
        f"{report.unchanged:,} unchanged, {report.rejected:,} rejected"
    )


def of_pipeline(report: PipelineReport) -> list[str]:
    """Sum up a pipeline."""
    return [*of_stage(report.stage), *of_segment(report.segment), "", *_table(report)]


def _table(report: PipelineReport) -> list[str]:
    """Write what there is now as a table, a line for each procedure."""
    head = ("procedure", "measurements", "rows", "segments")
    rows = [
        (
            kind.procedure,
            f"{kind.measurements:,}",
            f"{kind.rows:,}",
            "" if kind.segments is None else f"{kind.segments:,}",
        )
        for kind in report.kinds
    ]
    wide = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(
            cell.ljust(size) if column == 0 else cell.rjust(size)
            for column, (cell, size) in enumerate(zip(row, wide, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]


def _rejects(rejects: Iterable[Reject], by_reason: Mapping[str, int]) -> list[str]:
    lines = []
    listed = list(rejects)
    for reason, count in by_reason.items():
        lines.append(f"  {count:,} x {reason}")
        same = [reject for reject in listed if reject.reason == reason]
        lines += [
            f"      {printable(f'{reject.source}: {reject.message}')}" for reject in same[:_NAMED]
        ]
        if count > _NAMED:
            lines.append(f"      and {count - _NAMED:,} more")
    return lines


def _slowest(slowest: list[tuple[str, float]]) -> list[str]:
    slow = [
        f"{printable(key)} {_seconds(time)}" for key, time in slowest[:_SLOWEST] if time >= _SLOW
    ]
    return [f"  slowest: {', '.join(slow)}"] if slow else []


def wrapped(lines: Iterable[str], width: int | None) -> list[str]:
    """Break lines between words where the terminal is narrower; None: they stay as they are."""
    if width is None:
        return list(lines)
    return [part for line in lines for part in _broken(line, width)]


def _broken(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {seconds % 60:.0f} s"


def as_json(report: StageReport | SegmentReport | PipelineReport) -> str:
    """Write a report as one line of JSON."""
    return json.dumps(asdict(report), default=_plain) + "\n"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else repr(value)
