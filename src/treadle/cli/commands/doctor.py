"""``treadle doctor``: can the function, its argument and its result travel to a worker and back?"""

from __future__ import annotations

from itertools import chain
from typing import Annotated

import typer

from treadle.cli import options
from treadle.cli.data import put
from treadle.cli.examination import Examination, machine
from treadle.cli.exits import Exit

EPILOG = """\
\b
Examples:
  treadle doctor parse.py:parse
  treadle doctor parse.py:parse data/a.csv data/b.csv

\b
The function is run on each ITEM in a worker process, as 'treadle map' does.
An ITEM that is a file is given as a pathlib.Path, else as text.

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
    timeout: Annotated[str, typer.Option(metavar="TIME", help="For each ITEM: 30, 2m.")] = "10s",
) -> int:
    """
    Say what keeps a function, its items or results from travelling.

    Names what cannot be pickled, where it sits inside the value, and the cure.
    """
    limit = options.seconds("--timeout", timeout)
    examination = Examination(function, setup)
    of_items = examination.of_items(item, timeout=limit) if item else ()
    good = True
    for finding in chain(examination.of_function(), of_items, machine()):
        # At once: what takes long, or goes wrong, comes after what is known by then.
        put(f"{finding}\n")
        good = good and finding.ok
    return Exit.OK if good else Exit.ITEMS_FAILED
