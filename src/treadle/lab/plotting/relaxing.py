"""The stretched exponential of a relaxation in the dark, as a curve upon what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from treadle.lab.plotting.model import Curve
from treadle.lab.written import amount

if TYPE_CHECKING:
    from treadle.lab.plotting.staged import Staged

_POINTS: Final = 400  # of the curve that is drawn


class NoFit(Exception):
    """A relaxation could not be fitted; the message says why."""


def fitted(measurement: Staged, name: str, group: int) -> tuple[Curve, str]:
    """
    Return the fit of the relaxation of one run: that of the metric ``tau_dark``.

    Where the data do not tell the time, the curve is the best that was found, and says so.

    Args:
        measurement: The run.
        name: What it is called in the legend; empty where it is the only one.
        group: The number of its colour.

    Returns:
        The curve, and why it has no time; empty where it has.

    Raises:
        NoFit: There is not even a curve.
    """
    from treadle.lab.extraction import Absent, StagedRun, Value
    from treadle.lab.extractors.relaxation import relaxation

    columns = {
        each: measurement.numbers(each)
        for each in measurement.table.columns
        if measurement.table[each].dtype.is_numeric()
    }
    facts = {key: value for key, value in measurement.facts.items() if key != "proc"}
    reason = ""
    try:
        tau = relaxation(StagedRun(measurement.procedure, columns, **facts))["tau_dark"]
    except Absent as error:
        details, reason = error.details, error.reason
    else:
        assert isinstance(tau, Value)
        details = dict(tau.details)
    curve = _curve(details)
    if curve is None:
        raise NoFit(reason)
    label = "best curve, no τ" if reason else said(details)
    label = ": ".join(filter(None, (name, label)))
    return Curve(*curve, label, group=group, is_fit=True), reason


def _curve(details: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """Return the curve that a record's details tell of; None where they do not."""
    names = ("base", "amplitude", "tau", "beta")
    if "window_s" not in details or not all(np.isfinite(details[name]) for name in names):
        return None
    base, amplitude, tau, beta = (float(details[name]) for name in names)
    start, end = details["window_s"]
    x = np.linspace(start, end, _POINTS)
    return x, base + amplitude * np.exp(-(((x - start) / tau) ** beta))


def said(details: Mapping[str, Any]) -> str:
    """Write tau and beta of a fit: ``"fit: τ = 12.3 ± 0.4 s, β = 0.710 ± 0.020"``."""
    tau, beta = (
        amount(details[name], unit, details["uncertainties"][name])
        for name, unit in (("tau", "s"), ("beta", ""))
    )
    return f"fit: τ = {tau}, β = {beta}"
