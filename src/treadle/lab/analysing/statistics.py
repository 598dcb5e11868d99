"""Means of many runs at each voltage: their scatter, and how many points there are.

Voltages are not compared as they are written: a sweep goes out at -0.0505 V and comes back at
-0.05 V, and 0.1 + 0.2 is not 0.3. Each goes to the nearest whole multiple of a width, a half away
from zero; the width is 10^-decimals V, or the step of the sweeps where that is finer. The mean of
the true voltages is kept beside it, and fits are made with that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_FLOAT_NOISE: Final = 1e-6  # of a width: 0.025 in steps of 0.01 may come as 2.4999999999999996


class Means(NamedTuple):
    """
    The means of many points at each voltage.

    Attributes:
        place: The voltages as multiples of the width, rising.
        voltage: ... in V.
        true_voltage: The mean of the voltages that were rounded to it.
        mean: The mean current, in A.
        std: The standard deviation of the currents (n - 1), in A; NaN of a single one.
        n: How many points.
    """

    place: NDArray[np.int64]
    voltage: Numbers
    true_voltage: Numbers
    mean: Numbers
    std: Numbers
    n: NDArray[np.int64]


def means(voltage: Numbers, current: Numbers, width: float) -> Means:
    """
    Average the currents at each voltage.

    Args:
        voltage: In V; finite, in any order, of any number of runs.
        current: In A; finite.
        width: Of the rounding, in V; see :func:`rounding`.
    """
    scaled = voltage / width
    every = np.copysign(np.floor(np.abs(scaled) + 0.5 + _FLOAT_NOISE), scaled).astype(np.int64)
    place, inverse, n = np.unique(every, return_inverse=True, return_counts=True)
    mean = np.bincount(inverse, current, place.size) / n
    squares = np.bincount(inverse, (current - mean[inverse]) ** 2, place.size)
    single = n == 1
    std = np.where(single, np.nan, np.sqrt(squares / np.where(single, 1, n - 1)))
    return Means(
        place,
        np.round(place * width, 12),  # 7 x 0.01 is not 0.07
        np.bincount(inverse, voltage, place.size) / n,
        mean,
        std,
        n,
    )


def rounding(sweeps: Iterable[Numbers], decimals: int) -> float:
    """
    Return the width to which voltages are rounded: 10^-decimals V, or the finest step if less.

    Args:
        sweeps: The voltages of each run, in the order of measurement.
        decimals: How many decimals.
    """
    steps = [step for each in sweeps if (step := _step(each)) is not None]
    return min([10.0**-decimals, *steps])


def _step(voltage: Numbers) -> float | None:
    """Return the usual step of a sweep in three digits; None if it does not move."""
    moves = np.abs(np.diff(voltage))
    moves = moves[moves > 0]
    return float(f"{np.median(moves):.3g}") if moves.size else None
