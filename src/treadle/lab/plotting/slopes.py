"""The transconductance of gate sweeps: a curve for each leg of the sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from treadle.lab.plotting.model import Curve

if TYPE_CHECKING:
    from treadle.lab.plotting.model import Numbers


class NoSlope(Exception):
    """A sweep has no leg that covers it, and so no slope; the message says why."""


def curves(gate: Numbers, signal: Numbers, name: str, group: int, *, alone: bool) -> list[Curve]:
    """
    Return dI/dVg of each leg, as :func:`treadle.lab.extractors.legs.transconductance` finds it.

    Args:
        gate: Gate voltages in the order of measurement, in volts.
        signal: Currents, in amperes.
        name: What the run is called in the legend; empty where it is the only one.
        group: The number of its colour.
        alone: It is the only run: its legs have names of their own.

    Raises:
        NoSlope: No leg covers the sweep.
    """
    from treadle.lab.extraction import Absent
    from treadle.lab.extractors.legs import legs, transconductance

    there = np.isfinite(gate) & np.isfinite(signal)
    gate, signal = gate[there], signal[there]
    made: list[Curve] = []
    try:
        for leg in legs(gate):
            volts, slope = transconductance(gate[leg.rows], signal[leg.rows])
            label = leg.direction if alone else "" if made else name
            made.append(Curve(volts, slope, label, back=not leg.rising, group=group))
    except Absent as error:
        raise NoSlope(error.reason) from error
    if not made:
        raise NoSlope("no leg covers the sweep")
    return made
