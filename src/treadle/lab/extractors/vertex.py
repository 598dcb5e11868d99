"""The lowest point of a noisy curve: a parabola in a window as wide as the data allow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FEWEST: Final = 5
"""Points of a window: with three, a parabola goes through all of them, whatever they are."""

_WIDEST: Final = 0.25
"""Of the curve, on either side: no wider window is tried."""

_GROWTH: Final = 1.25
"""From one window to the next."""

_CREDIBLE: Final = 1.0
"""Standard deviations: half the width of the intervals that must have a place in common."""

_MISFIT: Final = 3.0
"""Standard deviations of chi squared: residuals that are larger are the curve's, not noise."""

_ROUNDING: Final = 8 * float(np.finfo(np.float64).eps)
"""Of the largest value: a flat bottom is no dip because of its last digits."""

_CURVED: Final = 4.0
"""Standard deviations: a curvature that is nearer to zero may be noise."""

_CENTRINGS: Final = 4
"""Times that a window is moved to where its parabola has the vertex."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """
    A parabola that was fitted around the lowest point of a curve.

    Attributes:
        place: Where its vertex is.
        uncertainty: The standard uncertainty of that, by the covariance of the fit.
        depth: Its value there.
        curvature: Its second derivative; above zero.
        window: Half the width of the window, in the unit of the place.
        points: How many points are in it.
        r_squared: The share of their variance that it explains.
    """

    place: float
    uncertainty: float
    depth: float
    curvature: float
    window: float
    points: int
    r_squared: float


def noise_of(values: Numbers) -> float:
    """
    Return the standard deviation of the noise of a curve, whatever its shape.

    A smooth curve has small third differences; noise has some of twenty times its variance. Their
    median is not disturbed by a sharp bend.
    """
    if values.size < FEWEST:
        return 0.0
    half_of_normal = 0.6745  # |x| is smaller in half of all cases
    bends = float(np.median(np.abs(np.diff(values, 3))))
    return bends / half_of_normal / 20**0.5


def lowest_row(values: Numbers) -> int:
    """Return the row of the lowest value; the median of three rows counts, so no lone glitch."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return int(np.argmin(np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)))


def vertex_of(places: Numbers, values: Numbers, start: int, noise: float) -> Vertex | None:
    """
    Fit a parabola around the lowest point of a curve.

    A narrow window is at the mercy of the noise, a wide one of the shape of the curve. So it grows
    as long as its residuals are those of the noise, and all vertices so far agree within their
    uncertainties: the rule of intersecting confidence intervals, Goldenshluger and Nemirovski,
    Math. Methods Statist. 6 (1997) 135.

    Args:
        places: Sorted, each once.
        values: The curve there, of a range near one.
        start: The row near which the lowest point is.
        noise: The standard deviation of the values.

    Returns:
        The parabola of the widest window; None where none is curved upward beyond its noise.
    """
    best: _Fit | None = None
    low, high = -np.inf, np.inf
    centre = float(places[start])
    for window in _windows(places):
        found = _centred(places, values, centre, window, noise)
        if found is None:
            continue
        place = found.vertex.place
        low = max(low, place - _CREDIBLE * found.spread)
        high = min(high, place + _CREDIBLE * found.spread)
        if best is not None and (low > high or not found.fits):
            break
        best, centre = found, place
    return None if best is None else _with_skew(best)


class _Fit(NamedTuple):
    """
    A parabola in one window.

    Attributes:
        vertex: What was found; its uncertainty is that of the noise alone.
        spread: The standard deviation of its place, by the noise that was given.
        fits: The residuals are those of the noise.
        x: Where the points are, in half windows from its middle.
        residuals: What is left of them.
        centre: The middle of the window.
    """

    vertex: Vertex
    spread: float
    fits: bool
    x: Numbers
    residuals: Numbers
    centre: float


def _windows(places: Numbers) -> Iterator[float]:
    """Yield half widths: from two steps up, each as wide as it grows or one step wider."""
    step = float(places[-1] - places[0]) / (places.size - 1)
    steps = FEWEST // 2
    while steps <= max(FEWEST // 2, _WIDEST * places.size):
        yield (steps + 0.25) * step  # a hair's breadth more, for gates that are off the grid
        steps = max(steps + 1, int(steps * _GROWTH))


def _centred(
    places: Numbers, values: Numbers, centre: float, window: float, noise: float
) -> _Fit | None:
    """Return the parabola whose vertex is amid its window."""
    found = None
    for _ in range(_CENTRINGS):
        if (
            centre - window < 2 * places[0] - places[1]
            or centre + window > 2 * places[-1] - places[-2]
        ):
            return None
        found = _fitted(places, values, centre, window, noise)
        if found is None:
            return None
        moved = found.vertex.place - centre
        if abs(moved) <= window / 4:
            return found
        centre += float(np.clip(moved, -window, window))
    return None


def _fitted(
    places: Numbers, values: Numbers, centre: float, window: float, noise: float
) -> _Fit | None:
    first, last = np.searchsorted(places, [centre - window, centre + window])
    x, y = (places[first:last] - centre) / window, values[first:last]
    if x.size < FEWEST or not (window**2):  # it may be too small for its square
        return None
    design = np.vander(x, 3)
    (a, b, c), _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    if rank < 3:
        return None
    residuals = y - design @ (a, b, c)
    squares, total = float(np.sum(residuals**2)), float(np.sum((y - y.mean()) ** 2))
    unscaled = np.linalg.inv(design.T @ design)
    freedom = x.size - 3
    rounding = _ROUNDING * float(np.max(np.abs(y)))
    # Of five points alone, the scatter is often too small.
    variance = max(noise**2, squares / freedom, rounding**2)
    if not total or not a > _CURVED * (variance * unscaled[0, 0]) ** 0.5:
        return None
    slopes = np.array([b / (2 * a * a), -1 / (2 * a), 0.0])  # of the vertex -b/2a by a, b and c
    spread = float(slopes @ unscaled @ slopes) ** 0.5 * window
    vertex = Vertex(
        place=float(centre - b / (2 * a) * window),
        uncertainty=spread * variance**0.5,
        depth=float(c - b * b / (4 * a)),
        curvature=float(2 * a) / window**2,
        window=window,
        points=int(x.size),
        r_squared=1 - squares / total,
    )
    fits = squares <= noise**2 * (freedom + _MISFIT * (2 * freedom) ** 0.5)
    return _Fit(vertex, spread * noise, fits, x, residuals, centre)


def _with_skew(fit: _Fit) -> Vertex:
    """Add by how much the vertex would move if the curve were steeper on one side: a cubic."""
    vertex = fit.vertex
    a = vertex.curvature * vertex.window**2 / 2
    cubic = np.polynomial.Polynomial.fit(fit.x, fit.residuals, 3, domain=[-1, 1])
    at = (vertex.place - fit.centre) / vertex.window
    skew = float(cubic.deriv()(at)) / (2 * a) * vertex.window
    return replace(vertex, uncertainty=float(np.hypot(vertex.uncertainty, skew)))
