"""The lowest point of a noisy curve: a parabola or a cubic, as wide as the data allow."""

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

FEW: Final = 20
"""Points of a curve. With fewer, a quarter of them tells nothing: windows may hold all of them."""

_GROWTH: Final = 1.4
"""From one window to the next."""

_CREDIBLE: Final = 1.0
"""Standard deviations: half the width of the intervals that must have a place in common."""

_MISFIT: Final = 3.0
"""Standard deviations of chi squared: residuals that are larger are the curve's, not noise."""

_ROUNDING: Final = 8 * float(np.finfo(np.float64).eps)
"""Of the largest value: a flat bottom is no dip because of its last digits."""

_CURVED: Final = 4.0
"""Standard deviations: a curvature that is nearer to zero may be noise."""

_SKEWED: Final = 2.0
"""Standard deviations: a cubic term that is nearer to zero would only add its noise."""

_CENTRINGS: Final = 4
"""Times that a window is moved to where its polynomial has the vertex."""

_HINGES: Final = 8
"""Times that the hinge of two half parabolas is moved to where they have the vertex."""

_FAR: Final = 0.9
"""Half windows from the middle: a hinge beyond has too few points on one side."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """
    A polynomial that was fitted around the lowest point of a curve.

    Attributes:
        place: Where its minimum is.
        uncertainty: The standard uncertainty of that: by the covariance of the fit, and by how much
            another shape would move it.
        depth: Its value there.
        curvature: Its second derivative there; above zero.
        window: Half the width of the window, in the unit of the place.
        points: How many points are in it.
        r_squared: The share of their variance that it explains.
        is_skewed: It is a cubic: the curve is steeper on one side. Else a parabola.
    """

    place: float
    uncertainty: float
    depth: float
    curvature: float
    window: float
    points: int
    r_squared: float
    is_skewed: bool


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


def is_noise(squares: float, freedom: int, noise: float) -> bool:
    """
    Tell whether residuals are those of noise, by chi squared; else the curve has another shape.

    Args:
        squares: The sum of the squares of the residuals.
        freedom: The points less the parameters of the fit.
        noise: The standard deviation of the noise.
    """
    usual: float = freedom + _MISFIT * (2 * freedom) ** 0.5
    return squares <= noise**2 * usual


def lowest_row(values: Numbers) -> int:
    """Return the row of the lowest value; the median of three rows counts, so no lone glitch."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    low, high = np.minimum(padded[:-2], padded[2:]), np.maximum(padded[:-2], padded[2:])
    return int(np.argmin(np.clip(padded[1:-1], low, high)))  # that is the median of three


class Polynomial(NamedTuple):
    """
    A polynomial that fits some points best.

    Attributes:
        coefficients: Of the powers 0, 1, 2 ...
        covariance: Of the coefficients, for points of noise one.
        residuals: The points less the polynomial.
        squares: The sum of the squares of the residuals.
        freedom: The points less the coefficients.
    """

    coefficients: Numbers
    covariance: Numbers
    residuals: Numbers
    squares: float
    freedom: int


def polynomial(columns: list[Numbers], values: Numbers) -> Polynomial | None:
    """
    Fit by the normal equations, which a few columns of a range near one allow and are quick.

    Args:
        columns: The powers of the place: of a range near one.
        values: What to fit.

    Returns:
        The fit; None where the points do not tell all coefficients.
    """
    design = np.stack(columns)
    try:
        covariance = np.linalg.inv(design @ design.T).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return None
    coefficients = covariance @ (design @ values)
    residuals = values - coefficients @ design
    squares = float(residuals @ residuals)
    return Polynomial(coefficients, covariance, residuals, squares, values.size - len(columns))


def powers(x: Numbers, degree: int) -> list[Numbers]:
    """Return 1, x, x^2 ... up to that degree."""
    columns = [np.ones_like(x)]
    for _ in range(degree):
        columns.append(columns[-1] * x)
    return columns


