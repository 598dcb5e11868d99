"""What the displays say about a run that is going on: the same words in all of them."""

from __future__ import annotations

from treadle.core import events
from treadle.core.item import Key
from treadle.core.stats import Stats
from treadle.progress.pace import Pace
from treadle.progress.text import (
    Line,
    clock,
    middle,
    number,
    one_line,
    printed_lines,
    seconds,
    share,
    speed,
)


def position(stats: Stats, pace: Pace, at: float) -> list[str]:
    """Say how far a run is, how fast it goes, and how long it will take."""
    where = [_done(stats)]
    if pace.rate:
        where.append(speed(pace.rate))
    left = pace.left(stats.total - stats.done) if stats.total else None
    where.append(f"{clock(stats.elapsed(at))} so far" if left is None else f"{clock(left)} left")
    return where


def _done(stats: Stats) -> str:
    if not stats.total:
        return f"{number(stats.done)} settled"
    percent = share(stats.done, stats.total)
    return f"{number(stats.done)}/{number(stats.total)} ({percent})"


def counts(stats: Stats) -> list[str]:
    """Say what is running and what went wrong so far."""
    said = [f"{number(len(stats.running))} running", f"{number(stats.failed)} failed"]
    said += [f"{number(stats.retried)} retried"] if stats.retried else []
    said += [f"{number(stats.cancelled)} cancelled"] if stats.cancelled else []
    return said


def slowest(stats: Stats, at: float) -> tuple[Key, str] | None:
    """Return the key of the item that has been running longest, and for how long."""
    if not stats.running:
        return None
    running = min(stats.running, key=lambda item: item.since)
    return running.key, seconds(at - running.since)


def state(stats: Stats) -> str:
    """Say what is unusual about the run right now, if anything."""
    if stats.cancelling:
        return f"stopping: {one_line(stats.cancelling)}"
    return "paused" if stats.paused else ""


def notes(event: events.Event, width: int | None = None) -> list[Line]:
    """
    Return what an event has to say at once: prints, log records, a pause, a cancel.

    Our own words fit *width*; what the user printed is kept whole.
    """
    match event:
        case events.Printed(key=key, worker=worker, text=text):
            return _from(key, worker, text)
        case events.Logged(key=key, worker=worker, record=record):
            return _from(key, worker, log_text(record))
        case events.Paused():
            return [Line.of(middle("paused", width))]
        case events.Continued():
            return [Line.of(middle("continued", width))]
        case events.Cancelling(reason=reason, grace=grace):
            wait = f"; running items may finish within {seconds(grace)}" if grace > 0 else ""
            return [Line.of(middle(f"stopping: {one_line(reason)}{wait}", width), "yellow")]
        case _:
            return []


def log_text(record: dict[str, object]) -> str:
    """Write a forwarded log record: level, logger, message, and its traceback if it has one."""
    message = record.get("message") or record.get("msg") or ""
    text = f"{record.get('levelname', '')} {record.get('name', '')}: {message}"
    trace = record.get("exc_text")
    return f"{text}\n{trace}" if trace else text


def _from(key: Key | None, worker: str, text: str) -> list[Line]:
    who = one_line(worker if key is None else key, 120)
    return [Line(((f"[{who}] ", "cyan"), (line, ""))) for line in printed_lines(text)]
