"""How a run is told in the columns of a table, and in the lines of a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from treadle.tui.laboratory.measured import heads
from treadle.tui.widgets.grid import Cell, Column

if TYPE_CHECKING:
    import polars as pl

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """
    One column of a history.

    Attributes:
        column: Title and width.
        order: The column of the manifest that it is sorted by.
        text: Its text for a run.
    """

    column: Column
    order: str
    text: Callable[[Facts], Cell]


def number(value: Any, unit: str = "") -> str:
    """Write a number as short as it can be read; nothing for None."""
    if value is None:
        return ""
    text = f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
    return f"{text} {unit}".rstrip()


def light(facts: Facts) -> Cell:
    """Tell whether the laser was on."""
    if facts["has_light"] is None:
        return "?", "dim"
    return "● light" if facts["has_light"] else ("· dark", "dim")


def bias(facts: Facts) -> str:
    """Tell what was between drain and source: a voltage, a sweep, or a current."""
    if facts.get("vds_v") is not None:
        return number(facts["vds_v"], "V")
    if facts.get("vsd_end_v") is not None:
        return f"{number(facts.get('vsd_start_v'))}…{number(facts['vsd_end_v'], 'V')}"
    return number(facts.get("ids_a"), "A")


def gate(facts: Facts) -> str:
    """Tell what was at the gate: a voltage, or a sweep."""
    if facts.get("vg_fixed_v") is not None:
        return number(facts["vg_fixed_v"], "V")
    if facts.get("vg_end_v") is not None:
        return f"{number(facts.get('vg_start_v'))}…{number(facts['vg_end_v'], 'V')}"
    return ""


def remarks(facts: Facts) -> Cell:
    """Tell what is wrong with a run, in few words."""
    found = list(facts["flags"] or ())
    for name, one in (("errors", "error"), ("warnings", "warning")):
        count = facts[name] or 0
        if count:
            found.append(f"{count} {one if count == 1 else name}")
    return (" ".join(found), "warn") if found else ""


def _laser(facts: Facts) -> str:
    if not facts["has_light"]:
        return ""
    return number(facts.get("laser_voltage_V"), "V")


def _local(facts: Facts, form: str) -> str:
    return "" if facts["local"] is None else f"{facts['local']:{form}}"


HISTORY = (
    Shown(Column("date", 10), "start_time_utc", lambda run: _local(run, "%Y-%m-%d")),
    Shown(Column("time", 8), "start_time_utc", lambda run: _local(run, "%H:%M:%S")),
    Shown(Column("run", 8), "run_id", lambda run: str(run["run_id"])[:8]),
    Shown(Column("proc", 5, share=1), "proc", lambda run: str(run["proc"])),
    Shown(Column("light", 7), "has_light", light),
    Shown(Column("λ", 6, right=True), "wavelength_nm",
          lambda run: number(run.get("wavelength_nm"), "nm") if run["has_light"] else ""),
    Shown(Column("laser", 6, right=True), "laser_voltage_V", _laser),
    Shown(Column("gate", 8, share=1, right=True), "vg_fixed_v", gate),
    Shown(Column("bias", 8, share=1, right=True), "vds_v", bias),
    Shown(Column("rows", 7, right=True), "rows", lambda run: number(run["rows"])),
    Shown(Column("seg", 3, right=True), "segments", lambda run: number(run["segments"])),
    Shown(Column("chip", 10), "chip_name", lambda run: run["chip_name"] or ""),
    Shown(Column("remarks", 24, share=3), "warnings", remarks),
)  # fmt: skip
"""The columns of a history, the most telling ones first; those of :func:`found` come after them."""

REJECTS = (Column("file", 30, share=2), Column("reason", 18), Column("what", 40, share=3))


def found(rows: pl.DataFrame, units: dict[str, str]) -> list[Shown]:
    """
    Return columns for the metrics that *rows* have, and for the light they were measured in.

    Args:
        rows: All runs of a chip.
        units: Of the metrics.
    """
    return [
        Shown(
            Column(head.title, 8, right=head.factor is not None),
            head.column,
            partial(_found, head.column, head.factor),
        )
        for head in heads(rows, units)
    ]


def _found(column: str, factor: float | None, facts: Facts) -> str:
    value = facts[column]
    if value is None or factor is None:
        return value or ""
    from treadle.lab import written

    return written.number(value * factor)


def columns(marked: str, history: Sequence[Shown] = HISTORY, *, backwards: bool) -> list[Column]:
    """Return the columns of a history; that by which it is sorted has an arrow."""
    arrow = "▼" if backwards else "▲"
    shown = []
    told = False
    for each in history:
        here = each.order == marked and not told
        told |= here
        title = each.column.title + (arrow if here else "")
        shown.append(Column(title, each.column.width, each.column.share, each.column.right))
    return shown


def cells(
    rows: pl.DataFrame, history: Sequence[Shown] = HISTORY
) -> Callable[[int], Sequence[Cell]]:
    """Return what gives the cells of a row of a history."""

    def of(row: int) -> Sequence[Cell]:
        facts = rows.row(row, named=True)
        return [each.text(facts) for each in history]

    return of


def reject_cells(rows: pl.DataFrame) -> Callable[[int], Sequence[Cell]]:
    """Return what gives the cells of a row of the rejects."""

    def of(row: int) -> Sequence[Cell]:
        facts = rows.row(row, named=True)
        return [str(facts["source_file"]), (str(facts["reason"]), "warn"), str(facts["message"])]

    return of


def heading(facts: Facts) -> str:
    """Name a run in one line."""
    words = [facts["chip_name"] or "no chip", facts["proc"], _local(facts, "%Y-%m-%d %H:%M:%S")]
    return " · ".join(word for word in (*words, facts["run_id"]) if word)


def pages(facts: Facts) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return all that is known of a run, as groups of names and values."""
    units = _json(facts.get("units"))
    parameters = [
        (name, f"{_value(value)} {units.get(name, '')}".rstrip())
        for name, value in _json(facts.get("parameters")).items()
    ]
    metadata = [(name, _value(value)) for name, value in _json(facts.get("metadata")).items()]
    run = [
        ("run", facts["run_id"]),
        ("start", _local(facts, "%Y-%m-%d %H:%M:%S")),
        ("start from", facts.get("start_origin") or ""),
        ("rows", number(facts["rows"])),
        ("duration", number(facts.get("duration_s"), "s")),
        ("segments", number(facts["segments"])),
        ("raw file", facts["source_file"]),
        ("in", facts["raw_root"]),
        ("raw file is gone", "yes" if facts.get("source_gone") else ""),
        ("Parquet file", facts["path"]),
    ]
    groups = [("Parameters", parameters), ("Metadata", metadata), ("Run", run)]
    return [(title, [pair for pair in pairs if pair[1]]) for title, pairs in groups if pairs]


def _json(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
