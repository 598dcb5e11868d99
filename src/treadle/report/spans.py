"""When each worker was at work, as far as the pixels of a chart can show it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

SPANS = 200  # of a worker
WORKERS = 2_000  # by name: where each process makes a few items only, there may be any number
FURTHER = "further workers"


@dataclass(frozen=True, slots=True)
class Span:
    """
    A stretch in which a worker was at work, with the short pauses in it.

    Attributes:
        start: Seconds after the run began.
        end: Likewise.
        items: Items that settled in it.
        failed: Those of them that failed.
        busy: Seconds that the calls took together; more than the stretch where they overlap, as
            those of coroutines do.
    """

    start: float
    end: float
    items: int
    failed: int
    busy: float

    @property
    def load(self) -> float:
        """Calls that ran at once on average: at most 1, but for coroutines."""
        return self.busy / (self.end - self.start) if self.end > self.start else 1.0

    def and_then(self, other: Span) -> Span:
        """Return both as one."""
        return Span(
            min(self.start, other.start),
            max(self.end, other.end),
            self.items + other.items,
            self.failed + other.failed,
            self.busy + other.busy,
        )


@dataclass(slots=True)
class Line:
    """
    What one worker did.

    Attributes:
        worker: Its name.
        items: Items that it settled.
        busy: Seconds that they took together.
        spans: When; in order, at most 200.
    """

    worker: str
    items: int
    busy: float
    spans: list[Span]


class Cells:
    """What each of the first 2,000 workers did in each bin of time, and all others together."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[int, Span]] = {}

    def add(self, worker: str, number: int, span: Span) -> None:
        """Add what *worker* did to the bin of that *number*."""
        if worker not in self._cells and len(self._cells) >= WORKERS:
            worker = FURTHER
        _add(self._cells.setdefault(worker, {}), number, span)

    def double(self) -> None:
        """Make one bin of two."""
        for worker, cells in self._cells.items():
            merged: dict[int, Span] = {}
            for number, span in cells.items():
                _add(merged, number // 2, span)
            self._cells[worker] = merged

    def lines(self) -> list[Line]:
        """Return a line for each worker, in the natural order of their names, the others last."""
        return [
            Line(
                worker,
                sum(span.items for span in cells.values()),
                sum(span.busy for span in cells.values()),
                _coarser(cells),
            )
            for worker, cells in sorted(self._cells.items(), key=_place)
        ]


def _place(pair: tuple[str, object]) -> tuple[bool, list[tuple[int, str]]]:
    return pair[0] == FURTHER, natural(pair[0])


def _add(cells: dict[int, Span], number: int, span: Span) -> None:
    found = cells.get(number)
    cells[number] = span if found is None else found.and_then(span)


def _coarser(cells: dict[int, Span]) -> list[Span]:
    """Return what a chart can show of the bins, in order; none begins before another one ends."""
    together = 1
    while len({number // together for number in cells}) > SPANS:
        together *= 2
    merged: dict[int, Span] = {}
    for number, span in cells.items():
        _add(merged, number // together, span)
    found: list[Span] = []
    for span in sorted(merged.values(), key=_end):
        # Calls of coroutines overlap, and some began long before the others of their bin.
        start = max(span.start, found[-1].end) if found else span.start
        found.append(replace(span, start=start))
    return found


def _end(span: Span) -> float:
    return span.end


def natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts ``process-9`` before ``process-10``."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
