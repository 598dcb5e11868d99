"""Cut a voltage sweep into its branches.

    voltages ──▶ course (turning points, glitches) ──▶ turns     ──┐
        │              └──▶ flags (with what was expected)         ├──▶ Segments ──▶ label(table)
        └──────────────────────────────────────────▶ classic   ──┘

`turns` is the default and loses no row; `classic` gives the numbers of the earlier pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import treadle
from treadle.lab.segmentation.classic import classic
from treadle.lab.segmentation.expected import Expected, is_complete, sweep_parameters
from treadle.lab.segmentation.model import (
    GLITCHES,
    INCOMPLETE_SWEEP,
    NAN_VOLTAGE,
    NO_SWEEP,
    Direction,
    Dropped,
    Segment,
    Segments,
    SegmentType,
)
from treadle.lab.segmentation.turns import GLITCH, Path, course, turns

__all__ = [
    "GLITCHES",
    "INCOMPLETE_SWEEP",
    "METHODS",
    "NAN_VOLTAGE",
    "NO_SWEEP",
    "Direction",
    "Dropped",
    "Expected",
    "Segment",
    "SegmentType",
    "Segments",
    "segments",
    "sweep_parameters",
]

METHODS: Mapping[str, frozenset[str]] = {
    "turns": frozenset({"hysteresis"}),
    "classic": frozenset({"dv_threshold", "min_points"}),
}
"""The methods, and the settings that each takes."""

_EXPECTED = frozenset({"v_start", "v_end", "v_step", "loop", "returns"})


def segments(
    table: Any,
    *,
    column: str,
    method: str = "turns",
    expected: Expected | Mapping[str, Any] | None = None,
    **settings: Any,
) -> Segments:
    """
    Cut a sweep into segments.

    Args:
        table: A frame, or any mapping, that has the column; rows in the order of measurement.
        column: The swept voltage, such as ``Vsd (V)``.
        method: ``turns`` or ``classic``; each is described in the module of its name.
        expected: What the sweep was to do, as `sweep_parameters` gives it or as a mapping; without
            it, a sweep is incomplete when it does not return to where it began.
        **settings: Of the method: ``hysteresis`` (turns), ``dv_threshold`` and ``min_points``
            (classic). In place of *expected*: ``v_start``, ``v_end``, ``v_step``, ``loop``,
            ``returns``.

    Raises:
        UsageError: The column is not there or holds no numbers, or a setting is wrong.

    Example:
        >>> sweep = {"Vsd (V)": [0, -0.1, -0.2, -0.1, 0.0, 0.1, 0.2, 0.1]}
        >>> found = segments(sweep, column="Vsd (V)", v_start=-0.2, v_end=0.2, v_step=0.1)
        >>> [(s.type, s.points) for s in found]  # doctest: +NORMALIZE_WHITESPACE
        [('forward_negative', 3), ('return_negative', 1),
         ('forward_positive', 3), ('return_positive', 1)]
        >>> found.flags
        ('INCOMPLETE_SWEEP',)
    """
    if method not in METHODS:
        raise treadle.UsageError(
            f"there is no method {method!r}", hint=f"one of: {', '.join(METHODS)}"
        )
    way = _expected(expected, {key: settings.pop(key) for key in _EXPECTED & settings.keys()})
    if wrong := sorted(settings.keys() - METHODS[method]):
        raise treadle.UsageError(
            f"the method {method!r} has no setting {wrong[0]!r}",
            hint=f"it has: {', '.join(sorted(METHODS[method]))}",
        )
    voltages = _voltages(table, column)
    path = course(voltages, **settings) if method == "turns" else course(voltages)
    if method == "turns":
        found, dropped = turns(path), list(path.dropped)
    else:
        found, dropped = classic(voltages, **settings)
    flags = _flags(path, way)
    return Segments(tuple(found), tuple(dropped), flags, method, len(voltages))


def _flags(path: Path, expected: Expected | None) -> tuple[str, ...]:
    reasons = {reason for _, reason in path.dropped}
    told = {
        NO_SWEEP: not path.legs,
        INCOMPLETE_SWEEP: not is_complete(path, expected),
        GLITCHES: GLITCH in reasons,
        NAN_VOLTAGE: bool(reasons - {GLITCH}),
    }
    return tuple(flag for flag, is_so in told.items() if is_so)


def _expected(
    given: Expected | Mapping[str, Any] | None, settings: dict[str, Any]
) -> Expected | None:
    if given is not None and settings:
        raise treadle.UsageError(
            f"expected= and {', '.join(sorted(settings))} are both given", hint="give one of them"
        )
    if given is None and not settings:
        return None
    if isinstance(given, Expected):
        return given
    asked = dict(given or settings)
    if wrong := sorted(asked.keys() - _EXPECTED):
        raise treadle.UsageError(
            f"expected= has no {wrong[0]!r}", hint=f"it has: {', '.join(sorted(_EXPECTED))}"
        )
    if missing := sorted({"v_start", "v_end"} - asked.keys()):
        raise treadle.UsageError(
            f"{missing[0]} is missing from what is expected", hint="give v_start and v_end"
        )
    return Expected(**asked)


def _voltages(table: Any, column: str) -> NDArray[np.float64]:
    names = list(getattr(table, "columns", None) or table)
    if column not in names:
        raise treadle.UsageError(
            f"the table has no column {column!r}", hint=f"it has: {', '.join(map(str, names))}"
        )
    values = table[column]
    try:
        voltages = np.asarray(
            values.to_numpy() if hasattr(values, "to_numpy") else values, dtype=np.float64
        )
    except (TypeError, ValueError) as error:
        raise treadle.UsageError(
            f"the column {column!r} holds no numbers: {error}", hint="read it as Float64"
        ) from error
    if voltages.ndim != 1:
        raise treadle.UsageError(
            f"the column {column!r} has {voltages.ndim} dimensions", hint="one voltage per row"
        )
    return voltages
