"""Segments by turning points: the voltage turns where it goes back by more than its noise.

What is noise, what is a step and what is a glitch is read from the data; no constant in volts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import treadle
from treadle.lab.segmentation.model import Direction, Dropped, Segment, SegmentType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

OVERFLOW = 9.9e37
"""What a Keithley writes for a value that it could not measure."""

NO_VOLTAGE = "no voltage"
NOT_A_VOLTAGE = "overflow"
GLITCH = "glitch"

_ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Of the largest voltage: what many additions of a step leave behind; no movement at all."""

_NO_MOVE = 1e-3
"""Of a step: less is rounding, whatever wrote the number."""

_SIGMAS = 10.0
"""Two rows of pure noise are never this many standard deviations apart, among 1e5 rows."""

_FEW = 16
"""With fewer curvatures than this, the turns of a short sweep would pass for noise."""

_LONGEST_GLITCH = 2
"""Rows. Three in the wrong direction are a branch, however short."""

_SPIKE = 4.0
"""Large steps. A vertex is one from its neighbours, and three rows make three: more is a glitch."""

_GROWTH = 10.0
"""A step is at most this many times the one before: a logarithmic sweep, one row per decade."""

_MOST_GLITCHES = 1 / 8
"""Of the rows. Where more seem to be glitches, that is how the sweep is: pulses, for example."""

_LOCAL = 3
"""Steps on either side of a detour that tell how fast the sweep goes there."""

_PASSES = 8
"""A glitch may hide another, not eight deep: what is left then is how the data are."""


@dataclass(frozen=True, slots=True)
class Scale:
    """
    What the data say about themselves.

    Attributes:
        step: A usual step (the median), in volts.
        coarse: A large one (nine in ten are smaller).
        still: Less than this is no movement.
        back: The voltage has turned when it went back by more than this.
    """

    step: float
    coarse: float
    still: float
    back: float


@dataclass(frozen=True, slots=True)
class Leg:
    """
    The way from one turning point to the next; `first` and `last` count the kept rows.

    `origin` is the voltage where it departs from: the turning point, which the leg before owns.
    """

    first: int
    last: int
    rising: bool
    origin: float


@dataclass(frozen=True, slots=True)
class Path:
    """
    The course of a sweep, without the rows that tell nothing.

    Attributes:
        rows: The kept rows.
        voltages: Their voltages.
        legs: From turning point to turning point, not cut at zero. Empty: it does not move.
        scale: The measures that were used.
        dropped: The other rows, in order.
    """

    rows: Rows
    voltages: Floats
    legs: tuple[Leg, ...]
    scale: Scale
    dropped: tuple[Dropped, ...]


def turns(path: Path) -> list[Segment]:
    """
    Cut a course at its turning points, and where a leg crosses zero.

    Nothing is lost: a row is in a segment unless it has no voltage or is a glitch (one or two
    rows that leave the sweep, which then goes on as if they were not there; their voltage cannot
    be trusted, so they are dropped, and a segment stays monotonic up to its noise).

    A vertex, and all rows that dwell there, end the earlier segment; the first row at or beyond
    zero opens the next one. A leg that ends within one step beyond zero is not cut there: the
    lone last row of an IV sweep belongs to its last branch.

    Where every other or every third row jumps (pulses), these are no glitches: each pulse is a
    branch and each way back another, or all is noise, one segment that does not move. A few such
    rows in a long sweep are glitches.

    What cannot be told apart: a first or last row that is off looks like a leg of one row; a tip
    of one or two rows, many steps away from the rest, looks like a glitch.

    Example:
        >>> sweep = np.array([0, -1e-5, -2e-5, -1e-5, 0, 1e-5, 2e-5, 1e-5, 0])
        >>> [(s.type, s.start, s.end) for s in turns(course(sweep))]
        ... # doctest: +NORMALIZE_WHITESPACE
        [('forward_negative', 0, 2), ('return_negative', 3, 3),
         ('forward_positive', 4, 6), ('return_positive', 7, 8)]
    """
    if not path.legs:
        return _still(path)
    pieces = [piece for leg in path.legs for piece in _cut_at_zero(path, leg)]
    # A dropped row between two segments is in neither: a segment ends with a row of its own.
    return [
        _segment(path, number, leg.first, leg.last, _type(path, leg), _direction(leg))
        for number, leg in enumerate(pieces)
    ]


