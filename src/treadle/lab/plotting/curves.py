"""The curves of staged measurements: over each other, their slopes, after one another, fitted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

import treadle
from treadle.lab.extractors.lit import lit
from treadle.lab.plotting import relaxing, slopes
from treadle.lab.plotting.kinds import Kind
from treadle.lab.plotting.model import Axis, Curve, Plot, largest, scaled
from treadle.lab.plotting.quantity import quantity, split
from treadle.lab.plotting.staged import Staged
from treadle.lab.plotting.words import naming, on_the_clock
from treadle.lab.written import MINUS, Scale, scale

if TYPE_CHECKING:
    from treadle.lab.plotting.model import Numbers

_APART = 10.0
"""Gaps of so many times what was measured leave nothing to be seen of the curves."""


@dataclass(frozen=True, slots=True)
class _Made:
    """Curves in plain units, and what belongs to them."""

    curves: list[Curve]
    lit: list[tuple[float, float]]
    notes: list[str]
    by_clock: bool = False


def plot_of(measurements: Sequence[Staged], kind: Kind, *, legend_by: str | None = None) -> Plot:
    """
    Draw *measurements* in one plot, each with curves of its own.

    A single sweep that was segmented has a curve for each segment.

    Args:
        measurements: What is to be drawn; one without the columns of *kind* is left out, and the
            notes say so.
        kind: What is drawn over what.
        legend_by: What tells the curves apart in the legend, as for
            :func:`treadle.lab.plotting.words.naming`; default: all in which they differ.

    Raises:
        UsageError: None of them can be drawn.
    """
    drawn = [each for each in measurements if _columns_of(each, kind)]
    if not drawn:
        raise treadle.UsageError(
            f"there is nothing to draw for {kind.name!r}: no measurement has numbers in "
            f"{' and '.join(map(repr, kind.columns))}",
            hint="choose another kind of plot, or other measurements",
        )
    title, names = naming([each.facts for each in drawn], legend_by)
    same = {name: number for number, name in enumerate(dict.fromkeys(names))}
    made = _sequence(drawn, names, kind) if kind.how == "sequence" else _over(drawn, names, kind)
    if not made.curves:
        raise treadle.UsageError(
            f"there is nothing to draw for {kind.name!r}: {'; '.join(dict.fromkeys(made.notes))}",
            hint="choose another kind of plot, or other measurements",
        )
    if len(drawn) < len(measurements):
        made.notes.append(f"{len(measurements) - len(drawn)} left out: without these columns")
    shown = kind.shown or (kind.y[0] if len(kind.y) == 1 else "Temperature (degC)")
    x = Axis("Time", is_time=True) if made.by_clock else _axis(kind.x)
    groups = _groups(made.curves, [same[name] for name in names])
    curves = _said_once(
        replace(each, group=group) for each, group in zip(made.curves, groups, strict=True)
    )
    return scaled(
        Plot(title, x, _axis(shown), tuple(curves), tuple(made.lit), notes=tuple(made.notes))
    )


def _axis(column: str) -> Axis:
    return Axis(quantity(column), split(column)[1])


# ── over each other ─────────────────────────────────────────────────────────────────────────────


def _over(drawn: Sequence[Staged], names: Sequence[str], kind: Kind) -> _Made:
    lit, notes = _lit(drawn, kind)
    made = _Made([], lit, notes)
    for group, (each, name) in enumerate(zip(drawn, names, strict=True)):
        try:
            made.curves.extend(_curves(each, name, kind, group, alone=len(drawn) == 1))
            if kind.how == "fit":
                curve, reason = relaxing.fitted(each, name, group)
                made.curves.append(curve)
                notes.extend([f"{each.run_id} has no τ: {reason}"] if reason else [])
        except (slopes.NoSlope, relaxing.NoFit) as error:
            lacks = "left out" if kind.how == "slope" else "has no fit"
            notes.append(f"{each.run_id} {lacks}: {error}")
    return made


def _curves(measurement: Staged, name: str, kind: Kind, group: int, *, alone: bool) -> list[Curve]:
    columns = _columns_of(measurement, kind)
    x = measurement.numbers(kind.x)
    if kind.how == "slope":
        return slopes.curves(x, measurement.numbers(columns[0]), name, group, alone=alone)
    if kind.by_segment and alone and measurement.is_segmented:
        return _branches(measurement, x, measurement.numbers(columns[0]), kind)
    curves = []
    for number, column in enumerate(columns):
        which = quantity(column) if len(kind.y) > 1 else ""
        label = " · ".join(word for word in (name, which) if word)
        curves.append(Curve(x, measurement.numbers(column), label, number % 2 == 1, group))
    return curves


def _branches(measurement: Staged, x: Numbers, y: Numbers, kind: Kind) -> list[Curve]:
    """Return a curve for each segment; it begins where the one before ended, so no gap is seen."""
    ids = measurement.table["segment_id"].fill_null(-1).to_numpy()
    types = measurement.table["segment_type"]
    volts = scale(largest(x), split(kind.x)[1])
    curves: list[Curve] = []
    for number in range(int(ids.max()) + 1 if len(ids) else 0):
        rows = (ids == number).nonzero()[0]
        if not len(rows):
            continue
        first, last = float(x[rows[0]]), float(x[rows[-1]])
        if curves and rows[0] and ids[rows[0] - 1] == number - 1:
            rows = [rows[0] - 1, *rows]
        back = str(types[int(rows[-1])]).startswith("return")
        label = f"{number}: {_about(first, volts)} to {_about(last, volts)} {volts.unit}"
        curves.append(Curve(x[rows], y[rows], label, back, number // 2))
    return curves or [Curve(x, y)]


def _about(value: float, volts: Scale) -> str:
    """Write a voltage to the microvolt: the zero of a sweep is often 1e-16 V."""
    return f"{(round(value, 6) + 0.0) * volts.factor:.4g}".replace("-", MINUS)


# ── one after the other ─────────────────────────────────────────────────────────────────────────


def _sequence(drawn: Sequence[Staged], names: Sequence[str], kind: Kind) -> _Made:
    """Return each curve where it stood on the clock of the laboratory."""
    began = [on_the_clock(each.facts) for each in drawn]
    told = [at for at in began if at is not None]
    lacking = len(began) - len(told)
    notes = [f"{lacking} left out: without a start"] if lacking else []
    curves: list[Curve] = []
    lit: list[tuple[float, float]] = []
    for group, (each, name, at) in enumerate(zip(drawn, names, began, strict=True)):
        if at is None:
            continue
        column = _columns_of(each, kind)[0]
        curves.append(Curve(each.numbers(kind.x) + at, each.numbers(column), name, group=group))
        lit += [(on + at, off + at) for on, off in _spans(each, kind)]
    if len(curves) > 1:
        measured = sum(float(np.nanmax(each.x) - np.nanmin(each.x)) for each in curves)
        whole = max(float(np.nanmax(c.x)) for c in curves) - min(told)
        if whole > _APART * max(measured, 1.0):
            notes.append("these runs are far apart in time: between them nothing was measured")
    return _Made(curves, lit, notes, by_clock=True)


# ── of one measurement ──────────────────────────────────────────────────────────────────────────


def _columns_of(measurement: Staged, kind: Kind) -> list[str]:
    """Return the columns of *kind* that a measurement has numbers in; none if it lacks the x."""
    table = measurement.table
    filled = [
        name
        for name in kind.columns
        if name in table.columns and bool(table[name].cast(float).is_finite().any())
    ]
    return filled[1:] if filled[:1] == [kind.x] else []


def _groups(curves: Sequence[Curve], of_runs: Sequence[int]) -> list[int]:
    """Return the number of the colour of each curve: its run's; of one run, its group's."""
    if len(of_runs) > 1:
        return [of_runs[curve.group] for curve in curves]
    if len(curves) > 2 or any(curve.is_fit for curve in curves):
        return [curve.group for curve in curves]
    return [*range(len(curves))]


def _said_once(curves: Iterable[Curve]) -> list[Curve]:
    """Leave the labels out that an earlier curve has, whose colour a curve shares."""
    said: set[tuple[int, str]] = set()
    once = []
    for curve in curves:
        key = (curve.group, curve.label)
        once.append(replace(curve, label="") if key in said else curve)
        said.add(key)
    return once


# ── light ───────────────────────────────────────────────────────────────────────────────────────


def _lit(drawn: Sequence[Staged], kind: Kind) -> tuple[list[tuple[float, float]], list[str]]:
    """Return when the light was on, where that is the same for all, and a note where it is not."""
    if kind.laser is None:
        return [], []
    each = [_spans(one, kind) for one in drawn]
    if all(_agree(each[0], other) for other in each[1:]):
        return each[0], []
    return [], ["light is not shaded: it was on at other times in some of these runs"]


def _spans(measurement: Staged, kind: Kind) -> list[tuple[float, float]]:
    if kind.laser is None or kind.laser not in measurement.table.columns:
        return []
    x = measurement.numbers(kind.x)
    ends = [(each.start, each.end - 1) for each in lit(measurement.numbers(kind.laser))]
    return [
        (float(x[start]), float(x[end]))
        for start, end in ends
        if np.isfinite(x[start]) and np.isfinite(x[end])
    ]


def _agree(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> bool:
    """Tell whether light was on at the same times, but for 2 % of how long."""
    return len(one) == len(other) and all(
        abs(a - b) <= 0.02 * max(end - start, 1e-9)
        for (start, end), span in zip(one, other, strict=True)
        for a, b in zip((start, end), span, strict=True)
    )
