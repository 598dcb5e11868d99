"""Least squares of powers of the voltage, and which points of a run go into which fit.

Two models of I(V):

- odd powers without a constant, I = a1 V + a3 V^3 + …, of single runs. A device that is the same
  for both polarities has no others (a tunnel junction, for one: J. G. Simmons, J. Appl. Phys. 34,
  1793 (1963)); an offset of the meter is not in the model and shows in the residuals;
- all powers with a constant, of the means of many runs.

The coefficients are those of linear least squares with equal weights. Voltages and currents are
scaled to 1 and the columns to the same length, so that neither V^7 of millivolts nor a current of
femtoamperes costs digits. The covariance is s² (XᵀX)⁻¹ with s² = Σr²/(n - number of coefficients)
(W. H. Press et al., Numerical Recipes, 3rd ed., 15.4).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from treadle.lab.extraction.model import Undetermined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Mask = NDArray[np.bool_]

NEAR_ZERO: Final = 0.2
"""``near_zero`` are the points up to this part of the run's largest |V|, unless it is given."""

RUNS_DIFFER: Final = "RUNS_DIFFER"
"""The slopes of runs that are averaged differ by more than a tenth: see their uncertainty."""

DIFFERENT: Final = 0.1
"""From this part of the slope on, runs are said to differ."""

_SIGNIFICANT: Final = 3.0  # errors; below, 1/slope has no useful error, and may have any sign
_NO_SCATTER: Final = 1e-30  # of scaled currents, squared: that of a mean of equal numbers


@dataclass(frozen=True, slots=True)
class Fit:
    """
    A sum of powers of the voltage.

    Attributes:
        powers: The powers.
        coefficients: Of each power, in A/V^power.
        covariance: Of the coefficients; NaN where there are no more points than coefficients.
        r_squared: 1 - Σr²/Σ(I - mean)²; None where the current is constant. Without a constant in
            the model it can be negative.
        rmse: √(Σr²/n), in A.
        mae: Σ|r|/n, in A.
        n_points: How many points were fitted.
    """

    powers: tuple[int, ...]
    coefficients: Numbers
    covariance: Numbers
    r_squared: float | None
    rmse: float
    mae: float
    n_points: int

    @property
    def errors(self) -> Numbers:
        """Standard errors of the coefficients."""
        return np.sqrt(np.diagonal(self.covariance))

    def __call__(self, voltage: Numbers) -> Numbers:
        """Return the current at these voltages."""
        current: Numbers = _columns(voltage, self.powers) @ self.coefficients
        return current

    def sigma(self, voltage: Numbers) -> Numbers:
        """Return the standard error of the fitted curve at these voltages."""
        columns = _columns(voltage, self.powers)
        variance: Numbers = np.einsum("ij,jk,ik->i", columns, self.covariance, columns)
        sigma: Numbers = np.sqrt(variance.clip(0))
        return sigma


def odd_fit(voltage: Numbers, current: Numbers, order: int) -> Fit:
    """
    Fit odd powers up to *order*, without a constant.

    Args:
        voltage: In V; finite.
        current: In A; finite.
        order: 1, 3, 5 …

    Raises:
        Undetermined: There are fewer points than order + 1, or too few different voltages.
    """
    return _fitted(voltage, current, tuple(range(1, order + 1, 2)), order + 1)


def polynomial_fit(voltage: Numbers, current: Numbers, order: int) -> Fit:
    """
    Fit all powers up to *order*, with a constant.

    Args:
        voltage: In V; finite.
        current: In A; finite.
        order: 1 for a line.

    Raises:
        Undetermined: There are fewer points than order + 2, which leave nothing over to judge the
            fit by; or too few different voltages.
    """
    return _fitted(voltage, current, tuple(range(order + 1)), order + 2)


def resistance(slope: float, error: float, scatter: float | None = None) -> tuple[float, float]:
    """
    Return 1/slope and its standard uncertainty, both in Ω.

    The uncertainty is that of the line and of the mean of several runs together, over slope².

    Args:
        slope: In A/V.
        error: Its standard error.
        scatter: The standard error of the mean slope of several runs, see :func:`slopes`; None
            where there is only one.

    Raises:
        Undetermined: The slope is not three errors away from zero: its inverse may be anything.
    """
    if not abs(slope) > _SIGNIFICANT * error:
        raise Undetermined(
            "the slope is lost in the noise",
            hint="an open circuit, or a current range too wide for it",
        )
    return 1 / slope, math.hypot(error, scatter or 0.0) / slope**2


