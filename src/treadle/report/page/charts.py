"""The charts of the page, as SVG that grows with the page while its words do not.

What is drawn is stretched to the width there is; words stand beside it, in per cent of that width.
Over each chart lie invisible stripes, each with a title: what a pointer shows without a script, and
what the script reads out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from treadle.report.page import axes
from treadle.report.page.words import count, rate, span, text
from treadle.report.spans import Line, Span
from treadle.report.tally import Bin, Tally

ROWS = 48  # of the timeline
_SPANS = 4_000  # of the timeline, in all rows
_TALL = 1000  # units of height of what is stretched
_HIGHEST = 80  # per cent, of columns with words above them


def throughput(tally: Tally) -> str:
    """Return items per second over time, failures on top; nothing for a run without items."""
    bins = tally.bins
    if not bins:
        return ""
    most = max(each.ok + each.failed for each in bins)
    top = axes.round_up(most / tally.width)
    highest = most / tally.width
    said = (
        f"items that settled per second, from the beginning of the run to {span(_end(tally))} "
        f"later; at most {rate(highest)}, over {span(tally.width)}"
    )
    scale = _TALL / (top * tally.width)
    both = _steps([(each.ok + each.failed) * scale for each in bins])
    good = _steps([each.ok * scale for each in bins])
    drawn = _stretched(len(bins), f'<path class="failed" d="{both}"/><path class="ok" d="{good}"/>')
    plot = _grid() + drawn + _failure_marks(bins) + _stripes(_about_bins(tally))
    chart = _over_time(plot, tally, said, labels=_labels(top), kind="rates")
    return _figure("throughput", chart, f"{said[0].upper()}{said[1:]}.", legend=_legend(tally))


def _labels(top: float) -> str:
    return "".join(
        f'<text x="100%" y="{100 - share * 100:g}%">{rate(top * share)}</text>'
        for share in (1, 0.5)
    )


def _end(tally: Tally) -> float:
    """Seconds that the axes of time have."""
    return len(tally.bins) * tally.width


def _steps(heights: Sequence[float]) -> str:
    """Return the outline of columns side by side, each one unit wide."""
    parts, last = [f"M0,{_TALL}"], 0.0
    for number, height in enumerate(heights):
        if height != last:
            parts.append(f"H{number}V{_TALL - height:.4g}")
            last = height
    return "".join(parts) + f"H{len(heights)}V{_TALL}Z"


def _failure_marks(bins: Sequence[Bin]) -> str:
    """One failure among thousands is less than a pixel high: there is a mark for each bin."""
    width = 100 / len(bins)
    return "".join(
        f'<rect class="mark" x="{number * width:.3f}%" width="{width:.3f}%" height="5"/>'
        for number, each in enumerate(bins)
        if each.failed
    )


def _about_bins(tally: Tally) -> Iterable[str]:
    for each in tally.bins:
        failed = f", {each.failed:,} failed" if each.failed else ""
        when = f"{span(each.start) if each.start else '0 s'} to {span(each.start + tally.width)}"
        yield f"{when}: {rate((each.ok + each.failed) / tally.width)}, {each.ok:,} ok{failed}"


def _legend(tally: Tally) -> str:
    keys = [("ok", "ok")]
    if tally.failed:
        keys += [("failed", "failed; marks at the top where there is any")]
    return "".join(f'<li class="{name}">{words}</li>' for name, words in keys)


def durations(tally: Tally) -> str:
    """Return items by how long they took, on a logarithmic axis; nothing where none began."""
    found = tally.durations
    if not found:
        return ""
    low, high = found[0].low, found[-1].high
    # Ten times from end to end at least: a single column is no chart.
    room = max(0.0, (1 - math.log10(high / low)) / 2)
    low, high = low / 10**room, high * 10**room
    width = math.log10(high / low)
    most = max(each.count for each in found)
    columns, stripes = [], []
    for each in found:
        at = 100 * math.log10(each.low / low) / width
        wide = 100 * math.log10(each.high / each.low) / width
        tall = _HIGHEST * each.count / most
        if each.count:
            columns.append(
                f'<rect class="took" x="{at:.3f}%" y="{100 - tall:.2f}%" '
                f'width="{wide * 0.94:.3f}%" height="{tall:.2f}%"/>'
            )
        said = f"{span(each.low)} to {span(each.high)}: {count(each.count, 'item')}"
        stripes.append(_stripe(at, wide, said))
    marks = "".join(
        _quantile(name, seconds, 100 * math.log10(max(seconds, low) / low) / width)
        for name, seconds in (("median", tally.median), ("95 %", tally.p95))
        if seconds is not None
    )
    said = (
        f"items by the duration of their last attempt: {span(tally.mean)} on average, half took "
        f"at most {span(tally.median)}, 95 % at most {span(tally.p95)}"
    )
    middle = f"{most / 2:,.0f}" if most > 9 else f"{most / 2:g}"
    top, half = 100 - _HIGHEST, 100 - _HIGHEST / 2
    labels = (
        f'<text x="100%" y="{top:g}%">{most:,}</text><text x="100%" y="{half:g}%">{middle}</text>'
    )
    hits = f'<g class="hits">{"".join(stripes)}</g>'
    plot = f"{_grid((top, half, 100))}{''.join(columns)}{marks}{hits}"
    chart = (
        f'<svg class="values" aria-hidden="true">{labels}</svg><div class="scroller">'
        f'<svg class="plot counts" role="img" aria-label="{text(said)}">{plot}</svg>'
        f"{_axis(axes.decades(low, high))}</div>"
    )
    return _figure("durations", chart, f"{said[0].upper()}{said[1:]}.")


def _quantile(name: str, seconds: float, at: float) -> str:
    # Of its line, on the side on which the other one is not.
    side = "left" if at > (30 if name == "median" else 70) else "right"
    dx = -5 if side == "left" else 5
    y = 12 if name == "median" else 28
    return (
        f'<line class="quantile" x1="{at:.3f}%" x2="{at:.3f}%" y1="0" y2="100%"/>'
        f'<text class="quantile {side}" x="{at:.3f}%" dx="{dx}" y="{y}">'
        f"{name} {span(seconds)}</text>"
    )


def timeline(tally: Tally, elapsed: float) -> str:
    """Return when each worker was at work in *elapsed* seconds; nothing where there was none."""
    lines, end = tally.lines, _end(tally)
    if not lines or not end:
        return ""
    rows = _rows(lines)
    shown = rows[:ROWS]
    apart = end * len(shown) / _SPANS  # spans nearer than that are shown as one
    body = "".join(_row(name, spans, end, apart) for name, spans in shown)
    who = "the worker was" if len(lines) == 1 else f"each of {len(lines):,} workers was"
    said = f"when {who} at work: the darker, the busier; {_load(tally, elapsed)}"
    names = "".join(f"<span>{text(name, 60)}</span>" for name, _ in shown)
    chart = (
        f'<div class="names">{names}</div><div class="scroller">'
        f'<div class="rows" role="img" aria-label="{text(said)}">{body}</div>'
        f"{_axis(axes.times(end))}</div>"
    )
    more = f" {count(len(rows) - ROWS, 'further row')} left out." if rows[ROWS:] else ""
    packed = " Workers that followed one another share a row." if len(rows) < len(lines) else ""
    legend = '<li class="busy">at work</li><li class="idle">partly</li>'
    legend += '<li class="failed">with failures</li>' if tally.failed else ""
    caption = f"{said[0].upper()}{said[1:]}.{packed}{more}"
    return _figure("timeline", chart, caption, legend=legend)


def _load(tally: Tally, elapsed: float) -> str:
    """Say how many calls ran at once while the run went on: not in the breaks between sessions."""
    load = tally.busy / elapsed if elapsed > 0 else 0.0
    return f"{load:.1f} calls at once on average"


def _rows(lines: Sequence[Line]) -> list[tuple[str, list[tuple[str, Span]]]]:
    """Give each worker a row, or where there are too many, each chain of workers."""
    if len(lines) <= ROWS:
        return [(line.worker, [(line.worker, span) for span in line.spans]) for line in lines]
    rows: list[tuple[str, list[tuple[str, Span]]]] = []
    for line in sorted(lines, key=lambda line: line.spans[0].start):
        spans = [(line.worker, span) for span in line.spans]
        for _, taken in rows:
            if taken[-1][1].end <= line.spans[0].start:
                taken.extend(spans)
                break
        else:
            rows.append((line.worker, spans))
    return [
        (name if spans[-1][0] == name else f"{name} …", spans)  # others came after it
        for name, spans in rows
    ]


def _row(name: str, spans: Sequence[tuple[str, Span]], end: float, apart: float) -> str:
    merged: list[tuple[str, Span]] = []
    for worker, each in spans:
        last = merged[-1] if merged else None
        if last is not None and last[0] == worker and each.end - last[1].start < apart:
            merged[-1] = worker, last[1].and_then(each)
        else:
            merged.append((worker, each))
    bars = "".join(_bar(worker, each, end) for worker, each in merged)
    return f'<svg class="row"><title>{text(name, 60)}</title><g class="hits">{bars}</g></svg>'


def _bar(worker: str, each: Span, end: float) -> str:
    at, wide = 100 * each.start / end, 100 * (each.end - each.start) / end
    load = f"{each.load:.0%} busy" if each.load <= 1.005 else f"{each.load:.1f} calls at once"
    failed = f", {each.failed:,} failed" if each.failed else ""
    said = (
        f"{worker}, {span(max(each.start, 0.0))} to {span(each.end)}: "
        f"{count(each.items, 'item')}{failed}, {load}"
    )
    level = min(4, max(1, math.ceil(each.load * 4)))
    mark = (
        f'<rect class="mark" x="{at:.3f}%" y="78%" width="{wide:.3f}%" height="22%"/>'
        if each.failed
        else ""
    )
    return (
        f'<g><title>{text(said, 300)}</title><rect class="bar b{level}" x="{at:.3f}%" '
        f'width="{wide:.3f}%" height="100%"/>{mark}</g>'
    )


def _over_time(plot: str, tally: Tally, said: str, *, labels: str, kind: str) -> str:
    return (
        f'<svg class="values" aria-hidden="true">{labels}</svg><div class="scroller">'
        f'<svg class="plot {kind}" role="img" aria-label="{text(said)}">{plot}</svg>'
        f"{_axis(axes.times(_end(tally)))}</div>"
    )


def _figure(name: str, chart: str, caption: str, *, legend: str = "") -> str:
    keys = f'<ul class="legend">{legend}</ul>' if legend else ""
    return (
        f'<figure id="{name}">{keys}<div class="chart">{chart}</div>'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def _stretched(width: int, shapes: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {_TALL}" preserveAspectRatio="none" width="100%" '
        f'height="100%">{shapes}</svg>'
    )


def _grid(heights: Sequence[float] = (0, 50, 100)) -> str:
    return "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{at:g}%" y2="{at:g}%"/>' for at in heights
    )


def _stripes(titles: Iterable[str]) -> str:
    found = list(titles)
    width = 100 / len(found)
    stripes = (_stripe(number * width, width, said) for number, said in enumerate(found))
    return f'<g class="hits">{"".join(stripes)}</g>'


def _stripe(at: float, wide: float, said: str) -> str:
    return (
        f'<rect class="hit" x="{at:.3f}%" width="{wide:.3f}%" height="100%">'
        f"<title>{text(said)}</title></rect>"
    )


def _axis(ticks: Sequence[axes.Tick]) -> str:
    parts = []
    for tick in ticks:
        anchor = "first" if tick.share < 0.02 else "last" if tick.share > 0.96 else "middle"
        at = f"{100 * tick.share:.3f}%"
        parts.append(
            f'<g class="z{tick.zoom}"><line x1="{at}" x2="{at}" y1="0" y2="5"/>'
            f'<text class="{anchor}" x="{at}" y="17">{tick.label}</text></g>'
        )
    return f'<svg class="axis" aria-hidden="true">{"".join(parts)}</svg>'
