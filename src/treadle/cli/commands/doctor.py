"""``treadle doctor``: can the function, its argument and its result travel to a worker and back?"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from treadle.cli.examination import Examination, machine
from treadle.cli.exits import Exit
from treadle.progress.terminal import encodable

EPILOG = """\
\b
Examples:
  treadle doctor parse.py:parse
  treadle doctor parse.py:parse data/a.csv data/b.csv

\b
The function is run on each ITEM here, in this process, without a timeout.
An ITEM that is a file is given as a pathlib.Path, as 'treadle map' does; else as text.

\b
Exit codes: 0 everything travels, 1 something does not, 2 usage.
"""


def examine(
    function: Annotated[
        str,
        typer.Argument(metavar="FILE_OR_MODULE:FUNCTION", help="What 'treadle map' would call."),
    ],
    item: Annotated[
        list[str] | None, typer.Argument(metavar="ITEM", help="Run it on these, and look.")
    ] = None,
    setup: Annotated[
        str | None, typer.Option(metavar="FUNCTION", help="As for 'treadle map'.")
    ] = None,
) -> int:
    """
    Say what keeps a function, its items or results from travelling.

    Names what cannot be pickled, where it sits inside the value, and the cure.
    """
    examination = Examination(function, setup)
    findings = [*examination.of_function(), *examination.of_items(item or ()), *machine()]
    for finding in findings:
        sys.stdout.write(encodable(f"{finding}\n", sys.stdout))
    return Exit.OK if all(finding.ok for finding in findings) else Exit.ITEMS_FAILED
