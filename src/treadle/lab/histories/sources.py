"""What histories are made of: rows of the manifest, the newest metrics, matched calibrations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import treadle
from treadle.lab.extraction import CATEGORIES
from treadle.lab.histories.summary import COLUMNS
from treadle.lab.measuring.store import METRICS, newest, read
from treadle.lab.places import MANIFEST
from treadle.lab.roots import Roots

if TYPE_CHECKING:
    import polars as pl

_UNUSED: Final = {"metadata", "units", "notes", "sources", "raw_root", "reason", "message", "hint"}
_TEXT: Final = "information"
_VALUE: Final = ("run_id", "metric", "category", "extractor", "current", "status", "value", "unit")
SECONDARY: Final = "_(forward|backward|hysteresis)$"
"""Metrics that come after the principal one: of one direction, or the difference of both."""

SET: Final = (
    "has_light", "laser_voltage_V", "wavelength_nm", "vds_v", "ids_a", "vg_fixed_v", "vg_start_v",
    "vg_end_v", "vg_step_v", "laser_period_s", "duration_s", "rows", "flags",
)  # fmt: skip
"""Columns of the manifest that say how a run was set, and how it went."""

CALIBRATION: Final = (
    "calibration_status", "calibration_run_id", "calibration_age_h", "calibration_fiber",
    "calibration_fibers_compete", "irradiated_power_w", "power_clamped",
)  # fmt: skip
"""Columns of a history that say how much light there was, and how that is known."""


@dataclass(frozen=True, slots=True)
class Sources:
    """
    What is known of some runs.

    Attributes:
        rows: Their rows of the manifest, without the long texts.
        values: Their metrics that have a value: ``run_id, metric, value, unit``, in the order in
            which metrics are shown.
        calibrated: ``run_id`` and :data:`CALIBRATION` of those that were lit; None: it is not
            known, or was not asked for.
    """

    rows: pl.DataFrame
    values: pl.DataFrame
    calibrated: pl.DataFrame | None

    @property
    def units(self) -> dict[str, str]:
        """The units of the metrics, by name, in the order in which they are shown."""
        return dict(self.values.select("metric", "unit").iter_rows())


def staged(where: Roots) -> pl.LazyFrame:
    """
    Return the rows of the manifest of all staged runs, without the long texts, as a scan.

    Raises:
        UsageError: There is no manifest, or it cannot be read.
    """
    import polars as pl

    rows = _scanned(where.stage / MANIFEST, "treadle lab stage makes it anew from the record")
    there = rows.collect_schema()
    names = [name for name in there if name not in _UNUSED]
    lacking = [name for name in (*dict.fromkeys((*SET, *COLUMNS)), _TEXT) if name not in there]
    return rows.filter(pl.col("status") == "staged").select(
        *names,
        # A schema of one's own may name fewer.
        *(pl.lit(None, pl.String if name == _TEXT else pl.Float64).alias(name) for name in lacking),
    )


def sources(where: Roots, rows: pl.DataFrame, *, calibrated: bool = True) -> Sources:
    """
    Read what was found of some runs.

    Args:
        where: The folders.
        rows: The rows of :func:`staged` that are wanted.
        calibrated: Match them with the laser calibrations, too.

    Raises:
        UsageError: The metrics cannot be read.
    """
    import polars as pl

    if where.metrics is None or not (where.metrics / METRICS).is_file():
        none = {"run_id": pl.String, "metric": pl.String, "value": pl.Float64, "unit": pl.String}
        return Sources(rows, pl.DataFrame(schema=none), None)
    mine = read(where.metrics, columns=_VALUE, run_ids=rows["run_id"])
    return Sources(rows, _values(mine), _calibrated(rows, where.metrics) if calibrated else None)


def _values(found: pl.DataFrame) -> pl.DataFrame:
    """Return what has a value, in order: by category, by extractor, the principal ones first."""
    import polars as pl

    order = pl.Enum([*CATEGORIES, *sorted(set(found["category"].drop_nulls()) - {*CATEGORIES})])
    return (
        newest(found)
        .filter(pl.col("status") == "ok", pl.col("value").is_not_null())
        .sort(
            pl.col("category").cast(order),
            "extractor",
            pl.col("metric").str.contains(SECONDARY),
            "metric",
        )
        .select("run_id", "metric", "value", "unit")
    )


def _calibrated(rows: pl.DataFrame, metrics: Path) -> pl.DataFrame:
    from treadle.lab.calibrations import METRIC, match
    from treadle.lab.measuring.store import read_metrics

    matched = match(dated(rows), read_metrics(metrics, metric=METRIC, status="ok"))
    return matched.select("run_id", *CALIBRATION)


def _scanned(path: Path, hint: str) -> pl.LazyFrame:
    import polars as pl

    try:
        scan = pl.scan_parquet(path, hive_partitioning=False, glob=False)
        scan.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise treadle.UsageError(f"{str(path)!r} cannot be read: {error}", hint=hint) from error
    return scan


def is_dated_by_file() -> pl.Expr:
    """Return what tells of a row of the manifest that its start is that of its file."""
    import polars as pl

    return pl.col("start_origin").eq_missing("mtime")


def dated(rows: pl.DataFrame) -> pl.DataFrame:
    """Return *rows* of the manifest without starts that are those of files: no age is of them."""
    import polars as pl

    if "start_origin" not in rows.columns:
        return rows
    return rows.with_columns(start_time_utc=pl.when(~is_dated_by_file()).then("start_time_utc"))


def named(rows: pl.LazyFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the rows of the chips of those names."""
    import polars as pl

    return rows.filter(pl.col("chip_name").is_in(list(names))).collect()


def mentioning(rows: pl.LazyFrame, name: str) -> pl.DataFrame:
    """Return the rows of other chips, or of none, whose Information has *name* as a word."""
    import polars as pl

    word = rf"(?i)(^|[^\pL\pN]){re.escape(name)}($|[^\pL\pN])"
    is_other = pl.col("chip_name").ne_missing(name)
    return rows.filter(is_other, pl.col(_TEXT).str.contains(word)).collect()
