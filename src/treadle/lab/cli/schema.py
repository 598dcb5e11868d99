"""``treadle lab schema``: look at what is known of procedures, check a file, draft an entry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

import treadle
from treadle.cli import Exit, problem, put, say
from treadle.lab.cli import options
from treadle.lab.cli.command import Command

app = typer.Typer(
    help="Procedures: check, show, infer.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CHECK = """\
\b
Examples:
  treadle lab schema check procedures.yml

\b
All mistakes are named with their lines. Exit codes: 0 sound, 2 not.
"""

SHOW = """\
\b
Examples:
  treadle lab schema show
  treadle lab schema show IVg
  treadle lab schema show --schema procedures.yml > all.yml
"""

INFER = """\
\b
Examples:
  treadle lab schema infer data/raw/new/*.csv > draft.yml

\b
Exit codes: 0 drafted, 2 a file is not there, 3 nothing to draft.
"""


@app.command("check", cls=Command, epilog=CHECK, no_args_is_help=True)
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Your procedures.yml.")],
) -> int:
    """Check a procedures.yml, and say what it changes."""
    from treadle.lab.schema.load import check as run

    say(run(file))
    return Exit.OK


@app.command("show", cls=Command, epilog=SHOW)
def show(
    procedure: Annotated[
        str | None, typer.Argument(metavar="PROCEDURE", help="Only this one.")
    ] = None,
    *,
    schema: options.SchemaFile = None,
) -> int:
    """Print the schema as it is used: yours laid over the default."""
    from treadle.lab.schema import load_schema
    from treadle.lab.schema.text import show as run

    put(run(load_schema(schema), procedure))
    return Exit.OK


@app.command("infer", cls=Command, epilog=INFER, no_args_is_help=True)
def infer(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES", help="Files and folders to learn from.")
    ],
    *,
    schema: options.SchemaFile = None,
    layout: options.Layouts = None,
) -> int:
    """Draft entries for the procedures of FILES that the schema does not know."""
    from treadle.lab.layouts import load_layouts
    from treadle.lab.schema import load_schema
    from treadle.lab.schema.infer import draft

    layouts = load_layouts(layout or ())
    suffixes = {suffix for each in layouts for suffix in each.suffixes}
    drafted = draft(_below(files, suffixes), load_schema(schema), layouts)
    if not drafted.names:
        problem(
            "nothing was drafted: no file holds a procedure that the schema does not know",
            "treadle lab schema show lists what it knows",
        )
        say(*drafted.about_files)
        return Exit.NOTHING
    put(drafted.text)
    return Exit.OK


def _below(paths: Iterable[Path], suffixes: Collection[str]) -> Iterator[Path]:
    """
    Yield the files that are named, and those with *suffixes* below the folders.

    Raises:
        UsageError: One is not there.
    """
    for path in paths:
        yield from treadle.files(path, suffix=suffixes if path.is_dir() else None)
