"""A run of Home in words: for the table, and for those who have it read to them."""

from __future__ import annotations

import time
from datetime import datetime

from treadle.cli.commands.runs import place
from treadle.cli.records import Entry
from treadle.progress.text import clock, number, one_line, plural, seconds, speed
from treadle.tui.listing import Row

_SYMBOLS = {"running": "●", "storing": "●", "finished": "✓", "crashed": "✗", "damaged": "✗"}
_OTHER = "▲"  # it was stopped, or is paused: somebody may want to do something about it
_TONES = {"●": "good", "✓": "", "✗": "bad", "▲": "warn"}
_UNITS = (
    (60.0, 1.0, "s"),
    (3600.0, 60.0, "min"),
    (86400.0, 3600.0, "h"),
    (30 * 86400.0, 86400.0, "d"),
)


def state(row: Row) -> tuple[str, str]:
    """Return the state with its symbol, and its tone."""
    symbol = _SYMBOLS.get(row.state, _OTHER)
    if row.state == "finished" and row.entry and row.entry.failed:
        symbol = _OTHER
    return f"{symbol} {row.state}", _TONES[symbol]


def name(row: Row) -> str:
    """Return what the run is called: by its user, else by its id."""
    return one_line(row.entry.name) if row.entry and row.entry.name else row.id


def calls(row: Row) -> str:
    """Return the function, without what is in front of its name where that is long."""
    return one_line(row.entry.function) if row.entry else ""


def what(row: Row) -> str:
    """Return name and function in one, where there is little room: without module and file."""
    if row.entry is None:
        return row.id
    function = calls(row).rpartition(":")[2]
    return f"{one_line(row.entry.name)}: {function}" if row.entry.name else function


def ago(row: Row, now: float | None = None) -> str:
    """Return how long ago it began, in a few characters."""
    began = None if row.entry is None else row.entry.began.timestamp()
    if began is None:
        return "-"
    span = (time.time() if now is None else now) - began
    if span < 1:
        return "now"
    for below, unit, word in _UNITS:
        if span < below:
            return f"{int(span / unit)} {word} ago"
    return f"{datetime.fromtimestamp(began).astimezone():%Y-%m-%d}"


def exact(row: Row) -> str:
    """Return when it began, to the minute."""
    return f"{row.entry.began.astimezone():%Y-%m-%d %H:%M}" if row.entry else "-"


def progress(row: Row, width: int = 6) -> str:
    """Return how far it is: a bar and percents while it goes on, else numbers."""
    far = row.progress
    if far is not None and far.share is not None:
        percent = f"{min(99, int(100 * far.share)) if far.share < 1 else 100:>3} %"
        full = round(width * far.share)
        return f"{'━' * full}{'─' * (width - full)} {percent}"
    if far is not None:
        return f"{number(far.done)} so far"
    return settled(row)


def settled(row: Row) -> str:
    """Return how many items have settled, of how many."""
    entry = row.entry
    if entry is None:
        return ""
    done = entry.ok + entry.failed
    if entry.left and entry.total is not None:
        return f"{number(done)} of {number(entry.total)}"
    return number(done)


def failed(row: Row) -> tuple[str, str]:
    """Return how many items have failed, and its tone."""
    if row.entry is None:
        return "", ""
    return (number(row.entry.failed), "bad") if row.entry.failed else ("0", "dim")


def rate(row: Row) -> str:
    """Return how fast items settle, or did."""
    if row.progress is not None:
        return speed(row.progress.rate)
    return speed(row.entry.throughput) if row.entry else ""


def where(row: Row) -> str:
    """Return the folder of the runs among which it is."""
    return place(str(row.folder.parent))


def into(entry: Entry) -> str:
    """Return where its values are."""
    return "values in the record" if entry.into is None else f"-> {one_line(place(entry.into))}"


def details(row: Row) -> tuple[str, str]:
    """Return two lines on a run: all that columns may have cut off."""
    if row.entry is None:
        return f"{row.id}: {row.trouble}", str(row.folder)
    entry = row.entry
    took = f"took {seconds(entry.elapsed)}"
    if row.progress is not None:
        left = row.progress.left
        took = f"for {seconds(entry.elapsed)}" + (f", {clock(left)} to go" if left else "")
    first = f"{row.id}  began {exact(row)}, {took}, {number(entry.ok)} ok, {entry.failed:,} failed"
    if entry.left and row.progress is None:
        first += f", {number(entry.left)} left"
    called = f"{one_line(entry.name)}: " if entry.name else ""
    return first, f"{called}{calls(row)} {into(entry)}, recorded in {where(row)}"


def totals(rows: list[Row], to_go: int = 0) -> str:
    """Sum up what there is."""
    live = sum(row.is_live for row in rows)
    stopped = sum(
        row.entry is not None and not row.is_live and row.state != "finished" for row in rows
    )
    failures = sum(row.entry.failed > 0 for row in rows if row.entry is not None)
    unreadable = sum(row.entry is None for row in rows)
    parts = [
        plural(len(rows), "run"),
        f"{number(to_go)} still to read" if to_go else "",
        f"{number(live)} live",
        f"{number(unreadable)} unreadable" if unreadable else "",
        f"{number(stopped)} stopped early" if stopped else "",
        f"{number(failures)} with failures" if failures else "",
    ]
    return " · ".join(part for part in parts if part)
