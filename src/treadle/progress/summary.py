"""The closing words of a run: counts, what failed and why, and where the results are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from treadle.core.outcome import AnyOutcome, Succeeded
from treadle.core.stats import Stats
from treadle.progress.failures import Failures, Kind, hint_lines, says
from treadle.progress.text import (
    Line,
    clean,
    middle,
    number,
    one_line,
    plural,
    seconds,
    speed,
    wrapped,
)

_KINDS = 12
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+) in ([^\n]+)')


def summary(
    stats: Stats,
    failures: Failures,
    *,
    into: object = None,
    width: int | None = None,
    tracebacks: bool = False,
) -> list[Line]:
    """
    Sum up a run that has ended.

    Args:
        stats: Its counts.
        failures: Its failures by kind.
        into: Where the results are; None to leave that out.
        width: Columns to fit; None for no limit.
        tracebacks: Add the traceback of the first failure of each kind.
    """
    lines = [_headline(stats, width)]
    why = stats.stopped or stats.cancelling
    if why:
        lines.append(Line.of(middle(f"stopped early: {one_line(why)}", width), "yellow"))
    kinds = list(failures.kinds.values())
    for kind in kinds[:_KINDS]:
        lines += _about(kind, width, tracebacks=tracebacks)
    if len(kinds) > _KINDS:
        lines.append(Line.of(f"  and {plural(len(kinds) - _KINDS, 'further kind')} of failure"))
    if into is not None:
        lines += [Line.of(text) for text in wrapped(f"results: {into}", width, "")]
    return lines


def _headline(stats: Stats, width: int | None) -> Line:
    now = stats.ended if stats.ended is not None else (stats.began or 0.0)
    counts = [f"{number(stats.ok)} ok"]
    # Cancelled items are beside the others: most of them never began.
    for count, word in (
        (stats.failed, "failed"),
        (stats.cancelled, "more cancelled"),
        (stats.retried, "retried"),
    ):
        counts += [f"{number(count)} {word}"] if count else []
    time = f" in {seconds(stats.elapsed(now))}" if stats.elapsed(now) > 0 else ""
    done = stats.ok + stats.failed
    pace = f" ({speed(done / stats.elapsed(now))})" if time else ""
    name = f"{one_line(stats.name, 40)}: " if stats.name else ""
    text = f"{name}{plural(done, 'item')}{time}{pace}: {', '.join(counts)}"
    short = f"{plural(done, 'item')}{time}: {', '.join(counts)}"
    fits = width is None or len(text) <= width
    good = stats.ok == stats.settled
    return Line.of(text if fits else middle(short, width), "bold green" if good else "bold")


def _about(kind: Kind, width: int | None, *, tracebacks: bool) -> Iterator[Line]:
    yield Line.of(middle(f"  {number(kind.count)} x {one_line(kind.title)}", width), "red")
    for outcome in kind.first:
        yield Line.of(middle(f"      {_named(outcome, width)}", width))
    if kind.count > len(kind.first):
        rest = f"      and {number(kind.count - len(kind.first))} more"
        yield Line.of(middle(rest, width), "dim")
    yield from hint_lines(kind.first[0], width, "      ")
    if tracebacks:
        yield from _traceback(kind.first[0])
    else:
        yield from _crash(kind.first[0], width)


def _named(outcome: AnyOutcome, width: int | None) -> str:
    said = says(outcome)
    key = middle(one_line(outcome.key), None if width is None or not said else max(width // 2, 8))
    tries = f" ({outcome.attempts} attempts)" if outcome.attempts > 1 else ""
    return f"{key}{tries}" + (f": {said}" if said else "")


def _traceback(outcome: AnyOutcome) -> Iterator[Line]:
    text = "" if isinstance(outcome, Succeeded) else outcome.failure.traceback
    for line in text.rstrip("\n").split("\n") if text else ():
        yield Line.of(f"      | {clean(line)}", "dim")


def _crash(outcome: AnyOutcome, width: int | None) -> Iterator[Line]:
    """Say where a crash was: the innermost calls, which a fault handler lists first."""
    if outcome.kind != "worker lost":
        return
    frames = _FRAME.findall(outcome.failure.traceback)
    for path, line, function in frames[:2]:
        file = "/".join(Path(path).parts[-2:])
        text = f"      | {clean(function)}, {clean(file)}, line {line}"
        yield Line.of(middle(text, width), "dim")
