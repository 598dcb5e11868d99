"""A run in a few words: in which light it was measured, and with what voltages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from treadle.lab.written import MINUS, amount

Facts = Mapping[str, Any]  # a row of the manifest, or some columns of it

_FIXED: Final = (("Vds", "vds_v", "V"), ("Ids", "ids_a", "A"), ("Vg", "vg_fixed_v", "V"))
_SWEPT: Final = (
    ("Vg", "vg_start_v", "vg_end_v"),
    ("Vsd", "vsd_start_v", "vsd_end_v"),
    ("laser", "laser_voltage_start_v", "laser_voltage_end_v"),
)
COLUMNS: Final = (
    "has_light", "wavelength_nm", "laser_voltage_V",
    *(name for _, name, _ in _FIXED), *(name for _, *both in _SWEPT for name in both),
)  # fmt: skip
"""The columns of the manifest that it is made of."""


def is_dated_by_file(facts: Facts) -> bool:
    """Tell whether nothing but its file says when a measurement began: when it was last changed."""
    return facts.get("start_origin") == "mtime"


def light(facts: Facts) -> str:
    """Return in which light a measurement was made: ``"455 nm at 4.41 V"``, ``"dark"``."""
    if facts.get("has_light") is None:
        return ""
    if not facts["has_light"]:
        return "dark"
    wavelength, voltage = facts.get("wavelength_nm"), facts.get("laser_voltage_V")
    at = "" if voltage is None else f" at {amount(float(voltage), 'V')}"
    return f"{'lit' if wavelength is None else f'{wavelength:g} nm'}{at}"


def summary(facts: Facts) -> str:
    """
    Say in which light and with what voltages: ``"455 nm at 4.41 V, Vds 100 mV, Vg -3 V"``.

    Args:
        facts: A row of the manifest, or :data:`COLUMNS` of it.

    Returns:
        Text that can be searched and typed: its minus is the one of the keyboard.
    """
    said = [light(facts)]
    for symbol, name, unit in _FIXED:
        if facts.get(name) is not None:
            said.append(f"{symbol} {amount(facts[name], unit)}")
    for symbol, first, last in _SWEPT:
        if facts.get(first) is not None and facts.get(last) is not None:
            said.append(f"{symbol} {_swept(facts[first], facts[last])}")
    return ", ".join(each for each in said if each).replace(MINUS, "-")


def _swept(first: float, last: float) -> str:
    number, _, unit = amount(first, "V").rpartition(" ")
    other = amount(last, "V")
    return f"{number} to {other}" if other.endswith(f" {unit}") else f"{number} {unit} to {other}"
