"""What is said of a report, for people and for programs."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.lab.display import printable

if TYPE_CHECKING:  # they load what may not be installed, and what help does not need
    from treadle.lab.analysing import IvReport
    from treadle.lab.measuring import MetricsReport
    from treadle.lab.pipelining import PipelineReport
    from treadle.lab.segmenting import SegmentReport
    from treadle.lab.staging import Reject, StageReport

    Report = StageReport | SegmentReport | MetricsReport | IvReport | PipelineReport

_NAMED = 3  # files named for each reason; `treadle lab rejects` has them all
_SLOWEST = 3

UNKNOWN = "UNKNOWN_PROCEDURE"
"""The note of a measurement that the schema has no entry for."""


def of_stage(report: StageReport) -> list[str]:
    """Sum up a staging."""
    would = "would be " if report.dry else ""
    lines = [
        f"stage: {_many(report.files, 'file')} in {_seconds(report.elapsed)}: "
        + _counts(report, would)
    ]
    if not report.files:
        lines.append(f"  no .csv file below {report.raw_root}")
    opened = 0 if report.dry else report.opened
    lines += _rejects(report.rejects, report.by_reason, listed=opened > 0)
    lines += _slowest(report.slowest)
    if report.noted:
        lines.append(f"  noted: {_noted(report.noted)}")
    if report.again:
        lines.append(f"  {report.again:,} staged again that had been staged before")
    if report.copies:
        are = "is a copy of another" if report.copies == 1 else "are copies of others"
        lines.append(f"  {_many(report.copies, 'file')} {are}")
    if report.gone:
        stay = "stays" if report.gone == 1 else "stay"
        lines.append(
            f"  {_many(report.gone, 'measurement')} without a raw file {stay} "
            "(--prune removes what has none)"
        )
    if not report.dry:
        lines.append(
            f"  {_many(report.runs, 'measurement')}{_removed(report)}: {report.stage_root}"
        )
    return lines


def of_segment(report: SegmentReport) -> list[str]:
    """Sum up a segmentation."""
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in report.dropped.items())
    lines = [
        f"segment: {_many(report.runs, 'sweep')} in {_seconds(report.elapsed)}: {_counts(report)}",
        *_rejects(report.rejects, report.by_reason, listed=bool(report.slowest)),
        *_slowest(report.slowest),
    ]
    if dropped:
        lines.append(f"  rows in no segment: {dropped}")
    if report.incomplete:
        lines.append(f"  {_many(report.incomplete, 'sweep')} aborted: flag INCOMPLETE_SWEEP")
    lines.append(f"  {_many(report.segments, 'segment')}{_removed(report)}: {report.out}")
    return lines


def of_metrics(report: MetricsReport, *, table: bool = True) -> list[str]:
    """Sum up a search for metrics; with a line for each of them in a table."""
    counts = f"{report.new:,} new, {report.changed:,} changed, {report.unchanged:,} unchanged"
    if report.without:
        counts += f", {report.without:,} of procedures without metrics"
    lines = [f"metrics: {_many(report.runs, 'run')} in {_seconds(report.elapsed)}: {counts}"]
    lines += _rejects(report.failed, Counter(each.reason for each in report.failed), listed=True)
    lines += _slowest(report.slowest)
    lines += [
        f"  {_STATUSES[status]}: {_top(reasons)}"
        for status, reasons in sorted(report.reasons.items())
        if status != "error"
    ]
    for reason, runs in report.failures.items():
        lines.append(f"  failed: {printable(reason)}")
        lines += [f"      {printable(run)}" for run in runs]
    if report.chip_file is not None:
        lines.append(f"  chip file: {report.chip_file}")
    values = f"{_many(report.values, 'value')} of {_many(len(report.metrics), 'metric')}"
    lines.append(f"  {values}: {report.store}")
    return [*lines, "", *_metric_table(report)] if table and report.metrics else lines


_STATUSES = {
    "not_applicable": "does not apply",
    "undetermined": "could not be determined",
    "no_configuration": "not configured",
}
_TOP = 4  # reasons named; the store has them all


def _top(reasons: Mapping[str, int]) -> str:
    many = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    named = [f"{count:,} x {printable(reason)}" for reason, count in many[:_TOP]]
    left = sum(count for _, count in many[_TOP:])
    return ", ".join([*named, *([f"{left:,} for other reasons"] if left else [])])


def _metric_table(report: MetricsReport) -> list[str]:
    head = ("metric", "values", "without")
    rows = [
        (name, f"{statuses.get('ok', 0):,}", f"{sum(statuses.values()) - statuses.get('ok', 0):,}")
        for name, statuses in report.metrics.items()
    ]
    return _lined_up((head, *rows))


def of_iv(report: IvReport) -> list[str]:
    """Sum up an analysis of IV sweeps."""
    failed = f", {report.failed:,} failed" if report.failed else ""
    head = (
        f"iv: {_many(report.runs, 'sweep')}, {_many(report.groups, 'group')} in "
        f"{_seconds(report.elapsed)}: {report.new:,} new, {report.changed:,} changed, "
        f"{report.unchanged:,} unchanged{failed}; {_many(report.rejected, 'sweep')} rejected"
    )
    lines = [
        head,
        *_rejects(report.rejects, report.by_reason, listed=bool(report.slowest)),
        *_slowest(report.slowest),
    ]
    if report.partly:
        why = ", ".join(f"{count:,} x {reason}" for reason, count in report.reasons.items())
        lines.append(f"  {_many(report.partly, 'sweep')} in part: {why}")
    if report.without_resistance:
        lines.append(f"  {_many(report.without_resistance, 'group')} without a resistance")
    removed = f", {_many(report.removed, 'group')} removed" if report.removed else ""
    return [*lines, f"  tables{removed}: {report.out}"]


def _removed(report: StageReport | SegmentReport) -> str:
    return f", {report.removed:,} removed" if report.removed else ""


def _noted(noted: Mapping[str, int]) -> str:
    """Count files by note, most frequent first."""
    many = sorted(noted.items(), key=lambda each: (-each[1], each[0]))
    (code, count), *others = many
    first = f"{code} in {_many(count, 'file')}"
    return ", ".join([first, *(f"{code} in {count:,}" for code, count in others)])


def _counts(report: StageReport | SegmentReport, would: str = "") -> str:
    return (
        f"{report.new:,} {would}new, {report.changed:,} {would}changed, "
        f"{report.unchanged:,} unchanged, {report.rejected:,} rejected"
    )


def of_pipeline(report: PipelineReport) -> list[str]:
    """Sum up a pipeline."""
    lines = of_stage(report.stage)
    if report.segment is not None:
        lines += of_segment(report.segment)
    if report.metrics is not None:
        lines += of_metrics(report.metrics, table=False)
    if report.iv is not None:
        lines += of_iv(report.iv)
    if report.histories is not None:
        lines.append(f"history: {_many(len(report.histories), 'chip')}: {report.out / 'history'}")
    return [*lines, "", *_table(report)] if report.kinds else lines


def _table(report: PipelineReport) -> list[str]:
    """Write what there is now as a table, a line for each procedure."""
    head = ("procedure", "measurements", "rows", "segments", "metrics")
    rows = [
        (
            kind.procedure,
            f"{kind.measurements:,}",
            f"{kind.rows:,}",
            "" if kind.segments is None else f"{kind.segments:,}",
            "" if kind.metrics is None else f"{kind.metrics:,}",
        )
        for kind in report.kinds
    ]
    return _lined_up((head, *rows))


def _lined_up(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Write rows as a table: names to the left, numbers to the right."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(size) if column == 0 else cell.rjust(size)
            for column, (cell, size) in enumerate(zip(row, wide, strict=True))
        ).rstrip()
        for row in rows
    ]


def _rejects(rejects: Iterable[Reject], by_reason: Mapping[str, int], *, listed: bool) -> list[str]:
    """Name some of each reason; only count them where nothing was opened: they are known then."""
    if not listed:
        counts = ", ".join(f"{count:,} x {reason}" for reason, count in by_reason.items())
        return [f"  rejected before: {counts}"] if counts else []
    lines = []
    every = list(rejects)
    for reason, count in by_reason.items():
        lines.append(f"  {count:,} x {reason}")
        same = [reject for reject in every if reject.reason == reason]
        lines += [
            f"      {printable(f'{reject.source}: {reject.message}')}" for reject in same[:_NAMED]
        ]
        if count > _NAMED:
            lines.append(f"      and {count - _NAMED:,} more")
    return lines


def _slowest(slowest: list[tuple[str, float]]) -> list[str]:
    slow = [f"{printable(key)} {_precise(time)}" for key, time in slowest[:_SLOWEST]]
    return [f"  slowest: {', '.join(slow)}"] if slow else []


def _precise(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds:.3f} s"
    return f"{seconds:.2f} s" if seconds < 10 else _seconds(seconds)


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


def as_json(report: Report) -> str:
    """Write a report as one line of JSON."""
    return json.dumps(asdict(report), default=_plain) + "\n"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else repr(value)
