"""How much the current or the voltage of a device changes under light."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from treadle.lab.extraction import StagedRun, Undetermined, Value, extractor
from treadle.lab.extractors.lit import LASER_ON, LED, lit, lit_signal
from treadle.lab.extractors.noise import noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FEWEST: Final = 5
"""Samples that are needed with the light on, and with it off."""

_PENALTIES: Final = {
    "NO_RESPONSE": 0.1,
    "LOW_SNR": 0.6,
    "INCONSISTENT_CYCLES": 0.7,
    "DRIFT_COMPARABLE": 0.5,
}
"""By how much the confidence falls with each flag."""


@extractor(
    "delta_current",
    version="1",
    metrics={"delta_current": "A"},
    procedures=dict.fromkeys(("It", "ITt", "It2"), ("t (s)", "I (A)", LED)),
    category="photoresponse",
)
def delta_current(run: StagedRun) -> Value:
    """Return by how much the current changes while the light is on; see :func:`change`."""
    return change(*lit_signal(run, "I (A)"))


@extractor(
    "delta_voltage",
    version="1",
    metrics={"delta_voltage": "V"},
    procedures={"Vt": ("t (s)", "VDS (V)", LED)},
    category="photoresponse",
)
def delta_voltage(run: StagedRun) -> Value:
    """Return by how much the voltage changes while the light is on; see :func:`change`."""
    return change(*lit_signal(run, "VDS (V)"))


def change(time: Numbers, signal: Numbers, voltage: Numbers) -> Value:
    """
    Return by how much a signal changes while the light is on: its last lit sample less its first.

    Of several cycles it is the mean over them. Its uncertainty is that of the difference of two
    samples with the noise of this signal, over the root of the number of cycles; or, if greater,
    the standard error of the cycles' mean.

    Flags: ``NO_RESPONSE`` (less than its uncertainty) or ``LOW_SNR`` (less than three times that);
    ``INCONSISTENT_CYCLES`` (they scatter by more than a fifth of it); ``DRIFT_COMPARABLE`` (the
    drift just before the light, were it to go on, would be half of it or more).

    Args:
        time: In s.
        signal: A number for each time.
        voltage: That of the LED (V), also for each time.

    Raises:
        Undetermined: There are fewer than five samples with the light on, or with it off.
    """
    cycles = lit(voltage)
    is_on = voltage > LASER_ON
    if np.count_nonzero(is_on) < FEWEST:
        raise Undetermined("fewer than 5 samples with the light on")
    if np.count_nonzero(~is_on) < FEWEST:
        raise Undetermined("fewer than 5 samples in the dark")
    deltas = [float(signal[cycle.end - 1] - signal[cycle.start]) for cycle in cycles]
    value = float(np.mean(deltas))
    spread = float(np.std(deltas, ddof=1)) if len(deltas) > 1 else 0.0
    scatter = float(np.mean([noise(signal[cycle.rows]) for cycle in cycles]))
    uncertainty = max(2**0.5 * scatter, spread) / len(deltas) ** 0.5
    drift = _drift(time, signal, voltage)
    flags = _flags(value, uncertainty, spread, drift)
    return Value(
        value,
        uncertainty,
        confidence=math.prod((_PENALTIES[flag] for flag in flags), start=1.0),
        flags=flags,
        details={
            "cycles": deltas,
            "cycle_spread": spread if len(deltas) > 1 else None,
            "noise": scatter,
            "drift_under_light": drift,
            **_levels(signal[is_on], signal[~is_on]),
        },
    )


def _flags(value: float, uncertainty: float, spread: float, drift: float | None) -> tuple[str, ...]:
    size = abs(value)
    odd = {
        "NO_RESPONSE": size <= uncertainty,
        "LOW_SNR": uncertainty < size < 3 * uncertainty,
        "INCONSISTENT_CYCLES": spread > 0.2 * size,
        "DRIFT_COMPARABLE": drift is not None and abs(drift) >= 0.5 * size > 0,
    }
    return tuple(name for name, is_so in odd.items() if is_so)


def _drift(time: Numbers, signal: Numbers, voltage: Numbers) -> float | None:
    """Return what the drift before the first light would make of the signal during that light."""
    first = lit(voltage)[0]
    # The later half: what stands before it tells of how the run began.
    before = slice(first.start // 2, first.start)
    lasts = time[first.end - 1] - time[first.start]
    if first.start - before.start < FEWEST or time[before][-1] <= time[before][0]:
        return None
    since = time[before] - time[before].mean()
    slope = float(since @ signal[before]) / float(since @ since)
    return float(slope * lasts)


def _levels(on: Numbers, off: Numbers) -> dict[str, Any]:
    mean_on, mean_off = float(on.mean()), float(off.mean())
    return {
        "mean_on": mean_on,
        "mean_off": mean_off,
        "std_on": float(on.std(ddof=1)),
        "std_off": float(off.std(ddof=1)),
        "response_ratio": _ratio(mean_on, mean_off),
    }


def _ratio(on: float, off: float) -> float | None:
    """Return by which share the light changes the signal; None where there is none in the dark."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = float(np.divide(on, off)) - 1
    return ratio if np.isfinite(ratio) else None
