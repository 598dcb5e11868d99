"""The charge neutrality point: the gate voltage at which a graphene channel conducts least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from treadle.lab.extraction import (
    Absent,
    NotApplicable,
    StagedRun,
    Undetermined,
    Value,
    extractor,
)
from treadle.lab.extractors.legs import by_gate, legs
from treadle.lab.extractors.vertex import FEW, FEWEST, lowest_row, noise_of, vertex_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from treadle.lab.extraction.extractor import Found
    from treadle.lab.extractors.legs import Leg

    Numbers = NDArray[np.float64]

MOST_HYSTERESIS: Final = 1.0
"""Volts. The directions differ by more: charge moved in the dielectric while the gate swept."""

LEAST_MODULATION: Final = 0.5
"""Of the largest signal: the range of a leg. Less is a dip that leakage or noise may make."""

_PROMINENT: Final = 0.05
"""Of the range of a leg: another extremum is told when it stands out by more than this."""

ROUNDING: Final = 1e-12
"""Of the largest signal: a range that rounding makes."""

_SIGMAS: Final = 8.0
"""... and by this many standard deviations of the noise: both ends of that are noisy."""

PENALTIES: Final[Mapping[str, float]] = {
    "ONE_DIRECTION": 0.7,
    "HIGH_HYSTERESIS": 0.6,
    "SECOND_EXTREMUM": 0.6,
    "LOW_MODULATION": 0.4,
}
"""What each flag does to the confidence."""


@dataclass(frozen=True, slots=True)
class Neutrality:
    """
    Where one leg has its extremum.

    Attributes:
        voltage: Where it is, in volts.
        uncertainty: Its standard uncertainty, in volts.
        signal: What is measured there, in the unit of the signal, with its sign.
        modulation: The range of the signal, of its largest magnitude.
        others: Gate voltages of other extrema of the same kind, in volts.
        fit: The diagnostics of the fitted polynomial.
    """

    voltage: float
    uncertainty: float
    signal: float
    modulation: float
    others: tuple[float, ...]
    fit: Mapping[str, float | bool]

    @property
    def details(self) -> dict[str, object]:
        """All of it, as a record takes it."""
        return {
            "voltage_v": self.voltage,
            "uncertainty_v": self.uncertainty,
            "signal": self.signal,
            "modulation": self.modulation,
            "other_extrema_v": list(self.others),
            **self.fit,
        }


@extractor(
    "charge_neutrality",
    version="1",
    metrics={
        "cnp_forward": "V",
        "cnp_backward": "V",
        "cnp_voltage": "V",
        "cnp_hysteresis": "V",
    },
    procedures={
        **dict.fromkeys(("IVg", "IVgT"), ("Vg (V)", "I (A)")),
        "VVg": ("Vg (V)", "VDS (V)"),
    },
    category="electrical",
)
def charge_neutrality(run: StagedRun) -> dict[str, Found]:
    """
    Find the charge neutrality point in both directions of a gate sweep.

    At a fixed drain voltage it is the minimum of the current (IVg), at a fixed current the maximum
    of the drain voltage (VVg), in magnitude: Novoselov et al., Science 306 (2004) 666. The first
    leg of each direction that shows it counts; *cnp_voltage* is the mean of both directions, or
    the only one; *cnp_hysteresis* is backward minus forward.

    Raises:
        Undetermined: No leg covers the sweep, or none shows an extremum.
    """
    of_current = run.procedure != "VVg"
    gate, signal = run.together("Vg (V)", "I (A)" if of_current else "VDS (V)")
    all_legs = legs(gate)
    found = {
        rising: _first(gate, signal, [leg for leg in all_legs if leg.rising == rising], of_current)
        for rising in (True, False)
    }
    return _found(found[True], found[False])


def _first(
    gate: Numbers, signal: Numbers, among: list[Leg], of_current: bool
) -> Neutrality | Absent:
    absent: Absent = NotApplicable("no leg in this direction")
    for number, leg in enumerate(among):
        try:
            return neutrality(gate[leg.rows], signal[leg.rows], lowest=of_current)
        except Undetermined as error:
            absent = error if number == 0 else absent
    return absent


def _found(forward: Neutrality | Absent, backward: Neutrality | Absent) -> dict[str, Found]:
    both = {"forward": forward, "backward": backward}
    there = {name: each for name, each in both.items() if isinstance(each, Neutrality)}
    if not there:
        raise next(
            (each for each in both.values() if isinstance(each, Undetermined)),
            Undetermined("no leg covers the sweep"),
        )
    voltages = [each.voltage for each in there.values()]
    spread = float(np.hypot.reduce([each.uncertainty for each in there.values()]))
    hysteresis = voltages[-1] - voltages[0]
    common = {"ONE_DIRECTION": len(there) < 2, "HIGH_HYSTERESIS": abs(hysteresis) > MOST_HYSTERESIS}
    details: dict[str, object] = {name: each.details for name, each in there.items()}
    lacking = {name: each.reason for name, each in both.items() if isinstance(each, Absent)}

    found: dict[str, Found] = {
        f"cnp_{name}": each
        if isinstance(each, Absent)
        else _value(each.voltage, each.uncertainty, [each], common, each.details)
        for name, each in both.items()
    }
    all_there = list(there.values())
    found["cnp_voltage"] = _value(
        float(np.mean(voltages)), spread / len(voltages), all_there, common, details | lacking
    )
    found["cnp_hysteresis"] = (
        _value(hysteresis, spread, all_there, common, details)
        if len(there) == 2
        else NotApplicable("only one direction shows the charge neutrality point", details=lacking)
    )
    return found


def _value(
    value: float,
    uncertainty: float,
    of: list[Neutrality],
    common: Mapping[str, bool],
    details: Mapping[str, object],
) -> Value:
    told = {
        **common,
        "SECOND_EXTREMUM": any(each.others for each in of),
        "LOW_MODULATION": any(each.modulation <= LEAST_MODULATION for each in of),
    }
    flags = tuple(flag for flag, is_so in told.items() if is_so)
    confidence = float(np.prod([PENALTIES[flag] for flag in flags]))
    return Value(value, uncertainty, confidence, flags, details)


def neutrality(gate: Numbers, signal: Numbers, *, lowest: bool = True) -> Neutrality:
    """
    Find the extremum of one leg: the vertex of a parabola around it, or of a cubic.

    The window of the fit follows from the noise and the shape of the curve, as
    :func:`treadle.lab.extractors.vertex.vertex_of` tells.

    Args:
        gate: Gate voltages of the leg, in volts, in any order, without NaN.
        signal: The current, or the drain voltage, with its sign.
        lowest: Whether the minimum of its magnitude is looked for; else the maximum.

    Raises:
        Undetermined: The extremum is at an end of the leg, or does not stand out of the noise.
    """
    gate, signal = by_gate(gate, signal)
    if gate.size < FEWEST + 2:
        raise Undetermined("fewer than 7 gate voltages in a leg")
    largest = float(np.max(np.abs(signal)))
    range_ = float(np.ptp(signal))
    if not range_ > ROUNDING * largest:
        raise Undetermined("the signal does not change")
    scale = range_ * usual_sign(signal) * (1.0 if lowest else -1.0)
    shape = signal / scale
    noise = noise_of(shape)
    row = lowest_row(shape)
    if not FEWEST // 2 <= row < gate.size - FEWEST // 2:
        at_end = {"gate_v": float(gate[row]), "other_extrema_v": _others(gate, shape, noise, row)}
        raise Undetermined("the extremum is at an end of the sweep", details=at_end)
    fit = vertex_of(gate, shape, row, noise)
    if fit is None:
        why = {"noise": noise * range_, "points": int(gate.size)}
        if gate.size < FEW:  # noise and a bend cannot be told apart then
            raise Undetermined("too few gate voltages to tell an extremum from noise", details=why)
        raise Undetermined("no extremum stands out of the noise", details=why)
    return Neutrality(
        voltage=fit.place,
        uncertainty=fit.uncertainty,
        signal=scale * fit.depth,
        modulation=range_ / largest,
        others=tuple(_others(gate, shape, noise, row)),
        fit={
            "window_v": fit.window,
            "points": fit.points,
            "r_squared": fit.r_squared,
            "curvature": scale * fit.curvature,
            "is_skewed": fit.is_skewed,
            "noise": noise * range_,
        },
    )


def usual_sign(signal: Numbers) -> float:
    """
    Return 1.0 or -1.0: the sign that most of the signal has.

    Row by row it would be wrong: an offset may take the minimum of a current beyond zero.
    """
    return 1.0 if float(np.sum(signal)) >= 0 else -1.0


def _others(gate: Numbers, shape: Numbers, noise: float, main: int) -> list[float]:
    """Return the gate voltages of the other dips that stand out, in volts."""
    from scipy.signal import find_peaks

    rows, _ = find_peaks(-shape, prominence=max(_PROMINENT, _SIGMAS * noise))
    # The main dip is the lowest of all, but noise may put its peak a few rows beside the main row.
    near = np.abs(gate[rows] - gate[main])
    return [float(gate[row]) for row in rows[near > near.min(initial=np.inf)]]
