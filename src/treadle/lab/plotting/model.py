"""What is drawn: curves as numbers with labels, whoever draws them, matplotlib or a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from treadle.lab.written import scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]


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
        error: Half the length of the bar at each point, its standard uncertainty; NaN for none
            there, None for none at all.
        is_fit: It was computed, not measured: drawn upon the others.
    """

    x: Numbers
    y: Numbers
    label: str = ""
    back: bool = False
    group: int = 0
    error: Numbers | None = None
    is_fit: bool = False


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


def scaled(plot: Plot) -> Plot:
    """Return *plot*, which is in plain units, with the prefixes that make its numbers readable."""
    if not plot.curves:
        return plot
    x = scale(0.0 if plot.x.is_time else _largest([c.x for c in plot.curves]), plot.x.unit)
    y = scale(_largest([*map(_reach, plot.curves)]), plot.y.unit)
    curves = tuple(
        replace(
            curve,
            x=curve.x * x.factor,
            y=curve.y * y.factor,
            error=None if curve.error is None else curve.error * y.factor,
        )
        for curve in plot.curves
    )
    return replace(
        plot,
        x=replace(plot.x, unit=x.unit),
        y=replace(plot.y, unit=y.unit),
        curves=curves,
        lit=tuple((on * x.factor, off * x.factor) for on, off in plot.lit),
    )


def _reach(curve: Curve) -> Numbers:
    """Return how far from zero a curve goes at each point, with its bar."""
    return np.abs(curve.y) + (0.0 if curve.error is None else np.nan_to_num(curve.error))


def _largest(several: Sequence[Numbers]) -> float:
    return max(map(largest, several), default=0.0)


def largest(values: Numbers) -> float:
    """Return the largest magnitude; 0 if there is no finite number."""
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max()) if len(finite) else 0.0
