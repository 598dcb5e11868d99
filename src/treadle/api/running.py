"""``run``: values into a sink as they settle, and a report at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Unpack

from treadle.api.options import Options
from treadle.api.outcomes import Outcomes
from treadle.core.failures import failure_from
from treadle.core.outcome import AnyOutcome, FailedOutcome, Raised
from treadle.core.protocols import Sink
from treadle.core.stats import Stats
from treadle.engine.interrupt import two_steps
from treadle.errors import Interrupted, SinkFailed

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
        stopped: Why the source was not read to its end, or None.
        sink: Where the values went.
    """

    ok: int
    failed: int
    cancelled: int
    elapsed: float
    stats: Stats
    stopped: str | None
    sink: Sink
    failures: list[FailedOutcome] = field(default_factory=list)

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
        return f"{', '.join(parts)} in {self.elapsed:.1f} s ({self.throughput:,.1f}/s)"


def run(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    into: str | PathLike[str] | Sink | None = None,
    **options: Unpack[Options],
) -> Report:
    """
    Call *function* on every item, put the values *into* a file, and report.

    Args:
        function: As for :func:`treadle.map`.
        items: As for :func:`treadle.map`.
        into: A path ending in ``.csv``, ``.jsonl`` or ``.parquet``; a folder (ending in ``/``) for
            a file per item; a sink; None (default) to keep the values in memory.
        options: See :class:`treadle.api.options.Options`.

    Raises:
        UsageError: An argument is wrong; nothing was started.
        Interrupted: Ctrl-C; what had settled is in the file, and ``report`` says how far it came.
        RunFailed: The run could not go on; what had settled is in the file.
    """
    from treadle.api.mapping import pool_for

    pool, settings = pool_for("run", options)
    return collect(
        lambda ready: pool.begin(function, items, settings, then_close=True, before_start=ready),
        into,
    )


def collect(
    begin: Callable[[Callable[[], object]], Outcomes[Any]],
    into: str | PathLike[str] | Sink | None,
) -> Report:
    """
    Start a run and see it to its end.

    Args:
        begin: Starts it, having called what it is given when nothing can be refused any more: only
            then may the sink be opened, which begins a new file, and only then anything be read.
        into: As for :func:`run`.
    """
    from treadle.sinks import sink_for

    sink = sink_for(into)
    began = time.monotonic()
    outcomes = begin(sink.open)
    report = Report(0, 0, 0, 0.0, outcomes.stats, None, sink)
    try:
        with two_steps(outcomes.cancel, outcomes.kill) as steps:
            _drain(outcomes, sink, report)
    except Interrupted as interrupted:  # a handler of the program's own raised KeyboardInterrupt
        interrupted.report = report
        raise
    finally:
        outcomes.close()
        sink.close()
        report.elapsed = time.monotonic() - began
        report.stopped = outcomes.stats.stopped
        report.failures.sort(key=lambda outcome: outcome.index)
    if steps.taken:
        raise Interrupted(report=report)
    return report


def _drain(outcomes: Outcomes[Any], sink: Sink, report: Report) -> None:
    while (block := outcomes.next_block()) is not None:
        taken = list(outcomes.outlet.hand_out(block))
        refused = {id(outcome): error for outcome, error in sink.write(taken)}
        for outcome in taken:
            error = refused.get(id(outcome))
            _count(report, outcome if error is None else _not_stored(outcome, error))


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
