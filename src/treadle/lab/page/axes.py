"""Round numbers and dates for the axes of charts."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from treadle.lab.written import MINUS

_DAY: Final = 86400.0
_STEPS: Final = (
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600,
    _DAY, 2 * _DAY, 3 * _DAY, 7 * _DAY, 14 * _DAY,
)  # fmt: skip
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 600)
_MONTH: Final = 30.44 * _DAY
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Tick(NamedTuple):
    """
    A mark on an axis.

    Attributes:
        at: Where, in the numbers of the axis.
        label: What it says.
    """

    at: float
    label: str


def numbers(low: float, high: float, most: int = 5) -> list[Tick]:
    """
    Return marks at round numbers between *low* and *high*.

    Args:
        low: The lower end.
        high: The upper end, above *low*.
        most: So many marks at most, or one more.
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [Tick(n * step, _written(n * step, step)) for n in range(first, last + 1)]


def _written(value: float, step: float) -> str:
    largest = max(abs(value), step)
    if not 1e-4 <= largest < 1e6:
        digits = 1 + max(0, math.floor(math.log10(largest)) - math.floor(math.log10(step) + 1e-9))
        return f"{value:.{digits}g}".replace("-", MINUS)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value + 0.0:.{decimals}f}".replace("-", MINUS)


def times(low: float, high: float, most: int = 4) -> list[Tick]:
    """
    Return marks at round times between *low* and *high*.

    Args:
        low: The lower end: seconds since 1970 of a clock on the wall.
        high: The upper end, above *low*.
        most: So many marks at most, or one more.
    """
    width = high - low
    step = next((each for each in _STEPS if width / each <= most), None)
    if step is None:
        return _months(low, high, most)
    # Weeks begin on Mondays; 1970 began on a Thursday.
    start = 4 * _DAY if step >= 7 * _DAY else 0.0
    first, last = math.ceil((low - start) / step), math.floor((high - start) / step)
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < _DAY else "%d %b"
    found = (start + n * step for n in range(first, last + 1))
    return [Tick(at, f"{_moment(at):{form}}") for at in found]


def _months(low: float, high: float, most: int) -> list[Tick]:
    step = next((each for each in _MONTHS if (high - low) / (each * _MONTH) <= most), _MONTHS[-1])
    begin = _moment(low)
    month = -(-(begin.year * 12 + begin.month) // step) * step
    found = []
    while (at := _start_of(month)) <= high:
        if at >= low:
            found.append(Tick(at, f"{_moment(at):{'%Y' if step >= 12 else '%b %Y'}}"))
        month += step
    return found


def _start_of(month: int) -> float:
    """Return when a month begins; months are counted from that before the year 0."""
    return (datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()


def _moment(at: float) -> datetime:
    return _EPOCH + timedelta(seconds=at)


def span(low: float, high: float) -> str:
    """Say of which day or years an axis of time is, as its marks leave that out."""
    first, last = _moment(low), _moment(high)
    if first.date() == last.date():
        return f"{first:%Y-%m-%d}"
    return f"{first.year}" if first.year == last.year else f"{first.year} to {last.year}"
