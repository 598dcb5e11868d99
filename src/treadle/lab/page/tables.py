"""The tables of the page: the history, the calibrations, and how all of it was made."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from treadle.lab.page.about import About
from treadle.lab.page.summary import pairs
from treadle.lab.page.words import NONE, count, text
from treadle.lab.written import amount, number, of_column, scale, spelled

_NAMES: Final = {
    "seq": "#", "date_local": "date", "time_local": "time",
    "proc": "procedure", "summary": "summary", "has_light": "light",
    "laser_voltage_V": "laser", "wavelength_nm": "wavelength",
    "vds_v": "Vds", "ids_a": "Ids", "vg_fixed_v": "Vg",
    "vg_start_v": "Vg start", "vg_end_v": "Vg end", "vg_step_v": "Vg step",
    "laser_period_s": "laser period", "duration_s": "duration", "rows": "rows",
    "flags": "flags", "calibration_status": "calibration",
    "calibration_age_h": "age of the calibration",
    "calibration_fiber": "fibre of the calibration",
    "irradiated_power_w": "irradiated power", "power_clamped": "power clamped",
    "calibration_fibers_compete": "fibres compete",
    "information": "information", "file_idx": "file",
    "source_file": "source file", "run_id": "run",
}  # fmt: skip
_SPARED: Final = {"start_time_utc", "path", "calibration_run_id", "local_tz", "chip_name"}
_ON_PAPER: Final = {
    "seq", "date_local", "time_local", "proc", "summary", "flags", "irradiated_power_w",
    "information",
}  # fmt: skip
_PROSE: Final = {"summary", "flags", "information", "source_file"}  # may be broken into lines


def history(about: About) -> str:
    """Return all runs by time, with the metrics in the units that their heads name."""
    shown = about.history.join(_remarks(about), on="run_id", how="left", maintain_order="left")
    last = [name for name in ("information", "source_file", "run_id") if name in shown.columns]
    names = [name for name in shown.columns if name not in _SPARED and name not in last] + last
    filled = [name for name in names if _says_something(shown[name])]
    units = _units(about)
    columns = [_column(shown[name], name, units.get(name)) for name in filled]
    heads = [head for head, _ in columns]
    kinds = [_kind(shown[name], name) for name in filled]
    rows = zip(shown["run_id"], *(cells for _, cells in columns), strict=True)
    body = "".join(
        f'<tr id="run-{text(run_id)}">{_cells(cells, kinds)}</tr>\n' for run_id, *cells in rows
    )
    return (
        f'<p class="note">{count(shown.height, "run")}, a row for each; what no run has is left '
        f"out.</p>{_table('All runs', heads, kinds, body)}"
    )


def _remarks(about: About) -> pl.DataFrame:
    """Return what people have written of the runs; the instruments write "None" for nothing."""
    words = pl.col("information").replace({"None": None, "": None})
    return (
        about.runs.select("run_id", words)
        if "information" not in about.history.columns
        else (about.runs.select("run_id"))
    )


def _says_something(column: pl.Series) -> bool:
    if column.dtype == pl.List(pl.String):
        return bool((column.list.len() > 0).any())
    if column.dtype == pl.Boolean and column.name != "has_light":
        return bool(column.any())
    return column.null_count() < len(column)


def _kind(column: pl.Series, name: str) -> str:
    """Return the class of the cells of a column: for prose, for numbers, not to be printed."""
    kind = "p" if name in _PROSE else "n" if column.dtype.is_numeric() else ""
    return f"{kind} m".strip() if name in _NAMES and name not in _ON_PAPER else kind


def _units(about: About) -> dict[str, str]:
    if about.metrics is None:
        return {}
    return dict(about.metrics.select("metric", "unit").unique("metric").iter_rows())


def _column(column: pl.Series, name: str, unit: str | None) -> tuple[str, list[str]]:
    """Return the head of a column and its cells, as HTML."""
    title = _NAMES.get(name, name)
    unit = of_column(name)[1] if unit is None else unit
    if not column.dtype.is_float():
        return _head(title, spelled(unit)), [_plain(each) for each in column.to_list()]
    values = column.to_list()
    finite = sorted(abs(each) for each in values if each is not None and math.isfinite(each))
    largest = finite[len(finite) // 2] if finite else 0.0  # of the middle: one may be far off
    factor, scaled = scale(largest, unit) if unit in {"A", "W"} or name not in _NAMES else (1, unit)
    return _head(title, scaled), ["" if each is None else number(each * factor) for each in values]


def _head(title: str, unit: str) -> str:
    return f"{text(title)} ({text(unit)})" if unit else text(title)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(text(each, 100) for each in value)
    if isinstance(value, (date, datetime)):
        return str(value)
    return text(value, 300)


def _cells(cells: Sequence[str], kinds: Sequence[str]) -> str:
    first, *rest = cells
    return f'<th scope="row">{first}</th>' + "".join(
        f'<td class="{kind}">{cell}</td>' if kind else f"<td>{cell}</td>"
        for cell, kind in zip(rest, kinds[1:], strict=True)
    )


def _table(caption: str, heads: Sequence[str], kinds: Sequence[str], body: str) -> str:
    head = "".join(
        f'<th scope="col" class="{kind}">{each}</th>'
        for each, kind in zip(heads, kinds, strict=True)
    )
    return (
        f'<div class="wide" role="region" aria-label="{caption}" tabindex="0">'
        f'<table class="sortable"><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def calibrations(about: About) -> str:
    """Return the laser calibrations that these runs were matched with; nothing without a match."""
    matched = about.history.filter(pl.col("calibration_status").is_not_null())
    if matched.is_empty():
        return ""
    known = {row["run_id"]: row for row in about.calibrations.iter_rows(named=True)}
    powers = {row["run_id"]: row for row in about.curves.iter_rows(named=True)}
    used = matched.filter(pl.col("calibration_run_id").is_not_null())
    rows = [
        _calibration(run_id, rows, known.get(run_id, {}), powers.get(run_id))
        for (run_id,), rows in used.group_by("calibration_run_id", maintain_order=True)
    ]
    missing = matched.height - used.height
    notes = f'<p class="note">{count(missing, "lit run")} without a calibration.</p>'
    heads = (
        "calibration",
        "wavelength (nm)",
        "fibre",
        "highest power",
        "used by",
        "age (h)",
        "run",
    )
    kinds = ["", "n", "", "", "", "", ""]
    body = "".join(f"<tr>{_cells(cells, kinds)}</tr>" for cells in rows)
    table = _table("Laser calibrations", heads, kinds, body) if rows else ""
    return f"{table}{notes if missing else ''}"


def _calibration(
    run_id: Any, rows: pl.DataFrame, facts: dict[str, Any], power: dict[str, Any] | None
) -> list[str]:
    at = facts.get("local")
    wavelength = facts.get("wavelength_nm")
    ages = rows["calibration_age_h"].drop_nulls()
    states = rows["calibration_status"].value_counts(sort=True).rows()
    said: Callable[[Any], str] = lambda each: number(float(each), 3)  # noqa: E731
    age = NONE if ages.is_empty() else f"{said(ages.min())} to {said(ages.max())}"
    return [
        f"{at:%Y-%m-%d %H:%M}" if at is not None else NONE,
        number(wavelength) if wavelength is not None else NONE,
        text(facts.get("optical_fiber") or NONE, 100),
        NONE if power is None else amount(power["value"], power["unit"], power["uncertainty"]),
        ", ".join(f"{many:,} {text(state)}" for state, many in states),
        age,
        f"<code>{text(run_id)}</code>",
    ]


def how(about: About, written_by: str) -> str:
    """Return what the page was made of, by which versions, and how to make it again."""
    rows = {"page written": f"{about.written:%Y-%m-%d %H:%M:%S %Z}".strip(), "by": text(written_by)}
    if about.command is not None:
        rows["command"] = f"<code>{text(about.command['typed'])}</code>"
        rows["in"] = text(about.command["cwd"])
    rows["measurements"] = text(about.roots.stage)
    rows["metrics"] = "none" if about.roots.metrics is None else text(about.roots.metrics)
    rows["chip file"] = "none" if about.chip_file is None else text(about.chip_file)
    metrics = about.metrics
    if metrics is not None and metrics.height:
        made = metrics.select("extractor", "version").unique().sort("extractor", "version")
        named = (f"{text(name, 80)} {text(version, 40)}" for name, version in made.iter_rows())
        rows["extractors"] = ", ".join(named)
    return pairs(rows)