def vertex_of(places: Numbers, values: Numbers, start: int, noise: float) -> Vertex | None:
    """
    Fit a parabola around the lowest point of a curve, or a cubic where the curve is skewed.

    A narrow window is at the mercy of the noise, a wide one of the shape of the curve. So it grows
    as long as its residuals are those of the noise, and all vertices so far agree within their
    uncertainties: the rule of intersecting confidence intervals, Goldenshluger and Nemirovski,
    Math. Methods Statist. 6 (1997) 135.

    The vertex of a parabola moves to the flat side of a curve that is steeper on the other. From
    its window on, a cubic is grown by the same rule. Where its third coefficient is significant, it
    gives the place, together with two half parabolas that meet at their vertex: the curvature of
    the one changes steadily, that of the other at once, and a real curve is in between. The place
    is in the middle of both, and half their distance joins the uncertainty.

    Args:
        places: Sorted, each once.
        values: The curve there, of a range near one.
        start: The row near which the lowest point is.
        noise: The standard deviation of the values.

    Returns:
        The fit of the widest window; None where none is curved upward beyond its noise.
    """
    curve = _Curve(places, values, noise)
    parabola = _grown(curve, float(places[start]), 2, 0.0)
    if parabola is None:
        return None
    cubic = _grown(curve, parabola.vertex.place, 3, parabola.vertex.window)
    if cubic is None or abs(cubic.skew) < _SKEWED:
        return _with_skew(parabola)
    return _with_halves(cubic, parabola.vertex.place)


