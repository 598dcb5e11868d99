"""The numbers of a plot, scaled and labelled, whoever draws it: matplotlib or a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import treadle
from treadle.lab.plotting.kinds import Kind
from treadle.lab.plotting.scales import Scale, quantity, scale_for, split
from treadle.lab.plotting.staged import Staged
from treadle.lab.plotting.words import naming

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

LASER_ON = 0.1
"""Volts above which a laser counts as on."""


@dataclass(frozen=True, slots=True)
class Axis:
    """
    One axis of a plot.

    Attributes:
        quantity: What it shows, in words.
        unit: The unit of its numbers; empty without one.
        is_time: Its numbers are points in time, in seconds since 1970 of the local clock.
    """

    quantity: str
    unit: str = ""
    is_time: bool = False

    @property
    def label(self) -> str:
        """What stands beside it: ``"Current (µA)"``."""
        return f"{self.quantity} ({self.unit})" if self.unit else self.quantity


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """
    One curve: numbers in the units of the axes, in the order in which they were measured.

    Attributes:
        x: Where the points are.
        y: How high; NaN where nothing was measured.
        label: What tells it apart; empty where it is the only one.
        back: It is the way back of a sweep: drawn in another style.
        group: Curves of one group, such as the branches of one run, have one colour.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    label: str = ""
    back: bool = False
    group: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """
    Everything that is drawn.

    Attributes:
        title: What all curves have in common.
        x: The horizontal axis.
        y: The vertical one.
        curves: What is drawn.
        lit: From when to when the light was on, in the numbers of the horizontal axis.
        points: Single points count, and no line joins them.
        notes: What a reader must be told: what could not be drawn, and why.
    """

    title: str
    x: Axis
    y: Axis
    curves: tuple[Curve, ...]
    lit: tuple[tuple[float, float], ...] = ()
    points: bool = False
    notes: tuple[str, ...] = ()


def plot_of(measurements: Sequence[Staged], kind: Kind) -> Plot:
    """
    Lay the curves of *measurements* over each other.

    A single sweep that was segmented has a curve for each segment.

    Args:
        measurements: What is to be drawn; one without the columns of *kind* is left out, and the
            notes say so.
        kind: What is drawn over what.

    Raises:
        UsageError: None of them can be drawn.
    """
    drawn = [each for each in measurements if _columns_of(each, kind)]
    if not drawn:
        raise treadle.UsageError(
            f"there is nothing to draw for {kind.name!r}: no measurement has numbers in "
            f"{' and '.join(map(repr, kind.columns))}",
            hint="choose another kind of plot, or other measurements",
        )
    title, names = naming([each.facts for each in drawn])
    raw = [
        curve
        for group, (each, name) in enumerate(zip(drawn, names, strict=True))
        for curve in _curves(each, name, kind, group, alone=len(drawn) == 1)
    ]
    x = scale_for(max(_largest(curve.x) for curve in raw), split(kind.x)[1])
    y = scale_for(max(_largest(curve.y) for curve in raw), split(kind.y[0])[1])
    lit, notes = _lit(drawn, kind)
    if len(drawn) < len(measurements):
        notes.append(f"{len(measurements) - len(drawn)} left out: without these columns")
    return Plot(
        title,
        Axis(quantity(kind.x), x.unit),
        Axis(quantity(kind.y[0]) if len(kind.y) == 1 else "Temperature", y.unit),
        tuple(
            replace(curve, x=curve.x * x.factor, y=curve.y * y.factor, group=number)
            for curve, number in zip(raw, _groups(raw, len(drawn)), strict=True)
        ),
        tuple((on * x.factor, off * x.factor) for on, off in lit),
        notes=tuple(notes),
    )


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
    name, unit = _named_unit(column)
    scale = scale_for(_largest(values), unit)
    names = found["chip_name"].unique().to_list() if "chip_name" in found.columns else []
    chip = f"{names[0]} · " if len(names) == 1 and names[0] else ""
    return Plot(
        f"{chip}{name}",
        Axis("Start", is_time=True),
        Axis(name, scale.unit),
        (Curve(_clock(found), values * scale.factor),),
        points=True,
    )


def _clock(rows: pl.DataFrame) -> NDArray[np.float64]:
    """Return the local time of each start, as seconds since 1970 of a clock on that wall."""
    zones = rows["local_tz"].drop_nulls().to_list() if "local_tz" in rows.columns else []
    local = rows["start_time_utc"].dt.convert_time_zone(zones[0] if zones else "UTC")
    return local.dt.replace_time_zone(None).dt.epoch("us").cast(float).to_numpy() / 1e6


