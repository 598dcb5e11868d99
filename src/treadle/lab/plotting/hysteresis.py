"""The hysteresis of IV sweeps: how much more current flows on the way out than on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import treadle
from treadle.lab.plotting.model import Axis, Curve, Plot, scaled
from treadle.lab.written import amount

if TYPE_CHECKING:
    import polars as pl

METHOD: Final = "aligned"
"""Of those of :mod:`treadle.lab.analysing`: the difference at the very same voltage."""

_GROUP: Final = ("chip_name", "date_local", "v_max_group")
_OF_A_DAY: Final = ("proc", "chip_name", "date_local")


def hysteresis(table: pl.DataFrame, rows: pl.DataFrame, *, method: str = METHOD) -> Plot:
    """
    Draw forward less return over the voltage, a curve for each chip, day and range of voltage.

    Bars are the standard deviations over the runs of the day, where there were several.

    Args:
        table: ``hysteresis`` of :func:`treadle.lab.read_iv`.
        rows: Of the manifest: the days of these runs are drawn.
        method: ``raw``, ``aligned``, or of a polynomial such as ``poly3``.

    Raises:
        UsageError: There is none of these days.
    """
    import polars as pl

    days = rows.select(_OF_A_DAY).unique()
    found = (
        table.join(days, on=list(_OF_A_DAY), how="semi")
        .filter(pl.col("method") == method, pl.col("current").is_finite())
        .sort(*_GROUP, "voltage")
    )
    if not found.height:
        raise treadle.UsageError(
            f"there is no hysteresis ({method}) of these {days.height} days",
            hint="treadle lab iv OUT finds it; its sweeps must go there and back",
        )
    groups = found.partition_by(_GROUP, maintain_order=True)
    differ = [name for name in _GROUP if found[name].n_unique() > 1]
    shared = [_said(groups[0], name) for name in _GROUP if name not in differ]
    return scaled(
        Plot(
            " · ".join([*shared, "forward less return"]),
            Axis("Drain-source voltage", "V"),
            Axis("Hysteresis ΔI", "A"),
            tuple(
                Curve(
                    group["voltage"].to_numpy(),
                    group["current"].to_numpy(),
                    " · ".join(_said(group, name) for name in differ),
                    group=number,
                    error=_deviations(group),
                )
                for number, group in enumerate(groups)
            ),
        )
    )


def _deviations(group: pl.DataFrame) -> Any:
    sigma = group["sigma"].fill_null(float("nan"))
    return sigma.to_numpy() if sigma.is_finite().any() else None


def _said(group: pl.DataFrame, name: str) -> str:
    value = group[name][0]
    return f"up to {amount(float(value), 'V')}" if name == "v_max_group" else str(value)
