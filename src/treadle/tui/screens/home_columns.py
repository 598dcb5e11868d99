"""The columns of Home: which there are in how much room, what stands in them, how they sort."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from treadle.tui import wording
from treadle.tui.listing import Row
from treadle.tui.widgets.grid import Cell, Column

_USUAL, _WIDE, _WIDER, _WIDEST = 76, 104, 132, 160  # columns of the terminal

_COLUMNS = {
    "state": Column("STATE", 12),
    "what": Column("WHAT", 14, share=1),
    "name": Column("NAME", 14, share=2),
    "calls": Column("CALLS", 16, share=3),
    "began": Column("BEGAN", 10),
    "exact": Column("AT", 16),
    "progress": Column("ITEMS", 13),
    "failed": Column("FAILED", 6, right=True),
    "rate": Column("RATE", 8, right=True),
    "where": Column("WHERE", 20, share=2),
}
_NARROWEST = ["state", "what", "progress", "failed"]
_NARROW = ["state", "what", "began", "progress", "failed", "rate"]
_MIDDLE = ["state", "name", "calls", "began", "progress", "failed", "rate"]
_FULL = ["state", "name", "calls", "began", "exact", "progress", "failed", "rate"]
CELLS: dict[str, Callable[[Row], Cell]] = {
    "state": wording.state,
    "what": wording.what,
    "name": wording.name,
    "calls": wording.calls,
    "began": wording.ago,
    "exact": wording.exact,
    "progress": wording.progress,
    "failed": wording.failed,
    "rate": wording.rate,
    "where": wording.where,
}
FALLING = {"began", "exact", "progress", "failed", "rate"}  # sorted so at first
KEYS: dict[str, Callable[[Row], Any]] = {
    "state": lambda row: row.state,
    "what": lambda row: wording.what(row).lower(),
    "name": lambda row: wording.name(row).lower(),
    "calls": lambda row: wording.calls(row).lower(),
    "exact": lambda row: row.id,
    "progress": lambda row: row.entry.ok + row.entry.failed if row.entry else -1,
    "failed": lambda row: row.entry.failed if row.entry else -1,
    "rate": lambda row: row.entry.throughput if row.entry else -1.0,
    "where": lambda row: os.fspath(row.folder.parent),
}


def names_for(width: int) -> list[str]:
    """Return the names of the columns that a terminal of *width* has room for."""
    if width < _USUAL:
        return _NARROWEST
    wanted = _NARROW if width < _WIDE else _MIDDLE if width < _WIDER else _FULL
    return [*wanted, "where"] if width >= _WIDEST else wanted


def titled(name: str, *, sorted_by: str, falling: bool) -> Column:
    """Return a column, with an arrow if it is the one that rows are sorted by."""
    column = _COLUMNS[name]
    if name != sorted_by:
        return column
    return Column(
        f"{column.title} {'↓' if falling else '↑'}", column.width, column.share, column.right
    )
