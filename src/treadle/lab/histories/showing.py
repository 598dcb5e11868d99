"""A table for the terminal: heads stacked at their underscores, columns left out where need be.

What has no room is named, so that it can be asked for; long names of chips and summaries give way
to metrics, and end with "…". Columns that were asked for by name are never cut: they become a block
for each row instead.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from treadle.lab.histories.columns import Column
from treadle.lab.histories.sources import SECONDARY

_GAP: Final = "  "
_HEAD: Final = 10  # a head is stacked rather than wider than this
_LEAST: Final = 20  # columns of text beside the names of a block
_KEPT: Final = ("seq", "chip_name", "date_local", "proc", "summary")
_CUT: Final = {"chip_name": (15, 8), "summary": (24, 0)}  # letters that stay at both ends
_FIRST: Final = ("flags",)
_LAST: Final = ("irradiated_power_w", "time_local", "calibration_status")


def fitted(columns: Sequence[Column], room: int | None) -> tuple[list[Column], list[str]]:
    """
    Leave out columns for which there is no room.

    What says which run it is stays, cut if need be. Then come flags, metrics (principal ones
    before those of one direction; those with many values before those with few), power, time, and
    the calibration.

    Args:
        columns: What is to be shown.
        room: The width of the terminal; None: there is no limit.

    Returns:
        What has room, and the names of what has been left out, both in the order of *columns*.
    """
    if room is not None and wide(columns) > room:
        columns = [_cut(each) for each in columns]
    keys = {each.key for each in columns if each.key in _KEPT}
    for each in _by_worth(columns):
        if room is None or wide([one for one in columns if one.key in keys | {each.key}]) <= room:
            keys.add(each.key)
    return (
        [each for each in columns if each.key in keys],
        [each.key for each in columns if each.key not in keys],
    )


def _cut(column: Column) -> Column:
    """Cut what tells a run apart where it takes the room of metrics; names keep their numbers."""
    if column.key not in _CUT:
        return column
    head, tail = _CUT[column.key]
    cells = tuple(
        cell if len(cell) <= head + tail + 1 else f"{cell[:head]}…{cell[len(cell) - tail :]}"
        for cell in column.cells
    )
    return replace(column, cells=cells)


def _by_worth(columns: Sequence[Column]) -> list[Column]:
    """Return what can be left out, the best first."""
    named = {each.key: each for each in columns}
    others = [each for each in columns if each.key not in {*_KEPT, *_FIRST, *_LAST}]
    others.sort(key=lambda each: (_is_secondary(each), -sum(map(bool, each.cells))))
    first, last = ([named[key] for key in keys if key in named] for keys in (_FIRST, _LAST))
    return first + others + last


def _is_secondary(column: Column) -> bool:
    return re.search(SECONDARY, column.key) is not None


def table(columns: Sequence[Column]) -> str:
    """Write a line for each row, below heads of one line or more."""
    heads = [_stacked(column) for column in columns]
    height = max(map(len, heads))
    bodies = [
        [*[""] * (height - len(head)), *head, *column.cells]
        for head, column in zip(heads, columns, strict=True)
    ]
    sizes = [max(map(len, body)) for body in bodies]
    return "".join(
        _GAP.join(map(_placed, line, sizes, columns)).rstrip() + "\n"
        for line in zip(*bodies, strict=True)
    )


def _placed(cell: str, size: int, column: Column) -> str:
    return cell.rjust(size) if column.is_number else cell.ljust(size)


def wide(columns: Sequence[Column]) -> int:
    """Return how many columns of a terminal the table takes."""
    sizes = [max(map(len, (*_stacked(column), *column.cells))) for column in columns]
    return sum(sizes) + len(_GAP) * (len(sizes) - 1)


def _stacked(column: Column) -> list[str]:
    """Write name and unit in lines that are hardly wider than the cells: ``cnp_ voltage (V)``."""
    size = max(_HEAD, *map(len, column.cells)) if column.cells else _HEAD
    lines = [""]
    for part in column.name.replace("_", "_\n").splitlines():
        if lines[-1] and len(lines[-1] + part) > size:
            lines.append(part)
        else:
            lines[-1] += part
    unit = f"({column.unit})" if column.unit else ""
    if unit and len(f"{lines[-1]} {unit}") <= size:
        return [*lines[:-1], f"{lines[-1]} {unit}"]
    return [*lines, unit] if unit else lines


def blocks(columns: Sequence[Column], room: int) -> str:
    """Write a block for each row: name and value in a line; long values go on below."""
    indent = max(len(column.head) for column in columns) + len(_GAP)
    written = []
    for row in zip(*(column.cells for column in columns), strict=True):
        lines: list[str] = []
        for column, cell in zip(columns, row, strict=True):
            if cell:
                size = max(room - indent, _LEAST)
                first, *more = textwrap.wrap(cell, size, break_on_hyphens=False)
                lines += [column.head.ljust(indent) + first, *(" " * indent + one for one in more)]
        written.append("".join(f"{line}\n" for line in lines))
    return "\n".join(written)
