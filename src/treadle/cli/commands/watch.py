"""``treadle watch``: follow a run from another terminal."""

from __future__ import annotations

import json as text
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any

import typer

from treadle import Cancelled, Failure, NotRunning, Remote, Run, Stats, Succeeded, events
from treadle.cli import flags, people
from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.options import choice
from treadle.cli.records import open_run
from treadle.core.outcome import AnyOutcome
from treadle.ledger.rows import outcome_of
from treadle.progress import listener_for
from treadle.progress.failures import Failures
from treadle.progress.pace import Pace
from treadle.progress.summary import summary

EPILOG = """\
\b
Examples:
  treadle watch latest
  treadle watch nightly --json | jq .settled

\b
Shows what the run's own terminal shows, without what its items print.
Ctrl-C ends the watching, not the run. Of a run that is not running: its summary.
With --json: an object each second (event "progress"), then one with the event "ended".

\b
Exit codes: 0 all succeeded, 1 some failed or it stopped early, 2 usage,
130 it was watched no longer.
"""

DISPLAYS = ("auto", "live", "plain", "none")
_EVERY = 0.2  # seconds
_JSON_EVERY = 1.0


def watch(
    run: flags.Run,
    *,
    progress: Annotated[
        str,
        typer.Option(
            metavar="|".join(DISPLAYS),
            help="What stderr shows. auto: live on a terminal, else plain.",
        ),
    ] = "auto",
    runs_dir: flags.RunsDir = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object each second, for programs.")
    ] = False,
) -> int:
    """Follow a run that goes on elsewhere, until it ends."""
    choice("--progress", progress, DISPLAYS)
    found = open_run(run, runs_dir)
    where = f"{found.id} --runs-dir {shlex.quote(runs_dir)}" if runs_dir else found.id
    with closing(found.record):
        try:
            remote = Remote(found.record)
        except NotRunning:
            remote = None
        if remote is not None and json:
            if not _print(found, remote):
                return Exit.OK
        elif remote is not None:
            _follow(found, remote, progress, where)
        return _sum_up(found, where, json=json)


def _follow(found: Run, remote: Remote, progress: str, where: str) -> None:
    try:
        _show(found, remote, progress)
    except KeyboardInterrupt:
        people.say(f"{found.id} goes on; to end it: treadle cancel {where}")
        raise


def _show(found: Run, remote: Remote, progress: str) -> None:
    display = listener_for(progress, closing=False)
    echo = Echo()
    try:
        for status in _statuses(found, remote, _EVERY, echo):
            for event in echo.after(status, time.monotonic()):
                if display is not None:
                    with people.unheard():
                        display(event)
    finally:
        if display is not None:
            with people.unheard():
                display.close()


def _print(found: Run, remote: Remote) -> bool:
    """Print how the run is, until it ends; False when nobody reads that any more."""
    pace: Pace | None = None
    for status in _statuses(found, remote, _JSON_EVERY, None):
        now = time.monotonic()
        if pace is None:
            pace = Pace()
            pace.note(now - status["elapsed"], 0)  # until more is known, the average
        pace.note(now, status["succeeded"] + status["failed"])
        if not _is_read(text.dumps(_progress(found, status, pace, now)) + "\n"):
            return False
    return True


def _is_read(line: str) -> bool:
    """
    Print one line; False when its reader has left.

    Raises:
        SinkFailed: It cannot be written.
    """
    stream = sys.stdout
    if stream is None:
        return False
    try:
        stream.write(line)
        stream.flush()
    except BrokenPipeError:
        people.let_go(sys.__stdout__, 1)
        return False
    except OSError:
        put("")  # fails for the same reason, and says it
    return True


def _progress(found: Run, status: dict[str, Any], pace: Pace, now: float) -> dict[str, Any]:
    """Return what ``--progress json`` of the run itself says, and some more."""
    done, total = status["settled"] + status["left_out"], status["total"]
    same = (
        "settled left_out failed cancelled retried elapsed running total workers paused cancelling"
    )
    slowest = status["items"][0] if status["items"] else None
    return {
        "event": "progress",
        "at": now,
        "run": found.id,
        "ok": status["succeeded"],
        **{name: status[name] for name in same.split()},
        "rate": pace.rate,
        "left": pace.left(total - done) if total else None,
        "slowest": slowest and {"key": slowest["key"], "seconds": slowest["seconds"]},
    }


