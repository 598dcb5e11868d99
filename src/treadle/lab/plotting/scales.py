"""Units with readable prefixes: amperes become µA where that gives readable numbers."""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

_PREFIXES: Final = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
_SCALED: Final = frozenset({"A", "V", "W", "Ω", "S", "F", "Hz"})  # seconds stay what they are
_NAME: Final = re.compile(r"(?P<name>.*?)\s*\((?P<unit>[^()]*)\)")
_WRITTEN: Final = {"degC": "°C", "C": "°C", "ohm": "Ω", "Ohm": "Ω"}

_QUANTITIES: Final = {
    "I": "Current",
    "Vg": "Gate voltage",
    "Vsd": "Drain-source voltage",
    "VDS": "Drain-source voltage",
    "VL": "Laser voltage",
    "t": "Time",
    "Time": "Time",
    "P": "Optical power",
    "Power": "Optical power",
    "wl": "Wavelength",
    "Wavelength": "Wavelength",
    "Plate T": "Plate temperature",
    "Ambient T": "Ambient temperature",
}


class Scale(NamedTuple):
    """
    How values are to be written.

    Attributes:
        factor: What they are multiplied with.
        unit: The unit they have then: ``"µA"``; empty without one.
    """

    factor: float
    unit: str


def split(column: str) -> tuple[str, str]:
    """Return the name and the unit of a column, as people write it: ``("I", "A")``."""
    found = _NAME.fullmatch(column)
    if found is None:
        return column, ""
    return found["name"], _WRITTEN.get(found["unit"], found["unit"])


def quantity(column: str) -> str:
    """Return what a column holds, in words: ``"Gate voltage"`` for ``"Vg (V)"``."""
    name = split(column)[0]
    return _QUANTITIES.get(name, name)


def scale_for(largest: float, unit: str) -> Scale:
    """
    Choose the prefix for values up to *largest*: it becomes a number from 1 to 1000.

    Args:
        largest: The largest magnitude.
        unit: The unit it has; one that takes no prefix stays as it is.
    """
    if unit not in _SCALED or not math.isfinite(largest) or largest <= 0:
        return Scale(1.0, unit)
    # 0.9995 µA is written as 1 µA with three digits, not as 1000 nA
    power = 3 * math.floor(math.log10(largest * 1.0005) / 3)
    power = min(max(power, -15), 9)
    return Scale(10.0**-power, _PREFIXES[power] + unit)


def written(value: float, unit: str) -> str:
    """Write one value with its unit, to three digits or four: ``100 mV``."""
    scale = scale_for(abs(value), unit)
    number = f"{value * scale.factor:.4g}".replace("-", "\N{MINUS SIGN}")
    return f"{number} {scale.unit}".rstrip()


def unit_written(unit: str) -> str:
    """Write a unit of a metric as printed: ``"cm²/(V·s)"`` for ``"cm^2/V/s"``."""
    above, *below = unit.split("/")
    if len(below) > 1:
        return f"{_raised(above)}/({'·'.join(map(_raised, below))})"
    return "/".join(map(_raised, (above, *below)))


def _raised(factor: str) -> str:
    digits = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return re.sub(
        r"\^(-?[0-9]+)", lambda found: found[1].translate(digits), factor.replace("*", "·")
    )
