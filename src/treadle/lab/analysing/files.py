"""The tables as CSV files, one for each chip, day and range, for those who want files.

``OUT/iv/csv/<chip>/<date>/forward_vmax3p0V.csv`` and the like; ``p`` stands for the point.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.lab import places
from treadle.lab.analysing.tables import read_iv

if TYPE_CHECKING:
    import polars as pl

_OF_GROUP = ("proc", "chip_name", "date_local", "v_max_group")
_SUMMARIES = {"groups": "fit_summary", "polynomials": "polynomial_fits_summary",
              "peaks": "hysteresis_peaks"}  # fmt: skip


def write_csv(root: str | os.PathLike[str]) -> int:
    """
    Write the tables of *root* as CSV files below its folder ``csv``.

    For each group with a chip: ``forward_vmax…V.csv``, ``return_with_fit_vmax…V.csv`` (the mean
    return, and the polynomials through it as ``I_fit_polyN (A)``) and ``hysteresis_vmax…V.csv`` (a
    row for each voltage and method). For all: ``fit_summary.csv``, ``polynomial_fits_summary.csv``
    and ``hysteresis_peaks.csv``. A file that is the same stays as it is.

    Args:
        root: As for :func:`read_iv`.

    Returns:
        How many files there are.

    Raises:
        UsageError: Nothing has been analysed there.
        OSError: The place cannot be written to.
    """
    import polars as pl

    place = Path(root).resolve()
    place = place if (place / places.ANALYSED).is_file() else place / "iv"
    count = 0
    for path, frame in (*_summaries(root), *_of_groups(root)):
        flat = frame.with_columns(
            pl.col(pl.List(pl.String)).list.join("; "),
            pl.col(pl.List(pl.Float64)).list.eval(pl.element().cast(pl.String)).list.join("; "),
        )
        places.keep_text(place / "csv" / path, flat.write_csv())
        count += 1
    return count


def _summaries(root: str | os.PathLike[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    for table, name in _SUMMARIES.items():
        yield f"{name}.csv", read_iv(root, table)


def _of_groups(root: str | os.PathLike[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    import polars as pl

    means = read_iv(root, "statistics").partition_by("branch", as_dict=True, include_key=False)
    fits = read_iv(root, "polynomials").filter(pl.col("reason").is_null(), branch="return")
    curves = _by_group(fits)
    for (branch,), every in means.items():
        for key, frame in _by_group(every).items():
            named = frame.drop(_OF_GROUP).rename(_UNITS, strict=False)
            if branch == "return" and key in curves:
                named = named.with_columns(_fitted(curves[key]))
                yield _path(key, "return_with_fit"), named
            else:
                yield _path(key, str(branch)), named
    for key, frame in _by_group(read_iv(root, "hysteresis")).items():
        yield _path(key, "hysteresis"), frame.drop(_OF_GROUP).rename(_UNITS, strict=False)


_UNITS = {
    "voltage": "V (V)", "true_voltage": "V_true (V)", "mean": "I_mean (A)", "std": "I_std (A)",
    "current": "I_hyst (A)", "sigma": "sigma (A)", "shift": "V_shift (V)",
}  # fmt: skip


def _by_group(frame: pl.DataFrame) -> dict[tuple[Any, ...], pl.DataFrame]:
    return frame.partition_by(_OF_GROUP, as_dict=True, maintain_order=True)


def _fitted(curves: pl.DataFrame) -> list[pl.Expr]:
    """Return the columns of the fitted currents, at the true voltages."""
    import polars as pl

    fitted = []
    for order, coefficients in curves.select("order", "coefficients").iter_rows():
        powers = (value * pl.col("V_true (V)") ** power for power, value in enumerate(coefficients))
        fitted.append(pl.sum_horizontal(powers).alias(f"I_fit_poly{order} (A)"))
    return fitted


def _path(key: tuple[Any, ...], name: str) -> str:
    procedure, chip, day, v_max = key
    volts = str(v_max).replace(".", "p")
    folder = f"{places.hive_value(procedure)}/{places.hive_value(str(chip))}/{day}"
    return f"{folder}/{name}_vmax{volts}V.csv"
