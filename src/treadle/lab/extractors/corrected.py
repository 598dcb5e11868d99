"""How much the current changes under light beyond what it would have done in the dark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from treadle.lab.extraction import StagedRun, Undetermined, Value, extractor
from treadle.lab.extractors.averaging import in_time, resemblance
from treadle.lab.extractors.drift import Line, straight
from treadle.lab.extractors.lit import LED, Window, lit, lit_signal
from treadle.lab.extractors.relaxation import FEWEST, SHORTEST, fitted
from treadle.lab.extractors.searching import CHANCE, OTHER_LAWS, PARAMETERS
from treadle.lab.extractors.stretched_exponential import StretchedExponential

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEFT_OUT: Final = 1 / 3
"""Of the dark phase, at its start, for a line: what settles fast there is none."""

READ: Final = 1 / 50
"""Of each phase, at its end: the mean of it is what the phase has come to."""

_PENALTIES: Final = {
    "NO_RESPONSE": 0.1,
    "LOW_SNR": 0.6,
    "DRIFT_COMPARABLE": 0.5,
    "CURVED_BASELINE": 0.5,
    "UNTOLD_BASELINE": 0.7,
}
"""By how much the confidence falls with each flag."""

_SIGMAS: Final = 3.0

_AVERAGES: Final = 200
"""Of residuals: the memory of the noise is longer than some rows."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """
    What the current would do without light.

    Attributes:
        curve: The curve that goes on from the dark phase.
        rows: The rows that it was fitted to.
        other: What it may be instead; None if the dark phase tells.
    """

    curve: StretchedExponential | Line
    rows: slice
    other: StretchedExponential | Line | None = None

    def change(self, start: float, end: float) -> tuple[float, float]:
        """
        Return by how much it changes between two times (s), and the uncertainty of that.

        Part of it is how far the other one would change: of a curve that is as good as a line all
        of the difference; of a line beside a curve that is not the law, what an interval gives of
        which only the ends are known (GUM 4.3.7), as a curve comes to an end and a line never.
        """
        change, doubt = self.curve.change(start, end)
        if self.other is None:
            return change, doubt
        apart = self.other.change(start, end)[0] - change
        return change, math.hypot(doubt, apart / 12**0.5 if isinstance(self.other, Line) else apart)


@extractor(
    "delta_i_corrected",
    version="1",
    metrics={"delta_i_corrected": "A"},
    procedures=dict.fromkeys(("It", "ITt", "It2"), ("t (s)", "I (A)", LED)),
    category="photoresponse",
)
def delta_i_corrected(run: StagedRun) -> Value:
    """
    Return by how much the first light changes the current, less what the dark would have done.

    The change is from the end of the dark phase to the end of the lit one: the mean of the last
    fiftieth of the one less that of the other. The baseline of the dark phase (:func:`baseline`)
    changes between these times too, and this is taken away.

    Its uncertainty is that of the baseline's change (:meth:`Baseline.change`), and of both means.

    Flags: ``NO_RESPONSE`` (less than its uncertainty) or ``LOW_SNR`` (less than three times that);
    ``DRIFT_COMPARABLE`` (what was taken away is half of the measured change or more);
    ``CURVED_BASELINE`` (a line was taken as baseline, and the dark phase is bent);
    ``UNTOLD_BASELINE`` (a curve was taken whose time the dark phase does not tell).
    """
    time, current, voltage = lit_signal(run, "I (A)")
    light = lit(voltage)[0]
    under = baseline(time, current, light)
    # The dark phase that is read is the whole one, whatever the baseline was fitted to.
    before, at_end = _last(Window(0, light.start)), _last(light)
    start, end = float(time[before].mean()), float(time[at_end].mean())
    measured = float(current[at_end].mean() - current[before].mean())
    drifted, doubt = under.change(start, end)
    left = current[under.rows] - under.curve.at(time[under.rows])
    uncertainty = float(np.hypot(doubt, 2**0.5 * _scatter_of_means(left, before)))
    value = measured - drifted
    odd = {
        "NO_RESPONSE": abs(value) <= uncertainty,
        "LOW_SNR": uncertainty < abs(value) < _SIGMAS * uncertainty,
        "DRIFT_COMPARABLE": abs(drifted) >= 0.5 * abs(measured) > 0,
        "CURVED_BASELINE": isinstance(under.curve, Line) and under.curve.bend > _SIGMAS,
        "UNTOLD_BASELINE": not (isinstance(under.curve, Line) or under.curve.converged),
    }
    flags = tuple(flag for flag, is_so in odd.items() if is_so)
    return Value(
        value,
        uncertainty=uncertainty,
        confidence=float(np.prod([_PENALTIES[flag] for flag in flags])),
        flags=flags,
        details={
            "measured": measured,
            "drifted": drifted,
            "baseline": _described(under),
            "fit_s": _span(time, under.rows),
            "dark_read_s": _span(time, before),
            "light_read_s": _span(time, at_end),
        },
    )


def baseline(time: Numbers, current: Numbers, light: Window) -> Baseline:
    """
    Return what the dark phase before a light goes on with.

    A stretched exponential from the start of the phase on, if the data tell its time. Where they
    do not, the best one goes on all the same, with its larger uncertainty: a phase of any bend is
    carried on far better by it than by a line. A straight line through the last two thirds of the
    phase (what settles fast is over by then) is taken only where it is better there by more than
    chance allows, or where a line through all of the phase is as good as the curve.

    Args:
        time: In s, never falling.
        current: A number for each time.
        light: The rows of the light.

    Raises:
        Undetermined: The dark before it is too short: fewer than 50 rows, or less than 10 s.
    """
    if light.start < FEWEST or time[light.start - 1] - time[0] < SHORTEST:
        raise Undetermined("less than 10 s or 50 rows of dark before the light")
    rows = slice(1, light.start)  # the current is switched on in the first
    fit = fitted(time[: light.start], current[: light.start])
    if fit.converged:
        return Baseline(fit, rows)
    begin = float(time[0] + LEFT_OUT * (time[light.start - 1] - time[0]))
    late = slice(int(np.searchsorted(time, begin)), light.start)
    line = straight(time[late], current[late])
    ends = time[light.start - 1], time[light.end - 1]
    if not math.isfinite(fit.tau):
        return Baseline(line, late)
    if _better(line, fit, time[late], current[late]):
        # Something fast has spoiled the curve: what a curve makes of the rest is what counts.
        of_late = fitted(time[late], current[late])
        return Baseline(line, late, other=of_late if math.isfinite(of_late.tau) else None)
    if math.isfinite(fit.change(*ends)[1]) and _better(
        fit, straight(time[rows], current[rows]), time[rows], current[rows]
    ):
        return Baseline(fit, rows, other=line if fit.reason in OTHER_LAWS else None)
    return Baseline(line, late, other=fit)


def _better(
    one: StretchedExponential | Line,
    other: StretchedExponential | Line,
    time: Numbers,
    current: Numbers,
) -> bool:
    """Tell whether one of two curves is nearer to the current by more than chance allows."""
    left, more = current - one.at(time), current - other.at(time)
    averaged = in_time(time, left, _AVERAGES)[1]
    variance = float(left @ left) / left.size * resemblance(averaged, PARAMETERS)
    return float(more @ more - left @ left) > CHANCE * variance


def _last(part: Window) -> slice:
    return slice(part.end - max(1, round(READ * len(part))), part.end)


def _scatter_of_means(left: Numbers, read: slice) -> float:
    """
    Return how much means of as many rows as are read scatter about the baseline.

    Less than single rows do, but not by the root of their number where the noise is flicker.
    """
    rows = read.stop - read.start
    count = left.size // rows
    means = left[: count * rows].reshape(count, rows).mean(axis=1)
    return float(np.sqrt(np.mean(means**2)))


def _span(time: Numbers, rows: slice) -> list[float]:
    return [float(time[rows][0]), float(time[rows][-1])]


def _described(under: Baseline) -> dict[str, Any]:
    curve = under.curve
    if isinstance(curve, Line):
        return {"model": "line", "slope": curve.slope, "r_squared": curve.r_squared}
    names = ("base", "amplitude", "tau", "beta", "r_squared", "converged")
    return {"model": "stretched exponential"} | {name: getattr(curve, name) for name in names}
