"""Whether a run was lit, from what was set before it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from treadle.lab.schema.spec import Light

_WAVELENGTH = "Laser wavelength"
_VOLTAGE = "Laser voltage"
_SWEPT_VOLTAGE = ("Laser voltage start", "Laser voltage end")


def has_light(parameters: Mapping[str, object], rule: Light) -> bool | None:
    """
    Tell whether the laser was on; None where the header does not name the laser.

    Args:
        parameters: Header values.
        rule: How the procedure uses the laser. With ``standard`` there is light where there is a
            wavelength, and a voltage other than 0; with ``laser_calibration``, where one of the
            ends of the sweep of voltages is not 0; with ``none``, never.
    """
    if rule == "none":
        return False
    names = (_VOLTAGE,) if rule == "standard" else _SWEPT_VOLTAGE
    if _WAVELENGTH not in parameters and not any(name in parameters for name in names):
        return None
    is_on = any(_number(parameters.get(name)) for name in names)
    return is_on and _number(parameters.get(_WAVELENGTH)) is not None


def _number(value: object) -> float | None:
    """Return *value* where it is a number that says something."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return value