class _Curve(NamedTuple):
    """What is looked at: places, values and the noise of the values."""

    places: Numbers
    values: Numbers
    noise: float

    def windows(self, narrowest: float) -> Iterator[float]:
        """Yield half widths: from two steps up, each as wide as it grows or one step wider."""
        size = self.places.size
        step = float(self.places[-1] - self.places[0]) / (size - 1)
        steps = FEWEST // 2
        widest = max(FEWEST // 2, (_WIDEST if size >= FEW else 0.5) * size)
        while steps <= widest:
            window = (steps + 0.25) * step  # a hair's breadth more, for gates that are off the grid
            if window >= narrowest:
                yield window
            steps = max(steps + 1, int(steps * _GROWTH))

    def has(self, centre: float, window: float) -> bool:
        """Whether the window is all on the curve, or one point beyond it."""
        low = float(2 * self.places[0] - self.places[1])
        high = float(2 * self.places[-1] - self.places[-2])
        return low <= centre - window and centre + window <= high

    def cut(self, centre: float, window: float) -> tuple[Numbers, Numbers]:
        """Return the points in the window; places in half windows from its middle."""
        first, last = np.searchsorted(self.places, [centre - window, centre + window])
        return (self.places[first:last] - centre) / window, self.values[first:last]


class _Fit(NamedTuple):
    """
    A polynomial in one window.

    Attributes:
        vertex: What was found; its uncertainty is that of the noise alone.
        spread: The standard deviation of its place, by the noise that was given.
        fits: The residuals are those of the noise.
        skew: The third coefficient, in its standard deviations; zero of a parabola.
        x: Where the points are, in half windows from its middle.
        y: Their values.
        centre: The middle of the window.
    """

    vertex: Vertex
    spread: float
    fits: bool
    skew: float
    x: Numbers
    y: Numbers
    centre: float


def _grown(curve: _Curve, centre: float, degree: int, narrowest: float) -> _Fit | None:
    """Return the polynomial in the widest window that fits and agrees with all narrower ones."""
    best: _Fit | None = None
    low, high = -np.inf, np.inf
    for window in curve.windows(narrowest):
        found = _centred(curve, centre, window, degree)
        if found is None:
            continue
        place = found.vertex.place
        low = max(low, place - _CREDIBLE * found.spread)
        high = min(high, place + _CREDIBLE * found.spread)
        if best is not None and (low > high or not found.fits):
            break
        best, centre = found, place
    return best


def _centred(curve: _Curve, centre: float, window: float, degree: int) -> _Fit | None:
    """Return the polynomial whose vertex is amid its window."""
    for _ in range(_CENTRINGS):
        if not curve.has(centre, window):
            return None
        found = _fitted(curve, centre, window, degree)
        if found is None:
            return None
        moved = found.vertex.place - centre
        if abs(moved) <= window / 4:
            return found
        centre += float(np.clip(moved, -window, window))
    return None


def _fitted(curve: _Curve, centre: float, window: float, degree: int) -> _Fit | None:
    x, y = curve.cut(centre, window)
    if x.size < degree + 3 or not (window**2):  # it may be too small for its square
        return None
    fit = polynomial(powers(x, degree), y)
    if fit is None:
        return None
    middle = y - y.mean()
    total = float(middle @ middle)
    rounding = _ROUNDING * float(np.max(np.abs(y)))
    # Of five points alone, the scatter is often too small.
    variance = max(curve.noise**2, fit.squares / fit.freedom, rounding**2)
    c, b, a, d = (*fit.coefficients.tolist(), 0.0)[:4]
    if not total or not a > _CURVED * (variance * fit.covariance[2, 2]) ** 0.5:
        return None
    root = a * a - 3 * b * d
    if root <= 0:  # a cubic without a minimum
        return None
    at = -b / (a + root**0.5)
    bend = 2 * root**0.5  # the second derivative there
    slope = np.array([0.0, 1.0, 2 * at, 3 * at * at])[: degree + 1]  # there, by each coefficient
    spread = float(slope @ fit.covariance @ slope) ** 0.5 / bend * window
    vertex = Vertex(
        place=centre + at * window,
        uncertainty=spread * variance**0.5,
        depth=c + at * (b + at * (a + at * d)),
        curvature=bend / window**2,
        window=window,
        points=int(x.size),
        r_squared=1 - fit.squares / total,
        is_skewed=degree > 2,
    )
    skew = d / (variance * float(fit.covariance[3, 3])) ** 0.5 if degree > 2 else 0.0
    fits = is_noise(fit.squares, fit.freedom, curve.noise)
    return _Fit(vertex, spread * curve.noise, fits, skew, x, y, centre)


def _with_skew(fit: _Fit) -> Vertex:
    """Add by how much the vertex would move if the curve were steeper on one side: a cubic."""
    vertex = fit.vertex
    cubic = polynomial(powers(fit.x, 3), fit.y)
    if cubic is None:
        return vertex
    _, b, a, d = cubic.coefficients.tolist()
    at = (vertex.place - fit.centre) / vertex.window
    skew = (b + at * (2 * a + at * 3 * d)) / vertex.curvature / vertex.window
    return replace(vertex, uncertainty=float(np.hypot(vertex.uncertainty, skew)))


def _with_halves(fit: _Fit, of_parabola: float) -> Vertex:
    """Go half the way from the vertex of a cubic to that of two half parabolas."""
    vertex = fit.vertex
    hinge = _hinge(fit)
    if hinge is None:  # the parabola is the other shape then
        away = of_parabola - vertex.place
        return replace(vertex, uncertainty=float(np.hypot(vertex.uncertainty, away)))
    away = fit.centre + hinge * vertex.window - vertex.place
    return replace(
        vertex,
        place=vertex.place + away / 2,
        uncertainty=float(np.hypot(vertex.uncertainty, away / 2)),
    )


def _hinge(fit: _Fit) -> float | None:
    """Return where two half parabolas of one value and slope zero meet, in half windows."""
    hinge = (fit.vertex.place - fit.centre) / fit.vertex.window
    for _ in range(_HINGES):
        x = fit.x - hinge
        halves = polynomial([*powers(x, 2), x * np.abs(x)], fit.y)
        if halves is None:
            return None
        _, slope, mean, half_of_jump = halves.coefficients.tolist()
        if mean <= 0:
            return None
        curvature = mean + (half_of_jump if slope < 0 else -half_of_jump)
        moved = float(np.clip(-slope / 2 / (curvature if curvature > 0 else mean), -0.3, 0.3))
        hinge += moved
        if abs(hinge) > _FAR:
            return None
        if abs(moved) < 1e-3:
            return hinge
    return None
