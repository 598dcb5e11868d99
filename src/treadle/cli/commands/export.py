"""``treadle export``: the values of a recorded run, in another format."""

from __future__ import annotations

import csv
from typing import Annotated

import typer

from treadle.cli import flags, people
from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.records import open_run
from treadle.progress.text import plural
from treadle.sinks import columns

_LONGEST = (1 << 31) - 1  # characters of a CSV field: as many as any platform's C long holds

EPILOG = """\
\b
Examples:
  treadle export latest --to results.xlsx
  treadle export nightly --to results.parquet

\b
The values of all items that succeeded, in input order. What a run stores into
CSV comes back as text. A run that goes on is exported as far as it is.

\b
Exit codes: 0 exported, 1 a value does not fit, 2 usage, 3 nothing to export.
"""


def export(
    run: flags.Run,
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="File (.csv .jsonl .parquet .sqlite .xlsx), or a folder ending in '/'.",
        ),
    ],
    runs_dir: flags.RunsDir = None,
    json: flags.Json = False,
) -> int:
    """Write the values of a run into another file."""
    found = open_run(run, runs_dir)
    before = csv.field_size_limit(_LONGEST)  # what we have written can be read
    try:
        if not found.ok:
            people.problem(f"nothing to export: no item of the run {found.id} has succeeded")
            return Exit.NOTHING
        written = found.export(to)
    finally:
        csv.field_size_limit(before)
        found.record.close()
    if json:
        put(columns.dumps({"run": found.id, "to": to, "items": written}) + "\n")
    else:
        people.say(f"exported {plural(written, 'item')} of {found.id} to {to}")
    return Exit.OK
