"""The fit of a stretched exponential to a relaxation, and whether the data tell its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

import treadle
from treadle.lab.extractors.averaging import in_log_time, resemblance
from treadle.lab.extractors.projection import Projection, decay_of, log_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.float64]

FEWEST: Final = 10
"""Points. Four parameters and their scatter are not to be had from fewer."""

POINTS: Final = 400
"""The most points that a fit sees: averages of more rows tell it no more."""

LARGEST_UNCERTAINTY: Final = 0.2
"""Of tau. Where the data tell it less well than that they do not tell it."""

_SIGMAS: Final = 3.0
"""What differs by fewer standard deviations may be the same."""

_STRAIGHT: Final = 0.02
"""Of tau. Over so small an uncertainty every valley is as good as straight."""

_FLAT: Final = 1e-3
"""Cosine between the residuals and a direction of the curve: at a minimum they are orthogonal."""

_GRID: Final = (14, 5)
"""Times and exponents that are looked at for a start."""

_SOME: Final = 60
"""Points that are enough for that."""

_STARTS: Final = 3
"""The most starts."""

_EVALUATIONS: Final = 200
"""The most curves that are tried from one start; some ten are usual."""

_ENDED: Final = (1, 2, 3, 4)
"""How MINPACK says that it came to an end at a minimum: by one of its tolerances."""

_ROUNDING: Final = 1e-9
"""Of the range of the signal: instruments write seven digits."""

_PARTS: Final = (1 / 4, 1 / 8)
"""Of the window: what the whole tells, its beginning must not contradict."""

_CHANCE: Final = -2 * math.log(math.erfc(_SIGMAS / 2**0.5))
"""By how many variances two parameters more lower the cost by chance: chi squared of two."""

_AVERAGED: Final = 1e-5
"""Of the range of the signal: so much the averages differ from the curve without any noise."""

_FEWEST_OF_PART: Final = 40
"""Points of such a beginning. The scatter of fewer is not known well enough to contradict."""

_UNTOLD: Final = "the data do not tell tau"
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
    beyond 1 by more than three standard deviations, tau is known to
    :data:`LARGEST_UNCERTAINTY`, and no other minimum does as well. A logarithm of time, which has
    no time constant, must be worse by more than chance allows; and tau and beta must hold for the
    first quarter and the first eighth of the window alone, whose own fit may be better by as much
    as chance allows (likelihood ratios: Wilks, 1938): the time of what is no stretched exponential
    grows with the window.

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
    best, reason, evaluations = _search(Projection(*averaged))
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


# --- the search ----------------------------------------------------------------------------------


class _Minimum(NamedTuple):
    base: float
    amplitude: float
    log_tau: float
    beta: float
    cost: float
    variance: float
    covariance: Numbers
    reason: str


def _search(problem: Projection) -> tuple[_Minimum, str, int]:
    """Return the best minimum, why it does not tell the time, and how many curves were tried."""
    minima, evaluations = [], 0
    for start in _starts(problem):
        at, tried, ended = _solve(problem.residuals, start, problem.jacobian, 1e-8)
        evaluations += tried
        minima.append(_minimum(problem, at, ended=ended))
    best, *others = sorted(minima, key=lambda minimum: minimum.cost)
    if not best.reason and any(_rivals(best, other) for other in others):
        return best, "two different curves fit as well", evaluations
    if not best.reason:
        best, more = _profiled(problem, best)
        evaluations += more
    if not best.reason:
        reason, more = _contradicted(problem, best)
        return best, reason, evaluations + more
    return best, best.reason, evaluations


def _solve(
    residuals: Callable[[Numbers], Numbers],
    start: Numbers,
    jacobian: Callable[[Numbers], Numbers],
    tolerance: float,
) -> tuple[Numbers, int, bool]:
    """Return a minimum, how many curves were tried for it, and whether the search ended there."""
    # `leastsq` and not `least_squares`, whose preparations take longer than the search itself.
    from scipy.optimize import leastsq

    # It makes a covariance too, which overflows where a direction is flat, and is not used here.
    with np.errstate(over="ignore", invalid="ignore"):
        found, _, told, _, status = leastsq(
            residuals,
            start,
            Dfun=jacobian,
            full_output=True,
            ftol=tolerance,
            xtol=tolerance,
            gtol=tolerance,
            maxfev=_EVALUATIONS,
        )
    return found, int(told["nfev"]), status in _ENDED


def _profiled(problem: Projection, best: _Minimum) -> tuple[_Minimum, int]:
    """
    Widen the uncertainty of tau to what the data say at three standard deviations from it.

    The covariance is that of a plane at the minimum. Where the valley is bent, as it is in windows
    not longer than tau, curves far away fit better than the plane tells.
    """
    variance = float(best.covariance[2, 2])
    if variance <= _STRAIGHT**2:
        return best, 0
    step, evaluations, widest = _SIGMAS * variance**0.5, 0, 1.0
    for away in (-step, step):
        log_tau = best.log_tau + away
        guess = math.log(max(best.beta + away * float(best.covariance[2, 3]) / variance, 0.15))
        residuals = partial(_residuals, problem, log_tau)
        jacobian = partial(_jacobian, problem, log_tau)
        at, tried, _ = _solve(residuals, np.array([guess]), jacobian, 1e-4)
        evaluations += tried
        worse = (float(np.sum(residuals(at) ** 2)) - best.cost) / best.variance
        widest = max(widest, _SIGMAS**2 / max(worse, 1e-9))
    covariance = best.covariance * widest
    reason = "" if covariance[2, 2] <= LARGEST_UNCERTAINTY**2 else _UNTOLD
    return best._replace(covariance=covariance, reason=reason), evaluations


def _contradicted(problem: Projection, best: _Minimum) -> tuple[str, int]:
    """Return why a curve that fits is not the law of the data, if so, and the curves tried."""
    if problem.logarithmic() - best.cost < _SIGMAS**2 * best.variance:
        return "a logarithm of time fits as well", 0
    at, evaluations = np.array([best.log_tau, math.log(best.beta)]), 0
    for share in _PARTS:
        part = problem.beginning(share)
        if part.signal.size < _FEWEST_OF_PART:
            continue
        of_part, tried, _ = _solve(part.residuals, at, part.jacobian, 1e-4)
        evaluations += tried
        left, of_whole = part.residuals(of_part), part.residuals(at)
        variance = _variance(left) + _AVERAGED**2
        if float(of_whole @ of_whole - left @ left) > _CHANCE * variance:
            return "the beginning of the window tells another tau", evaluations
    return "", evaluations


def _residuals(problem: Projection, log_tau: float, log_beta: Numbers) -> Numbers:
    return problem.residuals(np.array([log_tau, log_beta[0]]))


def _jacobian(problem: Projection, log_tau: float, log_beta: Numbers) -> Numbers:
    return problem.jacobian(np.array([log_tau, log_beta[0]]))[:, 1:]


def _starts(problem: Projection) -> list[Numbers]:
    """Return the local minima of a coarse grid, the best ones first."""
    log_tau, beta = np.meshgrid(
        np.linspace(problem.first, math.log(3.0), _GRID[0]),
        np.linspace(0.3, 1.1, _GRID[1]),
        indexing="ij",
    )
    some = problem.thinned(_SOME)
    cost = some.cost(log_tau, beta)
    padded = np.pad(cost, 1, constant_values=np.inf)
    around = np.min(
        [
            padded[1 + i : padded.shape[0] - 1 + i, 1 + j : padded.shape[1] - 1 + j]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if (i, j) != (0, 0)
        ],
        axis=0,
    )
    places = np.flatnonzero(cost <= around)
    places = places[np.argsort(cost.flat[places], kind="stable")][:_STARTS]
    return [np.array([log_tau.flat[k], math.log(beta.flat[k])]) for k in places]


def _minimum(problem: Projection, at: Numbers, *, ended: bool) -> _Minimum:
    left = problem.residuals(at)
    variance = _variance(left)
    covariance = problem.covariance(at, variance)
    base, amplitude = problem.linear(at)
    log_tau, beta = problem.pair(at)
    uncertainty = np.sqrt(np.diag(covariance))
    reason = ""
    # Beyond the ends nothing changes: a search that stands still there has found no minimum.
    if (at <= problem.lowest).any() or (at >= problem.highest).any():
        reason = "no minimum within the range of tau and beta"
    elif not ended or not _is_flat(left, problem.slopes(at)):
        reason = "the search did not come to an end"
    elif not uncertainty[2] <= LARGEST_UNCERTAINTY:
        reason = _UNTOLD
    elif beta > 1 + _SIGMAS * uncertainty[3]:
        reason = "it ends faster than an exponential"
    return _Minimum(
        base, amplitude, log_tau, beta, float(left @ left), variance, covariance, reason
    )


def _variance(left: Numbers) -> float:
    """Return that of a residual, as large as neighbours that resemble each other make it."""
    degrees = left.size - len(_NAMES)
    return (float(left @ left) / degrees + _ROUNDING**2) * resemblance(left, len(_NAMES))


def _is_flat(left: Numbers, slopes: Numbers) -> bool:
    size = float(np.linalg.norm(left))
    if size < _ROUNDING * left.size**0.5:
        return True
    return bool((np.abs(left @ slopes) <= _FLAT * size * np.linalg.norm(slopes, axis=0)).all())


def _rivals(best: _Minimum, other: _Minimum) -> bool:
    """Tell whether another minimum is no worse than chance allows, and elsewhere."""
    apart = abs(best.log_tau - other.log_tau)
    return (
        other.cost - best.cost < _SIGMAS**2 * best.variance
        and apart > _SIGMAS * float(best.covariance[2, 2]) ** 0.5
        and apart > 1e-3
    )
