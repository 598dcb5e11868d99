"""``treadle lab history``: which chips there are, and what was done to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import treadle
from treadle.cli import Exit, hint, problem, put, width
from treadle.lab.cli import options

if TYPE_CHECKING:
    import polars as pl

    from treadle.lab.histories.columns import Column
    from treadle.lab.roots import Roots

_FOR_PEOPLE = ("table", "latex")
_NAMED = 3  # of the columns that are left out
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
Without CHIP, or with OUT alone, the chips are listed. CHIP is a name, a
number, or several with commas between: they come in one table, or in a file
for each where --to is a folder (it ends with '/'). --columns metrics shows
those of all metrics; all, every column with a value. A table leaves out
what has no room and says so. csv, json and parquet have the values as they
are stored; json is one object per line. latex needs \\usepackage{booktabs}.

\b
Exit codes: 0 found, 2 usage, 3 nothing fits.
"""


def history(
    chip: Annotated[
        str | None, typer.Argument(metavar="CHIP", help="Alisson67, 67 or 67,72-75. Default: list.")
    ] = None,
    out: options.Where = None,
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
        str | None,
        typer.Option("--to", metavar="FILE", help="Write there; a folder: a file for each chip."),
    ] = None,
    config: options.Config = None,
) -> int:
    """
    Show what was done to a chip.

    A row for each run, in order of time, with its metrics and the light that was on it.
    """
    from treadle.lab.histories.table import chosen_chips, histories

    where, chip = _where(chip, out, config)
    goal = _goal(format_, to)
    if chip is None:
        _refuse_for_list(procedure, light, since, columns, mentioned or None)
        return _list(where, goal, limit)
    names = chosen_chips(where, chip)
    found = histories(where, names, mentioned=mentioned)
    frame = _filtered(found.frame, options.words_of(procedure), since, light).head(
        limit or found.frame.height
    )
    if not frame.height:
        problem("no run fits", _there_are(found.frame))
        return Exit.NOTHING
    if goal.folder is None:
        return _put(frame, found.units, _shown(frame, found.units, columns, names), goal)
    for (name,), rows in frame.group_by("chip_name", maintain_order=True):
        beneath = goal.of(str(name))
        _put(rows, found.units, _shown(rows, found.units, columns, [str(name)]), beneath)
    return Exit.OK


@dataclass(frozen=True, slots=True)
class _Goal:
    """In which form it is wanted, and where: a file, a folder of files, or neither: on stdout."""

    form: str
    file: Path | None = None
    folder: Path | None = None

    def of(self, chip: str) -> _Goal:
        """Return the file of a chip in the folder."""
        from treadle.lab.histories import file_name
        from treadle.lab.histories.exporting import suffix_of

        assert self.folder is not None
        return _Goal(self.form, self.folder / f"{file_name(chip)}{suffix_of(self.form)}")


def _goal(form: str | None, to: str | None) -> _Goal:
    from treadle.lab.histories.exporting import BINARY, FORMATS, SUFFIXES

    if form is not None and form not in FORMATS:
        raise treadle.UsageError(
            f"--format takes {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, got {form!r}",
            hint="--format csv",
        )
    if to is None:
        if form in BINARY:
            raise treadle.UsageError(f"{form} is no text", hint=f"--to FILE.{form}")
        return _Goal(form or "table")
    path = Path(to)
    if not (to.endswith("/") or path.is_dir()):
        return _Goal(form or SUFFIXES.get(path.suffix.lower(), "table"), file=path)
    if form is None:
        raise treadle.UsageError(
            f"the files in {to!r} could be of any format", hint="--format csv, or another one"
        )
    return _Goal(form, folder=path)


def _where(chip: str | None, out: Path | None, config: Path | None) -> tuple[Roots, str | None]:
    """Find the folders; what was typed alone may be one of them instead of a chip."""
    from treadle.lab.roots import roots

    if chip is not None and out is None and Path(chip).is_dir():
        try:
            return roots(chip), None
        except treadle.UsageError:
            pass  # a folder of another kind that is called as a chip is
    return options.where(out, config), chip


