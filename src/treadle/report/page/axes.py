"""Round numbers for the axes of charts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from treadle.progress.text import clock
from treadle.report.page.words import span

ZOOMS = (1, 4, 16)
"""How far the script of the page can draw a time axis out; ticks are there for each."""

_TICKS = 6  # at no zoom
_STEPS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600,
    2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 5 * 86400, 10 * 86400, 20 * 86400,
    50 * 86400, 100 * 86400, 200 * 86400, 500 * 86400,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tick:
    """
    A mark on an axis.

    Attributes:
        share: Where, from 0 to 1.
        label: What it says.
        zoom: From which zoom on there is room for it.
    """

    share: float
    label: str
    zoom: int = 1


def round_up(number: float) -> float:
    """Return the next of 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15 …, for the top of an axis."""
    if number <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(number))
    return next(
        step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= number * 0.999
    )


def times(end: float) -> list[Tick]:
    """Return the marks of an axis of time from 0 to *end* seconds."""
    found: dict[float, Tick] = {}
    step = 0.0
    for zoom in ZOOMS:
        step = next((each for each in _STEPS if _fits(each, end / zoom, step)), step or end)
        for number in range(int(end / step * 1.0001) + 1):
            at = round(number * step, 6)
            found.setdefault(at, Tick(at / end, _time(at, step), zoom))
    return sorted(found.values(), key=lambda tick: tick.share)


def _fits(step: float, end: float, coarser: float) -> bool:
    """Tell whether there is room for marks so near, and those of no zoom are among them."""
    parts = coarser / step
    return end / step <= _TICKS and abs(parts - round(parts)) < 1e-6


def _time(at: float, step: float) -> str:
    if at == 0:
        return "0"
    if step >= 86400:
        return f"{at / 86400:g} d"
    return clock(at) if at >= 60 and step >= 1 else f"{at:g} s"


def decades(low: float, high: float) -> list[Tick]:
    """Return the marks of a logarithmic axis of durations: powers of ten, in words."""
    width = math.log10(high / low)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = 1 + (last - first) // 8
    factors = (1, 2, 5) if width < 2.5 else (1,)
    found = [
        factor * 10.0**power
        for power in range(first, last + 1)
        if not power % every
        for factor in factors
    ]
    return [
        Tick(math.log10(at / low) / width, span(at))
        for at in found
        if low * 0.999 <= at <= high * 1.001
    ]
