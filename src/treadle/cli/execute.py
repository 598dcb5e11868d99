"""Carries out a plan: values to stdout or a file, words to stderr, and an exit code."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import treadle
from treadle import Interrupted, Report, RunFailed, SinkFailed, Stats, events
from treadle.cli import people
from treadle.cli.data import Values
from treadle.cli.exits import Exit
from treadle.cli.plan import Plan
from treadle.engine.interrupt import two_steps
from treadle.progress import Display, listener_for
from treadle.progress.failures import Failures
from treadle.progress.summary import summary


@dataclass(slots=True)
class Ended:
    """What became of a run; a listener that keeps the books, so that an interrupt loses nothing."""

    values: Values
    stats: Stats = field(default_factory=Stats)
    failures: Failures = field(default_factory=Failures)
    interrupted: bool = False

    def __call__(self, event: events.Event) -> None:
        """Follow the run."""
        failed = self.stats.failed
        self.stats.after(event)
        if isinstance(event, events.ItemsSettled) and self.stats.failed != failed:
            for outcome in event.outcomes:
                self.failures.add(outcome)

    def stored(self, report: Report) -> None:
        """Correct the books: what the sink refused did not succeed."""
        self.stats.ok, self.stats.failed = report.ok, report.failed
        for outcome in report.failures:
            if not outcome.ok and isinstance(outcome.error, SinkFailed):
                self.failures.add(outcome)

    @property
    def exit(self) -> Exit:
        """The exit code that says it."""
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.values.closed:
            return Exit.OK
        if not self.stats.settled:
            return Exit.NOTHING
        return Exit.OK if self.stats.ok == self.stats.settled else Exit.ITEMS_FAILED


def execute(plan: Plan) -> Exit:
    """
    Run *plan* and tell how it went.

    Raises:
        TreadleError: The run could not begin, or could not go on; what settled was delivered.
    """
    people.say(*plan.notes)
    display = listener_for(plan.progress, closing=False)
    stdout = sys.stdout
    ended = Ended(Values(stdout and display.guard(stdout) if display else stdout, json=plan.json))
    try:
        # What the function prints in this process is no data; workers' prints are events.
        with _terminate_like_ctrl_c(), redirect_stdout(sys.stderr):
            _run(plan, ended, display)
    except KeyboardInterrupt:
        ended.interrupted = True
    except RunFailed:
        if ended.stats.settled:
            _sum_up(plan, ended, display)
        raise
    finally:
        if display is not None:
            display.close()
    _sum_up(plan, ended, display)
    return ended.exit


def _run(plan: Plan, ended: Ended, display: Display | None) -> None:
    options = {
        **plan.arguments,
        "progress": display or people.relay,
        "listeners": (ended,),
    }
    if plan.into is None:
        _to_stdout(plan, ended, options)
    else:
        _to_sink(plan, ended, options)


def _to_stdout(plan: Plan, ended: Ended, options: dict[str, Any]) -> None:
    with treadle.map(plan.function, plan.items, **options) as outcomes:
        with two_steps(outcomes.cancel, outcomes.kill) as steps:
            for outcome in outcomes:
                ended.values.write(outcome)
                if ended.values.closed:
                    outcomes.kill()
                    return
        if steps.taken:
            raise Interrupted


def _to_sink(plan: Plan, ended: Ended, options: dict[str, Any]) -> None:
    def tell(event: events.Event) -> None:
        if isinstance(event, events.ItemsSettled):
            for outcome in event.outcomes:
                ended.values.write(outcome)

    if plan.json:
        options["listeners"] = (ended, tell)
    try:
        report = treadle.run(plan.function, plan.items, into=plan.into, **options)
    except Interrupted as stop:
        if isinstance(stop.report, Report):
            ended.stored(stop.report)
        raise
    ended.stored(report)


def _sum_up(plan: Plan, ended: Ended, display: Display | None) -> None:
    """Tell a person how it went; a reader who has left asked for nothing more."""
    if display is not None:
        display.close()
    if ended.exit is Exit.NOTHING:
        people.problem(
            f"nothing to do: no item in {plan.asked}",
            "quote a pattern and it is searched here: 'data/**/*.csv'",
        )
    elif plan.summary and not (ended.values.closed and plan.into is None):
        people.show(
            summary(
                ended.stats,
                ended.failures,
                into=plan.into,
                width=people.width(),
                tracebacks=plan.tracebacks,
            )
        )


@contextmanager
def _terminate_like_ctrl_c() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C while the body runs; only the main thread may ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, frame: FrameType | None) -> None:
        # Not raise_signal: a shell starts background commands with SIGINT ignored.
        handler = signal.getsignal(signal.SIGINT)
        (handler if callable(handler) else signal.default_int_handler)(signal.SIGINT, frame)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
