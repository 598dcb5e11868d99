"""``treadle cancel``, ``pause``, ``continue``, ``workers``: steer a run from another terminal."""

from __future__ import annotations

import json as text
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Annotated, Any

import typer

from treadle import Remote, Run
from treadle.cli import flags, people
from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.options import whole
from treadle.cli.records import open_run

EPILOG = """\
\b
Examples:
  treadle pause latest
  treadle continue latest
  treadle workers 260731-18 2
  treadle cancel nightly --wait

\b
RUN is an id, the beginning of one, a name, or 'latest'; 'treadle runs' lists them.
It must be running on this machine, as the same user, and with a record ('--into').
A cancelled run ends early: its own command says "cancelled from outside" and exits
with 1; 'treadle resume' goes on with it.

\b
Exit codes: 0 it was asked, 1 it does not answer, 2 it is not running, or usage.
"""

_FOR_WATCH = ("failures", "examples")


def cancel(
    run: flags.Run,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Kill what runs, instead of letting it finish.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when the run has ended.")] = False,
    runs_dir: flags.RunsDir = None,
    json: flags.Json = False,
) -> int:
    """
    End a run in an orderly way, as Ctrl-C in its own terminal does.

    Nothing further starts, running items get the run's grace period, and all that settled is kept.
    """
    found = open_run(run, runs_dir)
    with closing(found.record):
        status = Remote(found.record).cancel(now=now)
        how = "is killed" if now else "may finish within the grace period"
        said = f"stopping; what runs ({status['running']}) {how}"
        if not wait or not json:
            _tell(found, "cancel", status, said, json=json)
        if wait:
            _until_ended(found)
            ended = {"state": found.state, "ok": found.ok, "failed": found.failed}
            _tell(found, "cancel", ended, "{state}; {ok} ok, {failed} failed", json=json)
    return Exit.OK


def pause(run: flags.Run, *, runs_dir: flags.RunsDir = None, json: flags.Json = False) -> int:
    """
    Have a run start nothing further for now; running items go on.

    'treadle continue' lets it go on.
    """
    said = "pausing; what runs ({running}) goes on to its end"
    return _steer(run, runs_dir, "pause", Remote.pause, said, json=json)


def go_on(run: flags.Run, *, runs_dir: flags.RunsDir = None, json: flags.Json = False) -> int:
    """Have a run go on that was paused."""
    return _steer(run, runs_dir, "continue", Remote.resume, "going on", json=json)


def workers(
    run: flags.Run,
    number: Annotated[str, typer.Argument(metavar="N", help="How many there shall be.")],
    *,
    runs_dir: flags.RunsDir = None,
    json: flags.Json = False,
) -> int:
    """
    Change how many workers a run has, while they work.

    Those too many end when their running item has; no item is lost or tried twice.
    """
    wanted = whole("the number of workers", number)
    assert wanted is not None
    said = f"{{workers}} workers until now, {wanted} from now on"
    return _steer(run, runs_dir, "workers", lambda it: it.resize(wanted), said, json=json)


def _steer(
    run: str,
    runs_dir: str | None,
    asked: str,
    ask: Callable[[Remote], dict[str, Any]],
    said: str,
    *,
    json: bool,
) -> int:
    found = open_run(run, runs_dir)
    with closing(found.record):
        status = ask(Remote(found.record))
        _tell(found, asked, status, said, json=json)
    return Exit.OK


def _tell(found: Run, asked: str, status: dict[str, Any], said: str, *, json: bool) -> None:
    if json:
        shown = {name: value for name, value in status.items() if name not in _FOR_WATCH}
        put(text.dumps({"run": found.id, "asked": asked, **shown}) + "\n")
    else:
        people.say(f"{found.id}: {said.format(**status)}")


def _until_ended(found: Run) -> None:
    pause = threading.Event()
    while found.record.holder is not None:
        pause.wait(0.1)
