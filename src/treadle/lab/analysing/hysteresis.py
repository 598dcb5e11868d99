"""How much more current flows on the way out than on the way back.

Three ways to take I_hyst(V) = I_forward(V) - I_return(V): raw, of the means at the same rounded
voltage; aligned, with the return taken at the true voltage of the forward branch; and against a
polynomial through the return, which the noise of single points does not touch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from treadle.lab.analysing.fits import Fit
from treadle.lab.analysing.statistics import Means
from treadle.lab.extraction.model import Undetermined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

RAW: Final = "raw"
"""The method that takes one mean from the other."""

ALIGNED: Final = "aligned"
"""... at the very same voltage; further methods are called after their polynomial: ``poly3``."""


class Hysteresis(NamedTuple):
    """
    Forward less return, by voltage.

    Attributes:
        voltage: Rounded, rising, in V.
        current: In A.
        sigma: Its standard deviation, in A; NaN where a voltage was measured only once, or only
            by one run.
        shift: By how much the true voltage of the return lies above that of the forward branch,
            in V; 0 but for the raw one.
    """

    voltage: Numbers
    current: Numbers
    sigma: Numbers
    shift: Numbers


def raw(forward: Means, back: Means) -> Hysteresis:
    """
    Take the means of the return from those of the forward branch, where both are.

    The deviation is the root of the sum of their variances. The two voltages may differ by as
    much as was rounded; through a conductance G that alone makes G times the shift.

    Raises:
        Undetermined: No voltage is in both.
    """
    _, of_forward, of_back = np.intersect1d(
        forward.place, back.place, assume_unique=True, return_indices=True
    )
    if not of_forward.size:
        raise Undetermined("no voltage is in both branches")
    return Hysteresis(
        forward.voltage[of_forward],
        forward.mean[of_forward] - back.mean[of_back],
        np.hypot(forward.std[of_forward], back.std[of_back]),
        back.true_voltage[of_back] - forward.true_voltage[of_forward],
    )


def aligned(forward: Means, back: Means) -> Hysteresis:
    """
    Take the return at the voltages of the forward branch: between its means, along a straight line.

    An instrument that goes out by -0.0505 V and back by -0.05 V shows G times 0.5 mV of hysteresis
    where there is none; this does not. Only voltages within the range of the return are there.

    Args:
        forward: The means on the way out; some.
        back: ... on the way back; some.

    Raises:
        Undetermined: There is none.
    """
    at = forward.true_voltage
    within = (at >= back.true_voltage[0]) & (at <= back.true_voltage[-1])
    if not within.any():
        raise Undetermined("no voltage is in both branches")
    current = np.interp(at[within], back.true_voltage, back.mean)
    sigma = np.interp(at[within], back.true_voltage, back.std)
    return Hysteresis(
        forward.voltage[within],
        forward.mean[within] - current,
        np.hypot(forward.std[within], sigma),
        np.zeros(int(within.sum())),
    )


def against(forward: Means, fit: Fit) -> Hysteresis:
    """
    Take a curve through the return from the means of the forward branch.

    The curve is taken at the true voltages. The deviation is the root of the variance of
    the forward currents and the squared standard error of the curve there.
    """
    return Hysteresis(
        forward.voltage,
        forward.mean - fit(forward.true_voltage),
        np.hypot(forward.std, fit.sigma(forward.true_voltage)),
        np.zeros(forward.place.size),
    )
