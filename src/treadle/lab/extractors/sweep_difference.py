"""By how much a gate sweep differs from the one before, leg by leg of the same direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined, Value, extractor
from treadle.lab.extractors.legs import by_gate, legs
from treadle.lab.extractors.vertex import noise_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from treadle.lab.extractors.legs import Leg

    Numbers = NDArray[np.float64]

LEAST_OVERLAP: Final = 1.0
"""Volts that both sweeps have in common."""

_SIGMAS: Final = 6.0
"""Of some hundred differences that are noise, the largest is three or four times its deviation,
which itself is known to a fifth."""

_SAME_BIAS: Final = 1e-3
"""Of the bias: the header has six digits."""

PENALTIES: Final[Mapping[str, float]] = {
    "DIFFERENT_BIAS": 0.5,
    "DIFFERENT_LIGHT": 0.7,
    "WITHIN_NOISE": 0.5,
    "ONE_DIRECTION": 0.9,
}
"""What each flag does to the confidence."""


@dataclass(frozen=True, slots=True)
class Difference:
    """
    The later leg minus the earlier one.

    Attributes:
        gate: Both ends of the range that they have in common, in volts.
        largest: The difference that is largest in magnitude, with its sign.
        at: Where that is, in volts.
        earlier: The signal of the earlier leg there.
        later: The signal of the later leg there.
        mean: The mean difference over the range.
        rms: The root of the mean square of it.
        noise: The standard deviation of a difference that the noise of both legs makes.
    """

    gate: tuple[float, float]
    largest: float
    at: float
    earlier: float
    later: float
    mean: float
    rms: float
    noise: float

    @property
    def details(self) -> dict[str, object]:
        """All of it, as a record takes it."""
        return {
            "gate_v": list(self.gate),
            "largest": self.largest,
            "at_gate_v": self.at,
            "earlier": self.earlier,
            "later": self.later,
            "mean": self.mean,
            "rms": self.rms,
            "noise": self.noise,
        }


@extractor(
    "sweep_difference_current",
    version="1",
    metrics={"sweep_delta_current": "A"},
    procedures=dict.fromkeys(("IVg", "IVgT"), ("Vg (V)", "I (A)")),
    category="stability",
    of="pair",
)
def sweep_difference_current(earlier: StagedRun, later: StagedRun) -> Value:
    """
    Find the largest difference between two transfer curves, later minus earlier, in magnitude.

    Raises:
        NotApplicable: The sweeps have less than a volt in common.
        Undetermined: No direction has a leg in both of them.
    """
    return _value(earlier, later, "I (A)", "vds_v")


@extractor(
    "sweep_difference_voltage",
    version="1",
    metrics={"sweep_delta_voltage": "V"},
    procedures={"VVg": ["Vg (V)", "VDS (V)"]},
    category="stability",
    of="pair",
)
def sweep_difference_voltage(earlier: StagedRun, later: StagedRun) -> Value:
    """
    Find the largest difference between two gate sweeps at a fixed current, as that of the current.

    Raises:
        NotApplicable: The sweeps have less than a volt in common.
        Undetermined: No direction has a leg in both of them.
    """
    return _value(earlier, later, "VDS (V)", "ids_a")


def _value(earlier: StagedRun, later: StagedRun, column: str, bias: str) -> Value:
    before, after = _by_direction(earlier, column), _by_direction(later, column)
    found = {
        direction: difference(before[direction], after[direction])
        for direction in before
        if direction in after
    }
    if not found:
        raise Undetermined("no direction has a leg in both sweeps")
    there = {name: each for name, each in found.items() if each is not None}
    if not there:
        raise NotApplicable("the sweeps have less than 1 V in common")
    direction, largest = max(there.items(), key=lambda item: abs(item[1].largest))
    size = abs(largest.largest)
    told = {
        "DIFFERENT_BIAS": _differ(earlier.number(bias), later.number(bias)),
        "DIFFERENT_LIGHT": earlier.facts.get("has_light") != later.facts.get("has_light"),
        "WITHIN_NOISE": size <= _SIGMAS * largest.noise,
        "ONE_DIRECTION": len(there) < 2,
    }
    flags = tuple(flag for flag, is_so in told.items() if is_so)
    details: dict[str, object] = {"direction": direction, **largest.details}
    details |= {name: each.details for name, each in there.items()}
    confidence = float(np.prod([PENALTIES[flag] for flag in flags]))
    return Value(size, largest.noise, confidence, flags, details)


def _by_direction(run: StagedRun, column: str) -> dict[str, tuple[Numbers, Numbers]]:
    """Return the first leg of each direction, sorted by gate voltage."""
    gate, signal = run.together("Vg (V)", column)
    found: dict[str, Leg] = {}
    for leg in legs(gate):
        found.setdefault(leg.direction, leg)
    return {name: by_gate(gate[leg.rows], signal[leg.rows]) for name, leg in found.items()}


def difference(
    earlier: tuple[Numbers, Numbers], later: tuple[Numbers, Numbers]
) -> Difference | None:
    """
    Compare two legs, each with its gate voltages in rising order and its signals.

    Between the measured points both are straight lines, so their difference is largest at a point
    of either: it is looked for at all of them, which no grid does better.

    Returns:
        The later minus the earlier; None where they have less than a volt in common.
    """
    from scipy.integrate import trapezoid

    low = float(max(earlier[0][0], later[0][0]))
    high = float(min(earlier[0][-1], later[0][-1]))
    if high - low < LEAST_OVERLAP:
        return None
    gate = np.union1d(earlier[0], later[0])
    gate = gate[(gate >= low) & (gate <= high)]
    before, after = np.interp(gate, *earlier), np.interp(gate, *later)
    change = after - before
    row = int(np.argmax(np.abs(change)))
    # Points stand close together where the grids of both differ by a hair: the mean is by volts.
    mean = float(trapezoid(change, gate)) / (high - low)
    scale = float(np.abs(change[row])) or 1.0  # attoamperes would underflow when squared
    squares = float(trapezoid((change / scale) ** 2, gate)) / (high - low)
    return Difference(
        gate=(low, high),
        largest=float(change[row]),
        at=float(gate[row]),
        earlier=float(before[row]),
        later=float(after[row]),
        mean=mean,
        rms=scale * squares**0.5,
        noise=float(np.hypot(noise_of(earlier[1]), noise_of(later[1]))),
    )


def _differ(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is not other
    return abs(one - other) > _SAME_BIAS * max(abs(one), abs(other))
