"""``treadle report``: one recorded run as an HTML page."""

from __future__ import annotations

from typing import Annotated

import typer

from treadle import UsageError
from treadle.cli import flags, people
from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.records import open_run
from treadle.report.opening import open_file
from treadle.report.page import text_of
from treadle.sinks import columns

EPILOG = """\
\b
Examples:
  treadle report latest --open
  treadle report nightly -o nightly.html
  treadle report latest -o - | gzip > report.html.gz

\b
One file that needs no network: counts, throughput, durations, what each worker
did, failures with an example of each kind, slow items. Its path is printed. Of
a run that goes on, it shows how far that is.

\b
Exit codes: 0 written, whatever became of the run, 1 stdout cannot be written to,
2 usage, or the file cannot be written.
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
            help="The page; '-': stdout. Default: report.html in the folder of the record.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    runs_dir: flags.RunsDir = None,
    json: flags.Json = False,
) -> int:
    """Write what became of a run as one HTML page."""
    if output == "-" and (show or json):
        other = "--open" if show else "--json"
        raise UsageError(
            f"-o - writes the page to stdout, which leaves nothing for {other}",
            hint="-o FILE",
        )
    found = open_run(run, runs_dir)
    try:
        if output == "-":
            put(text_of(found.record))
            return Exit.OK
        page = found.report(output)
    finally:
        found.close()
    if not page.is_file():  # such as /dev/stdout: there is nothing to be found later
        return Exit.OK
    page = page.resolve()
    put(columns.dumps({"run": found.id, "report": str(page)}) + "\n" if json else f"{page}\n")
    if show and not open_file(page):
        people.warn("there is nothing to show it with", f"open {page} yourself")
    return Exit.OK
