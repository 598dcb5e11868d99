"""A stretched exponential as a problem of two unknowns: variable projection.

Golub and Pereyra (1973): of the four parameters, base and amplitude are linear. For each pair of
the other two they follow from a regression, so a solver need not search for them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

BETA: Final = (0.1, 1.5)
"""Outside of it a curve is a step in the logarithm of time, or in time: no relaxation."""

SHORTEST: Final = 1e-3
"""The shortest tau that is searched, of the first time."""

LONGEST: Final = 1e2
"""The longest one, of the whole window."""

_BEFORE: Final = 0.05
"""Of the first time: a logarithmic decay that began so early is a straight line in log(time)."""

_AFTER: Final = 3.0
"""Of the window: one that has not begun yet is a straight line in time."""

_LAWS: Final = 40
"""Logarithmic decays that are looked at from the one to the other."""

_NEAR: Final = 7
"""And around the best of them."""

_SOME: Final = 60
"""Points that are enough to find it."""

_UTMOST: Final = 50.0
"""A larger exponent only overflows: exp(-exp(50)) is zero."""

_SAME: Final = 1e-7
"""Of the length of a direction: with less of its own it is a mixture of the others."""


def log_of(time: Numbers) -> Numbers:
    """Return the logarithms of times, which are finite for zero and what is before it."""
    return np.log(np.maximum(time, np.finfo(np.float64).tiny))


def decay_of(log_time: Numbers, log_tau: Any, beta: Any) -> tuple[Numbers, Numbers, Numbers]:
    """Return exp(-(t / tau) ** beta), and its derivatives by log(tau) and by beta."""
    ratio = log_time - log_tau
    power = np.exp(np.minimum(beta * ratio, _UTMOST))
    decay = np.exp(-power)
    slope = power * decay
    return decay, beta * slope, -ratio * slope


class Projection:
    """
    The residuals as a function of log(tau) and log(beta) alone.

    Base and amplitude of a curve are those of the linear regression of the signal on its decay.
    """

    def __init__(self, time: Numbers, signal: Numbers, weights: Numbers) -> None:
        self.log_time: Numbers = log_of(time)
        self.signal, self.weights = signal, weights
        self._share = weights / weights.sum()
        self._root = np.sqrt(weights)
        self._centred = self._root * (signal - self._share @ signal)
        self.first = float(self.log_time[time > 0][0])
        self.lowest = np.array([self.first + math.log(SHORTEST), math.log(BETA[0])])
        self.highest = np.array([math.log(LONGEST), math.log(BETA[1])])
        self._lowest, self._highest = self.lowest.tolist(), self.highest.tolist()

    def residuals(self, at: Numbers) -> Numbers:
        """Return what is left of the signal, each times the root of its weight."""
        log_tau, beta = self.pair(at)
        decay = self._centre(decay_of(self.log_time, log_tau, beta)[0])
        left: Numbers = self._centred - self._amplitude(decay) * decay
        return left

    def jacobian(self, at: Numbers) -> Numbers:
        """Return the derivatives of the residuals: of the projection too, not of the decay only."""
        log_tau, beta = self.pair(at)
        decay, by_log_tau, by_beta = map(self._centre, decay_of(self.log_time, log_tau, beta))
        amplitude, power = self._amplitude(decay), float(decay @ decay) or 1.0
        columns = []
        for slope in (by_log_tau, beta * by_beta):
            change = float(slope @ self._centred - 2 * amplitude * (slope @ decay)) / power
            columns.append(-(change * decay + amplitude * slope))
        return np.column_stack(columns)

    def cost(self, log_tau: Numbers, beta: Numbers) -> Numbers:
        """Return the sums of squares of many curves at once; shape of *log_tau*."""
        decay = decay_of(self.log_time, log_tau[..., None], beta[..., None])[0]
        decay = self._root * (decay - (decay @ self._share)[..., None])
        power = np.sum(decay**2, axis=-1)
        explained = (decay @ self._centred) ** 2 / np.where(power > 0, power, np.inf)
        costs: Numbers = float(self._centred @ self._centred) - explained
        return costs

    def linear(self, at: Numbers) -> tuple[float, float]:
        """Return base and amplitude."""
        decay = decay_of(self.log_time, *self.pair(at))[0]
        amplitude = self._amplitude(self._centre(decay))
        return float(self._share @ self.signal - amplitude * (self._share @ decay)), amplitude

    def thinned(self, most: int) -> Projection:
        """Return the problem with some of its points."""
        some = np.unique(np.linspace(0, self.log_time.size - 1, most).astype(np.int64))
        return Projection(np.exp(self.log_time[some]), self.signal[some], self.weights[some])

    def beginning(self, share: float) -> Projection:
        """Return the problem of this share of the window only: of its beginning."""
        until = int(np.searchsorted(self.log_time, self.log_time[-1] + math.log(share)))
        return Projection(np.exp(self.log_time[:until]), self.signal[:until], self.weights[:until])

    def logarithmic(self) -> float:
        """Return the least sum of squares of a + b · log(1 + t / c): a decay without any time."""
        first, last = self.first + math.log(_BEFORE), math.log(_AFTER)
        log_c, step = np.linspace(first, last, _LAWS, retstep=True)
        near = log_c[self.thinned(_SOME).cost_of_logarithms(log_c).argmin()]
        return float(self.cost_of_logarithms(near + step * np.linspace(-1, 1, _NEAR)).min())

    def cost_of_logarithms(self, log_c: Numbers) -> Numbers:
        """Return the sum of squares for each logarithm of c; shape of *log_c*."""
        law = np.log1p(np.exp(self.log_time - log_c[:, None]))
        law = self._root * (law - (law @ self._share)[:, None])
        explained = (law @ self._centred) ** 2 / np.sum(law**2, axis=1)
        costs: Numbers = float(self._centred @ self._centred) - explained
        return costs

    def slopes(self, at: Numbers) -> Numbers:
        """Return the weighted derivatives of the curve by base, amplitude, log(tau) and beta."""
        decay, by_log_tau, by_beta = decay_of(self.log_time, *self.pair(at))
        _, amplitude = self.linear(at)
        ones = np.ones_like(decay)
        columns = [ones, decay, amplitude * by_log_tau, amplitude * by_beta]
        slopes: Numbers = self._root[:, None] * np.column_stack(columns)
        return slopes

    def covariance(self, at: Numbers, variance: float) -> Numbers:
        """
        Return the covariance of base, amplitude, log(tau) and beta; NaN where they are not apart.

        Args:
            at: The minimum.
            variance: Of a residual.
        """
        slopes = self.slopes(at)
        sizes = np.linalg.norm(slopes, axis=0)
        triangle = np.linalg.qr(slopes / np.where(sizes > 0, sizes, 1.0))[1]
        if np.abs(np.diag(triangle)).min() < _SAME:
            return np.full((4, 4), np.nan)
        inverse = np.linalg.inv(triangle) / sizes[:, None]
        spread: Numbers = variance * (inverse @ inverse.T)
        return spread

    def pair(self, at: Numbers) -> tuple[float, float]:
        """Return log(tau) and beta."""
        # Beyond the ends nothing changes, so the search ends there, and is told by where it is.
        (low, lowest), (high, highest) = self._lowest, self._highest
        log_tau, log_beta = at.tolist()  # of two numbers plain ones are faster than arrays
        return min(max(log_tau, low), high), math.exp(min(max(log_beta, lowest), highest))

    def _centre(self, values: Numbers) -> Numbers:
        centred: Numbers = self._root * (values - self._share @ values)
        return centred

    def _amplitude(self, decay: Numbers) -> float:
        return float(decay @ self._centred) / (float(decay @ decay) or 1.0)