def _named_unit(column: str) -> tuple[str, str]:
    """Return name and unit of a column of the manifest, where its name ends with its unit."""
    name, _, unit = column.rpartition("_")
    units = {"v": "V", "V": "V", "a": "A", "A": "A", "s": "s", "nm": "nm", "c": "°C", "w": "W"}
    return (name, units[unit]) if name and unit in units else (column, "")


def _columns_of(measurement: Staged, kind: Kind) -> list[str]:
    """Return the columns of *kind* that a measurement has numbers in; none if it lacks the x."""
    table = measurement.table
    filled = [
        name
        for name in kind.columns
        if name in table.columns and bool(table[name].cast(float).is_finite().any())
    ]
    return filled[1:] if filled[:1] == [kind.x] else []


def _curves(measurement: Staged, name: str, kind: Kind, group: int, *, alone: bool) -> list[Curve]:
    columns = _columns_of(measurement, kind)
    x = _numbers(measurement.table, kind.x)
    if kind.by_segment and alone and measurement.is_segmented:
        return _branches(measurement, x, _numbers(measurement.table, columns[0]), kind)
    curves = []
    for number, column in enumerate(columns):
        which = quantity(column) if len(kind.y) > 1 else ""
        label = " · ".join(word for word in (name, which) if word)
        curves.append(Curve(x, _numbers(measurement.table, column), label, number % 2 == 1, group))
    return curves


def _branches(
    measurement: Staged, x: NDArray[np.float64], y: NDArray[np.float64], kind: Kind
) -> list[Curve]:
    """Return a curve for each segment; it begins where the one before ended, so no gap is seen."""
    ids = measurement.table["segment_id"].fill_null(-1).to_numpy()
    types = measurement.table["segment_type"]
    scale = scale_for(_largest(x), split(kind.x)[1])
    curves: list[Curve] = []
    for number in range(int(ids.max()) + 1 if len(ids) else 0):
        rows = (ids == number).nonzero()[0]
        if not len(rows):
            continue
        first, last = float(x[rows[0]]), float(x[rows[-1]])
        if curves and rows[0] and ids[rows[0] - 1] == number - 1:
            rows = [rows[0] - 1, *rows]
        back = str(types[int(rows[-1])]).startswith("return")
        label = f"{number}: {_about(first, scale)} to {_about(last, scale)} {scale.unit}"
        curves.append(Curve(x[rows], y[rows], label, back, number // 2))
    return curves or [Curve(x, y)]


def _about(value: float, scale: Scale) -> str:
    """Write a voltage to the microvolt: the zero of a sweep is often 1e-16 V."""
    return f"{(round(value, 6) + 0.0) * scale.factor:.4g}".replace("-", "\N{MINUS SIGN}")


def _groups(curves: Sequence[Curve], runs: int) -> list[int]:
    """Return the number of the colour of each curve: its run's; of one run, its group's."""
    return (
        [curve.group for curve in curves] if runs > 1 or len(curves) > 2 else [*range(len(curves))]
    )


def _numbers(table: pl.DataFrame, column: str) -> NDArray[np.float64]:
    import polars as pl

    return table[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _largest(values: NDArray[np.float64]) -> float:
    import numpy as np

    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max()) if len(finite) else 0.0


def _lit(drawn: Sequence[Staged], kind: Kind) -> tuple[list[tuple[float, float]], list[str]]:
    """Return when the light was on, where that is the same for all, and a note where it is not."""
    if kind.laser is None:
        return [], []
    each = [_spans(one, kind) for one in drawn]
    if all(_agree(each[0], other) for other in each[1:]):
        return each[0], []
    return [], ["light is not shaded: it was on at other times in some of these runs"]


def _spans(measurement: Staged, kind: Kind) -> list[tuple[float, float]]:
    import numpy as np

    if kind.laser is None or kind.laser not in measurement.table.columns:
        return []
    x = _numbers(measurement.table, kind.x)
    on = np.nan_to_num(_numbers(measurement.table, kind.laser)) > LASER_ON
    edges = np.diff(np.concatenate(([False], on, [False])).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return [
        (float(x[start]), float(x[end]))
        for start, end in zip(starts, ends, strict=True)
        if np.isfinite(x[start]) and np.isfinite(x[end])
    ]


def _agree(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> bool:
    """Tell whether light was on at the same times, but for 2 % of how long."""
    return len(one) == len(other) and all(
        abs(a - b) <= 0.02 * max(end - start, 1e-9)
        for (start, end), span in zip(one, other, strict=True)
        for a, b in zip((start, end), span, strict=True)
    )
