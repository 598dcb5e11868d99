"""Progress as one JSON object per line, for programs that watch a run.

Every object has ``event`` and ``at`` (monotonic seconds). By ``event``:

    started    name, total (or null), workers, backend
    progress   settled, ok, failed, cancelled, retried, running, total, elapsed, rate (items/s),
               left (seconds or null), slowest ({key, seconds} or null): at most one a second
    failed     key, verdict, type, message, hint, attempts, duration: one for each failed item
    retrying   key, attempt, type, message, delay (seconds)
    printed    key (or null), worker, stream, text
    logged     key (or null), worker, level, logger, message
    worker     worker, state ("started" or "ended"), reason (or null)
    paused, continued
    cancelling reason, grace (seconds)
    ended      stopped (or null), settled, ok, failed, cancelled, retried, elapsed

Keys may be added to these objects; none is removed or changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from treadle.core import events
from treadle.core.outcome import AnyOutcome
from treadle.core.stats import Stats
from treadle.progress.pace import Pace

_EVERY = 1.0


class JsonLines:
    """
    A display for programs; the module's documentation lists what it writes.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begin()

    def _begin(self) -> None:
        self._stats = Stats()
        self._pace = Pace()
        self._written = float("-inf")

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        if isinstance(event, events.RunStarted):
            self._begin()
        stats = self._stats.after(event)
        self._pace.note(event.at, stats.ok + stats.failed)
        told = list(_told(event))
        if isinstance(event, events.RunEnded):
            told.append({"event": "ended", "stopped": event.stopped, **_sums(stats, event.at)})
        elif event.at - self._written >= _EVERY and stats.began is not None:
            self._written = event.at
            told.append({"event": "progress", **_sums(stats, event.at), **self._outlook(event.at)})
        if told:
            # ASCII: readers then need not agree with us on an encoding.
            self._stream.write("".join(json.dumps({**one, "at": event.at}) + "\n" for one in told))
            self._stream.flush()

    def guard(self, stream: TextIO) -> TextIO:
        """Return *stream*: there is no block in its way."""
        return stream

    def close(self) -> None:
        """Do nothing: every line was written when it was due."""

    def _outlook(self, at: float) -> dict[str, Any]:
        stats = self._stats
        longest = min(stats.running, key=lambda item: item.since, default=None)
        return {
            "running": len(stats.running),
            "total": stats.total,
            "rate": self._pace.rate,
            "left": self._pace.left(stats.total - stats.done) if stats.total else None,
            "slowest": longest and {"key": longest.key, "seconds": at - longest.since},
        }


def _sums(stats: Stats, at: float) -> dict[str, Any]:
    return {
        "settled": stats.settled,
        "left_out": stats.left_out,
        "ok": stats.ok,
        "failed": stats.failed,
        "cancelled": stats.cancelled,
        "retried": stats.retried,
        "elapsed": stats.elapsed(at),
    }


def _told(event: events.Event) -> Iterator[dict[str, Any]]:
    """Yield what one event has to say at once."""
    match event:
        case events.RunStarted(name=name, total=total, workers=workers, backend=backend):
            yield {
                "event": "started",
                "name": name,
                "total": total,
                "workers": workers,
                "backend": backend,
            }
        case events.ItemsSettled(failed=failed):
            for outcome in failed:
                if outcome.kind != "cancelled":
                    yield _failed(outcome)
        case events.Retrying(key=key, attempt=attempt, failure=failure, delay=delay):
            yield {
                "event": "retrying",
                "key": key,
                "attempt": attempt,
                "type": failure.type,
                "message": failure.message,
                "delay": delay,
            }
        case events.Cancelling(reason=reason, grace=grace):
            yield {"event": "cancelling", "reason": reason, "grace": grace}
        case events.Paused():
            yield {"event": "paused"}
        case events.Continued():
            yield {"event": "continued"}
        case _:
            yield from _of_worker(event)


def _of_worker(event: events.Event) -> Iterator[dict[str, Any]]:
    match event:
        case events.WorkerStarted(worker=worker):
            yield {"event": "worker", "worker": worker, "state": "started", "reason": None}
        case events.WorkerEnded(worker=worker, reason=reason):
            yield {"event": "worker", "worker": worker, "state": "ended", "reason": reason}
        case events.Printed(key=key, worker=worker, stream=stream, text=text):
            yield {
                "event": "printed",
                "key": key,
                "worker": worker,
                "stream": stream,
                "text": text,
            }
        case events.Logged(key=key, worker=worker, record=record):
            yield {
                "event": "logged",
                "key": key,
                "worker": worker,
                "level": str(record.get("levelname", "")),
                "logger": str(record.get("name", "")),
                "message": str(record.get("message") or record.get("msg") or ""),
            }
        case _:
            pass  # Items read and snapshots of what runs are in the next "progress".


def _failed(outcome: AnyOutcome) -> dict[str, Any]:
    assert not outcome.ok
    failure = outcome.failure
    return {
        "event": "failed",
        "key": outcome.key,
        "verdict": outcome.verdict,
        "type": failure.type,
        "message": failure.message,
        "hint": failure.hint,
        "attempts": outcome.attempts,
        "duration": outcome.duration,
    }
