"""What the page is of: the runs of one chip, their metrics, and what the chip file says of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import treadle
from treadle.lab.chips import chips_for, load_chips
from treadle.lab.histories import history
from treadle.lab.manifest_file import manifest
from treadle.lab.measuring.store import read_metrics
from treadle.lab.selection import one_chip, select, since_of

if TYPE_CHECKING:
    from treadle.lab.chips import Chip
    from treadle.lab.roots import Roots


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """
    A chip, as the page sees it.

    Attributes:
        chip: Its name.
        roots: Where all of this is.
        runs: The rows of the manifest, by time, with ``local``: when they began by the clock on
            the wall.
        history: A row for each run, as of :func:`treadle.lab.histories.history`.
        metrics: The records of these runs, as of the store; None: no metrics were made.
        calibrations: The rows of the manifest of the calibrations that were used.
        curves: The records of ``calibration_max_power`` of these.
        entry: What the chip file says of the chip; None: nothing.
        chip_file: That file; None: there is none.
        since: Only runs of that date or later are shown; None: all.
        command: What was typed, and where; None in a program.
        written: When the page was, by the clock on the wall.
    """

    chip: str
    roots: Roots
    runs: pl.DataFrame
    history: pl.DataFrame
    metrics: pl.DataFrame | None
    calibrations: pl.DataFrame
    curves: pl.DataFrame
    entry: Chip | None = None
    chip_file: Path | None = None
    since: date | None = None
    command: Mapping[str, str] | None = None
    written: datetime = field(default_factory=lambda: datetime.now().astimezone())

    def records(self, status: str) -> pl.DataFrame:
        """Return the records of that status, those of a later run last."""
        if self.metrics is None:
            return pl.DataFrame()
        return self.metrics.filter(status=status).sort("start_time_utc", "run_id", "metric")


def about(
    roots: Roots,
    chip: str | int,
    *,
    since: date | str | None = None,
    chip_file: str | os.PathLike[str] | None = None,
    command: Mapping[str, str] | None = None,
) -> About:
    """
    Read what is known of a chip.

    Args:
        roots: Where it is.
        chip: Its name, or its number.
        since: Only runs of that local date or later.
        chip_file: What the chips are made of; default: the ``chips.yml`` of the
            project, or the copy beside the metrics.
        command: What was typed, and where, for those who want the page again.

    Raises:
        UsageError: There is no such chip, it has no run since then, or a file cannot be read.
    """
    first = since_of(since) if isinstance(since, str) else since
    listed = manifest(roots.stage, status="staged")
    name = one_chip(listed, chip)
    runs = _timed(select(listed.filter(pl.col("chip_name") == name), since=first))
    if runs.is_empty():
        raise treadle.UsageError(
            f"the chip {name!r} has no run since {first}", hint="choose an earlier date"
        )
    shown = history(roots, name).join(runs.select("run_id"), on="run_id", how="semi")
    metrics, curves = _metrics(roots, runs)
    used = shown["calibration_run_id"].drop_nulls().unique().to_list()
    chips = load_chips(chip_file) if chip_file else chips_for(roots.stage, roots.metrics)
    return About(
        chip=name,
        roots=roots,
        runs=runs,
        history=shown,
        metrics=metrics,
        calibrations=_timed(listed.filter(pl.col("run_id").is_in(used))),
        curves=curves.filter(pl.col("run_id").is_in(used)),
        entry=None if chips is None else chips.of(name, runs["chip_number"][0]),
        chip_file=None if chips is None else chips.path,
        since=first,
        command=command,
    )


def _timed(rows: pl.DataFrame) -> pl.DataFrame:
    """Add when runs began by the clock on the wall of their stage root."""
    zones = rows["local_tz"].drop_nulls().to_list()
    local = pl.col("start_time_utc").dt.convert_time_zone(zones[0] if zones else "UTC")
    named = rows.with_columns(local=local.dt.replace_time_zone(None))
    return named.sort("start_time_utc", "run_id", nulls_last=True)


def _metrics(roots: Roots, runs: pl.DataFrame) -> tuple[pl.DataFrame | None, pl.DataFrame]:
    """Return the records of *runs*, and those of all calibrations."""
    nothing = pl.DataFrame(schema={"run_id": pl.String})
    if roots.metrics is None:
        return None, nothing
    every = read_metrics(roots.metrics)
    beside = runs.select("run_id", "local", "has_light")
    own = every.join(beside, on="run_id", how="inner")
    return own, every.filter(metric="calibration_max_power", status="ok")
