"""Which calibration tells the optical power of which lit run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from treadle.lab.extractors.calibration import curve

if TYPE_CHECKING:
    import polars as pl

PROCEDURE: Final = "LaserCalibration"
"""The procedure whose runs are calibrations; they are never matched themselves."""

METRIC: Final = "calibration_max_power"
"""The metric whose details hold a calibration's curve."""

STALE_HOURS: Final = 24.0
"""A calibration that is older than this at the run (h) is stale."""

_HOUR_US: Final = 3.6e9
_WAVELENGTH: Final = "wavelength_nm"
_UNNAMED: Final = ""  # a fibre that nobody named; joins would not find null
_SAME: Final = (_WAVELENGTH, "calibration_fiber")


def match(
    rows: pl.DataFrame, curves: pl.DataFrame, *, stale_hours: float = STALE_HOURS
) -> pl.DataFrame:
    """
    Return for each lit run the calibration that counts for it, and the optical power by that.

    A calibration has to be of the same wavelength, with whichever fibre: runs do not say which one
    they used. The newest that was begun before the run, or with it, counts; without one, the
    earliest after it.

    Args:
        rows: Runs, as the manifest has them: ``run_id``, ``proc``, ``has_light``,
            ``start_time_utc``, ``wavelength_nm`` and ``laser_voltage_V``.
        curves: Metrics, as their store has them; only the calibrations' among them are used.
        stale_hours: Up to this age (h) a calibration is perfect.

    Returns:
        A row for each lit run that is no calibration itself, in the order of *rows*:

        - ``run_id``
        - ``calibration_status``: ``perfect``, ``stale``, ``future`` (only later ones) or
          ``missing`` (none of this wavelength)
        - ``calibration_run_id``
        - ``calibration_age_h``: from the calibration's start to the run's; below zero if later
        - ``calibration_fiber``
        - ``calibration_fibers_compete``: one with another fibre has the same status: the power may
          not be that of the fibre in use
        - ``irradiated_power_w``: interpolated linearly between the points of the curve; null where
          the run's laser voltage is not known
        - ``power_clamped``: that voltage is outside of the curve, whose nearest end was taken
    """
    import polars as pl

    runs = (
        rows.filter(pl.col("has_light"), pl.col("proc") != PROCEDURE)
        .select("run_id", "start_time_utc", _WAVELENGTH, "laser_voltage_V")
        .with_row_index("row")
    )
    calibrations = _calibrations(curves)
    best = _best(runs, calibrations, stale_hours)
    return (
        runs.join(best, on="row", how="left", maintain_order="left")
        .with_columns(
            pl.col("calibration_status").fill_null("missing"),
            pl.col("calibration_fiber").replace(_UNNAMED, None),
            pl.col("calibration_fibers_compete").fill_null(value=False),
        )
        .pipe(_with_power, calibrations)
        .select(
            "run_id", "calibration_status", "calibration_run_id", "calibration_age_h",
            "calibration_fiber", "calibration_fibers_compete", "irradiated_power_w",
            "power_clamped",
        )
    )  # fmt: skip


def _calibrations(curves: pl.DataFrame) -> pl.DataFrame:
    """Return start, wavelength, fibre and curve of each calibration whose wavelength is known."""
    import polars as pl

    found = curves.filter(
        pl.col("metric") == METRIC, pl.col("status") == "ok", pl.col("start_time_utc").is_not_null()
    )
    details: list[dict[str, Any]] = [json.loads(text) for text in found["details"]]
    told = pl.DataFrame(
        {
            "calibration_run_id": found["run_id"],
            "calibrated": found["start_time_utc"],
            _WAVELENGTH: pl.Series([each[_WAVELENGTH] for each in details], dtype=pl.Float64),
            "calibration_fiber": pl.Series(
                [each["optical_fiber"] or _UNNAMED for each in details], dtype=pl.String
            ),
            "voltage_v": pl.Series(
                [each["voltage_v"] for each in details], dtype=pl.List(pl.Float64)
            ),
            "power_w": pl.Series([each["power_w"] for each in details], dtype=pl.List(pl.Float64)),
        }
    )
    return (
        told.drop_nulls(_WAVELENGTH)
        # The id settles which of two that were begun at once is the newer one.
        .sort("calibrated", "calibration_run_id")
    )


def _best(runs: pl.DataFrame, calibrations: pl.DataFrame, stale_hours: float) -> pl.DataFrame:
    """Return the calibration of each run that has one, by ``row``: the best of all its fibres'."""
    import polars as pl

    fibers = calibrations.select(_SAME).unique()
    times = calibrations.select("calibration_run_id", "calibrated", *_SAME)
    asked = (
        runs.select("row", "start_time_utc", _WAVELENGTH)
        .drop_nulls()
        .join(fibers, on=_WAVELENGTH)
        .sort("start_time_utc")
    )

    def nearest(strategy: Literal["backward", "forward"]) -> pl.DataFrame:
        return asked.join_asof(
            times,
            left_on="start_time_utc",
            right_on="calibrated",
            by=_SAME,
            strategy=strategy,
            coalesce=False,
            check_sortedness=False,  # sorted above; Polars cannot tell it of groups
        ).drop_nulls("calibration_run_id")

    age = (pl.col("start_time_utc") - pl.col("calibrated")).dt.total_microseconds() / _HOUR_US
    status = (
        pl.when(age < 0)
        .then(pl.lit("future"))
        .when(age <= stale_hours)
        .then(pl.lit("perfect"))
        .otherwise(pl.lit("stale"))
    )
    before = nearest("backward").sort("calibrated", "calibration_run_id", descending=True)
    after = (
        nearest("forward")
        .filter(pl.col("calibrated") > pl.col("start_time_utc"))  # those at once are found above
        .sort("calibrated", "calibration_run_id")
    )
    return (
        pl.concat([before, after])
        .with_columns(calibration_age_h=age, calibration_status=status)
        # Each fibre has one calibration before the run and one after it.
        .with_columns(calibration_fibers_compete=pl.len().over("row", "calibration_status") > 1)
        .unique("row", keep="first", maintain_order=True)
        .select(
            "row", "calibration_status", "calibration_run_id", "calibration_age_h",
            "calibration_fiber", "calibration_fibers_compete",
        )
    )  # fmt: skip


def _with_power(matched: pl.DataFrame, calibrations: pl.DataFrame) -> pl.DataFrame:
    """Add the power of each run by the curve of its calibration."""
    import polars as pl

    volts = matched["laser_voltage_V"].cast(pl.Float64).to_numpy()
    power = np.full(volts.size, np.nan)
    is_clamped = np.zeros(volts.size, dtype=bool)
    rows_of = (
        matched.with_row_index("place")
        .drop_nulls("calibration_run_id")
        .group_by("calibration_run_id")
        .agg("place")
        .join(calibrations, on="calibration_run_id")
    )
    columns = rows_of.select("place", "voltage_v", "power_w").iter_rows()
    for places, voltage, watts in columns:
        known, at = curve(voltage, watts)
        if not known.size:
            continue
        asked = volts[places]
        power[places] = np.interp(asked, known, at)
        is_clamped[places] = (asked < known[0]) | (asked > known[-1])
    return matched.with_columns(
        irradiated_power_w=pl.Series(power).fill_nan(None), power_clamped=pl.Series(is_clamped)
    )