def course(voltages: Floats, *, hysteresis: float | None = None) -> Path:
    """
    Find the turning points of a sweep, and the rows that tell nothing about it.

    Args:
        voltages: The swept voltage, in the order of measurement.
        hysteresis: The voltage has turned when it went back by more than this, in volts; None:
            ten standard deviations of its noise, or what rounding leaves behind.

    Raises:
        UsageError: *hysteresis* is below zero.
    """
    if hysteresis is not None and not hysteresis >= 0:
        raise treadle.UsageError(
            f"hysteresis={hysteresis!r} is below zero", hint="None: as the data say themselves"
        )
    # Once for all: NaN compares false.
    usable = np.abs(voltages) < OVERFLOW
    dropped = {
        int(row): NO_VOLTAGE if np.isnan(voltages[row]) else NOT_A_VOLTAGE
        for row in np.flatnonzero(~usable)
    }
    rows = np.flatnonzero(usable)
    is_glitch = np.zeros(rows.size, dtype=np.bool_)
    is_sound = np.zeros(rows.size, dtype=np.bool_)  # was taken for a glitch, and is none
    passes_left = _PASSES
    while True:
        places = np.flatnonzero(~is_glitch)
        kept = voltages[rows[places]]
        scale = _scale(kept, hysteresis)
        vertices, rising = _vertices(kept, scale)
        if rising is None and _is_too_much(is_glitch):
            is_glitch[:], is_sound[:], passes_left = False, True, 0
            continue
        if not passes_left:
            break
        vertices, found = _without_glitches(kept, vertices, rising, scale, is_sound[places])
        if not found:
            break
        passes_left -= 1
        is_glitch[places[found]] = True
        given_back = _given_back(is_glitch)
        is_sound |= given_back
        is_glitch &= ~given_back
    dropped |= dict.fromkeys(rows[is_glitch].tolist(), GLITCH)
    rows = rows[~is_glitch]
    out = tuple(Dropped(row, dropped[row]) for row in sorted(dropped))
    return Path(rows, kept, _legs(kept, vertices, rising, scale), scale, out)


# --- what the data say about themselves ----------------------------------------------------------


def _scale(voltages: Floats, hysteresis: float | None) -> Scale:
    rounding = _rounding(voltages)
    moves = np.diff(voltages)
    moves = moves[np.abs(moves) > rounding]  # a dwell tells nothing about steps
    if not moves.size:
        return Scale(0.0, 0.0, rounding, rounding if hysteresis is None else hysteresis)
    sizes = np.abs(moves)
    step, coarse = _part(sizes, 0.5), _part(sizes, 0.9)
    still = max(rounding, _NO_MOVE * step)
    if hysteresis is None:
        hysteresis = max(still, _SIGMAS * _noise(moves))
    return Scale(step, coarse, still, hysteresis)


def _rounding(voltages: Floats) -> float:
    return _ROUNDING * float(np.max(np.abs(voltages), initial=0.0))


def _noise(moves: Floats) -> float:
    """
    Return the standard deviation of the voltage about its way.

    A straight way has no second difference but noise (of variance six). Turns and changes of the
    step have large ones, so the lower third decides: legs of three steps do not disturb it.
    """
    bends = np.abs(np.diff(moves))
    if bends.size < _FEW:
        return 0.0
    third_of_normal = 0.4307  # |x| is smaller in a third of all cases
    return _part(bends, 1 / 3) / third_of_normal / 6**0.5


def _part(values: Floats, share: float) -> float:
    """Return the value that *share* of them are below (without the sorting of a quantile)."""
    place = int(share * (values.size - 1))
    return float(np.partition(values, place)[place])


# --- turning points ------------------------------------------------------------------------------


def _vertices(voltages: Floats, scale: Scale) -> tuple[list[int], bool | None]:
    """
    Return the turning points, and whether the first leg rises (None: it does not move).

    Only local extremes can be one, and they are few unless there is noise. Of equal ones the last
    counts, so that the dwell at a vertex stays with the leg that led there.
    """
    if not voltages.size:
        return [], None
    moves = np.diff(voltages)
    moving = np.flatnonzero(moves)
    up = moves[moving] > 0
    places = [0, *moving[1:][up[1:] != up[:-1]].tolist(), voltages.size - 1]
    values = voltages[places].tolist()

    found: list[int] = []
    first: bool | None = None
    rising = False
    low = high = 0  # while the direction is unknown: both ends of what was seen
    low_value = high_value = values[0]
    for place, value in zip(places, values, strict=True):
        if first is None:
            if value >= high_value:
                high, high_value = place, value
            if value <= low_value:
                low, low_value = place, value
            if high_value - low_value > scale.back:
                first = rising = high > low
        elif rising:
            if value >= high_value:
                high, high_value = place, value
            elif high_value - value > scale.back:
                found.append(high)
                rising, low, low_value = False, place, value
        elif value <= low_value:
            low, low_value = place, value
        elif value - low_value > scale.back:
            found.append(low)
            rising, high, high_value = True, place, value
    return found, first


