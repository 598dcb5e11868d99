"""Turns what was noted of a run into spans and metrics, in a thread of its own.

The dispatcher's thread only counts and notes; whatever OpenTelemetry costs is paid here.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from treadle.core.outcome import Failure
from treadle.progress.otel.providing import Providers

_EVERY = 1.0  # seconds between two looks at the counts
_BACKLOG = 20_000  # notes that wait; what comes on top is counted as left out
_KEY, _MESSAGE, _STACK = 200, 1_000, 8_000  # characters of an attribute
_KINDS = 100  # of failures, told apart in metrics; "_OTHER" is what OpenTelemetry calls the rest

Attributes: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Counts:
    """
    What the dispatcher's thread counts; it only grows.

    Attributes:
        items: Settled, by ``"ok"``, ``"failed"`` or ``"cancelled"``.
        failures: By type of error.
        retries: Attempts that were tried again.
        running: Items that ran when last seen.
        workers: Workers that are there.
    """

    items: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    running: int = 0
    workers: int = 0

    def count_failure(self, kind: str) -> None:
        """Count a failure; the hundred-and-first kind of error is one of many."""
        known = kind in self.failures or len(self.failures) < _KINDS
        self.failures[kind if known else "_OTHER"] += 1


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt of an item that failed and was followed by another; times in nanoseconds."""

    at: int
    attempt: int
    failure: Failure
    delay: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How an item ended: what its span is made of, and nothing that keeps its value alive."""

    key: str | int
    index: int
    attempts: int
    began: int
    ended: int
    cpu: float | None
    worker: str | None
    failure: Failure | None
    retries: tuple[Tried, ...]


class Teller(threading.Thread):
    """
    Tells OpenTelemetry of one run.

    Args:
        name: Of the run.
        about: Attributes of the run's span.
        began: When it began, in nanoseconds since the epoch.
        parent: The context that the run's span belongs into.
        providers: What makes spans and metrics.
        counts: What is counted elsewhere.
    """

    def __init__(
        self,
        name: str,
        about: Attributes,
        began: int,
        *,
        parent: Any,
        providers: Providers,
        counts: Counts,
    ) -> None:
        super().__init__(name="treadle-telemetry", daemon=True)
        self._run_name = name
        self._about = about
        self._began = began
        self._parent = parent
        self.providers = providers
        self._counts = counts
        self._told = Counts()
        self._notes: queue.SimpleQueue[Ended | list[tuple[float, str]] | None] = queue.SimpleQueue()
        self.end: tuple[int, Attributes, str] | None = None
        self._flushed = threading.Event()

    # ── from other threads ──────────────────────────────────────────────────────────────────────

    def note(self, note: Ended | list[tuple[float, str]]) -> bool:
        """Take in the end of an item, or durations; False when too much is waiting."""
        if self._notes.qsize() >= _BACKLOG:
            return False
        self._notes.put(note)
        return True

    def finish(self, at: int, about: Attributes, trouble: str) -> None:
        """
        Say how the run has ended; what was noted before is still told.

        Args:
            at: When, in nanoseconds since the epoch.
            about: Further attributes of the run's span.
            trouble: What went wrong; empty if nothing did.
        """
        self.end = (at, about, trouble)
        self._notes.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until all is sent; False when that takes too long."""
        return self._flushed.wait(seconds)

    # ── in its own thread ───────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Tell what is noted until the run has ended, then send it."""
        from opentelemetry import trace

        tracer = self.providers.tracers.get_tracer("treadle")
        self._meter()
        span = tracer.start_span(
            self._run_name,
            context=self._parent,
            start_time=self._began,
            attributes=self._about,
        )
        inside = trace.set_span_in_context(span, self._parent)
        while (note := self._next()) is not None:
            if isinstance(note, Ended):
                self._tell_item(tracer, inside, note)
            else:
                for seconds, status in note:
                    self._durations.record(seconds, self._of(status))
        self._publish()
        assert self.end is not None
        at, about, trouble = self.end
        span.set_attributes(about)
        if trouble:
            span.set_status(trace.Status(trace.StatusCode.ERROR, trouble))
        span.end(end_time=at)
        self.providers.flush()
        self._flushed.set()

    def _next(self) -> Ended | list[tuple[float, str]] | None:
        while True:
            try:
                return self._notes.get(timeout=_EVERY)
            except queue.Empty:
                self._publish()

    def _meter(self) -> None:
        meter = self.providers.meters.get_meter("treadle")
        self._items = meter.create_counter(
            "treadle.items", unit="{item}", description="Items that have settled"
        )
        self._failures = meter.create_counter(
            "treadle.failures", unit="{failure}", description="Items that failed, by type of error"
        )
        self._retries = meter.create_counter(
            "treadle.retries", unit="{retry}", description="Attempts that were tried again"
        )
        self._running = meter.create_up_down_counter(
            "treadle.items.running", unit="{item}", description="Items that run"
        )
        self._workers = meter.create_up_down_counter(
            "treadle.workers", unit="{worker}", description="Workers that are there"
        )
        self._durations = meter.create_histogram(
            "treadle.item.duration",
            unit="s",
            description="How long the last attempt of an item took; a sample where there are many",
            explicit_bucket_boundaries_advisory=[
                0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000,
            ],
        )  # fmt: skip

    def _of(self, status: str | None = None) -> Attributes:
        run = {"treadle.run.name": self._run_name}
        return run if status is None else {**run, "treadle.item.status": status}

    def _publish(self) -> None:
        """Add what was counted since the last time."""
        now, told = self._counts, self._told
        for status, more in _grown(now.items, told.items):
            self._items.add(more, self._of(status))
        for kind, more in _grown(now.failures, told.failures):
            self._failures.add(more, {**self._of(), "error.type": kind})
        retries, running, workers = now.retries, now.running, now.workers
        if retries > told.retries:
            self._retries.add(retries - told.retries, self._of())
        self._running.add(running - told.running, self._of())
        self._workers.add(workers - told.workers, self._of())
        told.retries, told.running, told.workers = retries, running, workers

    def _tell_item(self, tracer: Any, inside: Any, item: Ended) -> None:
        from opentelemetry import trace

        about: Attributes = {
            "treadle.item.key": _cut(str(item.key), _KEY),  # of one type in all runs
            "treadle.item.index": item.index,
            "treadle.item.attempts": item.attempts,
        }
        if item.worker is not None:
            about["treadle.worker"] = item.worker
        if item.cpu is not None:
            about["treadle.item.cpu_time"] = item.cpu
        span = tracer.start_span(
            f"{self._run_name} item", context=inside, start_time=item.began, attributes=about
        )
        for tried in item.retries:
            span.add_event(
                "retry",
                {
                    "treadle.item.attempt": tried.attempt,
                    "treadle.retry.delay": tried.delay,
                    **_exception(tried.failure),
                },
                timestamp=tried.at,
            )
        if (failure := item.failure) is not None:
            span.set_attribute("error.type", failure.type)
            span.add_event("exception", _exception(failure), timestamp=item.ended)
            said = f"{failure.type}: {failure.message}"
            span.set_status(trace.Status(trace.StatusCode.ERROR, _cut(said, _MESSAGE)))
        span.end(end_time=item.ended)


def _grown(now: Mapping[str, int], told: Counter[str]) -> list[tuple[str, int]]:
    """Return what has become more, and note that it is told."""
    grown = [(name, count - told[name]) for name, count in list(now.items()) if count > told[name]]
    told.update(dict(grown))
    return grown


def _exception(failure: Failure) -> Attributes:
    about = {"exception.type": failure.type, "exception.message": _cut(failure.message, _MESSAGE)}
    if failure.traceback:
        about["exception.stacktrace"] = _cut(failure.traceback[-_STACK:], _STACK)
    return about


def _cut(text: str, most: int) -> str:
    """Shorten *text*; what is no Unicode, such as some names of files, becomes escapes."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[: most - 1]}…"
