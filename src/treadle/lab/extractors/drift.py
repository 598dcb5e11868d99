"""How fast current or voltage drift in the dark, before any light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined, Value, extractor
from treadle.lab.extractors.averaging import in_time, resemblance
from treadle.lab.extractors.lit import dark, lit
from treadle.lab.extractors.relaxation import signal_and_light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FEWEST: Final = 10
"""Rows that a line needs."""

SHORTEST: Final = 10.0
"""Seconds that it needs."""

_AVERAGES: Final = 200
"""The most points that are fitted."""

_SIGMAS: Final = 3.0
"""What is smaller by this many standard deviations may be nothing."""

_ROUNDING: Final = 1e-9
"""Of the range of the signal: instruments write seven digits."""

_PENALTIES: Final = {"BELOW_NOISE": 0.5, "CURVED": 0.7, "SHORT": 0.8}
"""By how much the confidence falls with each flag."""

_SHORT: Final = 30.0
"""Seconds. In less, a drift is hardly told from flicker noise."""


@dataclass(frozen=True, slots=True)
class Line:
    """
    A straight line through a time series, by least squares.

    Attributes:
        time: The mean of the times (s), about which it turns.
        value: Its value there.
        slope: In the unit of the signal per second.
        uncertainty: The standard uncertainty of the slope.
        r_squared: The share of the variance that it explains, of the averages that were fitted.
        bend: How many standard deviations the best parabola is bent.
    """

    time: float
    value: float
    slope: float
    uncertainty: float
    r_squared: float
    bend: float

    def at(self, time: Numbers) -> Numbers:
        """Return the line at these times (s)."""
        return self.value + self.slope * (time - self.time)

    def change(self, start: float, end: float) -> tuple[float, float]:
        """Return by how much it changes between two times (s), and the uncertainty of that."""
        return self.slope * (end - start), self.uncertainty * abs(end - start)


@extractor(
    "linear_drift_current",
    version="1",
    metrics={"linear_drift_current": "A/s"},
    procedures=dict.fromkeys(("It", "ITt", "It2"), ("t (s)", "I (A)")),
    category="stability",
)
def linear_drift_current(run: StagedRun) -> Value:
    """Return how fast the current drifts before the first light; see :func:`drift`."""
    return drift(*signal_and_light(run, "I (A)"))


@extractor(
    "linear_drift_voltage",
    version="1",
    metrics={"linear_drift_voltage": "V/s"},
    procedures={"Vt": ("t (s)", "VDS (V)")},
    category="stability",
)
def linear_drift_voltage(run: StagedRun) -> Value:
    """Return how fast the voltage drifts before the first light; see :func:`drift`."""
    return drift(*signal_and_light(run, "VDS (V)"))


def drift(time: Numbers, signal: Numbers, voltage: Numbers) -> Value:
    """
    Return the slope of a straight line through what was measured before the first light.

    Of a dark run that is all of it. After the light the signal relaxes, which is no drift.

    Flags: ``BELOW_NOISE`` (the slope is less than three times its uncertainty, and may be none),
    ``CURVED`` (a parabola is better by more than three standard deviations: the slope changes),
    ``SHORT`` (less than 30 s).

    Args:
        time: In s, never falling.
        signal: A number for each time.
        voltage: That of the LED (V), also for each time; NaN is off.

    Raises:
        NotApplicable: It was lit from the start.
        Undetermined: There are fewer than ten rows or less than 10 s before the light.
    """
    parts = dark(voltage)
    if not parts or parts[0].start > 0:
        raise NotApplicable("lit from the start" if lit(voltage) else "no rows")
    rows = parts[0].rows
    line = straight(time[rows][1:], signal[rows][1:])
    lasts = float(time[rows][-1] - time[rows][0])
    odd = {
        "BELOW_NOISE": abs(line.slope) <= _SIGMAS * line.uncertainty,
        "CURVED": line.bend > _SIGMAS,
        "SHORT": lasts < _SHORT,
    }
    flags = tuple(flag for flag, is_so in odd.items() if is_so)
    return Value(
        line.slope,
        uncertainty=line.uncertainty,
        confidence=float(np.prod([_PENALTIES[flag] for flag in flags])),
        flags=flags,
        details={
            "r_squared": line.r_squared,
            "window_s": [float(time[rows][0]), float(time[rows][-1])],
            "rows": len(parts[0]),
        },
    )


def straight(time: Numbers, signal: Numbers) -> Line:
    """
    Return the line of least squares, with uncertainties that grow with the memory of the noise.

    Args:
        time: In s, never falling.
        signal: A number for each time.

    Raises:
        Undetermined: There are fewer than ten rows, or less than 10 s.
    """
    if time.size < FEWEST:
        raise Undetermined("fewer than 10 rows in the dark")
    lasts = float(time[-1] - time[0])
    if lasts < SHORTEST:
        raise Undetermined("less than 10 s in the dark")
    since, values, counts = in_time(time, signal, _AVERAGES)
    if np.unique(since).size < FEWEST:
        raise Undetermined("fewer than 10 rows in the dark")
    middle, turn = float(values.mean()), float(np.average(since, weights=counts))
    height = float(np.ptp(values)) or 1.0
    scaled = (since - turn) / lasts, (values - middle) / height, np.sqrt(counts)
    line, covariance, left = _polynomial(*scaled, degree=1)
    bent, its_covariance, _ = _polynomial(*scaled, degree=2)
    unit = height / lasts
    spread = scaled[2] * (scaled[1] - np.average(scaled[1], weights=counts))
    curvature, certainty = abs(float(bent[0])), float(its_covariance[0, 0]) ** 0.5
    return Line(
        time=turn,
        value=middle + height * float(line[1]),
        slope=float(line[0]) * unit,
        uncertainty=float(covariance[0, 0]) ** 0.5 * unit,
        r_squared=1 - float(left @ left) / (float(spread @ spread) or 1.0),
        bend=curvature / certainty if certainty else 0.0,
    )


def _polynomial(
    time: Numbers, values: Numbers, roots: Numbers, degree: int
) -> tuple[Numbers, Numbers, Numbers]:
    """Return coefficients, highest power first, their covariance, and weighted residuals."""
    found, covariance = np.polyfit(time, values, degree, w=roots, cov="unscaled")
    left = roots * (values - np.polyval(found, time))
    scatter = float(left @ left) / (left.size - degree - 1) + _ROUNDING**2
    return found, covariance * scatter * resemblance(left, degree + 1), left