def _legs(
    voltages: Floats, vertices: list[int], rising: bool | None, scale: Scale
) -> tuple[Leg, ...]:
    if rising is None:
        return ()
    ends = [*vertices, voltages.size - 1]
    legs: list[Leg] = []
    start, origin = 0, float(voltages[0])
    for number, vertex in enumerate(ends):
        end, limit = vertex, ends[min(number + 1, len(ends) - 1)]
        # Rounding may put the dwell at a vertex a hair beside it.
        while end + 1 < limit and abs(voltages[end + 1] - voltages[vertex]) <= scale.still:
            end += 1
        legs.append(Leg(start, end, rising, origin))
        start, origin, rising = end + 1, float(voltages[vertex]), not rising
    return tuple(legs)


# --- glitches ------------------------------------------------------------------------------------


def _given_back(is_glitch: Flags) -> Flags:
    """
    Tell which rows are no glitches though each of them looked like one.

    A peak of coarse steps in a fine sweep can be taken away row by row. So a glitch stays short,
    and one row between two glitches does not part them. The rows beside those that come back are
    sound too: without them, they would be the next to look like glitches.
    """
    if is_glitch.sum() > _MOST_GLITCHES * is_glitch.size and _is_too_much(is_glitch):
        return np.ones_like(is_glitch)
    given_back = np.zeros_like(is_glitch)
    places = np.flatnonzero(is_glitch)
    for near in np.split(places, np.flatnonzero(np.diff(places) > 2) + 1):
        if near.size > _LONGEST_GLITCH:
            given_back[max(0, near[0] - 2) : near[-1] + 3] = True
    return given_back


def _is_too_much(is_glitch: Flags) -> bool:
    """Tell whether there are more glitches than a short sweep may have."""
    return int(is_glitch.sum()) > 2 * _LONGEST_GLITCH


def _without_glitches(
    voltages: Floats, vertices: list[int], rising: bool | None, scale: Scale, is_sound: Flags
) -> tuple[list[int], list[int]]:
    """
    Return the turning points that are some, and the rows that are glitches.

    Two turning points close together are none if the sweep goes on behind them as it came; where
    no row of theirs is off by more than noise, there is nothing to drop either.
    """
    # The far ones first: beside them, good rows look like a detour.
    spikes = [_spike(voltages, vertex, scale) for vertex in vertices]
    if far := {row for rows in spikes if not is_sound[rows].any() for row in rows}:
        return vertices, sorted(far)
    detours = [
        _detour(voltages, *pair, 1 if rising == (number % 2 == 0) else -1, scale)
        for number, pair in enumerate(pairwise(vertices))
    ]
    kept: list[int] = []
    glitches: list[int] = []
    number = 0
    while number < len(vertices):
        here, following = [*detours, None, None][number : number + 2]
        off = [] if here is None else _rows_off(voltages, here.before, here.after, scale)
        if here is None or (following is not None and following < here) or is_sound[off].any():
            kept.append(vertices[number])
            number += 1
        else:
            glitches += off
            number += 2
    return kept, sorted(set(glitches))


class Detour(NamedTuple):
    """A way round between two good rows; the least one is the most likely."""

    rows: int
    uneven: float
    before: int
    after: int


def _detour(voltages: Floats, turn: int, back: int, sign: int, scale: Scale) -> Detour | None:
    """Read two turning points as a detour of one or two rows, if they can be one."""
    if back - turn > _LONGEST_GLITCH + 1:
        return None
    least, largest = _steps_beside(voltages, turn - _LONGEST_GLITCH, back + _LONGEST_GLITCH)
    step, coarse = min(scale.step, least), max(scale.coarse, largest)
    needed = step / 4 - scale.back  # noise may eat the progress of a small step
    credible = _SPIKE * coarse + scale.back  # a jump beyond is the glitch, not its end
    best: Detour | None = None
    for before in range(max(0, turn - _LONGEST_GLITCH), turn + 1):
        for after in range(max(back, before + 2), before + _LONGEST_GLITCH + 2):
            if after >= voltages.size:
                break
            progress = sign * float(voltages[after] - voltages[before])
            if needed < progress <= credible:
                uneven = abs(progress - (after - before) * step)
                found = Detour(after - before - 1, uneven, before, after)
                best = found if best is None else min(best, found)
    return best


