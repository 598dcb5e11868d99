"""Numbers with units, as people and programs write them: ``0.333333 V``, ``100 mV``, ``1e-06 A``.

A value is converted from one scale to another in exact arithmetic and rounded once, so that
``100 mV`` is 0.1 V and ``300 mV`` is 0.3 V, never 0.30000000000000004.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

NUMBER: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A finite number as text, for use in patterns; unlike Python's it takes ASCII digits only."""

_QUANTITY = re.compile(
    rf"({NUMBER}|[+-]?(?:nan|inf(?:inity)?)(?![a-z]))(?:[ \t]*([^\W\d_]\S*|[%°].*))?", re.IGNORECASE
)

_PREFIXES: Final = {
    "f": -15,
    "p": -12,
    "n": -9,
    "u": -6,
    "µ": -6,
    "m": -3,
    "c": -2,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
}

_UNITS: Final = frozenset(
    {"V", "A", "W", "s", "m", "Hz", "Ω", "K", "J", "C", "F", "H", "N", "Pa", "T", "g", "S", "eV"}
    | {"bar", "Torr"}
)
"""Units that take a prefix."""

_PLAIN_UNITS: Final = frozenset(["%", "degC", "rad", "deg", "dB", "dBm", "min", "h", "°"])

# "C" in a header of the laboratory is always a temperature; it never has a prefix there.
_SAME_UNITS: Final = {
    "°C": "C",
    "degC": "C",
    "ohm": "Ω",
    "Ohm": "Ω",
    "sec": "s",
}

_CHARACTERS: Final = str.maketrans(
    {"\N{GREEK SMALL LETTER MU}": "µ", "\N{OHM SIGN}": "Ω", "\N{DEGREE CELSIUS}": "°C"}
)


class Quantity(NamedTuple):
    """
    A number and its unit.

    Attributes:
        number: The number as it is written.
        unit: The unit as it is written; empty where there is none.
    """

    number: str
    unit: str


def quantity(text: str) -> Quantity | None:
    """Take *text* apart; None where it is no number, alone or followed by one word."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, unit = match[1], match[2] or ""
    # "100mV" is a quantity; "0x10" and "1e" are not.
    is_apart = match.end(1) < match.start(2)
    return Quantity(number, unit) if not unit or is_apart or is_unit(unit) else None


def is_unit(text: str) -> bool:
    """Tell whether *text* is a unit that is known here, such as ``mV``; most words are not."""
    _, base = _parts(text)
    return base in _UNITS or base in _PLAIN_UNITS


@cache
def exponent_between(unit: str, wanted: str) -> int | None:
    """
    Return the power of ten that turns a number in *unit* into one in *wanted*.

    ``exponent_between("mV", "V")`` is -3. None where the two are not one unit in two scales.
    """
    if unit == wanted:
        return 0
    exponent, base = _parts(unit)
    wanted_exponent, wanted_base = _parts(wanted)
    return exponent - wanted_exponent if base == wanted_base else None


def times_ten_to(number: str, exponent: int) -> float:
    """Return *number* times ten to the power *exponent*, rounded once."""
    value = float(number)
    # Zero and infinity stay what they are; 1e-999999999 would make a fraction of a billion digits.
    if exponent == 0 or value == 0 or value - value != 0:
        return value
    return float(Fraction(number) * Fraction(10) ** exponent)


def _parts(unit: str) -> tuple[int, str]:
    """Return the exponent of the prefix of *unit*, and what it stands before."""
    unit = unit.translate(_CHARACTERS)
    unit = _SAME_UNITS.get(unit, unit)
    if unit not in _UNITS and unit not in _PLAIN_UNITS:
        # "m" alone is a metre and "min" a minute; elsewhere, the first letter is the prefix.
        base = _SAME_UNITS.get(unit[1:], unit[1:])
        if base in _UNITS and base != "C" and unit[0] in _PREFIXES:
            return _PREFIXES[unit[0]], base
    return 0, unit
