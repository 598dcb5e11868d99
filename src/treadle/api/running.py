"""``run``: values into a sink as they settle, and a report at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from treadle.api.options import Options
from treadle.api.outcomes import Outcomes
from treadle.core.failures import failure_from
from treadle.core.outcome import AnyOutcome, FailedOutcome, Raised
from treadle.core.protocols import Sink
from treadle.core.stats import Stats
from treadle.engine.interrupt import Steps, two_steps
from treadle.errors import Interrupted, RunFailed, SinkFailed

FAILURES_KEPT = 10_000  # outcomes; a million failures are counted, not kept


@dataclass(slots=True)
class Report:
    """
    What became of a run.

    Attributes:
        ok: Items whose value is in the sink.
        failed: Items that failed.
        cancelled: Items that were read but cancelled.
        failures: Outcomes of failed items in input order, the first 10,000 of them.
        elapsed: Seconds from the first to the last event.
        stats: All counts, with the failures by kind.
        stopped: Why the run ended early, or None.
        sink: Where the values went.
        kept: Set when the run ended early, or nothing but failed: a finished file from before was
            not replaced, and this is the path of what was stored (``NAME.part``; for a folder the
            folder). None when there is nothing, or when all went well.
    """

    ok: int
    failed: int
    cancelled: int
    elapsed: float
    stats: Stats
    stopped: str | None
    sink: Sink
    failures: list[FailedOutcome] = field(default_factory=list)
    kept: str | None = None

    @property
    def throughput(self) -> float:
        """Items settled per second."""
        settled = self.ok + self.failed + self.cancelled
        return settled / self.elapsed if self.elapsed > 0 else 0.0

    def values(self) -> Iterable[Any]:
        """Return what the sink holds: values, rows, or for a folder the paths of its files."""
        return self.sink.values()

    def __str__(self) -> str:
        parts = [f"{self.ok} ok", f"{self.failed} failed"]
        if self.cancelled:
            parts.append(f"{self.cancelled} cancelled")
        kept = "" if self.kept is None else f", unfinished in {self.kept!r}"
        return f"{', '.join(parts)} in {self.elapsed:.1f} s ({self.throughput:,.1f}/s){kept}"


def run(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    into: str | PathLike[str] | Sink | None = None,
    **options: Unpack[Options],
) -> Report:
    """
    Call *function* on every item, put the values *into* a file, and report.

    A file appears when the run has come to its end. A run that ends early, or in which items fail
    and none succeeds, leaves a file from before as it is: what was stored is in ``NAME.part`` then,
    until the next run into that file, and ``report.kept`` says so.

    Args:
        function: As for :func:`treadle.map`.
        items: As for :func:`treadle.map`.
        into: A path ending in ``.csv``, ``.jsonl`` or ``.parquet``; a folder (ending in ``/``) for
            a file per item; a sink; None (default) to keep the values in memory.
        options: See :class:`treadle.api.options.Options`.

    Raises:
        UsageError: An argument is wrong, or another run is writing that file; nothing was started.
        Interrupted: Ctrl-C; ``report`` says how far it came.
        RunFailed: The run could not go on; ``report`` says how far it came.
    """
    from treadle.api.mapping import pool_for

    pool, settings = pool_for("run", options)
    return collect(
        lambda ready: pool.begin(function, items, settings, then_close=True, before_start=ready),
        into,
        items,
    )


def collect(
    begin: Callable[[Callable[[], object]], Outcomes[Any]],
    into: str | PathLike[str] | Sink | None,
    items: object = None,
) -> Report:
    """
    Start a run and see it to its end.

    Args:
        begin: Starts it, having called what it is given when nothing can be refused any more: only
            then may the sink be opened, which begins a new file, and only then anything be read.
        into: As for :func:`run`.
        items: The source, which is told where values go, so that it does not read them.

    Raises:
        UsageError: Values would be written over what is read.
    """
    from treadle.sinks import sink_for

    sink = sink_for(into)
    began = time.monotonic()
    spare, place = getattr(items, "spare", None), getattr(sink, "path", None)
    if callable(spare) and isinstance(place, Path):
        spare(place)
    outcomes = _begin(begin, sink)
    report = Report(0, 0, 0, 0.0, outcomes.stats, None, sink)
    error: BaseException | None = None
    try:
        steps = _drain(outcomes, sink, report)
        report.stopped = outcomes.stats.stopped
        if steps.taken:
            error = Interrupted()
        if report.stopped is None and (report.ok or not report.failed):
            sink.close()
        else:
            _abandon(sink, report, error)
    except BaseException as caught:
        error = caught
        if isinstance(caught, KeyboardInterrupt) and not isinstance(caught, Interrupted):
            error = Interrupted()  # it came at a moment when nobody but us was there to take it
        # Not the run's own word, "closed": it was closed because of this.
        report.stopped = error.message if isinstance(error, RunFailed) else "interrupted"
        if not isinstance(error, (RunFailed, Interrupted)):
            report.stopped = type(error).__name__
        _abandon(sink, report, error)
        if error is not caught:
            raise error from caught
        raise
    finally:
        report.elapsed = time.monotonic() - began
        report.failures.sort(key=lambda outcome: outcome.index)
        if isinstance(error, (RunFailed, Interrupted)):
            error.report = report
    if error is not None:
        raise error
    return report


def _begin(begin: Callable[[Callable[[], object]], Outcomes[Any]], sink: Sink) -> Outcomes[Any]:
    opened = False

    def ready() -> None:
        nonlocal opened
        sink.open()
        opened = True

    try:
        return begin(ready)
    except BaseException:
        if opened:  # else it may be open for another run
            sink.abandon()
        raise


def _abandon(sink: Sink, report: Report, error: BaseException | None) -> None:
    report.kept = sink.abandon()
    if report.kept is not None and error is not None:
        error.add_note(f"what was stored is in {report.kept!r}")
    elif isinstance(error, SinkFailed):
        # Nothing could be kept, such as of a Parquet file that lacks its end.
        report.failed, report.ok = report.failed + report.ok, 0


def _drain(outcomes: Outcomes[Any], sink: Sink, report: Report) -> Steps:
    try:
        with two_steps(outcomes.cancel, outcomes.kill) as steps:
            while (block := outcomes.next_block()) is not None:
                _store(list(outcomes.outlet.hand_out(block)), sink, report)
    finally:
        outcomes.close()
    return steps


def _store(taken: list[AnyOutcome], sink: Sink, report: Report) -> None:
    try:
        refused = {id(outcome): error for outcome, error in sink.write(taken)}
    except SinkFailed as error:
        for outcome in taken:
            _count(report, _not_stored(outcome, error) if outcome.ok else outcome)
        raise
    for outcome in taken:
        refusal = refused.get(id(outcome))
        _count(report, outcome if refusal is None else _not_stored(outcome, refusal))


def _count(report: Report, outcome: AnyOutcome) -> None:
    if outcome.ok:
        report.ok += 1
    elif outcome.kind == "cancelled":
        report.cancelled += 1
    else:
        report.failed += 1
        if len(report.failures) < FAILURES_KEPT:
            report.failures.append(outcome)


def _not_stored(outcome: AnyOutcome, error: SinkFailed) -> Raised:
    """Turn a value that its sink refused into a failure of its item."""
    return Raised(
        outcome.key,
        outcome.index,
        outcome.attempts,
        outcome.started,
        outcome.duration,
        outcome.cpu,
        outcome.peak_memory,
        outcome.worker,
        failure_from(error),
        error,
    )