def _refuse_for_list(*filters: object) -> None:
    names = ("--procedure", "--light", "--since", "--columns", "--mentioned")
    for name, value in zip(names, filters, strict=True):
        if value is not None:
            raise treadle.UsageError(
                f"{name} needs a CHIP", hint=f"treadle lab history CHIP OUT {name} …"
            )


def _list(where: Roots, goal: _Goal, limit: int | None) -> int:
    from treadle.lab.histories.listing import chips

    if goal.folder is not None:
        raise treadle.UsageError("the list of chips is one file", hint="--to chips.csv")
    frame = chips(where)
    if not frame.height:
        problem("no run that is staged names a chip")
        return Exit.NOTHING
    frame = frame.head(limit or frame.height)
    if goal.form in _FOR_PEOPLE:
        frame = frame.drop("chip_group", "chip_number", "kinds")
    if goal.form == "table" and goal.file is None:
        return _fitted(frame, {}, "--format csv")
    return _put(frame, {}, frame.columns, goal)


def _filtered(
    frame: pl.DataFrame, procedures: Sequence[str], since: str | None, light: bool | None
) -> pl.DataFrame:
    from treadle.lab.selection import select

    frame = select(frame, procedures=procedures, since=since)
    return frame if light is None else frame.filter(has_light=light)


def _there_are(frame: pl.DataFrame) -> str:
    """Say what there would be without the filters."""
    counts = frame["proc"].value_counts(sort=True).iter_rows()
    kinds = ", ".join(f"{procedure} {count}" for procedure, count in counts)
    dates = frame["date_local"].cast(str)
    return f"there are {frame.height}, from {dates.min()!s} to {dates.max()!s}: {kinds}"


def _shown(
    frame: pl.DataFrame, units: Mapping[str, str], asked: str | None, chips: Sequence[str]
) -> list[str] | None:
    """Return the columns that were asked for; None: the usual ones."""
    from treadle.lab.histories.columns import chosen

    return None if asked is None else chosen(frame, asked, list(units), several=len(chips) > 1)


def _put(
    frame: pl.DataFrame, units: Mapping[str, str], names: Sequence[str] | None, goal: _Goal
) -> int:
    """Write *names* of the columns; without any, the usual ones for people, all for programs."""
    from treadle.lab.histories import exporting
    from treadle.lab.histories.columns import usual

    if names is None and goal.form in _FOR_PEOPLE:
        several = frame["chip_name"].n_unique() > 1
        usually = usual(frame, list(units), several=several)
        if goal.form == "table" and goal.file is None:
            return _fitted(frame.select(usually), units, "--columns metrics, or --columns A,B")
        names = usually
    chosen = frame if names is None else frame.select(names)
    if goal.file is not None:
        exporting.write(goal.file, exporting.exported(chosen, goal.form, units))
    elif goal.form == "table":
        put(_whole_table(chosen, units))
    else:
        put(exporting.text(chosen, goal.form, units))
    return Exit.OK


def _fitted(frame: pl.DataFrame, units: Mapping[str, str], cure: str) -> int:
    """Show as many columns as the terminal has room for; say which others there are."""
    from treadle.lab.histories import showing
    from treadle.lab.histories.columns import readable

    kept, left_out = showing.fitted([readable(values, units) for values in frame], width())
    put(_of_columns(kept))
    if left_out:
        more = len(left_out) - _NAMED
        others = f" and {more} more" if more > 0 else ""
        hint(f"too narrow for {', '.join(left_out[:_NAMED])}{others}: {cure}")
    return Exit.OK


def _whole_table(frame: pl.DataFrame, units: Mapping[str, str]) -> str:
    from treadle.lab.histories.columns import readable

    return _of_columns([readable(values, units) for values in frame])


def _of_columns(columns: Sequence[Column]) -> str:
    """Write a table; where the terminal is too narrow for its lines, a block for each row."""
    from treadle.lab.histories import showing

    room = width()
    if room is not None and showing.wide(columns) > room:
        return showing.blocks(columns, room)
    return showing.table(columns)
