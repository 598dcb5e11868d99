"""Carries out a plan: values to stdout or a file, words to stderr, and an exit code."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, TextIO

import treadle
from treadle import (
    Interrupted,
    Listener,
    Report,
    RunFailed,
    SinkFailed,
    Stats,
    TreadleError,
    UsageError,
    events,
)
from treadle.cli import people
from treadle.cli.data import Values
from treadle.cli.exits import Exit
from treadle.cli.following import exported
from treadle.cli.plan import Plan
from treadle.cli.records import open_run
from treadle.cli.signals import terminate_like_ctrl_c
from treadle.engine.interrupt import two_steps
from treadle.progress import Display, listener_for
from treadle.progress.failures import Failures
from treadle.progress.summary import summary
from treadle.progress.text import Line, number, plural


@dataclass(slots=True)
class Ended:
    """
    What became of a run; a listener that keeps the books, so that an interrupt loses nothing.

    Attributes:
        values: What goes to stdout.
        printed: stdout is where the results go: there is no file.
        before: Items that had settled in earlier sessions of the run.
        incomplete: Items are missing that this session was not meant to run.
        failed: Items that have failed, in this session or an earlier one, and not been run again.
    """

    values: Values
    printed: bool
    stats: Stats = field(default_factory=Stats)
    failures: Failures = field(default_factory=Failures)
    interrupted: bool = False
    incomplete: bool = False
    report: Report | None = None
    before: int = 0
    failed: int = 0

    def __call__(self, event: events.Event) -> None:
        """Follow the run."""
        self.stats.after(event)
        if isinstance(event, events.ItemsSettled):
            for outcome in event.failed:
                self.failures.add(outcome)

    def stored(self, report: object) -> None:
        """Correct the books, if there is a report: what the sink refused did not succeed."""
        if not isinstance(report, Report):
            return
        self.report = report
        self.stats.ok, self.stats.failed = report.ok, report.failed
        self.before = sum(report.earlier)
        for outcome in report.failures:
            if not outcome.ok and isinstance(outcome.error, SinkFailed):
                self.failures.add(outcome)

    def settle(self, failed: int | None) -> None:
        """
        Close the books: what could not be printed has failed, if there is no file.

        Args:
            failed: Items of the whole run that have failed; None if it is not recorded.
        """
        if self.printed:
            self.stats.ok -= len(self.values.refused)
            self.stats.failed += len(self.values.refused)
            for outcome in self.values.refused:
                self.failures.add(outcome)
        self.failed = self.stats.failed if failed is None else failed

    @property
    def unread(self) -> bool:
        """Nobody takes the results any more."""
        return self.printed and self.values.closed

    @property
    def stopped(self) -> str | None:
        """Why the run ended early."""
        return self.stats.stopped or self.stats.cancelling

    @property
    def exit(self) -> Exit:
        """The exit code that says it."""
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.unread:
            return Exit.OK
        if not self.stats.settled and not self.before and not self.stopped:
            return Exit.NOTHING
        good = self.stats.ok == self.stats.settled and not (self.failed or self.incomplete)
        return Exit.OK if good and not self.stopped else Exit.ITEMS_FAILED


def execute(plan: Plan) -> Exit:
    """
    Run *plan* and tell how it went.

    Raises:
        TreadleError: The run could not begin.
    """
    stdout = _stdout(plan)
    people.say(*plan.notes)
    display = listener_for(plan.progress, closing=False)
    values = Values(stdout and display.guard(stdout) if display else stdout, json=plan.json)
    ended = Ended(values, printed=plan.into is None, incomplete=plan.leaves_some)
    failed: TreadleError | None = None
    try:
        # What the function prints in this process is no data; workers' prints are events.
        with (
            exported(otel=plan.otel) as listeners,
            terminate_like_ctrl_c(),
            redirect_stdout(sys.stderr),
        ):
            _run(plan, ended, display, listeners)
    except KeyboardInterrupt:
        ended.interrupted = True
    except RunFailed as error:
        ended.stored(error.report)
        ended.stats.stopped = ended.stats.cancelling = None  # the error says it
        failed = error
    finally:
        _put_away(display)
    failed = failed or values.error
    ended.settle(_failed(plan, ended.report))
    if failed is None or ended.stats.settled:
        _sum_up(plan, ended)
    if failed is not None:
        people.complain(failed)
    if plan.summary and (what_next := _next(plan, ended)) is not None:
        people.hint(what_next)
    return ended.exit if failed is None else Exit.ITEMS_FAILED


def _stdout(plan: Plan) -> TextIO | None:
    stdout = sys.stdout
    if stdout is None and (plan.into is None or plan.json):
        raise UsageError("stdout is closed: the results have nowhere to go", hint="--into FILE")
    return stdout


def _run(plan: Plan, ended: Ended, display: Display | None, listeners: Sequence[Listener]) -> None:
    show = display or people.relay

    def follow(event: events.Event) -> None:
        # Whoever has left (`| head`) is not told how the run is ended for them.
        if not ended.unread:
            with people.unheard():
                show(event)

    options = {**plan.arguments, "progress": follow}
    options["listeners"] = (ended, *listeners)
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
        options["listeners"] = (*options["listeners"], tell)
    try:
        report = treadle.run(plan.function, plan.items, into=plan.into, **plan.record, **options)
    except Interrupted as stop:
        ended.stored(stop.report)
        raise
    ended.stored(report)


def _put_away(display: Display | None) -> None:
    if display is not None:
        with people.unheard():
            display.close()


def _sum_up(plan: Plan, ended: Ended) -> None:
    """Tell a person how it went; a reader who has left asked for nothing more."""
    if ended.exit is Exit.NOTHING:
        people.problem(f"nothing to do: no item in {plan.asked}", plan.if_empty)
    elif not plan.summary or ended.unread:
        return
    elif not ended.stats.settled and not ended.stopped and not ended.interrupted:
        all_of_them = f"all {plural(ended.before, 'item')} had settled before"
        people.say(f"nothing left to do: {_before(ended, all_of_them)}")
    else:
        headline, *rest = summary(
            ended.stats,
            ended.failures,
            into=_where(plan, ended.report),
            width=people.width(),
            tracebacks=plan.tracebacks,
        )
        done = _before(ended, f"{number(ended.before)} done before")
        people.show([headline, *([Line.of(done)] if ended.before else []), *rest])


def _before(ended: Ended, words: str) -> str:
    """Say how many items had settled before this session, and how many of them failed."""
    failed = 0 if ended.report is None else ended.report.earlier[1]
    return f"{words}, {number(failed)} of them failed" if failed else words


def _failed(plan: Plan, report: Report | None) -> int | None:
    """Count what has failed in all sessions of the run; None if it is not recorded."""
    if report is None or report.run_id is None:
        return None
    run = open_run(report.run_id, plan.record.get("runs_dir"))
    try:
        return run.failed
    finally:
        run.record.close()


def _next(plan: Plan, ended: Ended) -> str | None:
    """Say how to go on with the run, if there is reason to."""
    run = None if ended.report is None else ended.report.run_id
    if ended.report is None or run is None:
        return None
    where = f" --runs-dir {shlex.quote(plan.runs_dir)}" if plan.runs_dir else ""
    same = "; pipe the same input into it" if plan.reads_stdin else ""
    if ended.interrupted or ended.report.stopped:
        return f"to go on: treadle resume {run}{where}{same}"
    if ended.incomplete:
        return f"to do what is missing: treadle resume {run}{where}{same}"
    if ended.failed:
        return f"to run again what failed: treadle retry {run}{where}{same}"
    return None


def _where(plan: Plan, report: Report | None) -> str | None:
    """Say where the results are; a run that ended early leaves a file from before as it is."""
    nothing = report is not None and report.failed and not report.ok and not report.earlier[0]
    if report is None or not (report.stopped or report.kept or nothing):
        return plan.into
    if report.kept is None:
        return f"none; {plan.into} was not written"
    kept = report.kept
    is_folder = plan.into is not None and plan.into.endswith("/")  # its files are whole, each
    untouched = "" if is_folder or kept == plan.into else f"; {plan.into} was not written"
    return f"{kept} (unfinished{untouched})"
