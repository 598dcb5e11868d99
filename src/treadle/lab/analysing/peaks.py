"""Where a hysteresis is largest, and what it is on the whole."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from treadle.lab.analysing.hysteresis import Hysteresis


class Peaks(TypedDict):
    """
    The extremes of a hysteresis; the first voltage counts where several are equal.

    Attributes:
        v_at_max: Voltage of the highest current, in V.
        i_max: That current, in A.
        v_at_min: Voltage of the lowest one.
        i_min: That one.
        v_at_max_abs: Voltage of the one that is farthest from zero.
        i_at_max_abs: That one, with its sign.
        mean: Mean current over the voltages, in A.
        std: Its standard deviation (n - 1) over the voltages; None for a single one.
        n_points: How many voltages.
    """

    v_at_max: float
    i_max: float
    v_at_min: float
    i_min: float
    v_at_max_abs: float
    i_at_max_abs: float
    mean: float
    std: float | None
    n_points: int


def peaks(hysteresis: Hysteresis) -> Peaks:
    """Find the extremes of a hysteresis that has at least one voltage."""
    voltage, current = hysteresis.voltage, hysteresis.current
    highest, lowest = int(np.argmax(current)), int(np.argmin(current))
    farthest = int(np.argmax(np.abs(current)))
    return Peaks(
        v_at_max=float(voltage[highest]),
        i_max=float(current[highest]),
        v_at_min=float(voltage[lowest]),
        i_min=float(current[lowest]),
        v_at_max_abs=float(voltage[farthest]),
        i_at_max_abs=float(current[farthest]),
        mean=float(current.mean()),
        std=float(current.std(ddof=1)) if current.size > 1 else None,
        n_points=int(current.size),
    )
