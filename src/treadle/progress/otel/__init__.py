"""Export a run through OpenTelemetry: a listener that makes spans and metrics of its events.

    sampling   which items get a span, where there are very many
    telling    spans and metrics, made in a thread of their own
    providing  where they go: the program's own set-up, or OTEL_* variables

What the export costs or suffers is never the run's: the dispatcher's thread counts and notes, the
end of the run waits a few seconds at most, and what could not be sent is said once, in a warning.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

from treadle.core import events
from treadle.core.checks import positive, positive_int
from treadle.core.failures import warn_of
from treadle.core.outcome import AnyOutcome
from treadle.progress.otel.providing import Troubles, check, providers
from treadle.progress.otel.sampling import Sample
from treadle.progress.otel.telling import Counts, Ended, Teller, Tried

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["OpenTelemetry"]

_LATER = 100  # spans a second, once as many items as are wanted have theirs
_TIMED_FIRST, _TIMED = 1_000, 1_000  # durations: the first ones, then so many a second
_WAITING = 10_000  # items whose retries are remembered until they settle
_TRIES = 20  # … each
_REASON = 300  # characters of why something was not sent
_SHORT = 1.0  # seconds that sending takes to stop once it is told to


class OpenTelemetry:
    """
    A listener that exports a run: a span for it and for its items, and metrics.

    ``treadle.run(parse, files, listeners=[treadle.OpenTelemetry()])`` sends both to a collector
    at ``http://localhost:4318``, or to where the ``OTEL_*`` variables say. Where the program has
    set up OpenTelemetry itself, that is used. The span of the run is a child of the span that is
    current when the listener is made, or of the one that ``TRACEPARENT`` names.

    The first *spans* items have a span each, then about 100 a second; failed and retried ones are
    counted by themselves, so that they are not crowded out. Metrics count all.

    One listener follows one run at a time. It may be given to several, one after the other.

    Args:
        spans: So many items have a span each, and as many that fail.
        patience: Seconds that the end of a run waits for what is still to be sent.
        tracer_provider: Makes the spans, in place of what is said above.
        meter_provider: The same for metrics.
        complain: Called with what could not be exported; default: a ``RuntimeWarning``.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
        UsageError: A variable asks for what there is not.
    """

    def __init__(
        self,
        *,
        spans: int = 10_000,
        patience: float = 5.0,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        complain: Callable[[str], object] | None = None,
    ) -> None:
        positive_int("spans", spans, example="spans=1000")
        positive("patience", patience, example="patience=5")
        check()
        self._spans = spans
        self._patience = patience
        self._given = (tracer_provider, meter_provider)
        self._complain = complain or _warn
        self._parent = _parent()
        self._tellers: list[Teller] = []  # the last one is that of the run that goes on
        self._troubles = Troubles()
        self._begin()

    def _begin(self) -> None:
        self._counts = Counts()
        self._plain = Sample(self._spans, _LATER)
        self._bad = Sample(self._spans, _LATER)
        self._timed = Sample(_TIMED_FIRST, _TIMED)
        self._tried: dict[int, list[Tried]] = {}
        self._told = 0  # items with a span
        self._ahead = time.time() - time.monotonic()

    def __call__(self, event: events.Event) -> None:
        """Take one event; what is to be told of it is told elsewhere."""
        counts = self._counts
        match event:
            case events.RunStarted():
                self._start(event)
            case events.ItemsSettled():
                self._settled(event)
            case events.ItemsRunning(running=running):
                counts.running = len(running)
            case events.Retrying():
                counts.retries += 1
                self._retrying(event)
            case events.WorkersChanged(workers=workers):
                counts.workers = workers
            case events.RunEnded(at=at, stopped=stopped):
                self._end(at, stopped)
            case _:
                pass  # What is printed and logged has ways of its own.

    def close(self) -> None:
        """Send what is left, for a few seconds at most. Harmless when repeated."""
        tellers, self._tellers = self._tellers, []
        if not tellers:
            return
        if tellers[-1].end is None:
            self._finish(tellers[-1], time.monotonic(), "closed")
        until = time.monotonic() + self._patience
        late = [each for each in tellers if not each.wait(until - time.monotonic())]
        why, lost = self._troubles.last[:_REASON], self._troubles.lost
        for each in late:
            each.providers.give_up()
        for each in late:
            each.wait(_SHORT)  # so that its last complaints are heard here, too
        self._troubles.end()
        if late:
            self._complain(
                "telemetry was not exported in full: "
                + (why or f"it took more than {self._patience:g} s")
            )
        elif lost:
            self._complain(f"telemetry could not be exported: {why}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _nanoseconds(self, at: float) -> int:
        return int((at + self._ahead) * 1e9)

    def _start(self, event: events.RunStarted) -> None:
        self._begin()
        self._counts.workers = event.workers
        if not self._tellers:
            self._troubles.begin()
        about: dict[str, Any] = {
            "treadle.run.name": event.name,
            "treadle.backend": event.backend,
            "treadle.workers": event.workers,
        }
        if event.total is not None:
            about["treadle.items.total"] = event.total
        teller = Teller(
            event.name,
            about,
            self._nanoseconds(event.at),
            parent=self._parent,
            providers=providers(*self._given),
            counts=self._counts,
        )
        teller.start()
        self._tellers.append(teller)

    def _retrying(self, event: events.Retrying) -> None:
        if event.index not in self._tried and len(self._tried) >= _WAITING:
            return
        tried = self._tried.setdefault(event.index, [])
        if len(tried) < _TRIES:
            at = self._nanoseconds(event.at)
            tried.append(Tried(at, event.attempt, event.failure, event.delay))

    def _settled(self, event: events.ItemsSettled) -> None:
        outcomes, failed, at = event.outcomes, event.failed, event.at
        items = self._counts.items
        items["ok"] += len(outcomes) - len(failed)
        for outcome in failed:
            if outcome.kind == "cancelled":
                items["cancelled"] += 1
            elif not outcome.ok:
                items["failed"] += 1
                self._counts.count_failure(outcome.failure.type)
        if not self._tellers:
            return
        plain, timed = self._plain.take(len(outcomes), at), self._timed.take(len(outcomes), at)
        if not (plain or timed or failed or self._tried):
            return  # nobody looks at them, so they need not be made
        settled = list(outcomes)
        if timed:
            chosen = [settled[each] for each in timed]
            self._tellers[-1].note([(one.duration, _status(one)) for one in chosen if one.attempts])
        is_bad = [self._is_bad(outcome) for outcome in settled] if failed or self._tried else []
        if is_bad:
            bad = list(itertools.compress(settled, is_bad))
            self._note([bad[each] for each in self._bad.take(len(bad), at)], at)
            self._note([settled[each] for each in plain if not is_bad[each]], at)
            for outcome in bad:
                self._tried.pop(outcome.index, None)
        else:
            self._note([settled[each] for each in plain], at)

    def _is_bad(self, outcome: AnyOutcome) -> bool:
        """Tell what is worth a span more than others: what failed, now or in an attempt before."""
        return not outcome.ok or outcome.index in self._tried

    def _note(self, wanted: Iterable[AnyOutcome], at: float) -> None:
        teller, end = self._tellers[-1], self._nanoseconds(at)
        for outcome in wanted:
            if outcome.kind == "cancelled" and not outcome.attempts:
                continue  # it never began
            retries = tuple(self._tried.get(outcome.index, ()))
            # Without an attempt there is no time of its own: a row that could not be read, say.
            began = int(outcome.started * 1e9) or end
            ended = began + int(outcome.duration * 1e9) if outcome.started else end
            note = Ended(
                outcome.key,
                outcome.index,
                outcome.attempts,
                min([began, *(tried.at for tried in retries)]),
                ended,
                outcome.cpu,
                outcome.worker,
                None if outcome.ok else outcome.failure,
                retries,
            )
            self._told += teller.note(note)

    def _end(self, at: float, stopped: str | None) -> None:
        self._counts.running = self._counts.workers = 0
        if self._tellers:
            self._finish(self._tellers[-1], at, stopped)

    def _finish(self, teller: Teller, at: float, stopped: str | None) -> None:
        items = self._counts.items
        about: dict[str, Any] = {f"treadle.items.{name}": items[name] for name in sorted(items)}
        about["treadle.retries"] = self._counts.retries
        about["treadle.spans.left_out"] = items.total() - self._told
        if stopped:
            about["treadle.run.stopped"] = stopped
        trouble = f"stopped early: {stopped}" if stopped else ""
        if not trouble and items["failed"]:
            trouble = f"{items['failed']} of {items.total()} items failed"
        teller.finish(self._nanoseconds(at), about, trouble)


def _status(outcome: AnyOutcome) -> str:
    if outcome.ok:
        return "ok"
    return "cancelled" if outcome.kind == "cancelled" else "failed"


def _parent() -> Any:
    """Return the context of the caller, or the one that the environment speaks of."""
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    here = context.get_current()
    if trace.get_current_span(here).get_span_context().is_valid:
        return here
    carrier = {
        name: os.environ[name.upper()]
        for name in ("traceparent", "tracestate")
        if name.upper() in os.environ
    }
    return TraceContextTextMapPropagator().extract(carrier, here)


def _warn(text: str) -> None:
    """Warn; where warnings are errors it is printed, for the run must not suffer."""
    warn_of("the export", RuntimeError(text))
