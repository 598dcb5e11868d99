"""The segment detection of the laboratory's earlier pipeline, number for number.

Kept so that old results can be made again and compared; what it loses is told in `classic`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

import treadle
from treadle.lab.segmentation.model import Direction, Dropped, Segment, SegmentType

if TYPE_CHECKING:
    from numpy.typing import NDArray

DV_THRESHOLD = 0.001
"""Volts. A smaller step does not count as a movement: the earlier pipeline's own number."""

MIN_POINTS = 5
"""Shorter pieces are left out: a fit of the earlier pipeline wanted as many."""


def classic(
    voltages: NDArray[np.float64],
    *,
    dv_threshold: float = DV_THRESHOLD,
    min_points: int = MIN_POINTS,
) -> tuple[list[Segment], list[Dropped]]:
    """
    Cut where a step of at least *dv_threshold* goes the other way, and at zero.

    A vertex ends the earlier segment; the first row at or beyond zero opens the next one. Its
    limits, which ``turns`` does not have: a sweep with smaller steps is cut at zero only; one row
    in the wrong direction cuts; rows of a piece shorter than *min_points* are lost (the last row
    of every IV sweep is); a row without a voltage stays in its segment.

    Args:
        voltages: The swept voltage, in the order of measurement.
        dv_threshold: The smallest step that is a movement, in volts.
        min_points: The fewest rows of a segment.

    Raises:
        UsageError: A setting is not above zero.

    Example:
        >>> sweep = np.array([0, -1, -2, -3, -4, -3, -2, -1, -0.5, -0.1, 0.0])
        >>> found, dropped = classic(sweep)
        >>> [(s.type, s.start, s.end) for s in found]
        [('forward_negative', 0, 4), ('return_negative', 5, 9)]
        >>> dropped
        [Dropped(row=10, reason='piece shorter than 5 points')]
    """
    if not dv_threshold > 0:
        raise treadle.UsageError(
            f"dv_threshold={dv_threshold!r} is not above zero", hint="try 0.001"
        )
    if min_points < 1:
        raise treadle.UsageError(f"min_points={min_points!r} is below one", hint="try 5")
    if not len(voltages):
        return [], []

    with np.errstate(invalid="ignore", over="ignore"):
        moved = np.diff(voltages)
        big = np.flatnonzero(np.abs(moved) >= dv_threshold)
        before, after = voltages[:-1], voltages[1:]
        crosses = ((before < 0) & (after >= 0)) | ((before > 0) & (after <= 0))
    # The direction is always that of the latest big step, so a turn is two of them that differ.
    rising = moved[big] > 0
    turns = big[1:][rising[1:] != rising[:-1]]
    opens = np.union1d(turns, np.flatnonzero(crosses)) + 1
    bounds = [0, *opens.tolist(), len(voltages)]

    found: list[Segment] = []
    dropped: list[Dropped] = []
    for start, stop in pairwise(bounds):
        if stop - start < min_points:
            reason = f"piece shorter than {min_points} points"
            dropped += [Dropped(row, reason) for row in range(start, stop)]
            continue
        # A step into row i is number i - 1; the last one up to the end of the piece decides.
        # The first direction of all is set by the step before the piece is ended by it, at zero.
        latest = int(np.searchsorted(big, stop - 1)) - 1
        if latest < 0 and big.size and big[0] == stop - 1:
            latest = 0
        direction: Direction = (
            "unknown" if latest < 0 else "increasing" if rising[latest] else "decreasing"
        )
        first, last = float(voltages[start]), float(voltages[stop - 1])
        kind = _type(first, last, direction)
        found.append(Segment(len(found), kind, direction, start, stop - 1, first, last))
    return found, dropped


def _type(v_start: float, v_end: float, direction: Direction) -> SegmentType:
    """Name a branch as the earlier pipeline does; one that straddles zero is always forward."""
    falling = direction == "decreasing"
    if max(v_start, v_end) <= 0:
        return "forward_negative" if falling else "return_negative"
    if min(v_start, v_end) >= 0:
        return "forward_positive" if direction == "increasing" else "return_positive"
    return "forward_negative" if falling else "forward_positive"
