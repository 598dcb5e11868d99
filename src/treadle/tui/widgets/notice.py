"""What there is to say of a run in one line: what it does now, or how it ended and what is next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.cli.exits import Exit
from treadle.progress.text import number, plural
from treadle.tui.widgets.literal import Piece, visible

if TYPE_CHECKING:
    from treadle.tui.following import View

_CODES = {
    Exit.OK: "it ended well",
    Exit.ITEMS_FAILED: "it ended; some items failed, or it could not go on",
    Exit.USAGE: "the command line is not right; nothing was run",
    Exit.NOTHING: "there was no item to work on",
    Exit.BUG: "an unexpected error: please report it",
    Exit.INTERRUPTED: "it was interrupted",
}


def of_run(view: View, *, asked: str, again: str, retry: bool) -> Piece:
    """
    Say how a run is.

    Args:
        view: The run.
        asked: What it was asked for and has not done yet.
        again: How it is gone on with.
        retry: There is a command that runs what has failed.
    """
    if asked and view.live:
        return asked, "warn"
    if view.live:
        return _of_live(view)
    return _of_ended(view, again=again, retry=retry)


def _of_live(view: View) -> Piece:
    running = f"{plural(view.running, 'item')} may finish" if view.running else "nothing runs"
    if view.steerable:
        return f"cannot be steered: {visible(view.steerable, 300)}", "warn"
    if view.cancelling:
        why = visible(view.cancelling, 100)
        return f"cancelling ({why}): {running} · k ends it now", "warn"
    if view.ending:
        return "all items have settled; what came out is being stored", ""
    if view.paused:
        return f"paused: {running}, nothing new starts · p continues", "warn"
    retried = f", {number(view.retried)} tried again" if view.retried else ""
    where = f" on {visible(view.backend, 40)}" if view.backend else ""
    return (
        f"{plural(view.running, 'item')} running, {plural(view.workers, 'worker')}{where}{retried}",
        "dim",
    )


def _of_ended(view: View, *, again: str, retry: bool) -> Piece:
    counts = f"{number(view.ok)} ok, {number(view.failed)} failed"
    keys = ["o report"]
    if view.state == "finished":
        if view.failed:
            keys = [*(["t retry failed"] if retry else []), "2 shows failures", *keys]
        said, tone = f"finished: {counts}", "bad" if view.failed else "good"
    else:
        left = "" if view.total is None else f", {number(view.total - view.settled)} left"
        keys = [again, *keys]
        said, tone = f"{visible(view.state, 100)}: {counts}{left}", "bad"
    return f"{said} · {' · '.join(keys)}", tone


def of_command(code: int | None) -> Piece:
    """Say how a command is that has recorded no run so far."""
    if code is None:
        return "it has begun, and has recorded no run so far · x ends it", "dim"
    if code < 0:
        return f"it was ended by signal {-code}", "bad"
    word = _CODES.get(Exit(code)) if code in set(Exit) else "it ended"
    return f"{word} (exit code {code})", "good" if code == 0 else "bad"
