"""Many rows made few, by averages: what a fit of a slow curve needs of them, at a fraction of it.

The rows of a time series are so near one another that only their averages tell of a relaxation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_FEWEST_SUMS: Final = 10
"""With fewer sums of neighbours their variance says little."""


def in_log_time(time: Numbers, signal: Numbers, most: int) -> tuple[Numbers, Numbers, Numbers]:
    """
    Return the means of times and signals in at most *most* bins, and how many rows each has.

    The bins are equally wide in the logarithm of time, because a relaxation is as fast as it is
    young: with 400 bins over four decades each is 2.3 % of its time wide, and the mean of a
    stretched exponential over one differs from its value at the mean time by some 1e-5 of the
    amplitude. No bin is narrower than one row.

    Args:
        time: Times since the relaxation began (s), none below zero, rising; shape (rows,).
        signal: What was measured then; shape (rows,).
        most: The most bins; fewer rows are returned as they are.
    """
    if time.size <= most:
        return time, signal, np.ones_like(time)
    first, last = _first(time), float(time[-1])
    # The origin itself is no part of a bin: the curve is steepest there, without end.
    place = np.log(np.maximum(time, first) / first) * (most - 1) / np.log(last / first)
    place[time < first] = -1
    return _means(time, signal, np.minimum(np.floor(place).astype(np.int64), most - 2))


def in_time(time: Numbers, signal: Numbers, most: int) -> tuple[Numbers, Numbers, Numbers]:
    """
    Return the means of times and signals in at most *most* bins, equally wide in time.

    Args:
        time: Times (s), rising; shape (rows,).
        signal: What was measured then; shape (rows,).
        most: The most bins; fewer rows are returned as they are.
    """
    if time.size <= most or not time[-1] > time[0]:
        return time, signal, np.ones_like(time)
    place = (time - time[0]) * (most / (time[-1] - time[0]))
    return _means(time, signal, np.minimum(place.astype(np.int64), most - 1))


def resemblance(residuals: Numbers, parameters: int) -> float:
    """
    Return by how much variances grow because neighbouring residuals resemble each other.

    A sum of k residuals has k times the variance of one, if they have nothing to do with each
    other (batch means: Schmeiser, 1982). How much larger it is at k = 8, 16, 32 … is carried on,
    as a power of k, to a quarter of the series, since flicker noise and what a model misses go on
    growing where the fit has taken away what could be seen of it. The largest of these is
    returned, at least 1; it is 1.2 or so for white noise.

    Args:
        residuals: Of a fit, each with the same variance, in order; shape (rows,).
        parameters: Of the fit: so many sums are not free.
    """
    rows = residuals.size
    power = float(residuals @ residuals) / max(rows - parameters, 1)
    largest, together = 1.0, min(8, rows // _FEWEST_SUMS)
    while together > 1 and power and rows // together >= _FEWEST_SUMS:
        count = rows // together
        sums = residuals[-count * together :].reshape(count, together).sum(axis=1)
        excess = float(sums @ sums) / (count - parameters) / (together * power)
        further = max(1.0, math.log(rows / 4) / math.log(together))
        largest = max(largest, excess**further)
        together *= 2
    return largest


def _first(time: Numbers) -> float:
    """Return the first time that is not as good as zero, beside the distances of rows."""
    usual = float(np.median(np.diff(time)))
    return float(time[time > usual / 10][0])


def _means(
    time: Numbers, signal: Numbers, bins: NDArray[np.int64]
) -> tuple[Numbers, Numbers, Numbers]:
    starts = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
    counts = np.diff(starts, append=bins.size).astype(np.float64)
    return np.add.reduceat(time, starts) / counts, np.add.reduceat(signal, starts) / counts, counts
