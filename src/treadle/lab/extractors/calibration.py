"""How much light the LED's voltage makes: the curve that a calibration has measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from treadle.lab.extraction import StagedRun, Undetermined, Value, extractor
from treadle.lab.extractors.lit import LED
from treadle.lab.extractors.noise import noise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.float64]

POWER: Final = "Power (W)"
"""The column with the optical power."""

_ALIKE: Final = 6  # decimals: voltages (V) that differ by less than a microvolt are one


@extractor(
    "calibration_max_power",
    version="1",
    metrics={"calibration_max_power": "W"},
    procedures={"LaserCalibration": (LED, POWER)},
    category="optical",
)
def calibration_max_power(run: StagedRun) -> Value:
    """
    Return the greatest optical power of a calibration; the curve itself is in the details.

    Its uncertainty is the noise of the curve's points. ``POWER_FALLS``: the greatest power is not
    that of the highest voltage, by more than three times the noise.

    Raises:
        Undetermined: There are fewer than two voltages with a power, or no power above zero.
    """
    measured = run.column(LED).size
    voltage, power = run.together(LED, POWER)
    kept = voltage.size
    voltage, power = curve(voltage, power)
    if voltage.size < 2:
        raise Undetermined("fewer than 2 voltages with a power")
    greatest, scatter = float(power.max()), noise(power)
    if greatest <= 0:
        raise Undetermined("no power above zero")
    falls = greatest - float(power[-1]) > 3 * scatter
    return Value(
        greatest,
        scatter if voltage.size >= 5 else None,
        confidence=0.7 if falls else 1.0,
        flags=("POWER_FALLS",) if falls else (),
        details={
            "voltage_v": voltage.tolist(),
            "power_w": power.tolist(),
            "wavelength_nm": run.number("wavelength_nm"),
            "optical_fiber": run.parameters.get("Optical fiber"),
            "points": kept,
            "points_dropped": measured - kept,
        },
    )


def curve(voltage: ArrayLike, power: ArrayLike) -> tuple[Numbers, Numbers]:
    """
    Return a calibration's voltages (V), rising and each once, and the mean power (W) at each.

    Args:
        voltage: As measured, in any order, some perhaps many times.
        power: For each voltage. A point without a finite number in both is left out.
    """
    pairs = np.array([voltage, power], dtype=np.float64)
    volts, watts = pairs[:, np.isfinite(pairs).all(axis=0)]
    # Adding 0 makes -0 and 0 one.
    each, which = np.unique(volts.round(_ALIKE) + 0.0, return_inverse=True)
    return each, np.bincount(which, watts, each.size) / np.bincount(which, minlength=each.size)
