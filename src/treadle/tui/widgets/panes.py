"""What the tables of a run say: its workers, its failures, its slow items, its lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from treadle.progress.text import clock, number, seconds
from treadle.tui.widgets.grid import Column
from treadle.tui.widgets.literal import visible
from treadle.tui.widgets.rows import Field, Row

if TYPE_CHECKING:
    from treadle.tui.following import LaneView, Seat, View
    from treadle.tui.widgets.watching import Figures

WORKERS = (
    Field(Column("worker", 14)),
    Field(Column("item", 16, share=1)),
    Field(Column("since", 8, right=True)),
    Field(Column("try", 3, right=True), beyond=70),
    Field(Column("CPU", 6, right=True)),
    Field(Column("memory", 9, right=True)),
)
FAILURES = (
    Field(Column("count", 7, right=True)),
    Field(Column("kind", 24, share=1)),
    Field(Column("first of them said", 20, share=2)),
)
SLOWEST = (
    Field(Column("took", 9, right=True)),
    Field(Column("item", 16, share=2)),
    Field(Column("how it ended", 12, share=1)),
    Field(Column("worker", 14), beyond=90),
)
LANES = (
    Field(Column("lane", 16, share=1)),
    Field(Column("in flight", 9, right=True)),
    Field(Column("limit", 6, right=True)),
    Field(Column("waiting", 8, right=True)),
    Field(Column("state", 16, share=1)),
)


def memory(size: int | None) -> str:
    """Write a number of bytes."""
    if size is None:
        return "-"
    mebibytes = size / (1 << 20)
    return f"{mebibytes:,.0f} MiB" if mebibytes < 10_000 else f"{mebibytes / 1024:,.1f} GiB"


def span(duration: float) -> str:
    """Write how long something took."""
    if 0 < duration < 1:
        return f"{duration * 1000:.3g} ms"
    return seconds(duration)


def of_workers(seats: Sequence[Seat]) -> list[Row]:
    """Return a row for each worker."""
    rows: list[Row] = []
    for seat in seats:
        item = seat.item
        shown = (
            visible(seat.worker, 40),
            ("idle", "dim") if item is None else visible(item.key, 400),
            "" if item is None else span(item.seconds),
            "" if item is None else str(item.attempt),
            "-" if seat.cpu is None else f"{seat.cpu:.0f} %",
            memory(seat.memory),
        )
        rows.append((seat.worker, shown))
    return rows


def of_failures(figures: Figures) -> list[Row]:
    """Return a row for each kind of failure."""
    return [
        (
            kind.title,
            (
                (number(kind.count), "bad"),
                visible(kind.title, 400),
                (visible(kind.message, 400), "dim"),
            ),
        )
        for kind in figures.kinds
    ]


def of_slowest(figures: Figures) -> list[Row]:
    """Return a row for each of the items that took longest."""
    return [
        (
            outcome.key,
            (
                span(outcome.duration),
                visible(outcome.key, 400),
                (visible(outcome.verdict, 200), "" if outcome.ok else "bad"),
                visible(outcome.worker or "", 40),
            ),
        )
        for outcome in figures.slowest
    ]


def of_lanes(lanes: Sequence[LaneView]) -> list[Row]:
    """Return a row for each lane."""
    rows: list[Row] = []
    for lane in lanes:
        if lane.closed:
            state = (f"closed: {visible(lane.closed, 200)}", "bad")
        elif lane.paused:
            state = (f"pauses, {clock(lane.paused)} to go", "warn")
        else:
            state = ("open", "good")
        limit = "-" if lane.limit is None else number(lane.limit)
        shown = (
            visible(lane.key, 200),
            number(lane.in_flight),
            limit,
            number(lane.waiting),
            state,
        )
        rows.append((lane.key, shown))
    return rows


def no_workers(view: View) -> str:
    """Say why there is no worker to be seen."""
    if not view.live:
        return f"it does not run ({visible(view.state, 60)}); see Failures and Slowest"
    return visible(view.steerable, 200) if view.steerable else "no worker has begun so far"
