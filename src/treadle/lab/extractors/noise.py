"""How much a signal scatters from sample to sample, whatever it does more slowly than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FEWEST: Final = 5
"""Samples without which nothing is told."""

_ONE_SIGMA: Final = 0.6826894921370859
"""The share of a normal distribution that is within one standard deviation of its mean."""


def noise(signal: Numbers) -> float:
    """
    Return the standard deviation of the noise of single samples, in the unit of the signal.

    Taken of the third differences, in which a parabola cancels: those of white noise have a
    variance of 20 times its own (differences of higher order: Hall, Kay and Titterington 1990,
    Biometrika 77, 521). A quantile of their sizes instead of their mean square: the few that an
    edge, a spike or a sharp bend makes do not count.

    Args:
        signal: Samples at about equal distances, without NaN. Of fewer than five nothing can be
            told: 0.
    """
    if len(signal) < FEWEST:
        return 0.0
    return float(np.quantile(np.abs(np.diff(signal, 3)), _ONE_SIGMA)) / 20**0.5
