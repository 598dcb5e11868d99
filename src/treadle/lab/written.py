"""How numbers, units and uncertainties are written for people: in tables, figures and pages alike.

Columns of ours whose name ends with their unit, as ``vg_fixed_v`` does, are taken apart here, too.
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

MINUS: Final = "\N{MINUS SIGN}"

_PREFIXES: Final = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
_SCALED: Final = frozenset({"A", "V", "W", "Ω", "S", "F", "Hz"})  # seconds stay what they are
_POWERS: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_IN_FRONT: Final = re.compile(r"[^*·/]*")  # the factor of a unit that has the prefix

_LONGEST: Final = 1e7  # numbers below are written out: 12345 rather than 1.234e+04
_MOST_DECIMALS: Final = 9
_ROUNDING: Final = 1e-9
"""Uncertainties below this share of the value are the rounding of arithmetic, not a measurement's:
no instrument knows nine digits."""

_COLUMN: Final = re.compile(r"(?P<name>\w+)_(?P<unit>v|V|a|A|w|W|s|h|c|nm)")
_OF_COLUMNS: Final = {"v": "V", "a": "A", "w": "W", "c": "°C"}


class Scale(NamedTuple):
    """
    How values are to be written.

    Attributes:
        factor: What they are multiplied with.
        unit: The unit they have then: ``"µA"``; empty without one.
    """

    factor: float
    unit: str


def scale(largest: float, unit: str) -> Scale:
    """
    Choose the prefix for values up to *largest*: it becomes a number from 1 to 1000.

    Args:
        largest: The largest magnitude.
        unit: As extractors declare it, or as it is written. The first factor gets the prefix:
            ``"pA/s"``; one that takes none stays as it is.
    """
    front = _IN_FRONT.match(unit)[0]  # type: ignore[index]  # it matches nothing as well
    if front not in _SCALED or not math.isfinite(largest) or largest <= 0:
        return Scale(1.0, spelled(unit))
    # 0.9995 µA is written as 1 µA with three digits, not as 1000 nA
    power = 3 * math.floor(math.log10(largest * 1.0005) / 3)
    power = min(max(power, min(_PREFIXES)), max(_PREFIXES))
    return Scale(10.0**-power, spelled(_PREFIXES[power] + unit))


def spelled(unit: str) -> str:
    """
    Write a unit as printed: ``"cm²/(V·s)"`` for ``"cm^2/V/s"``; nothing for a pure number.

    Args:
        unit: As extractors declare it; one that is written so already stays as it is.
    """
    raised = re.sub(r"\^(-?[0-9]+)", lambda found: found[1].translate(_POWERS), unit)
    above, *below = raised.replace("*", "·").split("/")
    if len(below) > 1:
        return f"{above}/({'·'.join(below)})"
    return "" if unit == "1" else "/".join((above, *below))


def number(value: float, digits: int = 4) -> str:
    """Write a number to so many digits, with a minus sign that is one: ``12345``, ``0.1235``."""
    is_long = 10**digits <= abs(float(f"{value:.{digits}g}")) < _LONGEST
    return (f"{value:.0f}" if is_long else f"{value + 0.0:.{digits}g}").replace("-", MINUS)


def amount(value: float, unit: str, uncertainty: float | None = None) -> str:
    """
    Write a value with its unit, and its uncertainty with two digits: ``1.234 ± 0.012 mV``.

    Args:
        value: In *unit*.
        unit: As extractors declare it; it is given a prefix.
        uncertainty: One standard deviation, in *unit*; None, not finite, or as small as the
            rounding of arithmetic: the value has four digits.
    """
    spread = float(uncertainty or 0.0)
    if not math.isfinite(spread) or spread <= _ROUNDING * abs(value):
        spread = 0.0
    factor, shown = scale(max(abs(value), spread), unit)
    both = _both(value * factor, spread * factor) if spread else number(value * factor)
    return f"{both} {shown}".rstrip()


def _both(value: float, spread: float) -> str:
    """Write a value as far as its uncertainty lets it be known."""
    spread = float(f"{spread:.2g}")
    decimals = 1 - math.floor(math.log10(spread))
    if decimals > _MOST_DECIMALS or max(abs(value), spread) >= _LONGEST:
        digits = decimals + math.floor(math.log10(abs(value) or spread)) + 1
        return f"{number(value, max(digits, 1))} ± {number(spread, 2)}"
    rounded = (round(each, decimals) + 0.0 for each in (value, spread))
    return " ± ".join(f"{each:.{max(decimals, 0)}f}" for each in rounded).replace("-", MINUS)


def of_column(name: str) -> tuple[str, str]:
    """
    Take name and unit of a column apart: ``("vg_fixed", "V")`` for ``"vg_fixed_v"``.

    Args:
        name: Of a column of ours; one that does not end with a unit has none.
    """
    found = _COLUMN.fullmatch(name)
    if found is None:
        return name, ""
    return found["name"], _OF_COLUMNS.get(found["unit"], found["unit"])
