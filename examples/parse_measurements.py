"""Read one measurement file, as pymeasure writes it, into a flat row of facts.

    treadle map examples/parse_measurements.py:parse examples/measurements --into facts.csv

A file is a commented header, a line of column names, and rows of numbers:

    #Procedure: <laser_setup.procedures.IVg.IVg>
    #Parameters:
    #<TAB>Chip number: 67
    #Metadata:
    #<TAB>Start time: 1757016983.8000882
    #Data:
    Vg (V),I (A)
    0.0,3.1e-06

The function is plain: it returns, or it raises. It knows nothing of workers.
"""

from __future__ import annotations

import math
import signal
import time
from datetime import UTC, datetime
from pathlib import Path


def parse(path: str | Path) -> dict[str, object]:
    """
    Return the facts of the measurement in the file at *path*.

    Raises:
        ValueError: The file is empty, is no measurement, or holds a cell that is not a number.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    if not lines:
        raise ValueError("the file is empty: not even a header")
    header, start = read_header(lines)
    misbehave(header.get("Demo"))
    columns = lines[start].split(",") if start < len(lines) else []
    table = read_rows(lines[start + 1 :], columns, first_line=start + 2)
    return {
        "procedure": header["Procedure"].strip("<>").rpartition(".")[2],
        "chip": chip(header),
        "started": started(header),
        "information": header.get("Information"),
        "columns": "; ".join(columns),
        "rows": len(table.get(columns[0], [])) if columns else 0,
        **extremes("current_A", table.get("I (A)", [])),
        **extremes("power_W", table.get("Power (W)", [])),
    }


def read_header(lines: list[str]) -> tuple[dict[str, str], int]:
    """Return what the header says, and the number of the line after it."""
    header: dict[str, str] = {}
    for number, line in enumerate(lines):
        if line.startswith("#Data:"):
            if "Procedure" not in header:
                break
            return header, number + 1
        # Values may hold further colons, names may hold brackets: only the first ": " separates.
        name, found, value = line.lstrip("#").strip().partition(": ")
        if found and value != "None":
            # pymeasure writes the header in ASCII, with \xed for í.
            header[name] = value.encode("latin-1", "replace").decode("unicode_escape")
    raise ValueError("not a measurement: no '#Procedure:' followed by '#Data:'")


def read_rows(lines: list[str], columns: list[str], *, first_line: int) -> dict[str, list[float]]:
    """Return the numbers under each column's name; *first_line* is for the error's text."""
    table: dict[str, list[float]] = {name: [] for name in columns}
    for number, line in enumerate(lines, first_line):
        cells = line.split(",")
        if len(cells) != len(columns):
            raise ValueError(f"line {number}: {len(cells)} cells under {len(columns)} columns")
        for name, cell in zip(columns, cells, strict=True):
            try:
                table[name].append(float(cell))
            except ValueError:
                raise ValueError(f"line {number}, column {name!r}: {cell!r} is no number") from None
    return table


def extremes(name: str, numbers: list[float]) -> dict[str, float | None]:
    """Return the least and the greatest of *numbers*, without ``nan``: None when none is left."""
    known = [number for number in numbers if not math.isnan(number)]
    return {f"min_{name}": min(known, default=None), f"max_{name}": max(known, default=None)}


def chip(header: dict[str, str]) -> str | None:
    """Return the chip's name, group and number; a calibration of the laser has none."""
    group, number = header.get("Chip group name"), header.get("Chip number")
    return None if number is None else f"{group} {number}"


def started(header: dict[str, str]) -> str | None:
    """Return when the run began; a run that failed at start-up does not say."""
    seconds = header.get("Start time")
    if seconds is None:
        return None
    return datetime.fromtimestamp(float(seconds), tz=UTC).isoformat(timespec="seconds")


def misbehave(how: str | None) -> None:
    """
    Do what two files of the demo ask for in their header; no real file has such a line.

    A parser that crashes in C, and one that waits for ever, are what this library is for. They are
    hard to ship, so the demo plays them: with a real signal and a real wait.
    """
    if how == "segfault":
        signal.raise_signal(signal.SIGSEGV)
    elif how == "hang":
        time.sleep(3600)
