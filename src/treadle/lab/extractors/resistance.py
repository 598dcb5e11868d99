"""The resistance of a device: one over the slope of the return branches of its IV sweeps.

The return is taken and not the way out, as lab practice has it: what charges at first has charged
by then. The line has an intercept, so that an offset of the meter does not enter; its slope and
the error of that are those of least squares (see `treadle.lab.analysing.fits`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from treadle.lab.analysing.fits import DIFFERENT, RUNS_DIFFER, Fit, Slopes, polynomial_fit, slopes
from treadle.lab.analysing.fits import resistance as of_slope
from treadle.lab.analysing.grouping import conditions, mixed
from treadle.lab.analysing.statistics import means, rounding
from treadle.lab.extraction import NotApplicable, StagedRun, Undetermined, Value, extractor
from treadle.lab.segmentation import segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

NOT_OHMIC: Final = "NOT_OHMIC"
"""The line explains less than 95 % of the variance: the device is no resistor, or it is noisy."""

_VOLTAGE: Final = "Vsd (V)"
_CURRENT: Final = "I (A)"
_STRAIGHT: Final = 0.95
_MIXED: Final = 0.5  # of the confidence is left, where it is the mean of what differs
_DECIMALS: Final = 2  # of the voltages at which the runs of a day are averaged, in V


@extractor(
    "resistance",
    version="1",
    metrics={"resistance": "Ω"},
    procedures={"IV": [_VOLTAGE, _CURRENT]},
    category="electrical",
)
def resistance(run: StagedRun) -> Value:
    """
    Return the resistance of one sweep: of a line through all points of its return segments.

    The uncertainty is the error of the slope over its square. Flag: NOT_OHMIC.

    Raises:
        NotApplicable: The sweep has no return segment.
        Undetermined: Fewer than three points, or the slope is lost in the noise.
    """
    voltage, current = _returns(run)
    return _value(polynomial_fit(voltage, current, 1), {})


@extractor(
    "day_resistance",
    version="1",
    metrics={"day_resistance": "Ω"},
    procedures={"IV": [_VOLTAGE, _CURRENT]},
    category="electrical",
    of="group",
    group_by=("chip_name", "date_local", "proc"),
)
def day_resistance(runs: Sequence[StagedRun]) -> Value:
    """
    Return the resistance of all sweeps of a day: of a line through the mean return current.

    The currents are averaged at each voltage (to 10 mV, or the step where that is finer), so that
    a run with many points weighs no more than others at other voltages. The uncertainty is that
    of the line and of the mean of the runs' own slopes. Flags: NOT_OHMIC, RUNS_DIFFER; and, where
    the runs were not all in the same light or at the same gate voltage, MIXED_LIGHT, MIXED_GATE,
    each of which halves the confidence.

    Raises:
        NotApplicable: No sweep has a return segment.
        Undetermined: Fewer than three voltages, or the slope is lost in the noise.
    """
    branches, swept = [], []
    for run in runs:
        try:
            branches.append(_returns(run))
            swept.append(conditions(run.facts))
        except NotApplicable:
            continue  # counted: n_runs tells how many there were
    if not branches:
        raise NotApplicable("no return segment", details={"n_runs": 0, "runs_given": len(runs)})
    width = rounding([voltage for voltage, _ in branches], _DECIMALS)
    voltages, currents = (np.concatenate(each) for each in zip(*branches, strict=True))
    found = means(voltages, currents, width)
    line = polynomial_fit(found.true_voltage, found.mean, 1)
    counts = {"n_runs": len(branches), "runs_given": len(runs)}
    value = _value(line, counts, slopes(branches))
    odd = mixed(swept)
    confidence = value.confidence * _MIXED ** len(odd)
    return replace(value, flags=(*value.flags, *odd), confidence=confidence)


def _returns(run: StagedRun) -> tuple[Numbers, Numbers]:
    """Return voltage and current of all points that are on their way back to zero."""
    voltage, current = run.together(_VOLTAGE, _CURRENT)
    back = np.zeros(voltage.size, dtype=np.bool_)
    if voltage.size:
        for each in segments({_VOLTAGE: voltage}, column=_VOLTAGE):
            if each.type.startswith("return"):
                back[each.start : each.end + 1] = True
    if not back.any():
        raise NotApplicable("no return segment")
    return voltage[back], current[back]


def _value(line: Fit, details: Mapping[str, object], differ: Slopes | None = None) -> Value:
    (intercept, slope), errors = line.coefficients.tolist(), line.errors.tolist()
    known = {
        **details,
        "slope": slope,
        "slope_error": errors[1],
        **({} if differ is None else {"slope_std": differ.std}),
        "intercept": intercept,
        "intercept_error": errors[0],
        "r_squared": line.r_squared,
        "rmse": line.rmse,
        "points": line.n_points,
    }
    try:
        value, error = of_slope(slope, errors[1], differ and differ.error)
    except Undetermined as why:
        raise Undetermined(why.reason, hint=why.hint, details=known) from None
    straight = max(line.r_squared or 0.0, 0.0)
    flags = () if straight >= _STRAIGHT else (NOT_OHMIC,)
    if differ is not None and differ.std > DIFFERENT * abs(slope):
        flags = (*flags, RUNS_DIFFER)
    return Value(value, error, confidence=straight, flags=flags, details=known)
