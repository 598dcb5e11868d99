"""Progress as plain lines, for logs, pipes and notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from treadle.core import events
from treadle.core.stats import Stats
from treadle.progress.failures import Failures, notice
from treadle.progress.pace import Pace
from treadle.progress.status import counts, notes, position, slowest
from treadle.progress.summary import summary
from treadle.progress.terminal import encodable
from treadle.progress.text import Line, one_line, plural

# A line when both have passed since the last one: seconds, and hundredths of the total …
EVERY = 5.0
STEP = 0.1
# … but never silent for longer than this: a log that stops looks like a run that hangs.
LONGEST = 60.0
# Kinds of failure that are announced as they come; the summary lists them all.
KINDS = 12


class Plain:
    """
    A display for streams whose cursor cannot be moved.

    One line at the start, one now and then (after 5 seconds or a tenth of the items, whichever
    comes later, and at least once a minute), one for each new kind of failure, what calls print
    and log, and a summary. Time is the events' own.

    Args:
        stream: Where to write.
        closing: Write the summary when the run ends.
    """

    def __init__(self, stream: TextIO, *, closing: bool = True) -> None:
        self._stream = stream
        self._closing = closing
        self._begin()

    def _begin(self) -> None:
        self._stats = Stats()
        self._failures = Failures()
        self._pace = Pace()
        self._written = 0.0
        self._share = 0.0

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        if isinstance(event, events.RunStarted):
            self._begin()
        lines = self._lines(event)
        if lines:
            text = "".join(f"{line.plain}\n" for line in lines)
            self._stream.write(encodable(text, self._stream))
            self._stream.flush()

    def guard(self, stream: TextIO) -> TextIO:
        """Return *stream*: there is no block in its way."""
        return stream

    def close(self) -> None:
        """Do nothing: every line was written when it was due."""

    def _lines(self, event: events.Event) -> list[Line]:
        failed = self._stats.failed
        stats = self._stats.after(event)
        self._pace.note(event.at, stats.ok + stats.failed)
        match event:
            case events.RunStarted():
                self._written = event.at
                return [self._opening(event)]
            case events.RunEnded():
                return summary(stats, self._failures) if self._closing else []
            case events.ItemsSettled() if stats.failed != failed:
                return [*self._news(event), *self._progress(event.at)]
            case _:
                return [*notes(event), *self._progress(event.at)]

    def _opening(self, event: events.RunStarted) -> Line:
        items = "" if event.total is None else f"{plural(event.total, 'item')}, "
        workers = f"{plural(event.workers, 'worker')} ({event.backend})"
        return Line.of(f"{one_line(event.name)}: {items}{workers}")

    def _news(self, event: events.ItemsSettled) -> Iterable[Line]:
        for outcome in event.failed:
            if self._failures.add(outcome) and len(self._failures.kinds) <= KINDS:
                yield from notice(outcome, None)

    def _progress(self, at: float) -> list[Line]:
        stats = self._stats
        done = stats.done / stats.total if stats.total else 1.0 + self._share
        waited = at - self._written
        due = waited >= LONGEST or (waited >= EVERY and done - self._share >= STEP)
        if stats.began is None or not due:
            return []
        self._written, self._share = at, done if stats.total else 0.0
        where = ", ".join(position(stats, self._pace, at))
        what = ", ".join(counts(stats))
        return [Line.of(f"{one_line(stats.name)}: {where}, {what}{_slowest(stats, at)}")]


def _slowest(stats: Stats, at: float) -> str:
    found = slowest(stats, at)
    return f"; slowest {one_line(found[0])} {found[1]}" if found else ""
