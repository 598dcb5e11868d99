"""Signs that a gate sweep was taken on a device that does not work, from the currents alone."""

from __future__ import annotations

import numpy as np
import polars as pl

_PROCEDURE = "IVg"
_CURRENT = "I (A)"


def dead_flags(procedure: str, table: pl.DataFrame) -> tuple[str, ...]:
    """
    Return what is wrong with the device; nothing for other procedures than ``IVg``.

    - ``DEAD_OPEN_CIRCUIT``: no current above 1e-12 A; the other two are not looked for then.
    - ``DEAD_FLAT_IVG``: the current hardly changes, by less than 15 % of its maximum.
    - ``DEAD_STUCK_SATURATED``: more than 95 % of the points are within 1 % of the maximum, as when
      the source-meter is at its limit.

    All of them look at the magnitude of the current.
    """
    if procedure != _PROCEDURE or _CURRENT not in table.columns:
        return ()
    column = table.get_column(_CURRENT)
    if column.dtype != pl.Float64:
        return ()
    # On the few hundred points of a sweep, Polars' own calls cost more than this.
    current = np.abs(column.to_numpy())  # null becomes NaN
    current = current[~np.isnan(current)]
    if not current.size:
        return ()
    low, high = float(current.min()), float(current.max())
    if high < 1e-12:
        return ("DEAD_OPEN_CIRCUIT",)
    flags = []
    if (high - low) / high < 0.15:
        flags.append("DEAD_FLAT_IVG")
    if np.count_nonzero(current >= 0.99 * high) / current.size > 0.95:
        flags.append("DEAD_STUCK_SATURATED")
    return tuple(flags)
