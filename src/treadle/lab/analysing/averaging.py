"""The runs of a group together: their means, the line through them, what differs out and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from treadle.lab.analysing import hysteresis
from treadle.lab.analysing.fits import (
    DIFFERENT,
    RUNS_DIFFER,
    Fit,
    Slopes,
    Sweep,
    polynomial_fit,
    resistance,
    slopes,
)
from treadle.lab.analysing.grouping import Group, mixed
from treadle.lab.analysing.hysteresis import Hysteresis
from treadle.lab.analysing.peaks import peaks
from treadle.lab.analysing.report import (
    ANALYSED,
    NO_CHIP,
    NO_CURRENT,
    NO_FORWARD,
    NO_RETURN,
    PARTLY,
    REJECTED,
)
from treadle.lab.analysing.statistics import Means, means, rounding
from treadle.lab.extraction.model import Undetermined

Row = dict[str, Any]
_Found = TypeVar("_Found")


class Averages(NamedTuple):
    """
    What a group adds up to.

    Attributes:
        about: Its row in the table ``groups``.
        rows: Its rows in the other tables, by the name of the table.
    """

    about: Row
    rows: dict[str, list[Row]]


def averaged(
    group: Group, sweeps: Mapping[str, Sweep], orders: Sequence[int], decimals: int
) -> Averages:
    """
    Average the runs of a group, and compare its branches.

    Runs that say of no chip are not averaged: they may be of several.

    Args:
        group: The group.
        sweeps: Those of its runs that have points, by run id.
        orders: Of the polynomials.
        decimals: See :func:`treadle.lab.analysing.statistics.rounding`.
    """
    every = list(sweeps.values())
    width = rounding((each.voltage for each in every), decimals)
    about = _about(group, sweeps, width)
    if group.chip_name is None or not every:
        reason = NO_CHIP if every else NO_CURRENT
        none = {name: list[Row]() for name in ("polynomials", "statistics", "hysteresis", "peaks")}
        return Averages({**about, "status": REJECTED, "reasons": [reason]}, none)
    forward, back = (_branch(every, width, back=is_back) for is_back in (False, True))
    curves = {order: _curve(back, order) for order in orders}
    # One run is at 0 V several times; what differs there are its polarities, and no scatter.
    out, home = (forward, back) if len(every) > 1 else map(_without_scatter, (forward, back))
    found = _hystereses(out, home, curves)
    differ = slopes((each.voltage[each.is_return], each.current[each.is_return]) for each in every)
    line, reasons = _line(back, differ)
    if not forward.place.size:
        reasons = [NO_FORWARD, *reasons]
    if differ is not None and differ.std > DIFFERENT * abs(line.get("slope", math.inf)):
        about["flags"].append(RUNS_DIFFER)
    about |= {
        **line,
        "n_forward": int(forward.n.sum()),
        "n_return": int(back.n.sum()),
        "status": PARTLY if reasons else ANALYSED,
        "reasons": reasons,
    }
    outward = {order: _curve(forward, order) for order in orders}
    rows = {
        "polynomials": [*_curve_rows("forward", outward), *_curve_rows("return", curves)],
        "statistics": [*_mean_rows("forward", forward), *_mean_rows("return", back)],
        "hysteresis": [row for method, each in found.items() for row in _rows(method, each)],
        "peaks": [_peak_row(method, each) for method, each in found.items()],
    }
    return Averages(about, rows)


def _about(group: Group, sweeps: Mapping[str, Sweep], width: float) -> Row:
    runs = [run for run in group.runs if run.run_id in sweeps]
    return {
        "chip_group": group.chip_group,
        "chip_number": group.chip_number,
        "n_runs": len(runs),
        "n_incomplete": sum(run.incomplete for run in runs),
        "voltage_width": width,
        "flags": mixed((run.light, run.gate) for run in runs),
        "runs": [run.run_id for run in runs],
        "resistance": None,
    }


def _branch(sweeps: list[Sweep], width: float, *, back: bool) -> Means:
    voltage = np.concatenate([each.voltage[each.is_return == back] for each in sweeps])
    current = np.concatenate([each.current[each.is_return == back] for each in sweeps])
    return means(voltage, current, width)


def _without_scatter(branch: Means) -> Means:
    return branch._replace(std=np.full(branch.place.size, np.nan))


def _tried(find: Callable[..., _Found], *given: Any) -> _Found | Undetermined:
    """Return what is found, or why there is nothing."""
    try:
        return find(*given)
    except Undetermined as why:
        return why


def _curve(branch: Means, order: int) -> Fit | Undetermined:
    return _tried(polynomial_fit, branch.true_voltage, branch.mean, order)


def _line(back: Means, differ: Slopes | None) -> tuple[Row, list[str]]:
    """Return the line through the means of the return, and why anything of it is missing."""
    if not back.place.size:
        return {}, [NO_RETURN]
    fit = _curve(back, 1)
    if isinstance(fit, Undetermined):
        return {}, [fit.reason]
    (intercept, slope), (of_intercept, of_slope) = fit.coefficients.tolist(), fit.errors.tolist()
    row = {
        "slope": slope,
        "slope_error": of_slope,
        "slope_std": None if differ is None else differ.std,
        "intercept": intercept,
        "intercept_error": of_intercept,
        "r_squared": fit.r_squared,
    }
    try:
        value, error = resistance(slope, of_slope, differ and differ.error)
    except Undetermined as why:
        return row, [why.reason]
    return {**row, "resistance": value, "resistance_error": error}, []


_OF_MEANS = {hysteresis.RAW: hysteresis.raw, hysteresis.ALIGNED: hysteresis.aligned}


def _hystereses(
    forward: Means, back: Means, curves: Mapping[int, Fit | Undetermined]
) -> dict[str, Hysteresis | Undetermined]:
    """Return the hysteresis by each method, or why there is none."""
    missing = NO_RETURN if forward.place.size else NO_FORWARD
    if not (forward.place.size and back.place.size):
        methods = [*_OF_MEANS, *(f"poly{order}" for order in curves)]
        return dict.fromkeys(methods, Undetermined(missing))
    found = {name: _tried(method, forward, back) for name, method in _OF_MEANS.items()}
    for order, curve in curves.items():
        if isinstance(curve, Fit):
            found[f"poly{order}"] = _tried(hysteresis.against, forward, curve)
        else:
            found[f"poly{order}"] = curve
    return found


def _curve_rows(branch: str, curves: Mapping[int, Fit | Undetermined]) -> list[Row]:
    rows: list[Row] = []
    for order, fit in curves.items():
        row: Row = {"branch": branch, "order": order}
        if isinstance(fit, Undetermined):
            rows.append({**row, "reason": fit.reason})
        else:
            quality = {name: getattr(fit, name) for name in _QUALITY}
            lists = {"coefficients": fit.coefficients.tolist(), "errors": fit.errors.tolist()}
            rows.append({**row, **quality, **lists})
    return rows


_QUALITY = ("r_squared", "rmse", "mae", "n_points")


def _peak_row(method: str, found: Hysteresis | Undetermined) -> Row:
    if isinstance(found, Undetermined):
        return {"method": method, "reason": found.reason}
    return {"method": method, **peaks(found)}


def _mean_rows(branch: str, of: Means) -> list[Row]:
    columns = (of.voltage, of.true_voltage, of.mean, of.std, of.n)
    names = ("voltage", "true_voltage", "mean", "std", "n")
    rows = zip(*(_plain(column) for column in columns), strict=True)
    return [{"branch": branch, **dict(zip(names, row, strict=True))} for row in rows]


def _rows(method: str, of: Hysteresis | Undetermined) -> list[Row]:
    if isinstance(of, Undetermined):
        return []  # the table of peaks says why
    rows = zip(*(_plain(column) for column in of), strict=True)
    return [{"method": method, **dict(zip(of._fields, row, strict=True))} for row in rows]


def _plain(column: Any) -> list[Any]:
    """Return Python's numbers, and None for NaN."""
    return [None if math.isnan(each) else each for each in column.tolist()]