class Slopes(NamedTuple):
    """
    The slopes of several runs.

    Attributes:
        std: Their standard deviation (n - 1), in A/V.
        error: ... of their mean.
    """

    std: float
    error: float


def slopes(branches: Iterable[tuple[Numbers, Numbers]]) -> Slopes | None:
    """
    Return how much the slopes of runs differ; None where fewer than two of them have one.

    Args:
        branches: Voltage and current of each run.
    """
    found = []
    for voltage, current in branches:
        try:
            found.append(float(polynomial_fit(voltage, current, 1).coefficients[1]))
        except Undetermined:
            continue  # a run of one or two points has no slope to differ by
    if len(found) < 2:
        return None
    std = float(np.std(found, ddof=1))
    return Slopes(std, std / math.sqrt(len(found)))


class Sweep(NamedTuple):
    """
    The points of one run that are in a segment and have a current.

    Attributes:
        voltage: In V.
        current: In A.
        segment: The id of each point's segment.
        is_return: Whether that goes towards zero.
    """

    voltage: Numbers
    current: Numbers
    segment: NDArray[np.int64]
    is_return: Mask


class Choice(NamedTuple):
    """
    Points that are fitted together.

    Attributes:
        strategy: Which points of a run are fitted, see :func:`choices`.
        segment: The segment, where it is a single one.
        points: Which points.
    """

    strategy: str
    segment: int | None
    points: Mask


def choices(sweep: Sweep, near_zero: float | None = None) -> Iterator[Choice]:
    """
    Yield the points to be fitted, for each strategy.

    ``individual``: each return segment by itself; ``all``: all of them together; ``near_zero``,
    ``negative`` and ``positive``: those of their points with |V| up to *near_zero*, V < 0 and
    V > 0; ``forward``: all forward segments, for comparison. A strategy without points is there,
    too: once, with none.

    Args:
        sweep: The run.
        near_zero: In V; None for a fifth of the largest |V| in it.
    """
    voltage, back = sweep.voltage, sweep.is_return
    if near_zero is None:
        near_zero = NEAR_ZERO * float(np.max(np.abs(voltage), initial=0.0))
    ids = np.unique(sweep.segment[back]).tolist()
    for each in ids:
        yield Choice("individual", each, back & (sweep.segment == each))
    if not ids:
        yield Choice("individual", None, back)
    yield Choice("all", None, back)
    yield Choice("near_zero", None, back & (np.abs(voltage) <= near_zero))
    yield Choice("forward", None, ~back)
    yield Choice("negative", None, back & (voltage < 0))
    yield Choice("positive", None, back & (voltage > 0))


def _columns(voltage: Numbers, powers: Sequence[int]) -> Numbers:
    columns: Numbers = np.power.outer(voltage, np.asarray(powers, dtype=np.float64))
    return columns


def _fitted(voltage: Numbers, current: Numbers, powers: tuple[int, ...], needed: int) -> Fit:
    count = voltage.size
    if not count:
        raise Undetermined("no points")
    if count < needed:
        raise Undetermined("too few points for the order")
    volts, amperes = _largest(voltage), _largest(current)
    wanted = current / amperes
    columns = _columns(voltage / volts, powers)
    lengths = np.linalg.norm(columns, axis=0)
    if not lengths.all():
        raise Undetermined("too few different voltages for the order")
    left, singular, right = np.linalg.svd(columns / lengths, full_matrices=False)
    if singular[-1] <= singular[0] * count * np.finfo(np.float64).eps:
        raise Undetermined("too few different voltages for the order")
    spread = right.T / singular
    coefficients = spread @ (left.T @ wanted) / lengths
    rest = wanted - columns @ coefficients
    unit = amperes / volts ** np.asarray(powers, dtype=np.float64)
    over = count - len(powers)
    variance = float(rest @ rest) / over if over else np.nan
    error = spread * (unit / lengths)[:, np.newaxis]
    scatter = float(np.sum((wanted - wanted.mean()) ** 2))
    return Fit(
        powers,
        coefficients * unit,
        variance * (error @ error.T),
        None if scatter <= _NO_SCATTER * count else 1 - float(rest @ rest) / scatter,
        amperes * float(np.sqrt(np.mean(rest**2))),
        amperes * float(np.mean(np.abs(rest))),
        count,
    )


def _largest(numbers: Numbers) -> float:
    return float(np.max(np.abs(numbers))) or 1.0
