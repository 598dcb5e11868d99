"""``treadle prune``: removes records of runs. Results files are never touched."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from treadle import TreadleError, UsageError
from treadle.cli import flags, options, people
from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.options import whole
from treadle.cli.pruning import Chosen, choose, remove
from treadle.cli.records import survey
from treadle.progress.text import plural
from treadle.sinks import columns

EPILOG = """\
\b
Examples:
  treadle prune --older-than 30d
  treadle prune --keep 20 --yes

\b
A record is what resume, retry, show and export need. Files with results stay;
values of a run that was given no file are in its record, and go with it.
Runs that go on now stay, and so do those of a newer treadle.
It shows what it would remove, and asks.

\b
Exit codes: 0 removed, or not wanted, 1 some could not be removed, 2 usage,
3 nothing to remove.
"""


def prune(
    *,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only runs not written to for so long: 30d, 12h."),
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="N", help="Keep the newest so many runs.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs_dir: flags.RunsDir = None,
    json: flags.Json = False,
) -> int:
    """Remove the records of runs, but no results."""
    age = None if older_than is None else options.seconds("--older-than", older_than)
    newest = whole("--keep", keep, least=0) or 0
    found = survey(runs_dir)
    chosen = list(choose(found, age, newest, time.time()))
    if not chosen:
        if json:
            put(_as_json([], []))
        people.problem(
            f"nothing to remove in {str(found.root)!r}",
            "runs that go on stay; treadle runs lists what is there",
        )
        return Exit.NOTHING
    people.say(f"to be removed from {found.root}:", *(f"  {one.says}" for one in chosen))
    if not yes and not _agreed(len(chosen)):
        people.say("nothing was removed")
        if json:
            put(_as_json([], []))
        return Exit.OK
    removed = [one for one in chosen if _remove(one.folder)]
    left = [one for one in chosen if one not in removed]
    if json:
        put(_as_json(removed, left))
    else:
        people.say(f"removed {plural(len(removed), 'record')}")
    return Exit.ITEMS_FAILED if left else Exit.OK


def _agreed(count: int) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "nothing was removed: stdin is no terminal, so nobody can be asked",
            hint="--yes removes without asking",
        )
    return typer.confirm(f"remove {plural(count, 'record')}?", err=True)


def _remove(folder: Path) -> bool:
    """Remove *folder*; say so if that is not possible."""
    try:
        remove(folder)
    except TreadleError as error:
        people.warn(error.message, error.hint)
        return False
    return True


def _as_json(removed: list[Chosen], left: list[Chosen]) -> str:
    found: dict[str, Any] = {
        "removed": [one.folder.name for one in removed],
        "not_removed": [one.folder.name for one in left],
    }
    return columns.dumps(found) + "\n"
