"""``treadle trace``: one recorded run for the trace viewers of browsers."""

from __future__ import annotations

from typing import Annotated

import typer

from treadle.cli import flags
from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.records import open_run
from treadle.report.trace import blocks

EPILOG = """\
\b
Examples:
  treadle trace latest
  treadle trace nightly -o nightly.json
  treadle trace latest -o - | jq '.traceEvents | length'

\b
Drop the file on https://ui.perfetto.dev, which keeps it in your browser, or
load it in chrome://tracing. Each worker is a thread, each item a slice.

\b
Exit codes: 0 written, whatever became of the run, 1 stdout cannot be written to,
2 usage, or the file cannot be written.
"""


def trace(
    run: flags.Run,
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The trace, packed if it ends in .gz; '-': stdout. "
            "Default: trace.json.gz in the folder of the record.",
        ),
    ] = None,
    runs_dir: flags.RunsDir = None,
) -> int:
    """Write what ran where and when, for Perfetto and Chrome."""
    found = open_run(run, runs_dir)
    try:
        if output == "-":
            for block in blocks(found.record):
                put(block)
        else:
            written = found.trace(output)
            if written.is_file():  # not /dev/stdout: there is nothing to be found later
                put(f"{written.resolve()}\n")
    finally:
        found.close()
    return Exit.OK
