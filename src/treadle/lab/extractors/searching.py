"""The search for the best stretched exponential, and whether it is the only one, and the law."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from treadle.lab.extractors.averaging import resemblance
from treadle.lab.extractors.projection import Projection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

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

CHANCE: Final = -2 * math.log(math.erfc(_SIGMAS / 2**0.5))
"""By how many variances two parameters more lower the cost by chance: chi squared of two."""

_AVERAGED: Final = 1e-5
"""Of the range of the signal: so much the averages differ from the curve without any noise."""

_FEWEST_OF_PART: Final = 40
"""Points of such a beginning. The scatter of fewer is not known well enough to contradict."""

_UNTOLD: Final = "the data do not tell tau"
_LOGARITHMIC: Final = "a logarithm of time fits as well"
_CONTRADICTED: Final = "the beginning of the window tells another tau"
OTHER_LAWS: Final = (_LOGARITHMIC, _CONTRADICTED)
"""Reasons by which the signal changes otherwise than by a stretched exponential."""

PARAMETERS: Final = 4
"""Base, amplitude, tau and beta."""


class Minimum(NamedTuple):
    """
    The best curve near a start.

    Attributes:
        base: As for the fit, of the normalised problem, and so are the following ones.
        amplitude: See there.
        log_tau: The logarithm of tau.
        beta: See there.
        cost: The sum of squares of its residuals.
        variance: Of a residual, as large as neighbours that resemble each other make it.
        covariance: Of base, amplitude, log(tau) and beta.
        reason: Why it does not tell the time; empty where it does.
    """

    base: float
    amplitude: float
    log_tau: float
    beta: float
    cost: float
    variance: float
    covariance: Numbers
    reason: str


def search(problem: Projection) -> tuple[Minimum, str, int]:
    """
    Return the best minimum, why it does not tell the time, and how many curves were tried.

    Args:
        problem: Normalised: its time ends at 1, its signal has a range of 1.
    """
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


def _profiled(problem: Projection, best: Minimum) -> tuple[Minimum, int]:
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


def _contradicted(problem: Projection, best: Minimum) -> tuple[str, int]:
    """Return why a curve that fits is not the law of the data, if so, and the curves tried."""
    if problem.logarithmic() - best.cost < _SIGMAS**2 * best.variance:
        return _LOGARITHMIC, 0
    at, evaluations = np.array([best.log_tau, math.log(best.beta)]), 0
    for share in _PARTS:
        part = problem.beginning(share)
        if part.signal.size < _FEWEST_OF_PART:
            continue
        of_part, tried, _ = _solve(part.residuals, at, part.jacobian, 1e-4)
        evaluations += tried
        left, of_whole = part.residuals(of_part), part.residuals(at)
        variance = _variance(left) + _AVERAGED**2
        if float(of_whole @ of_whole - left @ left) > CHANCE * variance:
            return _CONTRADICTED, evaluations
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


def _minimum(problem: Projection, at: Numbers, *, ended: bool) -> Minimum:
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
    return Minimum(base, amplitude, log_tau, beta, float(left @ left), variance, covariance, reason)


def _variance(left: Numbers) -> float:
    """Return that of a residual, as large as neighbours that resemble each other make it."""
    degrees = left.size - PARAMETERS
    return (float(left @ left) / degrees + _ROUNDING**2) * resemblance(left, PARAMETERS)


def _is_flat(left: Numbers, slopes: Numbers) -> bool:
    size = float(np.linalg.norm(left))
    if size < _ROUNDING * left.size**0.5:
        return True
    return bool((np.abs(left @ slopes) <= _FLAT * size * np.linalg.norm(slopes, axis=0)).all())


def _rivals(best: Minimum, other: Minimum) -> bool:
    """Tell whether another minimum is no worse than chance allows, and elsewhere."""
    apart = abs(best.log_tau - other.log_tau)
    return (
        other.cost - best.cost < _SIGMAS**2 * best.variance
        and apart > _SIGMAS * float(best.covariance[2, 2]) ** 0.5
        and apart > 1e-3
    )
