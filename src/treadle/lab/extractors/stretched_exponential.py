"""The fit of a stretched exponential to a relaxation, and whether the data tell its time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

import treadle
from treadle.lab.extractors.averaging import in_log_time
from treadle.lab.extractors.projection import Projection, decay_of, log_of
from treadle.lab.extractors.searching import search

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.float64]

FEWEST: Final = 10
"""Points. Four parameters and their scatter are not to be had from fewer."""

POINTS: Final = 400
"""The most points that a fit sees: averages of more rows tell it no more."""

_ROUNDING: Final = 1e-9
"""Of the range of the signal: instruments write seven digits."""

_NAMES: Final = ("base", "amplitude", "tau", "beta")
_NOTHING: Final = np.full((4, 4), np.nan)


@dataclass(frozen=True, slots=True)
class StretchedExponential:
    """
    I(t) = base + amplitude · exp(-((t - origin) / tau) ** beta), fitted to a relaxation.

    Attributes:
        base: Where it leads to, in the unit of the signal.
        amplitude: What it starts from above the base: below zero where the signal rises.
        tau: Its time (s), always above zero.
        beta: How stretched it is: 1 is an exponential. Noise can put it a little above.
        uncertainties: The standard uncertainty of each of these four by its name. It grows where
            neighbouring residuals resemble each other, so that flicker noise and what the model
            misses count.
        r_squared: The share of the variance of the signal, as given, that the curve explains.
        converged: Whether the data tell the time. Where they do not, the numbers are those of
            the best curve that was found, or NaN where none was, and mean nothing.
        reason: Why it has not converged, in few words; empty where it has.
        evaluations: How many curves were tried.
        points: How many points were fitted, after averaging.
        origin: The time at which the relaxation began (s).
        covariance: Of base, amplitude, tau and beta, in this order; shape (4, 4).
    """

    base: float
    amplitude: float
    tau: float
    beta: float
    uncertainties: Mapping[str, float]
    r_squared: float
    converged: bool
    reason: str
    evaluations: int
    points: int
    origin: float = 0.0
    covariance: Numbers = field(default_factory=_NOTHING.copy, repr=False, compare=False)

    def at(self, time: ArrayLike) -> Numbers:
        """
        Return the curve at these times (s), counted as those of the fit were.

        Before the origin it is what it is there: base + amplitude.
        """
        decay, _, _ = decay_of(self._log(time), math.log(self.tau), self.beta)
        return self.base + self.amplitude * decay

    def change(self, start: float, end: float) -> tuple[float, float]:
        """
        Return by how much the curve changes between two times (s), and the uncertainty of that.

        They may lie outside of what was fitted: the uncertainty grows as it should.
        """
        decay, by_log_tau, by_beta = (
            float(values[1] - values[0])
            for values in decay_of(self._log([start, end]), math.log(self.tau), self.beta)
        )
        slopes = np.array(
            [
                0.0,
                decay,
                self.amplitude * by_log_tau / self.tau,
                self.amplitude * by_beta,
            ]
        )
        variance = float(slopes @ self.covariance @ slopes)
        return self.amplitude * decay, math.sqrt(max(variance, 0.0))

    def _log(self, time: ArrayLike) -> Numbers:
        return log_of(np.asarray(time, dtype=np.float64) - self.origin)


def fit_stretched_exponential(
    time: ArrayLike,
    signal: ArrayLike,
    *,
    origin: float | None = None,
    points: int = POINTS,
) -> StretchedExponential:
    """
    Fit a stretched exponential to a relaxation, rising or falling, of whatever size.

    The function is Kohlrausch's (1854), in the form of Williams and Watts (1970). Time and signal
    are normalised, many rows are averaged in bins of equal width in the logarithm of time, and
    tau and beta are found by variable projection (Golub and Pereyra, 1973): for each pair of them
    the best base and amplitude are known, so that only two numbers are searched for, from the best
    places of a coarse grid on, by Levenberg and Marquardt's method (MINPACK, through SciPy).

    The result has ``converged`` where the method came to an end at a minimum, the residuals are
    orthogonal to the curve, tau and beta are not at the ends of what is searched, beta is not
    beyond 1 by more than three standard deviations, tau is known to a fifth, and no other minimum
    does as well. And the curve must be the law of the data, as the time of what is none grows with
    the window: a logarithm of time, which has no time constant, must be worse by more than chance
    allows; and tau and beta must hold for the first quarter and the first eighth of the window,
    whose own fits may be better by no more than chance allows (likelihood ratios: Wilks, 1938).

    Args:
        time: Times (s), in any order; shape (rows,). Rows with NaN, and those before the origin,
            are left out.
        signal: What was measured then, in any unit; shape (rows,).
        origin: The time at which the relaxation began (s). Default: the first time.
        points: Average to at most so many.

    Raises:
        UsageError: *time* and *signal* differ in length, or *points* is too small.

    Example:
        >>> seconds = np.linspace(0, 60, 700)
        >>> fit = fit_stretched_exponential(seconds, 1e-9 - 4e-10 * np.exp(-((seconds / 8) ** 0.6)))
        >>> fit.converged, round(fit.tau, 2), round(fit.beta, 3)
        (True, 8.0, 0.6)
    """
    times, values = np.asarray(time, np.float64), np.asarray(signal, np.float64)
    if times.ndim != 1 or times.shape != values.shape:
        raise treadle.UsageError(
            f"time has the shape {times.shape}, signal {values.shape}",
            hint="give two columns of the same length",
        )
    if points < FEWEST:
        raise treadle.UsageError(f"points={points!r} is too small", hint=f"at least {FEWEST}")
    rows = np.isfinite(times) & np.isfinite(values)
    if origin is None:
        origin = float(np.min(times[rows])) if rows.any() else 0.0
    rows &= times >= origin
    since, values = times[rows] - origin, values[rows]
    order = np.argsort(since, kind="stable")
    since, values = since[order], values[order]
    if np.unique(since).size < FEWEST:
        return _none("fewer than 10 points", origin, since.size)
    low, high = float(values.min()), float(values.max())
    if not high - low > _ROUNDING * max(abs(low), abs(high)):
        return _none("the signal does not change", origin, since.size)

    middle, height, length = (low + high) / 2, high - low, float(since[-1])
    averaged = in_log_time(since / length, (values - middle) / height, points)
    best, reason, evaluations = search(Projection(*averaged))
    unit = np.array([height, height, length * math.exp(best.log_tau), 1.0])
    covariance = best.covariance * np.outer(unit, unit)
    found = StretchedExponential(
        base=middle + height * best.base,
        amplitude=height * best.amplitude,
        tau=float(unit[2]),
        beta=best.beta,
        uncertainties=dict(zip(_NAMES, np.sqrt(np.diag(covariance)).tolist(), strict=True)),
        r_squared=math.nan,
        converged=not reason,
        reason=reason,
        evaluations=evaluations,
        points=averaged[0].size,
        origin=origin,
        covariance=covariance,
    )
    return _with_r_squared(found, since + origin, values)


def _none(reason: str, origin: float, points: int) -> StretchedExponential:
    nan = math.nan
    return StretchedExponential(
        nan, nan, nan, nan, dict.fromkeys(_NAMES, nan), nan, False, reason, 0, points, origin
    )


def _with_r_squared(
    found: StretchedExponential, time: Numbers, signal: Numbers
) -> StretchedExponential:
    height = np.ptp(signal)
    left, spread = (signal - found.at(time)) / height, (signal - signal.mean()) / height
    return replace(found, r_squared=1 - float(left @ left) / float(spread @ spread))
