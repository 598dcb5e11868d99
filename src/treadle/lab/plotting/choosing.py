"""Which runs a plot is of: those of a chip, by their numbers in its history or by their ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import treadle
from treadle.lab.selection import one_chip

if TYPE_CHECKING:
    import polars as pl

_NUMBERS: Final = re.compile(r"([0-9]{1,6})(?:\s*-\s*([0-9]{1,6}))?")
_ID: Final = re.compile(r"[0-9a-f]{6,}")


class Chosen(NamedTuple):
    """
    The runs that are meant.

    Attributes:
        rows: Their rows of the manifest, by time.
        left_out: How many more were meant by their numbers, but are of other procedures.
    """

    rows: pl.DataFrame
    left_out: int


def chosen(
    rows: pl.DataFrame,
    *,
    chip: str | int | None = None,
    runs: str = "",
    procedures: Sequence[str] = (),
    usual: Sequence[str] = (),
) -> Chosen:
    """
    Choose the runs that are meant.

    Args:
        rows: All staged runs, of :func:`treadle.lab.histories.numbered`.
        chip: Name or number of the chip; None: all.
        runs: Numbers of its history and ids, or what ids begin with, of any runs: ``"4-7,12"``;
            empty: all.
        procedures: Only of these; none: of the *usual* ones, unless a run is meant by its id.
        usual: Those that the plot is of; none: all.

    Raises:
        UsageError: There is no such chip or run, or nothing is left.
    """
    import polars as pl

    found = rows
    if chip is not None:
        found = rows.filter(chip_name=one_chip(rows, chip))
    if runs.strip():
        meant, named = _meant(rows, found, runs, has_chip=chip is not None)
        found = rows.filter(pl.col("run_id").is_in(list(meant)))
    else:
        named = set()
    wanted = list(procedures or usual)
    before = found.height
    if wanted:
        is_one = pl.col("proc").is_in(wanted)
        found = found.filter(is_one if procedures else is_one | pl.col("run_id").is_in(list(named)))
    if not found.height:
        of = f" of {', '.join(wanted)}" if wanted else ""
        by = f" of chip {chip}" if chip is not None else ""
        among = f" among {runs}" if runs.strip() else ""
        raise treadle.UsageError(
            f"there is no run{of}{by}{among}", hint="treadle lab history CHIP lists the runs"
        )
    return Chosen(found, before - found.height if runs.strip() else 0)


def example(rows: pl.DataFrame, procedures: Sequence[str] = ()) -> str:
    """
    Return what to type to name a chip: the one with most runs.

    Args:
        rows: Of the manifest.
        procedures: Of these; none: of all.
    """
    import polars as pl

    named = rows.drop_nulls("chip_name")
    fit = named.filter(pl.col("proc").is_in(list(procedures))) if procedures else named
    names = (fit if fit.height else named)["chip_name"].value_counts(sort=False)
    if names.is_empty():
        return "no run that is staged names a chip: --runs ID"
    return f"--chip={names.sort('count', 'chip_name', descending=[True, False])['chip_name'][0]}"


def _meant(
    rows: pl.DataFrame, of_chip: pl.DataFrame, runs: str, *, has_chip: bool
) -> tuple[set[str], set[str]]:
    """Return the ids of all runs that *runs* means, and of those that it means by their ids."""
    by_number: set[str] = set()
    by_id: set[str] = set()
    for part in map(str.strip, runs.split(",")):
        numbers = _NUMBERS.fullmatch(part)
        if numbers and has_chip:
            first, last = int(numbers[1]), int(numbers[2] or numbers[1])
            by_number |= _between(of_chip, first, last)
        elif _ID.fullmatch(part):
            by_id.add(_by_id(rows, part))
        elif numbers:
            raise treadle.UsageError(
                f"run {part!r} is a number in the history of a chip, and no chip is named",
                hint=example(rows),
            )
        else:
            among = "" if part == runs.strip() else f" in {runs!r}"
            raise treadle.UsageError(
                f"{part!r}{among} means no run" if part else f"{runs!r} has a comma too many",
                hint="numbers of the chip's history and run ids, with commas between: 4-7,12",
            )
    return by_number | by_id, by_id


def _between(of_chip: pl.DataFrame, first: int, last: int) -> set[str]:
    import polars as pl

    most = of_chip.height
    if last < first:
        raise treadle.UsageError(
            f"the runs '{first}-{last}' run backwards", hint=f"--runs {last}-{first}"
        )
    if first < 1 or last > most:
        text = str(first) if first == last else f"{first}-{last}"
        raise treadle.UsageError(
            f"there is no run {text!r}: the history of {of_chip['chip_name'][0]} has the runs "
            f"1 to {most}",
            hint="treadle lab history CHIP lists them",
        )
    return set(of_chip.filter(pl.col("seq").is_between(first, last))["run_id"])


def _by_id(rows: pl.DataFrame, begins: str) -> str:
    import polars as pl

    found = rows.filter(pl.col("run_id").str.starts_with(begins))["run_id"].to_list()
    if len(found) != 1:
        is_none = "there is no run" if not found else "several runs have an id that begins with"
        raise treadle.UsageError(
            f"{is_none} {begins!r}",
            hint="treadle lab manifest lists the ids" if not found else ", ".join(found[:4]),
        )
    return str(found[0])
