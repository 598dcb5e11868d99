"""What a sweep was to do, by the parameters of its run, and whether it did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle.lab.segmentation.turns import Path

LOOPED = frozenset({"IVg", "IVgT"})
"""Procedures that go back to the start voltage before they go to zero: 0, start, end, start, 0."""

_SWEPT = ("VSD", "Vsd", "VG", "Vg")
"""Names of swept voltages, in headers; `VG start` is not in one with `VSD start`."""

_SLACK = 1e-3
"""Of a step: headers have six digits, and a sum of many steps is not exact."""


@dataclass(frozen=True, slots=True)
class Expected:
    """
    The way that a sweep was to go: from where it begins to *v_start*, to *v_end*, and back.

    Attributes:
        v_start: The first extreme, in volts.
        v_end: The second one.
        v_step: The step; None: as found in the data.
        loop: It goes to *v_start* once more before it comes back (the gate sweeps of IVg do).
        returns: It comes back to where it began.
    """

    v_start: float
    v_end: float
    v_step: float | None = None
    loop: bool = False
    returns: bool = True


def sweep_parameters(procedure: str, parameters: Mapping[str, object]) -> Expected | None:
    """
    Return what a run was to do, by the parameters in its header; None where they do not tell.

    Example:
        >>> sweep_parameters("IV", {"VSD start": -1.0, "VSD end": 1.0, "VSD step": 0.01, "VG": 0.0})
        Expected(v_start=-1.0, v_end=1.0, v_step=0.01, loop=False, returns=True)
    """
    for name in _SWEPT:
        start = _number(parameters.get(f"{name} start"))
        end = _number(parameters.get(f"{name} end"))
        if start is not None and end is not None:
            step = _number(parameters.get(f"{name} step"))
            return Expected(start, end, step, loop=procedure in LOOPED)
    return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def is_complete(path: Path, expected: Expected | None) -> bool:
    """
    Tell whether a sweep went all its way.

    Without anything *expected*: whether it came back to where it began. An extreme counts as
    reached within half a step. It has come back when its last leg gets within half a step of its
    beginning or passes it, and ends no more than one step away: real IV sweeps end just beyond.
    """
    step = abs((expected.v_step if expected else None) or path.scale.step)
    slack = _SLACK * step + path.scale.back
    if not path.legs:
        return not expected or abs(expected.v_end - expected.v_start) <= step / 2
    return (not expected or _reaches(path, expected, step / 2 + slack)) and (
        (expected is not None and not expected.returns) or _returns(path, step, slack)
    )


def _reaches(path: Path, expected: Expected, tolerance: float) -> bool:
    """Walk from turning point to turning point; each extreme must come after the one before."""
    wanted = [(expected.v_start, expected.v_start > expected.v_end)]
    wanted.append((expected.v_end, not wanted[0][1]))
    wanted += wanted[:1] if expected.loop else []
    reached = iter([path.legs[0].origin, *(float(path.voltages[leg.last]) for leg in path.legs)])
    # `any` takes from the iterator up to the first that fits, so the next one goes on from there.
    return all(
        any(v >= goal - tolerance if is_high else v <= goal + tolerance for v in reached)
        for goal, is_high in wanted
    )


def _returns(path: Path, step: float, slack: float) -> bool:
    if len(path.legs) < 2:
        return False
    sign = 1 if path.legs[-1].rising else -1
    gone_beyond = sign * float(path.voltages[-1] - path.voltages[0])
    return -step / 2 - slack <= gone_beyond <= step + slack
