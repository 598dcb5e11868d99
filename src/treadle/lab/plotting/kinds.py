"""Which curves a measurement has, by its procedure and its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import treadle
from treadle.lab.extractors.lit import LED

if TYPE_CHECKING:
    import polars as pl

_OWN: Final = ("run_id", "proc", "start_time")  # columns that staging adds

How = Literal["overlay", "slope", "sequence", "fit"]
"""What is made of the columns: curves over each other, their slopes, one run after the other on
the clock, or with the stretched exponential of their relaxation."""


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of plot: what is drawn over what.

    Attributes:
        name: What people ask for: ``"IVg"``.
        title: What is shown, in words.
        x: The column along the horizontal axis.
        y: The columns along the vertical one: a curve for each.
        procedures: Those that have it; none: any with these columns.
        laser: The column that tells when the light is on; None: nothing is shaded.
        by_segment: The branches of the sweep are told apart.
        how: What is made of the columns.
        shown: What stands along the vertical axis, where it is not the column itself.
    """

    name: str
    title: str
    x: str
    y: tuple[str, ...]
    procedures: tuple[str, ...] = ()
    laser: str | None = None
    by_segment: bool = False
    how: How = "overlay"
    shown: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns without which there is nothing to draw."""
        return (self.x, *self.y)


_PLATE, _AMBIENT = "Plate T (degC)", "Ambient T (degC)"

KINDS: Final = (
    Kind("IVg", "current over gate voltage", "Vg (V)", ("I (A)",), ("IVg", "IVgT"), None, True),
    Kind("transconductance", "slope of the current over gate voltage", "Vg (V)", ("I (A)",),
         ("IVg", "IVgT"), how="slope", shown="Transconductance (S)"),
    Kind("IV", "current over drain-source voltage", "Vsd (V)", ("I (A)",), ("IV", "IVT"),
         None, True),
    Kind("VVg", "voltage over gate voltage", "Vg (V)", ("VDS (V)",), ("VVg",), None, True),
    Kind("It", "current over time", "t (s)", ("I (A)",), ("It", "ITt", "It2"), LED),
    Kind("It-sequential", "current of one run after the other, by the clock", "t (s)", ("I (A)",),
         ("It", "ITt", "It2"), LED, how="sequence"),
    Kind("It-fit", "current over time with the fit of its relaxation", "t (s)", ("I (A)",),
         ("It", "ITt"), LED, how="fit"),
    Kind("Vt", "voltage over time", "t (s)", ("VDS (V)",), ("Vt",), LED),
    Kind("Pt", "optical power over time", "t (s)", ("P (W)",), ("Pt",), LED),
    Kind("ItVg", "current over time", "t (s)", ("I (A)",), ("ItVg",)),
    Kind("ItVg-gate", "current over gate voltage", "Vg (V)", ("I (A)",), ("ItVg",)),
    Kind("ItWl", "current over time", "t (s)", ("I (A)",), ("ItWl",)),
    Kind("ItWl-spectrum", "current over wavelength", "wl (nm)", ("I (A)",), ("ItWl",)),
    Kind("Pwl", "optical power over wavelength", "Wavelength (nm)", ("Power (W)",), ("Pwl",)),
    Kind("calibration", "optical power over laser voltage", LED, ("Power (W)",),
         ("LaserCalibration",)),
    Kind("Tt", "temperature over time", "Time (s)", (_PLATE, _AMBIENT), ("Tt",)),
    Kind("temperature", "temperature over time", "t (s)", (_PLATE, _AMBIENT), (), LED),
)  # fmt: skip
"""All kinds, those of the usual procedures first."""


def kind_named(name: str) -> Kind:
    """
    Return the kind of that name, in upper or lower case.

    Raises:
        UsageError: There is none.
    """
    for kind in KINDS:
        if kind.name.lower() == name.lower():
            return kind
    raise treadle.UsageError(
        f"there is no plot called {name!r}",
        hint=f"there are: {', '.join(kind.name for kind in KINDS)}",
    )


def kinds_of(procedure: str, table: pl.DataFrame) -> list[Kind]:
    """
    Return the kinds of plots that a measurement has, the most usual one first.

    A procedure that is not known has one as well: its second column of numbers over the first.

    Args:
        procedure: As the manifest has it.
        table: The rows of one such measurement; a column without a number counts as not there.
    """
    filled = [name for name in table.columns if name not in _OWN and _has_numbers(table, name)]
    kinds = [kind for kind in KINDS if procedure in kind.procedures and _drawable(kind, filled)]
    if not kinds and len(filled) >= 2:
        x, y = filled[:2]
        kinds = [Kind(procedure, f"{y} over {x}", x, (y,), (procedure,))]
    further = [kind for kind in KINDS if not kind.procedures and _drawable(kind, filled)]
    return kinds + [
        kind for kind in further if kind.columns not in {each.columns for each in kinds}
    ]


def _drawable(kind: Kind, filled: Sequence[str]) -> bool:
    return kind.x in filled and any(column in filled for column in kind.y)


def _has_numbers(table: pl.DataFrame, name: str) -> bool:
    column = table[name]
    if not column.dtype.is_numeric():
        return False
    return bool(column.cast(float).is_finite().any())
