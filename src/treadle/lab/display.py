"""Progress of several stages: a line for each, of those to come as well.

A listener: it hears the runs of all stages one after the other, and knows them by the first word of
their names. Time is the events' own. It writes to stderr, and to nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

import treadle

EVERY = 0.1  # seconds between redraws of a terminal
SELDOM = 5.0  # seconds between lines where the cursor cannot be moved


class Display(Protocol):
    """A listener that shows."""

    def __call__(self, event: treadle.events.Event) -> None:
        """Take one event."""

    def close(self) -> None:
        """Give the terminal back. Harmless when repeated."""


def display_for(choice: str, stages: Sequence[str]) -> Display | None:
    """
    Return the display called *choice* (auto, live, plain or none) for *stages*.

    Raises:
        UsageError: There is no such display.
    """
    if choice not in ("auto", "live", "plain", "none"):
        raise treadle.UsageError(
            f"no progress display called {choice!r}", hint="choose one of: auto, live, plain, none"
        )
    stream = sys.stderr
    if choice == "none" or stream is None:
        return None
    if choice == "plain" or not stream.isatty():
        return Plain(stream)
    return Live(stream, stages)


@dataclass(slots=True)
class _Line:
    """One stage: what is known of it, and when it was last shown."""

    stats: treadle.Stats = field(default_factory=treadle.Stats)
    shown: float = float("-inf")
    row: Any = None


def _stage_of(event: treadle.events.RunStarted) -> str:
    return event.name.partition(" ")[0]


class Live:
    """
    A row for each stage at the bottom of a terminal: bar, count, rate, time left, failures.

    Args:
        stream: The terminal.
        stages: All that will come, in order.
    """

    def __init__(self, stream: TextIO, stages: Sequence[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[where]}", markup=False),
            TextColumn("{task.fields[failed]}", style="red", markup=False),
            console=Console(file=stream),
            auto_refresh=False,  # the events set the pace: no thread of its own
        )
        self._lines = {name: _Line() for name in stages}
        for name, line in self._lines.items():
            # Of one item until it begins: without a total, the bar would move as if it worked.
            line.row = self._progress.add_task(name, total=1, where="", failed="")
        self._now: _Line | None = None

    def __call__(self, event: treadle.events.Event) -> None:
        """Take one event; draw if the last drawing is a tenth of a second old."""
        if isinstance(event, treadle.events.RunStarted):
            self._begin(_stage_of(event))
        line = self._now
        if line is None:
            return
        line.stats.after(event)
        self._pass_on(_said(event))
        ended = isinstance(event, treadle.events.RunEnded)
        if ended or event.at - line.shown >= EVERY:
            line.shown = event.at
            self._draw(line, event.at)

    def close(self) -> None:
        """Leave the rows as they are and give the terminal back."""
        self._progress.stop()

    def _begin(self, name: str) -> None:
        self._now = self._lines.setdefault(name, _Line())
        if self._now.row is None:
            self._now.row = self._progress.add_task(name, total=1, where="", failed="")
        self._progress.start()
        self._progress.start_task(self._now.row)

    def _draw(self, line: _Line, at: float) -> None:
        stats = line.stats
        self._progress.update(
            line.row,
            total=stats.total or None,
            completed=stats.done,
            where=", ".join(_where(stats, at)),
            failed=f"{stats.failed:,} failed" if stats.failed else "",
        )
        self._progress.refresh()

    def _pass_on(self, lines: Sequence[str]) -> None:
        from rich.text import Text

        for text in lines:
            self._progress.console.print(Text(text))


class Plain:
    """
    A line when a stage begins, one now and then, one when it ends.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._name = ""
        self._line = _Line()

    def __call__(self, event: treadle.events.Event) -> None:
        """Take one event."""
        if isinstance(event, treadle.events.RunStarted):
            self._name, self._line = _stage_of(event), _Line(shown=event.at)
        line = self._line
        stats = line.stats.after(event)
        self._say(*_said(event))
        if isinstance(event, treadle.events.RunStarted):
            items = "" if event.total is None else f"{_items(event.total)}, "
            workers = "1 worker" if event.workers == 1 else f"{event.workers:,} workers"
            self._say(f"{self._name}: {items}{workers} ({event.backend})")
        elif isinstance(event, treadle.events.RunEnded):
            self._say(f"{self._name}: {', '.join(_where(stats, event.at))}{_failed(stats)}")
        elif stats.began is not None and event.at - line.shown >= SELDOM:
            line.shown = event.at
            self._say(f"{self._name}: {', '.join(_where(stats, event.at))}{_failed(stats)}")

    def close(self) -> None:
        """Do nothing: every line was written when it was due."""

    def _say(self, *lines: str) -> None:
        coding = getattr(self._stream, "encoding", None) or "utf-8"
        for line in lines:
            self._stream.write(line.encode(coding, "replace").decode(coding) + "\n")
        self._stream.flush()


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count:,} items"


def _failed(stats: treadle.Stats) -> str:
    return f", {stats.failed:,} failed" if stats.failed else ""


def _where(stats: treadle.Stats, at: float) -> list[str]:
    """Say how far a stage is, how fast it goes, and how long it will take."""
    done = f"{stats.done:,}" if not stats.total else f"{stats.done:,}/{stats.total:,}"
    seconds = stats.elapsed(at)
    rate = stats.settled / seconds if seconds > 0 else 0.0
    where = [done]
    if rate:
        where.append(f"{rate:,.0f}/s")
    left = stats.total - stats.done if stats.total else 0
    if stats.ended is None and left and rate:
        where.append(f"{_clock(left / rate)} left")
    else:
        where.append(_clock(seconds))
    return where


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{seconds:.1f} s"


def _said(event: treadle.events.Event) -> list[str]:
    """Return the lines that an event is worth by itself, whatever the figures are."""
    match event:
        case treadle.events.Printed(text=text):
            return _printed(event.key, event.worker, text)
        case treadle.events.Logged(record=record):
            message = record.get("message") or record.get("msg") or ""
            return _printed(event.key, event.worker, str(message))
        case treadle.events.Cancelling(reason=reason, grace=grace):
            wait = f"; what runs may end within {_clock(grace)}" if grace > 0 else ""
            return [f"stopping: {reason}{wait}"]
        case _:
            return []


def _printed(key: object, worker: str, said: str) -> list[str]:
    who = printable(worker if key is None else str(key))
    lines = map(printable, said.splitlines())
    return [f"[{who}] {line}" for line in lines if line]


def printable(text: str) -> str:
    """Put blanks for control characters: none of a worker's, or of a path's, gets to a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
