"""The history of a chip: a row for each of its runs, with what was set and what was found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import treadle
from treadle.lab import selection
from treadle.lab.histories.numbering import BY_TIME, numbered
from treadle.lab.histories.sources import (
    CALIBRATION,
    SET,
    Sources,
    is_dated_by_file,
    mentioning,
    named,
    sources,
    staged,
)
from treadle.lab.histories.summary import COLUMNS, summary
from treadle.lab.roots import Roots, roots

if TYPE_CHECKING:
    import polars as pl

_FIRST: Final = (
    "seq", "date_local", "time_local", "start_time_utc", "proc", "summary", *SET,
)  # fmt: skip
_LAST: Final = (*CALIBRATION, "run_id", "file_idx", "chip_name", "source_file", "path")
FIXED: Final = (*_FIRST, *_LAST)
"""The columns of each history; those of the metrics stand between ``flags`` and the calibration."""


UNDATED: Final = "NO_START_TIME"
"""The flag of a run that has the date of its file, as its header has none."""


@dataclass(frozen=True, slots=True)
class History:
    """
    Histories of some chips.

    Attributes:
        frame: A row for each run; see :func:`history`.
        units: The units of its metric columns, by name.
    """

    frame: pl.DataFrame
    units: Mapping[str, str]


def history(
    where: str | os.PathLike[str] | Roots, chip: str | int, *, mentioned: bool = False
) -> pl.DataFrame:
    """
    Return what was done to a chip, in order of time.

    Args:
        where: OUT of a pipeline, or a stage root.
        chip: Its name or its number.
        mentioned: Also the runs of other chips, or of none, whose Information names this one as a
            word: a mistyped group, a calibration that was meant for it. They have no ``seq``.

    Returns:
        A row for each staged run: ``seq`` (from 1; the same whatever else is asked for), when it
        began (``date_local``, ``time_local`` as text, ``start_time_utc``), ``proc``, ``summary``,
        what was set (``has_light`` … ``laser_period_s``), ``duration_s``, ``rows``, ``flags``; a
        column for each metric that has a value for this chip, in the unit of the metric; with
        which laser calibration a lit run goes and what power that gives; and where the run is.

    Raises:
        UsageError: There is no such chip, or several groups have one of this number; or there is
            nothing staged.
    """
    found = where if isinstance(where, Roots) else roots(where)
    known = staged(found).select("chip_number", "chip_name").unique().collect()
    return histories(found, [selection.one_chip(known, chip)], mentioned=mentioned).frame


def histories(
    where: Roots, names: Sequence[str] | None = None, *, mentioned: bool = False
) -> History:
    """
    Return the histories of several chips in one frame, chip after chip.

    Args:
        where: The folders.
        names: The chips, by their whole names; None: all.
        mentioned: As for :func:`history`.

    Raises:
        UsageError: What is needed cannot be read.
    """
    import polars as pl

    rows = staged(where)
    if names is None:
        mine = rows.filter(pl.col("chip_name").is_not_null()).collect()
    else:
        mine = named(rows, names)
    mine = numbered(mine)
    if mentioned:
        others = [_of(mentioning(rows, name), name) for name in names or _names(mine)]
        mine = pl.concat([mine, *others], how="diagonal")
    known = sources(where, mine)
    return History(_assembled(known), _columns_of(known.units))


def _names(rows: pl.DataFrame) -> list[str]:
    return rows["chip_name"].unique(maintain_order=True).to_list()


def _of(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    import polars as pl

    return rows.with_columns(pl.lit(name).alias("chip_name"))


def _assembled(known: Sources) -> pl.DataFrame:
    import polars as pl

    rows = known.rows
    said = [summary(facts) for facts in rows.select(COLUMNS).iter_rows(named=True)]
    rows = rows.with_columns(pl.Series("summary", said, dtype=pl.String), _time(rows), _flags(rows))
    values = known.values.pivot(on="metric", index="run_id", values="value")
    values = values.rename(_renamed(known.units), strict=False)
    calibrated = known.calibrated
    if calibrated is None:
        calibrated = pl.DataFrame(schema={"run_id": pl.String, **_calibration_types()})
    metrics = [name for name in _columns_of(known.units) if name in values.columns]
    return (
        rows.join(values, on="run_id", how="left")
        .join(calibrated, on="run_id", how="left")
        .sort("chip_number", "chip_name", *BY_TIME, nulls_last=True)
        .select(*_FIRST, *metrics, *_LAST)
    )


def _renamed(units: Mapping[str, str]) -> dict[str, str]:
    """Return other names for metrics that are called as something else is; users make their own."""
    return {name: f"{name}_metric" for name in units if name in FIXED}


def _columns_of(units: Mapping[str, str]) -> dict[str, str]:
    other = _renamed(units)
    return {other.get(name, name): unit for name, unit in units.items()}


def _calibration_types() -> dict[str, Any]:
    import polars as pl

    text, number, truth = pl.String, pl.Float64, pl.Boolean
    return dict(zip(CALIBRATION, (text, text, number, text, truth, number, truth), strict=True))


def _flags(rows: pl.DataFrame) -> pl.Expr:
    """Return the flags of runs, with one more where nothing but the file says when a run began."""
    import polars as pl

    flags = pl.col("flags").fill_null([])
    if "start_origin" not in rows.columns:
        return flags
    by_file = pl.lit([UNDATED], dtype=pl.List(pl.String))
    more = pl.when(is_dated_by_file()).then(pl.concat_list(by_file, flags)).otherwise(flags)
    return more.alias("flags")


def _time(rows: pl.DataFrame) -> pl.Expr:
    """Return the time of day where the runs were dated; a stage root may have moved its zone."""
    import polars as pl

    start, zone = pl.col("start_time_utc"), pl.col("local_tz")
    zones = rows["local_tz"].unique().drop_nulls().sort()
    local = [
        pl.when(zone == each).then(start.dt.convert_time_zone(each).dt.strftime("%H:%M:%S"))
        for each in zones
    ]
    return pl.coalesce(*local, pl.lit(None, pl.String)).alias("time_local")


def chosen_chips(where: Roots, text: str) -> list[str]:
    """
    Return the names of the chips that *text* means.

    Args:
        where: The folders.
        text: A name, a number, or several as for :func:`treadle.lab.selection.chips_of`, where a
            number means the chips of all groups that have it.

    Raises:
        UsageError: There is none of one of them; or it is one number that several groups have.
    """
    known = staged(where).select("chip_number", "chip_name").unique().collect()
    if text in known["chip_name"]:
        return [text]
    chips = selection.chips_of(text)
    if not (len(chips.names) + len(chips.numbers) > 1 or "-" in str(chips)):
        return [selection.one_chip(known, text)]
    for part in chips.missing(known):
        if "-" not in part or part in chips.names:
            raise selection.no_chip(known, part)
    found = known.filter(chips.expr()).sort("chip_number", "chip_name", nulls_last=True)
    if not found.height:
        raise treadle.UsageError(
            f"there is no chip among {text!r}", hint="treadle lab history lists them"
        )
    return [str(name) for name in found["chip_name"].drop_nulls()]
