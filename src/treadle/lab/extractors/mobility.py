"""The field-effect mobility of holes and electrons, of the steepest slope of a gate sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from treadle.lab.extraction import (
    Absent,
    NoConfiguration,
    NotApplicable,
    StagedRun,
    Undetermined,
    Value,
    extractor,
)
from treadle.lab.extractors.charge_neutrality import ROUNDING, usual_sign
from treadle.lab.extractors.legs import (
    ORDER,
    by_gate,
    legs,
    slope_noise,
    transconductance,
    window_of,
)
from treadle.lab.extractors.vertex import is_noise, lowest_row, noise_of, polynomial, powers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from treadle.lab.chips import Chip
    from treadle.lab.extraction.extractor import Found

    Numbers = NDArray[np.float64]

CARRIERS: Final = ("holes", "electrons")
LEAST_BIAS: Final = 1e-12
"""Volts. A drain voltage below it is none."""

SATURATED: Final = (0.10, 0.50)
"""Shares of the rows within one percent of the largest current: an instrument at its limit."""

CREDIBLE: Final = (10.0, 1e5)
"""cm^2/V/s: what graphene on a chip has at room temperature, with much room on both sides."""

_SIGMAS: Final = 2.0
"""Standard deviations that a slope is held for less: else the noisy ends of a leg would win."""

_KNOWN: Final = 0.015
"""Of the steepest slope: its noise. The window of the filter is widened while it is more."""

_CHANCE: Final = 4.0
"""Standard deviations: what chance makes of the steepest of some hundred slopes, and no more."""

_GROWTH: Final = 1.5
"""From one window of the filter to the next."""

NOISY: Final = 0.05
"""Of a mobility: the uncertainty that the noise of the current makes."""

_TO_CM2: Final = 1e4  # of a square metre

PENALTIES: Final[Mapping[str, float]] = {
    "ONE_DIRECTION": 0.7,
    "SATURATED": 0.6,
    "HEAVILY_SATURATED": 0.2,
    "INCREDIBLE_MOBILITY": 0.5,
    "WRONG_SLOPE": 0.5,
    "NOISY_SLOPE": 0.5,
}
"""What each flag does to the confidence."""


class Slope(NamedTuple):
    """
    The steepest slope of a branch.

    Attributes:
        siemens: The transconductance there, with its sign.
        uncertainty: Its standard uncertainty, by the noise of the current, in siemens.
        gate: Where it is, in volts.
        window: Half the width of the window of the filter, in volts.
        points: How many gate voltages the branch has.
        flags: What is odd with the branch.
    """

    siemens: float
    uncertainty: float
    gate: float
    window: float
    points: int
    flags: tuple[str, ...]


@extractor(
    "mobility",
    version="1",
    metrics={
        f"mobility_fe_{carrier}{direction}": "cm^2/V/s"
        for carrier in CARRIERS
        for direction in ("", "_forward", "_backward")
    },
    procedures=dict.fromkeys(("IVg", "IVgT"), ("Vg (V)", "I (A)")),
    category="electrical",
    needs_chip=True,
)
def mobility(run: StagedRun) -> dict[str, Found]:
    """
    Find the field-effect mobility of both carriers in both directions of a gate sweep.

    mu = (L/W) |g_m| / (C |V_ds|), with the largest transconductance g_m of the branch of the
    carrier (Schroder, Semiconductor Material and Device Characterization, 3rd ed., section 8.6) and
    the capacitance of the gate per area C that the chip tells. The metric without a direction is
    the mean of both.

    The standard uncertainty joins two parts: that the materials and the shape of the channel are
    known to ranges only, each taken as a uniform distribution (GUM, 4.3.7), and the noise of the
    current, with how far that makes the steepest of many slopes too steep. The ends of the whole
    range are ``lowest`` and ``highest`` of the details.

    Raises:
        NotApplicable: The device is dead, or has no drain voltage.
        NoConfiguration: Nothing is known of the chip.
        Undetermined: No leg covers the sweep.
    """
    if run.chip is None:
        raise NoConfiguration("the chip file does not have this chip")
    bias = _bias(run)
    gate, current = run.together("Vg (V)", "I (A)")
    found = legs(gate)
    if not found:
        raise Undetermined("no leg covers the sweep")
    by_direction: dict[str, Mapping[str, Slope | Absent]] = {}
    for leg in found:  # the first of each direction
        by_direction.setdefault(leg.direction, _slopes(gate[leg.rows], current[leg.rows]))
    of: dict[str, Found] = {}
    for carrier in CARRIERS:
        slopes = {name: both[carrier] for name, both in by_direction.items()}
        of |= _mobilities(f"mobility_fe_{carrier}", slopes, bias, run.chip)
    return of


def _bias(run: StagedRun) -> float:
    if dead := [flag for flag in run.flags if flag.startswith("DEAD")]:
        raise NotApplicable("the device is dead", details={"because": dead})
    bias = run.number("vds_v")
    if bias is None or not abs(bias) >= LEAST_BIAS:
        raise NotApplicable("no drain voltage")
    return abs(bias)


def _slopes(gate: Numbers, current: Numbers) -> dict[str, Slope | Absent]:
    """Return the steepest slope on either side of the charge neutrality point of a leg."""
    once, mean_current = by_gate(gate, current)
    if not np.ptp(current) > ROUNDING * np.max(np.abs(current)):
        return dict.fromkeys(CARRIERS, Undetermined("the current does not change"))
    curve = _Curve(once, mean_current, noise_of(mean_current))
    sign = usual_sign(current)
    neutral = lowest_row(sign * mean_current)
    flags = _saturation(np.abs(current))
    sides = {"holes": (slice(0, neutral), -sign), "electrons": (slice(neutral + 1, None), sign)}
    found: dict[str, Slope | Absent] = {}
    for carrier, (side, expected) in sides.items():
        try:
            found[carrier] = _steepest(curve, side, expected, flags)
        except Undetermined as error:
            found[carrier] = error
    return found


@dataclass(frozen=True, slots=True)
class _Curve:
    """
    The current of a leg.

    Attributes:
        gate: Its gate voltages, sorted, each once.
        current: What was measured there.
        noise: The standard deviation of that.
        slopes: What was found of each window: both sides ask for it.
    """

    gate: Numbers
    current: Numbers
    noise: float
    slopes: dict[int, tuple[Numbers, Numbers]] = field(default_factory=dict)

    def steepest(self, side: slice, window: int) -> tuple[int, float, float]:
        """Return the row of the steepest slope of a side, that slope and its uncertainty."""
        if window not in self.slopes:
            _, slope = transconductance(self.gate, self.current, window=window)
            self.slopes[window] = slope, slope_noise(self.gate, self.noise, window=window)
        slope, uncertainty = self.slopes[window]
        row = side.start + int(np.argmax((np.abs(slope) - _SIGMAS * uncertainty)[side]))
        return row, float(slope[row]), float(uncertainty[row])

    def slope_at(self, row: int, window: int) -> float | None:
        """Return the slope by the cubic of a window; None where it leaves more than noise."""
        first = min(max(0, row - window // 2), self.gate.size - window)
        rows = slice(first, first + window)
        volts = self.gate[rows] - self.gate[row]
        scale = float(np.max(np.abs(volts)))
        fit = polynomial(powers(volts / scale, ORDER), self.current[rows])
        if fit is None or not is_noise(fit.squares, fit.freedom, self.noise):
            return None
        return float(fit.coefficients[1]) / scale


def _steepest(curve: _Curve, side: slice, sign: float, flags: tuple[str, ...]) -> Slope:
    """
    Find the steepest slope of one side, in a window as wide as its noise demands.

    The steepest of many noisy slopes is too steep. So the window is widened while its slope is
    noisy, and chance alone explains by how much it becomes less steep. A wide window that reaches
    to the other carrier has a slope of both: too steep at a sharp bend, too flat without these
    rows at a round one. The value is in the middle, and half of the difference is in doubt.

    In the end a window twice as wide tells what chance still does: its slope has a third of that
    noise. It counts if it leaves nothing but noise.
    """
    size, points = curve.gate.size, curve.gate[side].size
    window = window_of(size)
    if points < window:  # all its slopes come from windows that reach across
        raise Undetermined(
            "too few gate voltages on this side of the charge neutrality point",
            details={"points": points, "needed": window},
        )
    row, steepest, noise = curve.steepest(side, window)
    doubt = 0.0
    while noise > _KNOWN * abs(steepest) and (wider := _odd(window * _GROWTH)) <= points:
        there, slope, of_noise = curve.steepest(_far(side, wider // 2), wider)
        if abs(slope) < abs(steepest) - _CHANCE * noise:  # the curve bends within the window
            break
        window, row, steepest, noise = wider, there, slope, of_noise
        doubt = (curve.steepest(side, wider)[1] - slope) / 2
    of_wider = curve.slope_at(row, min(_odd(2 * window), _odd(size - 1)))
    excess = 0.0 if of_wider is None else steepest - of_wider
    step = float(curve.gate[-1] - curve.gate[0]) / (size - 1)
    steepest += doubt
    return Slope(
        siemens=steepest,
        uncertainty=float(np.hypot.reduce([noise, excess, doubt])),
        gate=float(curve.gate[row]),
        window=window // 2 * step,
        points=points,
        flags=(*flags, "WRONG_SLOPE") if steepest * sign < 0 else flags,
    )


def _far(side: slice, rows: int) -> slice:
    """Return the side without its rows next to the charge neutrality point."""
    return slice(side.start + rows, side.stop) if side.start else slice(0, side.stop - rows)


def _odd(points: float) -> int:
    return int(points) // 2 * 2 + 1


def _saturation(current: Numbers) -> tuple[str, ...]:
    share = float(np.mean(current >= 0.99 * current.max()))
    flags = ("SATURATED", "HEAVILY_SATURATED")
    return tuple(flag for flag, limit in zip(flags, SATURATED, strict=True) if share >= limit)


def _mobilities(
    name: str, slopes: Mapping[str, Slope | Absent], bias: float, chip: Chip
) -> dict[str, Found]:
    there = {each: slope for each, slope in slopes.items() if isinstance(slope, Slope)}
    one = ("ONE_DIRECTION",) if len(there) < 2 else ()
    found: dict[str, Found] = {}
    for direction in ("forward", "backward"):
        slope = slopes.get(direction, NotApplicable("no leg in this direction"))
        found[f"{name}_{direction}"] = (
            _value([slope], bias, chip, one) if isinstance(slope, Slope) else slope
        )
    found[name] = (
        _value(list(there.values()), bias, chip)
        if len(there) == 2
        else NotApplicable("only one direction gives a mobility")
    )
    return found


def _value(slopes: list[Slope], bias: float, chip: Chip, odd: tuple[str, ...] = ()) -> Value:
    """Return the mean mobility of the slopes."""
    steepness = float(np.mean([abs(each.siemens) for each in slopes])) / bias * _TO_CM2
    noise = float(np.hypot.reduce([each.uncertainty for each in slopes])) / len(slopes)
    device = Device.of(chip)
    value = steepness * device.usual
    flags = [*odd, *(flag for each in slopes for flag in each.flags)]
    if not CREDIBLE[0] <= value <= CREDIBLE[1]:
        flags.append("INCREDIBLE_MOBILITY")
    of_noise = noise / bias * _TO_CM2 * device.usual
    if of_noise > NOISY * value:
        flags.append("NOISY_SLOPE")
    flags = list(dict.fromkeys(flags))
    return Value(
        value,
        float(np.hypot(of_noise, value * device.relative_uncertainty)),
        float(np.prod([PENALTIES[flag] for flag in flags])),
        tuple(flags),
        {
            "lowest": steepness * device.lowest,
            "highest": steepness * device.highest,
            "uncertainty_of_noise": of_noise,
            "transconductance_s": [each.siemens for each in slopes],
            "gate_v": [each.gate for each in slopes],
            "window_v": [each.window for each in slopes],
            "points": [each.points for each in slopes],
            "vds_v": bias,
            "capacitance_f_per_m2": chip.capacitance(),
            "length_over_width": chip.length_over_width.at(0.5),
        },
    )


@dataclass(frozen=True, slots=True)
class Device:
    """
    (L/W)/C of a chip, in square metres per farad.

    Attributes:
        lowest: With the ends of all ranges that make it smallest.
        usual: With the middle of each.
        highest: With the other ends.
        relative_uncertainty: Its standard uncertainty, of itself. All permittivities go up or down
            together in it, since those of one material do.
    """

    lowest: float
    usual: float
    highest: float
    relative_uncertainty: float

    @classmethod
    def of(cls, chip: Chip) -> Device:
        """Return that of *chip*."""
        shape = chip.length_over_width
        thin, usual, thick = (1 / chip.capacitance(share) for share in (1.0, 0.5, 0.0))
        half_widths = np.array(
            [(thick - thin) / 2 / usual, (shape.high - shape.low) / 2 / shape.at(0.5)]
        )
        return cls(
            lowest=shape.low * thin,
            usual=shape.at(0.5) * usual,
            highest=shape.high * thick,
            relative_uncertainty=float(np.hypot.reduce(half_widths / 3**0.5)),
        )
