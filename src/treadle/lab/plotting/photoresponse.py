"""The photoresponse over what it may depend on: optical power, wavelength, gate voltage, time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

import treadle
from treadle.lab.plotting.model import Axis, Plot, scaled
from treadle.lab.plotting.trends import TITLES, having_values, points_of
from treadle.lab.plotting.words import (
    BY,
    counting_chips,
    naming,
    of_chips,
    on_the_clock,
    said_by,
    telling_chips,
)

if TYPE_CHECKING:
    import polars as pl

METRICS: Final = ("delta_current", "delta_voltage")
"""Those that are drawn: the first of which a run has a value."""


class Over(NamedTuple):
    """
    What stands along the horizontal axis.

    Attributes:
        axis: It in words, with its unit.
        of: Its value for a run, or None.
        missing: Why a run may have none.
        by: What tells curves apart, unless a legend by something else is asked for.
    """

    axis: Axis
    of: Callable[[Mapping[str, Any]], float | None]
    missing: str
    by: tuple[str, ...]

    @property
    def title(self) -> str:
        """It in words."""
        return "time" if self.axis.is_time else self.axis.quantity.lower()


def _of(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda facts: facts.get(name)


OVER: Final[Mapping[str, Over]] = {
    "power": Over(
        Axis("Optical power", "W"), _of("irradiated_power_w"), "without a calibration of the laser",
        ("wavelength", "gate"),
    ),
    "wavelength": Over(
        Axis("Wavelength", "nm"), _of("wavelength_nm"), "without a wavelength", ("gate", "laser"),
    ),
    "gate": Over(
        Axis("Gate voltage", "V"), _of("vg_fixed_v"), "without a gate voltage",
        ("wavelength", "laser"),
    ),
    "time": Over(Axis("Start", is_time=True), on_the_clock, "without a start", ("wavelength",)),
}  # fmt: skip


def photoresponse(rows: pl.DataFrame, over: str, *, legend_by: str | None = None) -> Plot:
    """
    Draw the photoresponse of lit runs, with its uncertainty as bars.

    Runs of other chips, and those that differ in what :class:`Over` says, have curves of their
    own.

    Args:
        rows: Of the store of metrics, joined with the manifest; over power with
            ``irradiated_power_w`` of :func:`treadle.lab.calibrations.match`.
        over: One of :data:`OVER`.
        legend_by: What tells the curves apart instead.

    Raises:
        UsageError: No run has both; or nothing is called *legend_by*.
    """
    along = OVER[over]
    metric = next((name for name in METRICS if having_values(rows, [name])), METRICS[0])
    found = having_values(rows, [metric])
    placed = [row for row in found if _is_number(along.of(row))]
    if not placed:
        why = f": {len(found)} {along.missing}" if found else ""
        raise treadle.UsageError(
            f"no measurement has a photoresponse over {over}{why}",
            hint="treadle lab metrics OUT finds photoresponses and calibrations",
        )
    notes = [f"{len(found) - len(placed)} left out: {along.missing}"] if placed != found else []
    clamped = sum(bool(row.get("power_clamped")) for row in placed) if over == "power" else 0
    if clamped:
        notes.append(f"{clamped} at a laser voltage that its calibration does not reach")
    notes += of_chips(placed, legend_by)
    groups = _grouped(placed, along, legend_by)
    title = counting_chips(placed, naming([{**row, "run_id": ""} for row in placed])[0])
    return scaled(
        Plot(
            title,
            along.axis,
            Axis(TITLES[metric], str(placed[0]["unit"] or "")),
            points_of(groups, lambda members: np.array([along.of(row) for row in members], float)),
            points=True,
            notes=tuple(notes),
        )
    )


def _is_number(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


def _grouped(
    rows: Sequence[dict[str, Any]], along: Over, legend_by: str | None
) -> dict[str, list[dict[str, Any]]]:
    if legend_by is not None:
        say = said_by(legend_by, list(rows[0]))
    else:
        differ = [name for name in along.by if len({BY[name](row) for row in rows}) > 1]
        chip, others = telling_chips(rows), said_by(",".join(differ)) if differ else None
        say = lambda row: " · ".join(filter(None, (chip(row), others(row) if others else "")))  # noqa: E731
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (along.of(row), str(row["run_id"]))):
        groups.setdefault(say(row), []).append(row)
    return {name: groups[name] for name in sorted(groups)}
