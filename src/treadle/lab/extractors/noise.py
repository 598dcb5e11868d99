"""How much a signal scatters from sample to sample, whatever it does more slowly than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_ONE_SIGMA: Final = (0.15865525393145707, 0.8413447460685429)
"""The quantiles of a normal distribution at one standard deviation below and above its mean."""


def noise(signal: Numbers) -> float:
    """
    Return the standard deviation of the noise of single samples, in the unit of the signal.

    Taken of the second differences x[i-1] - 2 x[i] + x[i+1], in which steady drift cancels: that
    of white noise has a variance of 6 times its own (Gasser, Sroka and Jennen-Steinmetz 1986,
    Biometrika 73, 625). Their quantiles instead of their mean square: the few that an edge or a
    spike makes do not count.

    Args:
        signal: Samples at about equal distances in time, without NaN. Of fewer than three nothing
            can be told: 0.
    """
    if len(signal) < 3:
        return 0.0
    low, high = np.quantile(np.diff(signal, 2), _ONE_SIGMA)
    return float(high - low) / 2 / 6**0.5
