"""Whether a unit is one: ``V``, ``A/s``, ``cm^2/V/s``; a metric of another is refused at once."""

from __future__ import annotations

import re
from typing import Final

import treadle

_PREFIXES: Final = "fpnuµmckMGT"
_UNITS: Final = frozenset(
    ["A", "C", "F", "H", "Hz", "J", "K", "N", "Pa", "S", "T", "V", "W", "eV", "g", "m", "s", "Ω"]
)
_PLAIN: Final = frozenset(["1", "%", "degC", "°C", "deg", "rad", "min", "h", "d", "dB"])
_FACTOR: Final = re.compile(r"(?P<unit>[^\W\d_]+|1|%|°C)(?:\^(?P<power>-?[1-9]))?")


def check_unit(unit: str) -> str:
    """
    Return *unit* if it is one: SI units with prefixes, joined by ``*`` and ``/``, with ``^2``.

    Empty for a pure number.

    Raises:
        UsageError: It is not.
    """
    for factor in re.split(r"[*/]", unit) if unit else ():
        found = _FACTOR.fullmatch(factor)
        if found is None or not _is_known(found["unit"]):
            raise treadle.UsageError(
                f"{unit!r} is no unit: {factor!r} is not known",
                hint="write it as in 'A', 'cm^2/V/s' or 'A/s'; '' for a pure number",
            )
    return unit


def _is_known(unit: str) -> bool:
    return unit in _PLAIN or unit in _UNITS or (unit[0] in _PREFIXES and unit[1:] in _UNITS - {"g"})
