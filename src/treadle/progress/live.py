"""A few lines at the bottom of a terminal that follow a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from treadle.core import events
from treadle.core.stats import Stats
from treadle.progress.failures import Failures, notice
from treadle.progress.pace import Pace
from treadle.progress.screen import Screen
from treadle.progress.status import counts, notes, position, slowest, state
from treadle.progress.summary import summary
from treadle.progress.terminal import draws
from treadle.progress.text import Line, cells, join_fitting, middle, one_line

# Redraws per second at most. The events set the pace: snapshots of what runs come a few times a
# second, so there is no thread and no timer here.
_EVERY = 0.1
_KINDS = 12
_PENDING = 500
_WIDEST = 110
_NAME = 24


class Live:
    """
    A display for terminals.

    Two lines stand at the bottom: bar, count, rate and time left; below it what runs, what
    failed, and which item has been running longest. What calls print and log appears above,
    with the item's key, and so does the first failure of each kind.

    While the run goes on, ``sys.stdout`` and ``sys.stderr`` are led past the block where they
    are terminals, so that prints of the calling program do not tear it. A line printed
    without its end appears when the end comes.

    Args:
        stream: The terminal, usually stderr.
        width: Its columns; default: as it says.
        closing: Write the summary when the run ends.
    """

    def __init__(self, stream: TextIO, *, width: int | None = None, closing: bool = True) -> None:
        self._screen = Screen(stream, width=width)
        self._marks = "━─" if draws(stream, "━─·") else "#-"
        self._gap = " · " if draws(stream, "━─·") else ", "
        self._closing = closing
        self._begin()

    def _begin(self) -> None:
        self._stats = Stats()
        self._failures = Failures()
        self._pace = Pace()
        self._pending: list[Line] = []
        self._drawn = float("-inf")
        self._widest = 0

    def __call__(self, event: events.Event) -> None:
        """Take one event; draw if the last drawing is a tenth of a second old."""
        if isinstance(event, events.RunStarted):
            self._begin()
            self._screen.take_streams()
        failed = self._stats.failed
        stats = self._stats.after(event)
        self._pace.note(event.at, stats.ok + stats.failed)
        self._pending += notes(event, self._screen.width)
        if isinstance(event, events.ItemsSettled) and stats.failed != failed:
            self._pending += self._news(event)
        if isinstance(event, events.RunEnded):
            self._end()
        elif event.at - self._drawn >= _EVERY or len(self._pending) > _PENDING:
            self._draw(event.at)

    def guard(self, stream: TextIO) -> TextIO:
        """Return what to write to instead of *stream* while the block may stand there."""
        return self._screen.guard(stream)

    def close(self) -> None:
        """Take the block away and give the streams back. Harmless when repeated."""
        pending, self._pending = self._pending, []
        if pending:
            self._screen.show(pending, [])
        self._screen.close()

    def _news(self, event: events.ItemsSettled) -> Iterable[Line]:
        for outcome in event.failed:
            if self._failures.add(outcome) and len(self._failures.kinds) <= _KINDS:
                yield from notice(outcome, self._screen.width)

    def _draw(self, at: float) -> None:
        self._drawn = at
        pending, self._pending = self._pending, []
        self._screen.show(pending, self._block(at) if self._stats.began is not None else [])

    def _end(self) -> None:
        if self._closing:
            self._pending += summary(self._stats, self._failures, width=self._screen.width)
        self.close()

    def _block(self, at: float) -> list[Line]:
        width = min(self._screen.width, _WIDEST)
        lines = [self._bar_line(at, width), self._count_line(at, width)]
        # A block taller than the terminal could not be lifted; its first line says most.
        return lines[: max(self._screen.height - 1, 1)]

    def _bar_line(self, at: float, width: int) -> Line:
        where = position(self._stats, self._pace, at)
        ranks = (0, 2, 1) if len(where) == 3 else (0, 1)
        name = middle(one_line(self._stats.name), _NAME)
        parts = [(3, name, "bold")]
        parts += [(rank, text, "") for rank, text in zip(ranks, where, strict=True)]
        bare = join_fitting(parts, width, "  ")
        return self._with_bar(bare, width)

    def _with_bar(self, line: Line, width: int) -> Line:
        """Put a bar after the name where there is room for one."""
        # As wide as the longest text so far leaves it: a bar that changes its length is no measure.
        self._widest = max(self._widest, cells(line.plain))
        room = min(width - self._widest - 2, 40)
        total = self._stats.total
        if not total or room < 8 or len(line.spans) < 3:
            return line
        full = min(room * self._stats.done // total, room)
        bar = (
            (self._marks[0] * full, "green"),
            (self._marks[1] * (room - full), "dim"),
            ("  ", ""),
        )
        return Line((*line.spans[:2], *bar, *line.spans[2:]))

    def _count_line(self, at: float, width: int) -> Line:
        stats = self._stats
        special = state(stats)
        said = counts(stats)
        parts = [(1, special, "yellow")]
        parts += [
            (rank, text, "red" if text.endswith("failed") and stats.failed else "")
            for rank, text in zip((3, 2, 5, 4), said, strict=False)
        ]
        line = join_fitting(parts, width, self._gap)
        return self._with_slowest(line, at, width)

    def _with_slowest(self, line: Line, at: float, width: int) -> Line:
        found = slowest(self._stats, at)
        if found is None:
            return line
        key, time = one_line(found[0]), found[1]
        room = width - cells(line.plain) - cells(f"{self._gap}slowest  {time}")
        if room < min(cells(key), 8):
            return line
        return Line(
            (
                *line.spans,
                (f"{self._gap}slowest ", ""),
                (middle(key, room), "cyan"),
                (f" {time}", ""),
            )
        )
