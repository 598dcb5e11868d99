"""Numbers of many measurements over their times: a column of the manifest, or metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import treadle
from treadle.lab.plotting.model import Axis, Curve, Plot, scaled
from treadle.lab.plotting.words import (
    Said,
    counting_chips,
    of_chips,
    on_the_clock,
    said_by,
    telling_chips,
)
from treadle.lab.written import of_column

if TYPE_CHECKING:
    import polars as pl

TITLES: Final[Mapping[str, str]] = {
    "cnp_voltage": "Charge neutrality point",
    "cnp_forward": "Charge neutrality point",
    "cnp_backward": "Charge neutrality point",
    "cnp_hysteresis": "Hysteresis of the charge neutrality point",
    "mobility_fe_holes": "Field-effect mobility",
    "mobility_fe_electrons": "Field-effect mobility",
    "delta_current": "Photocurrent ΔI",
    "delta_voltage": "Photovoltage ΔV",
    "delta_i_corrected": "Corrected photocurrent ΔI",
    "tau_dark": "Relaxation time τ",
    "beta_dark": "Stretching exponent β",
    "t_rise": "Rise time",
    "t_fall": "Fall time",
    "resistance": "Resistance",
    "calibration_max_power": "Greatest optical power",
}
"""What stands at the axis of a metric; of the others their names do."""

SHORT: Final[Mapping[str, str]] = {
    "cnp_voltage": "mean",
    "cnp_forward": "forward",
    "cnp_backward": "backward",
    "mobility_fe_holes": "holes",
    "mobility_fe_electrons": "electrons",
}
"""What metrics are called in a legend, where several stand in one plot."""


def trend(rows: pl.DataFrame, column: str) -> Plot:
    """
    Draw a number of the manifest, or a metric beside it, over the time of the measurements.

    Args:
        rows: Of the manifest, with ``start_time_utc`` and *column*.
        column: One that holds numbers.

    Raises:
        UsageError: There is no such column of numbers, or it has no value.
    """
    import polars as pl

    if column not in rows.columns or not rows[column].dtype.is_numeric():
        raise treadle.UsageError(
            f"there is no column of numbers {column!r}",
            hint="treadle lab manifest STAGE --columns all shows those there are",
        )
    found = rows.filter(
        pl.col("start_time_utc").is_not_null(), pl.col(column).cast(pl.Float64).is_finite()
    ).sort("start_time_utc")
    if not found.height:
        raise treadle.UsageError(
            f"no measurement has a value for {column!r}", hint="choose another column"
        )
    values = found[column].cast(pl.Float64).to_numpy()
    name, unit = of_column(column)
    facts = list(found.select(_there(found, _OF_START)).iter_rows(named=True))
    curve = Curve(_clocks(facts), values)
    title = _titled(found, name)
    return scaled(Plot(title, Axis("Start", is_time=True), Axis(name, unit), (curve,), points=True))


def metric_trend(rows: pl.DataFrame, names: Sequence[str], *, legend_by: str | None = None) -> Plot:
    """
    Draw metrics over the time of their measurements, with their uncertainties as bars.

    Each metric of each chip has a curve; and where some of the runs were lit and others dark, one
    for each of these as well.

    Args:
        rows: Of the store of metrics, with the columns ``metric``, ``status``, ``value``,
            ``uncertainty``, ``unit`` and ``start_time_utc``; with ``has_light`` and ``local_tz``
            of the manifest where they are to count.
        names: The metrics; all of one unit.
        legend_by: What tells curves apart instead of the light, as for
            :func:`treadle.lab.plotting.words.said_by`.

    Raises:
        UsageError: None of them has a value; or nothing is called *legend_by*.
    """
    found = having_values(rows, names)
    if not found:
        raise _none(rows, names)
    there = [name for name in names if any(row["metric"] == name for row in found)]
    say = said_by(legend_by, list(found[0])) if legend_by is not None else _told_apart(found)
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(found, key=lambda row: (there.index(row["metric"]), say(row))):
        which = SHORT.get(row["metric"], row["metric"]) if len(there) > 1 else ""
        groups.setdefault(" · ".join(filter(None, (which, say(row)))), []).append(row)
    shown = TITLES.get(there[0], there[0])
    return scaled(
        Plot(
            counting_chips(found, _titled(rows, shown)),
            Axis("Start", is_time=True),
            Axis(shown, str(found[0]["unit"] or "")),
            points_of(groups, _clocks),
            points=True,
            notes=(*_left_out(rows, names), *of_chips(found, legend_by)),
        )
    )


def _told_apart(found: Sequence[Mapping[str, Any]]) -> Said:
    """Return what tells apart values of several chips, and those of lit runs from the others."""
    chip = telling_chips(found)
    if len({row["has_light"] for row in found}) == 1:
        return chip
    return lambda row: " · ".join(filter(None, (chip(row), _light(row))))


def _none(rows: pl.DataFrame, names: Sequence[str]) -> treadle.UsageError:
    """Return the error that says why no run has a value."""
    import polars as pl

    said = f"no measurement has a value of {' or '.join(names)}"
    mine = rows.filter(pl.col("metric").is_in(list(names)))
    if mine.is_empty() or "reason" not in mine.columns:
        return treadle.UsageError(said, hint="treadle lab metrics OUT finds the metrics of runs")
    counts = mine.group_by("status", "reason").len().sort("len", "reason", descending=[True, False])
    why = [
        f"{many:,} {status.replace('_', ' ')}" + (f" ({reason})" if reason else "")
        for status, reason, many in counts.head(_REASONS).iter_rows()
    ]
    if counts.height > _REASONS:
        why.append("…")
    return treadle.UsageError(f"{said}: {', '.join(why)}", hint="choose other runs")


def _left_out(rows: pl.DataFrame, names: Sequence[str]) -> list[str]:
    """Return a note on the runs that have no value."""
    import polars as pl

    mine = rows.filter(pl.col("metric").is_in(list(names)))
    without = mine.filter(pl.col("status") != "ok")
    if without.is_empty():
        return []
    counts = without["status"].value_counts().sort("count", "status", descending=[True, False])
    said = ", ".join(f"{many:,} {status.replace('_', ' ')}" for status, many in counts.rows())
    return [f"{without.height:,} of {mine.height:,} left out: {said}"]


_REASONS: Final = 4  # that are named
_OF_START: Final = ("start_time_utc", "local_tz")


def having_values(rows: pl.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the store with a value of one of these metrics, by time."""
    import polars as pl

    wanted = rows.filter(
        pl.col("metric").is_in(list(names)),
        pl.col("status") == "ok",
        pl.col("value").is_finite(),
        pl.col("start_time_utc").is_not_null(),
    ).sort("start_time_utc", "run_id", "metric")
    if "has_light" not in wanted.columns:
        wanted = wanted.with_columns(has_light=pl.lit(None, dtype=pl.Boolean))
    return wanted.to_dicts()


def points_of(groups: Mapping[str, Sequence[Mapping[str, Any]]], where: Any) -> tuple[Curve, ...]:
    """Return a curve for each group, of values with their uncertainties; *where* gives its x."""
    curves = []
    for number, (label, members) in enumerate(groups.items()):
        values = np.array([row["value"] for row in members], dtype=np.float64)
        error = np.array([row.get("uncertainty") for row in members], dtype=np.float64)
        has_any = bool(np.isfinite(error).any())
        curves.append(
            Curve(where(members), values, label, group=number, error=error if has_any else None)
        )
    return tuple(curves)


def _clocks(facts: Iterable[Mapping[str, Any]]) -> Any:
    return np.array([on_the_clock(each) for each in facts], dtype=np.float64)


def _light(row: Mapping[str, Any]) -> str:
    return {True: "light", False: "dark"}.get(row["has_light"], "light not known")


def _titled(rows: pl.DataFrame, what: str) -> str:
    names = rows["chip_name"].unique().to_list() if "chip_name" in rows.columns else []
    chip = f"{names[0]} · " if len(names) == 1 and names[0] else ""
    return f"{chip}{what}"


def _there(rows: pl.DataFrame, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in rows.columns]
