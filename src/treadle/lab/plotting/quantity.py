"""Columns of measurements in words: what ``Vg (V)`` holds, and in which unit."""

from __future__ import annotations

import re
from typing import Final

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