def _steps_beside(voltages: Floats, first: int, last: int) -> tuple[float, float]:
    """Return the least and the largest of the usual steps before and behind two rows."""
    before = voltages[max(0, first - _LOCAL) : max(0, first) + 1]
    usual: list[float] = []
    for side in (before, voltages[last : last + _LOCAL + 1]):
        steps = np.abs(np.diff(side))
        # Not `scale.still`: in a fine range beside coarse ones, every step is less.
        steps = steps[steps > _rounding(voltages)]
        usual += [_part(steps, 0.5)] if steps.size else []
    return min(usual, default=np.inf), max(usual, default=0.0)


def _rows_off(voltages: Floats, before: int, after: int, scale: Scale) -> list[int]:
    low, high = sorted((float(voltages[before]), float(voltages[after])))
    return [
        row
        for row in range(before + 1, after)
        if not low - scale.back <= voltages[row] <= high + scale.back
    ]


def _spike(voltages: Floats, vertex: int, scale: Scale) -> list[int]:
    """Return the rows of a turning point that stands far off alone, on its own or with one more."""
    for before, after in ((1, 1), (1, 2), (2, 1)):
        first, last = vertex - before, vertex + after
        if first < 0 or last >= voltages.size:
            continue
        peak = float(voltages[vertex])
        sign = 1 if peak > voltages[first] else -1
        sides = sign * (peak - float(voltages[first])), sign * (peak - float(voltages[last]))
        steps = _next_step(sign * voltages[first::-1]), _next_step(sign * voltages[last:])
        far = _SPIKE * max(scale.coarse, *steps) + scale.back
        if min(sides) > far:
            middle = (voltages[first] + voltages[last]) / 2
            return [row for row in range(first + 1, last) if abs(voltages[row] - middle) > far / 2]
    return []


def _next_step(falling: Floats) -> float:
    """Return the step that was to come before the first of these rows; zero if they do not fall."""
    near, *further = (-np.diff(falling[:3])).tolist() or [0.0]
    if near <= 0:
        return 0.0
    growth = near / further[0] if further and further[0] > 0 else 1.0
    return float(near * min(max(growth, 1.0), _GROWTH))


# --- segments ------------------------------------------------------------------------------------


def _cut_at_zero(path: Path, leg: Leg) -> list[Leg]:
    inside = path.voltages[leg.first : leg.last + 1]
    sign = 1 if leg.rising else -1
    if not sign * inside[0] < 0:
        return [leg]
    beyond = np.flatnonzero(sign * inside >= 0)
    if not beyond.size:
        return [leg]
    cut = leg.first + int(beyond[0])
    if _ends_at_zero(path, np.array([leg.origin, *inside]), int(beyond[0])):
        return [leg]
    return [
        Leg(leg.first, cut - 1, leg.rising, leg.origin),
        Leg(cut, leg.last, leg.rising, float(path.voltages[cut - 1])),
    ]


def _ends_at_zero(path: Path, way: Floats, last_before: int) -> bool:
    """Tell whether a leg goes to zero, or comes from it: it is one step beyond, or its noise."""
    near, reach = sorted((abs(float(way[0])), abs(float(way[-1]))))
    is_origin = abs(float(way[0])) == near
    steps = np.abs(np.diff(way[: last_before + 2] if is_origin else way[last_before:]))
    steps = steps[steps > _rounding(path.voltages)]
    step = _part(steps, 0.5) if steps.size else 0.0  # of its short side, not of the whole sweep
    within = max(step * (1 + _NO_MOVE), path.scale.back)
    return near <= within < reach or near <= path.scale.still


def _type(path: Path, leg: Leg) -> SegmentType:
    """Name a branch by the side on which it goes furthest; one that is all zero, by its origin."""
    ends = float(path.voltages[leg.first]), float(path.voltages[leg.last])
    furthest = max(ends, key=abs)
    if abs(furthest) <= path.scale.still:
        furthest = leg.origin
    if furthest < 0:
        return "return_negative" if leg.rising else "forward_negative"
    return "forward_positive" if leg.rising else "return_positive"


def _direction(leg: Leg) -> Direction:
    return "increasing" if leg.rising else "decreasing"


def _still(path: Path) -> list[Segment]:
    if not path.rows.size:
        return []
    return [_segment(path, 0, 0, path.rows.size - 1, "unknown", "unknown")]


def _segment(
    path: Path, number: int, first: int, last: int, kind: SegmentType, direction: Direction
) -> Segment:
    start, end = int(path.rows[first]), int(path.rows[last])
    return Segment(
        number,
        kind,
        direction,
        start,
        end,
        float(path.voltages[first]),
        float(path.voltages[last]),
        skipped=(end - start) - (last - first),
    )
