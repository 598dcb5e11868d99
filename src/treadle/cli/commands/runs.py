"""``treadle runs``: all recorded runs, the newest last."""

from __future__ import annotations

import shutil
from pathlib import Path

from treadle.cli import flags, people
from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.options import whole
from treadle.cli.records import Entry, survey
from treadle.progress.text import middle, number, one_line, plural, speed
from treadle.sinks import columns

EPILOG = """\
\b
Examples:
  treadle runs --limit 5
  treadle runs --json | jq -r '.[] | select(.state != "finished") | .id'

\b
States: running, finished, crashed (its process ended without a word), or why
it was stopped. What is left is known if the number of items was known.

\b
Exit codes: 0 there are runs, 2 usage, 3 there are none.
"""

_ROW = "{:<14} {:<16}  {:<13} {:>8} {:>7} {:>7} {:>8}"


def list_runs(
    *,
    limit: flags.LimitRuns = None,
    runs_dir: flags.RunsDir = None,
    json: flags.Json = False,
) -> int:
    """
    List the recorded runs, the newest last.

    A second line says what each has called, and where the values are.
    """
    newest = whole("--limit", limit)
    found = survey(runs_dir)
    entries = found.entries if newest is None else found.entries[-newest:]
    if json:
        put(columns.dumps([entry.as_json() for entry in entries]) + "\n")
    elif entries:
        put(_table(entries))
    if found.damaged:
        people.warn(
            f"{plural(len(found.damaged), 'further run')} in {str(found.root)!r} cannot be read",
            "treadle prune removes what is damaged",
        )
    for folder in found.unknown:
        people.warn(f"the run {folder.name} cannot be read", f"treadle show {folder.name} says why")
    if entries:
        return Exit.OK
    people.problem(
        f"there are no runs in {str(found.root)!r}",
        "treadle map … --into FILE records one; --runs-dir names another folder",
    )
    return Exit.NOTHING


def _table(entries: list[Entry]) -> str:
    width = shutil.get_terminal_size((80, 24)).columns
    lines = [_ROW.format("RUN", "BEGAN", "STATE", "OK", "FAILED", "LEFT", "RATE")]
    for entry in entries:
        lines += [_figures(entry), middle(f"  {_about(entry)}", width)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _figures(entry: Entry) -> str:
    return _ROW.format(
        entry.id,
        f"{entry.began.astimezone():%Y-%m-%d %H:%M}",
        middle(one_line(entry.state), 13),
        number(entry.ok),
        number(entry.failed),
        _left(entry),
        speed(entry.throughput),
    )


def _left(entry: Entry) -> str:
    if entry.left is None:
        return "-" if entry.state == "finished" else "?"
    return number(entry.left)


def _about(entry: Entry) -> str:
    name = f"{one_line(entry.name)}: " if entry.name else ""
    into = "" if entry.into is None else f" -> {one_line(place(entry.into))}"
    return f"{name}{one_line(entry.function)}{into}"


def place(path: str) -> str:
    """Write a path as it is seen from here, if it is below."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
