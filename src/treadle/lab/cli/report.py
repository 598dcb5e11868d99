"""``treadle lab report``: all that is known of a chip as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treadle.cli import Exit, put, typed
from treadle.lab.cli import options

REPORT = """\
\b
Examples:
  treadle lab report Alisson67 data/out
  treadle lab report 67 data/out --since 2025-10 --to 67.html
  treadle lab report 67 --no-plots

\b
The page is one file that needs no network. Without --to, it is
OUT/reports/CHIP.html. Its path is written to stdout.

\b
Exit codes: 0 written, 2 usage.
"""


def report(
    chip: Annotated[str, typer.Argument(metavar="CHIP", help="Name (Alisson67) or number (67).")],
    out: options.Where = None,
    *,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE.html", help="Default: OUT/reports/CHIP.html."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Only runs since 2025-09-01, or 2025-09."),
    ] = None,
    chip_file: options.ChipFile = None,
    plots: Annotated[
        bool, typer.Option("--plots/--no-plots", help="Draw the latest curves.")
    ] = True,
    config: options.Config = None,
) -> int:
    """Write the history, metrics, flags and plots of a chip as one HTML page."""
    from treadle.lab.page import about, place_for, write

    roots = options.where(out, config)
    known = about(roots, chip, since=since, chip_file=chip_file, command=typed())
    put(f"{write(known, to or place_for(roots, known.chip), plots=plots)}\n")
    return Exit.OK