def _statuses(
    found: Run, remote: Remote, every: float, echo: Echo | None
) -> Iterator[dict[str, Any]]:
    """Yield how the run is, every now and then, until no process runs it any more."""
    pause = threading.Event()
    ended = False
    while True:
        try:
            # From its end on it is being stored, and soon nobody answers.
            if not ended:
                status = remote.status(known=0 if echo is None else echo.known)
                ended = status["ended"]
                yield status
            elif found.record.holder is None:
                return
        except NotRunning:
            return
        pause.wait(every)


class Echo:
    """
    Turns the answers of a run elsewhere into the events that a display here follows.

    What is between two answers is told as of the first, and what has settled last: that is when a
    display shows where things stand. Of items that succeeded only their number is known, and of
    failures the first of each kind, which stands for all.
    """

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}
        self._then = 0.0
        self._examples: list[AnyOutcome] = []

    @property
    def known(self) -> int:
        """Kinds of failure whose example is known."""
        return len(self._examples)

    def after(self, status: dict[str, Any], now: float) -> Iterator[events.Event]:
        """
        Yield what has happened since the last *status*.

        Args:
            status: As ``Remote.status`` returns it.
            now: Monotonic seconds.
        """
        before, self._before = self._before, status
        then, self._then = self._then, now
        if not before:
            then = now - status["elapsed"]
            yield events.RunStarted(
                at=then,
                name=status["name"],
                total=status["total"],
                workers=status["workers"],
                backend=status["backend"],
            )
        elif status["workers"] != before["workers"]:
            yield events.WorkersChanged(at=then, workers=status["workers"])
        if left_out := status["left_out"] - before.get("left_out", 0):
            yield events.ItemsLeftOut(at=then, count=left_out)
        for _ in range(status["retried"] - before.get("retried", 0)):
            yield _retrying(then)
        yield events.ItemsRunning(at=then, running=_running(status, now))
        yield from _turns(before, status, then)
        yield events.ItemsSettled(at=now, outcomes=self._settled(before, status))

    def _settled(self, before: dict[str, Any], status: dict[str, Any]) -> list[AnyOutcome]:
        settled: list[AnyOutcome] = [_good] * (status["succeeded"] - before.get("succeeded", 0))
        self._examples += [outcome_of(tuple(row)) for row in status["examples"]]
        known = before.get("failures", [])
        for place, example in enumerate(self._examples):
            told = known[place] if place < len(known) else 0
            settled += [example] * (status["failures"][place] - told)
        cancelled = status["cancelled"] - before.get("cancelled", 0)
        return settled + [_cancelled] * cancelled


_good: AnyOutcome = Succeeded("", 0, 1, 0.0, 0.0, None, None, None, None)
_cancelled: AnyOutcome = Cancelled("", 0, 0, 0.0, 0.0, None, None, None, "cancelled")


def _retrying(now: float) -> events.Retrying:
    unknown = Failure(type="", message="", mro=(), notes=(), traceback="")
    return events.Retrying(at=now, key="", index=0, attempt=1, failure=unknown, delay=0.0)


def _running(status: dict[str, Any], now: float) -> tuple[events.Running, ...]:
    return tuple(
        events.Running(
            item["key"], item["index"], item["attempt"], item["worker"], now - item["seconds"]
        )
        for item in status["items"]
    )


def _turns(before: dict[str, Any], status: dict[str, Any], now: float) -> Iterator[events.Event]:
    if status["paused"] != before.get("paused", False):
        yield events.Paused(at=now) if status["paused"] else events.Continued(at=now)
    if status["cancelling"] and not before.get("cancelling"):
        yield events.Cancelling(at=now, reason=status["cancelling"], grace=0.0)


def _sum_up(found: Run, where: str, *, json: bool) -> int:
    """Tell how the run has ended, from its record."""
    state = found.state
    good = state == "finished" and not found.failed
    if json:
        ended = {
            "event": "ended",
            "at": time.monotonic(),
            "run": found.id,
            "stopped": None if state == "finished" else state,
            "settled": found.ok + found.failed,
            "ok": found.ok,
            "failed": found.failed,
            "left": found.left,
            "elapsed": found.elapsed,
        }
        put(text.dumps(ended) + "\n")
    else:
        people.show(_summary(found, state))
        if state != "finished":
            people.hint(f"to go on: treadle resume {where}")
    return Exit.OK if good else Exit.ITEMS_FAILED


def _summary(found: Run, state: str) -> list[Any]:
    stats = Stats(
        name=found.name or found.function.rpartition(":")[2],
        ok=found.ok,
        failed=found.failed,
        began=0.0,
        ended=found.elapsed,
        stopped=None if state == "finished" else state,
    )
    failures = Failures(found.record.outcomes(failed=True))
    into = found.into if state == "finished" else None
    return summary(stats, failures, into=into, width=people.width())
