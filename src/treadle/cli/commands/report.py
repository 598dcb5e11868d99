"""``treadle report``: one recorded run as an HTML page."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from treadle.cli import flags, people
from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.records import open_run
from treadle.sinks import columns

EPILOG = """\
\b
Examples:
  treadle report latest --open
  treadle report nightly -o nightly.html

\b
One file that needs no network: counts, throughput, durations, what each worker
did, failures with an example of each kind, slow items. Its path is printed. Of
a run that goes on, it shows how far that is.

\b
Exit codes: 0 written, whatever became of the run, 2 usage.
"""


def report(
    run: flags.Run,
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The page. Default: report.html in the folder of the record.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    runs_dir: flags.RunsDir = None,
    json: flags.Json = False,
) -> int:
    """Write what became of a run as one HTML page."""
    found = open_run(run, runs_dir)
    try:
        page = found.report(output).resolve()
    finally:
        found.close()
    put(columns.dumps({"run": found.id, "report": str(page)}) + "\n" if json else f"{page}\n")
    if show and not webbrowser.open(page.as_uri()):
        people.warn("no browser could be started", f"open {page} yourself")
    return Exit.OK
