"""The legs of a gate sweep: the ways that cover all of it in one direction, and their slopes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from treadle.lab.extraction import Undetermined
from treadle.lab.segmentation.turns import course

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

SPAN: Final = 0.95
"""Of the range of the sweep: a leg that covers less is the way to its beginning, or cut short."""

WINDOW: Final = 9
ORDER: Final = 3
"""Of the Savitzky-Golay filter: points of its window, order of its polynomial."""

_EVEN: Final = 0.01
"""Of a step: gate voltages that are off by less stand on a grid."""


@dataclass(frozen=True, slots=True)
class Leg:
    """
    The way from one turning point of a sweep to the next.

    Attributes:
        start: Its first row: the turning point where it begins.
        end: One behind its last row, which is the turning point where it ends. Two legs that
            follow one another share that row: each covers the same range of gate voltages.
        rising: The gate voltage rises (a forward leg), else it falls (a backward one).
    """

    start: int
    end: int
    rising: bool

    @property
    def rows(self) -> slice:
        """Its rows, to take them out of a column."""
        return slice(self.start, self.end)

    @property
    def direction(self) -> str:
        """``forward`` or ``backward``."""
        return "forward" if self.rising else "backward"


def legs(gate: Numbers, *, span: float = SPAN, points: int = 3) -> list[Leg]:
    """
    Find the legs that cover the whole sweep, in the order of measurement.

    Where the gate turns is told by :func:`treadle.lab.segmentation.turns.course`: noise of the gate
    voltage, rows that dwell and single glitches part no leg.

    Args:
        gate: Gate voltages in the order of measurement, in volts. Rows without a number are
            passed over; they stay among the rows of a leg.
        span: How much of the range of all gate voltages a leg covers at least, from 0 to 1.
        points: How many rows it has at least.
    """
    path = course(gate)
    if not path.legs:
        return []
    needed = span * float(np.ptp(path.voltages)) - path.scale.back
    found = []
    for leg in path.legs:
        first = max(0, leg.first - 1)  # the turning point, which the course gives to the leg before
        way = path.voltages[first : leg.last + 1]
        if way.size >= points and float(np.ptp(way)) >= needed:
            found.append(Leg(int(path.rows[first]), int(path.rows[leg.last]) + 1, leg.rising))
    return found


def by_gate(gate: Numbers, signal: Numbers) -> tuple[Numbers, Numbers]:
    """
    Return a leg sorted by its gate voltage, each voltage once, with the mean of its signals.

    Voltages that differ by a thousandth of a step are one: the gate dwelt there.
    """
    order = np.argsort(gate, kind="stable")
    gate, signal = gate[order], signal[order]
    if gate.size < 2:
        return gate, signal
    apart = float(gate[-1] - gate[0]) / (gate.size - 1) * 1e-3
    starts = np.concatenate([[True], np.diff(gate) > apart])
    first = np.flatnonzero(starts)
    counts = np.diff(np.append(first, gate.size))
    return np.add.reduceat(gate, first) / counts, np.add.reduceat(signal, first) / counts


def transconductance(
    gate: Numbers, signal: Numbers, *, window: int | None = None
) -> tuple[Numbers, Numbers]:
    """
    Return the slope of a leg by a Savitzky-Golay filter (9 points, fewer in a short leg; order 3).

    Savitzky and Golay, Anal. Chem. 36 (1964) 1627: the slope at a point is that of the cubic
    that fits it and its neighbours best. Where the gate voltages do not stand on a grid, the
    signal is first interpolated to one of as many points, and the slope back to the voltages.

    Args:
        gate: Gate voltages of one leg, in volts, in any order, without NaN.
        signal: What was measured there: the current for a transconductance in siemens.
        window: The points of the filter, an odd number from 5 on that the leg has; None: those of
            :func:`window_of`.

    Returns:
        The gate voltages, sorted, each once; and the slopes there, in units of the signal per volt.

    Raises:
        Undetermined: There are fewer than five different gate voltages.
    """
    gate, signal = by_gate(gate, signal)
    if gate.size < ORDER + 2:
        raise Undetermined("fewer than 5 gate voltages in a leg")
    grid = np.linspace(gate[0], gate[-1], gate.size)
    step = float(grid[1] - grid[0])
    is_even = bool(np.all(np.abs(gate - grid) <= _EVEN * step))
    window = window or window_of(gate.size)
    scale = float(np.max(np.abs(signal))) or 1.0  # attoamperes would underflow when squared
    even = (signal if is_even else np.interp(grid, gate, signal)) / scale
    half, weights = window // 2, _weights(window)
    slope = np.concatenate(
        [
            weights[:half] @ even[:window],
            np.correlate(even, weights[half]),
            weights[half + 1 :] @ even[-window:],
        ]
    ) * (scale / step)
    return gate, slope if is_even else np.interp(gate, grid, slope)


def slope_noise(gate: Numbers, noise: float, *, window: int | None = None) -> Numbers:
    """
    Return the standard uncertainty of such slopes that noise of the signal makes.

    At the ends of a leg it is several times that of the others: there, the cubic has points on one
    side only.

    Args:
        gate: The gate voltages that :func:`by_gate` gives, five at least.
        noise: The standard deviation of the signal.
        window: That of :func:`transconductance`.
    """
    window = window or window_of(gate.size)
    half = window // 2
    step = float(gate[-1] - gate[0]) / (gate.size - 1)
    by_point = np.linalg.norm(_weights(window), axis=1) * noise / step
    found = np.full(gate.size, by_point[half])
    found[:half], found[-half:] = by_point[:half], by_point[half + 1 :]
    return found


@lru_cache(maxsize=16)
def _weights(window: int) -> Numbers:
    """
    Return what the filter makes of a window: a row for the slope at each of its points, per step.

    The rows beside the middle one are for the ends of a leg. That of ``scipy.signal.savgol_filter``
    with ``mode="interp"``; this one keeps them, and knows the noise of each slope.
    """
    half = window // 2
    x = np.arange(-half, half + 1) / half
    powers = np.arange(ORDER + 1)
    slopes = powers * x[:, None] ** np.maximum(powers - 1, 0)  # of each coefficient, at each point
    weights: Numbers = slopes @ np.linalg.pinv(x[:, None] ** powers) / half
    weights.flags.writeable = False
    return weights


def window_of(points: int) -> int:
    """Return the window of the filter in a leg: nine points, or an odd half of fewer than 18."""
    return min(WINDOW, max(ORDER + 2, points // 2 - (points // 2 + 1) % 2))
