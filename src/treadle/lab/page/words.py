"""Anybody's text and numbers as text of a page: nothing in it acts, hides or takes a megabyte."""

from __future__ import annotations

import html
import math
import re
from typing import Final

from treadle.lab.plotting.scales import Scale, scale_for

NONE: Final = "\N{EN DASH}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"
MINUS: Final = "\N{MINUS SIGN}"

# What cannot be seen but changes what can: controls, turns of direction, what has no width.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
    "\u00ad\u061c\u115f\u180e\u200b-\u200f\u2060-\u2064\ufeff\ud800-\udfff]"
)
_POWERS: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_LONGEST: Final = 1e6
_MOST_DECIMALS: Final = 9


def text(words: object, most: int = 1_000) -> str:
    """
    Return *words* as HTML, for an element or a quoted attribute.

    Args:
        words: Anything.
        most: Characters; of more, the middle is left out and counted.
    """
    found = str(words)
    if len(found) > most:
        left_out = len(found) - most
        tail = most // 3
        found = f"{found[: most - tail]} […{left_out:,} characters left out…] {found[-tail:]}"
    return html.escape(_UNSEEN.sub(lambda match: ascii(match[0])[1:-1], found))


def count(number: int, noun: str) -> str:
    """Return ``1 run``, ``2,000 runs``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def number(value: float, digits: int = 4) -> str:
    """Return a number to so many digits, with a minus sign that is one."""
    is_long = 10**digits <= abs(value) < _LONGEST  # 12340 rather than 1.234e+04
    return (f"{value:.0f}" if is_long else f"{value:.{digits}g}").replace("-", MINUS)


def unit_of(unit: str) -> str:
    """Return a unit as people write it: ``cm²/V/s`` for ``cm^2/V/s``."""
    return re.sub(r"\^(-?\d+)", lambda match: match[1].translate(_POWERS), unit)


def scale(largest: float, unit: str) -> Scale:
    """
    Choose the prefix for values up to *largest*, of a ratio too: ``pA/s``.

    Args:
        largest: The largest magnitude.
        unit: As extractors declare it.
    """
    first, slash, rest = unit.partition("/")
    factor, scaled = scale_for(largest, first)
    return Scale(factor, unit_of(f"{scaled}{slash}{rest}"))


def amount(value: float, uncertainty: float | None, unit: str) -> str:
    """
    Return a value with its uncertainty, which has two digits: ``1.234 ± 0.012 V``.

    Args:
        value: In *unit*.
        uncertainty: One standard deviation, in *unit*; None: the value has four digits.
        unit: As extractors declare it; it is given a prefix.
    """
    known = uncertainty is not None and math.isfinite(uncertainty) and uncertainty > 0
    spread = float(uncertainty or 0.0) if known else 0.0
    factor, scaled = scale(max(abs(value), spread), unit)
    value, spread = value * factor, spread * factor
    if not spread:
        return f"{number(value)} {scaled}".rstrip()
    decimals = 1 - math.floor(math.log10(spread))
    if decimals > _MOST_DECIMALS:
        return f"{number(value, 10)} ± {number(spread, 2)} {scaled}".rstrip()
    shown = max(decimals, 0)
    both = (round(each, decimals) for each in (value, spread))
    said = " ± ".join(f"{each:.{shown}f}" for each in both).replace("-", MINUS)
    return f"{said} {scaled}".rstrip()
