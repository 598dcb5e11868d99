"""``treadle lab history``: which chips there are, and what was done to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import treadle
from treadle.cli import Exit, hint, problem, put, width
from treadle.lab.cli import options

if TYPE_CHECKING:
    import polars as pl

    from treadle.lab.histories import History
    from treadle.lab.roots import Roots

_FORMATS = "table|csv|json|xlsx|parquet|latex"

HISTORY = """\
\b
Examples:
  treadle lab history
  treadle lab history Alisson67 data/out
  treadle lab history 67 data/out --procedure IVg --dark --columns metrics
  treadle lab history 67,72-75 data/out --since 2025-09 --to september.xlsx
  treadle lab history 67-81 data/out --format latex --to tables/
  treadle lab history 67 data/out --columns seq,proc,cnp_voltage --format csv

\b
Without CHIP, or with OUT alone, the chips are listed. CHIP is a name, a number,
or several with commas between: they come in one table, or in a file for each
where --to is a folder (it ends with '/'). --columns metrics shows those of all
metrics; all, every column with a value. A table leaves out what has no room and
says so. csv, json and parquet have the values as they are stored; json is one
object per line. latex needs \\usepackage{booktabs}.

\b
Exit codes: 0 found, 2 usage, 3 nothing fits.
"""


def history(
    chip: Annotated[
        str | None, typer.Argument(metavar="CHIP", help="Alisson67, 67 or 67,72-75. Default: list.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="Of a pipeline, or a stage root. Default: as settings."),
    ] = None,
    *,
    light: Annotated[
        bool | None, typer.Option("--light/--dark", help="Only runs with, or without light.")
    ] = None,
    procedure: options.AnyProcedures = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Local: 2025-09-01, or 2025-09."),
    ] = None,
    mentioned: Annotated[
        bool,
        typer.Option("--mentioned", help="Also runs whose Information alone names the chip."),
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="A,B|metrics|all", help="Only these, in this order."),
    ] = None,
    limit: options.Limit = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar=_FORMATS, help="Default: as --to ends; else table."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write there; a folder: a file for each chip."),
    ] = None,
    config: options.Config = None,
) -> int:
    """
    Show what was done to a chip.

    A row for each run, in order of time, with its metrics and the light that was on it.
    """
    from treadle.lab.histories.table import chosen_chips, histories

    folder = _folder(to)
    form = _form(format_, None if folder else to)
    if to is None and form in ("xlsx", "parquet"):
        raise treadle.UsageError(f"{form} is no text", hint=f"--to FILE.{form}")
    where, chip = _where(chip, out, config)
    filters = {"procedure": procedure, "light": light, "since": since, "columns": columns}
    if chip is None:
        _refuse({**filters, "mentioned": mentioned or None})
        return _list(where, form, to if folder is None else _no_folder(), limit)
    names = chosen_chips(where, chip)
    found = histories(where, names, mentioned=mentioned)
    frame = _filtered(found.frame, procedure, since, light, limit)
    if not frame.height:
        problem(_nothing(found.frame, names))
        return Exit.NOTHING
    several = len(names) > 1
    if folder is None:
        return _one(frame, found, columns, form, to, several=several)
    return _each(frame, found, columns, form, folder)


def _folder(to: Path | None) -> Path | None:
    """Return *to* where it is a folder; typer has taken the slash from its end if it was typed."""
    return to if to is not None and (to.is_dir() or not to.suffix) else None
