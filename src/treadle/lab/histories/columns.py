"""Which columns of a history are shown, and how: name and unit above, numbers people can read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import treadle
from treadle.lab.display import printable
from treadle.lab.histories.table import FIXED
from treadle.lab.schema.near import near
from treadle.lab.written import MINUS, number, of_column, scale, spelled

if TYPE_CHECKING:
    import polars as pl

_LABELS: Final = {"date_local": "date", "time_local": "time", "chip_name": "chip"}
_USUAL: Final = ("seq", "date_local", "time_local", "proc", "summary", "flags")
_CALIBRATED: Final = ("calibration_status", "irradiated_power_w")
_BRIEF: Final = ("seq", "date_local", "proc")


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column as people read it.

    Attributes:
        key: Its name in the frame, which ``--columns`` takes.
        name: What stands above it, without the unit.
        unit: In which its numbers are; empty without one.
        cells: Its values; empty where there is none.
        is_number: They are numbers, and stand at the right.
    """

    key: str
    name: str
    unit: str
    cells: tuple[str, ...]
    is_number: bool

    @property
    def head(self) -> str:
        """Name and unit: ``cnp_voltage (V)``."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def stem_and_unit(name: str, units: Mapping[str, str]) -> tuple[str, str]:
    """
    Return what a column is called without its unit, and that.

    Args:
        name: Its name in the frame.
        units: The units of the metrics.
    """
    if name in units:
        return name, spelled(units[name])
    stem, unit = of_column(name) if name in FIXED else (name, "")
    return _LABELS.get(stem, stem), unit


def readable(values: pl.Series, units: Mapping[str, str]) -> Column:
    """
    Write a column for people: numbers to four digits, in a unit that suits the largest of them.

    Args:
        values: A column of a history, or of the list of chips.
        units: The units of the metrics.
    """
    name, unit = stem_and_unit(values.name, units)
    if not values.dtype.is_float():
        cells = tuple(_cell(value) for value in values)
        return Column(values.name, name, unit, cells, is_number=values.dtype.is_integer())
    finite = [abs(value) for value in values if value is not None and math.isfinite(value)]
    factor, shown = scale(max(finite, default=0.0), unit)
    cells = tuple(_number(value, factor) for value in values)
    return Column(values.name, name, shown, cells, is_number=True)


def _number(value: float | None, factor: float) -> str:
    if value is None or math.isnan(value):
        return ""
    return number(value * factor).replace(MINUS, "-")  # can be searched for, and typed


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if hasattr(value, "to_list"):
        value = ", ".join(value.to_list())
    return printable(str(value)).strip()


def usual(frame: pl.DataFrame, metrics: Sequence[str], *, several: bool) -> list[str]:
    """
    Return the columns that are shown where none are asked for: those of them that say something.

    Args:
        frame: Histories.
        metrics: The names of its metric columns.
        several: There is more than one chip.
    """
    first = ("chip_name", *_USUAL) if several else _USUAL
    return _with_values(frame, (*first, *metrics, *_CALIBRATED))


def chosen(frame: pl.DataFrame, asked: str, metrics: Sequence[str], *, several: bool) -> list[str]:
    """
    Return the columns that are asked for.

    Args:
        frame: Histories.
        asked: Names with commas between; ``metrics`` means those of all metrics, after what tells
            the runs apart; ``all`` means all that have a value.
        metrics: As for :func:`usual`.
        several: See there.

    Raises:
        UsageError: There is no such column.
    """
    if asked.strip() == "all":
        return _with_values(frame, frame.columns)
    brief = ("chip_name", *_BRIEF) if several else _BRIEF
    known = {stem_and_unit(name, {})[0]: name for name in frame.columns}
    known |= {name: name for name in frame.columns}
    names: list[str] = []
    for part in map(str.strip, asked.split(",")):
        if part == "metrics":
            names += [*(() if names else brief), *metrics]
        elif part in known:
            names.append(known[part])
        else:
            raise _no_column(part, known)
    return list(dict.fromkeys(names))


def _no_column(part: str, known: Mapping[str, str]) -> treadle.UsageError:
    meant = near(part, known)
    return treadle.UsageError(
        f"this history has no column {part!r}" if part else "--columns has a comma too many",
        hint=f"did you mean {meant}?" if meant else f"it has: {', '.join(known.values())}",
    )


def _with_values(frame: pl.DataFrame, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in frame.columns and _says_something(frame[name])]


def _says_something(values: pl.Series) -> bool:
    import polars as pl

    if values.dtype == pl.List(pl.String):
        return bool((values.list.len() > 0).any())
    return values.null_count() < len(values)
