"""``OUT/history``: a Parquet file for each chip, changed only where the history is another one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from treadle.lab.histories.exporting import metadata
from treadle.lab.histories.table import History, histories
from treadle.lab.places import hive_value, put_parquet
from treadle.lab.roots import Roots, roots
from treadle.lab.selection import Chips, select

if TYPE_CHECKING:
    import polars as pl

FOLDER: Final = "history"
_OURS: Final = "treadle.lab.history"  # in the metadata of a file: the chip that it is of
_VERSION: Final = "treadle.lab.history.version"
FORMAT: Final = "1"
"""Version of what the files hold; it grows when a column changes its meaning."""


def write_histories(
    where: str | os.PathLike[str] | Roots,
    *,
    chips: Chips | str | None = None,
    min_runs: int = 1,
) -> list[Path]:
    """
    Write ``OUT/history/CHIP.parquet`` for each chip; see :func:`history` for what is in it.

    A file whose history is the same keeps its bytes. Files of chips that have no runs any more, or
    fewer than *min_runs*, are removed; other files in the folder are left alone.

    Args:
        where: OUT of a pipeline, or a stage root.
        chips: Write only theirs.
        min_runs: Only chips with so many runs have a file.

    Returns:
        The paths of the files of the chips that were asked for, changed or not, in order of the
        chips' numbers. What a file name cannot hold is written as in URLs.

    Raises:
        UsageError: There is nothing staged, or what is needed cannot be read.
        OSError: The place cannot be written to.
    """
    found = where if isinstance(where, Roots) else roots(where)
    every = histories(found)
    folder = found.out / FOLDER
    kept: dict[Path, pl.DataFrame] = {}
    for (name,), rows in every.frame.group_by("chip_name", maintain_order=True):
        if rows.height >= min_runs:
            kept[folder / f"{file_name(str(name))}.parquet"] = rows
    for path in folder.glob("*.parquet"):
        if path not in kept and _OURS in _said_in(path):
            path.unlink(missing_ok=True)
    wanted = _wanted(found, chips)
    mine = [path for path, rows in kept.items() if wanted is None or rows["chip_name"][0] in wanted]
    for path in mine:
        _put(path, History(kept[path], every.units))
    return mine


def file_name(chip: str) -> str:
    """
    Return what a file of a chip is called, without the suffix.

    What no name of a file can hold is written as in URLs, and so is a dot that would hide it.
    """
    name = hive_value(chip)
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _wanted(where: Roots, chips: Chips | str | None) -> set[str] | None:
    from treadle.lab.histories.sources import staged

    if chips is None:
        return None
    known = staged(where).select("chip_number", "chip_name")
    return set(select(known, chips=chips).unique().collect()["chip_name"].drop_nulls())


def _put(path: Path, one: History) -> None:
    """Write the history of one chip, unless it is there; it has the metrics that this chip has."""
    import polars as pl

    frame = one.frame
    empty = [name for name in one.units if frame[name].null_count() == frame.height]
    frame = frame.drop(empty)
    said = {_OURS: str(frame["chip_name"][0]), _VERSION: FORMAT, **metadata(frame, one.units)}
    if said.items() <= _said_in(path).items():
        there = pl.read_parquet(path, hive_partitioning=False, glob=False)
        if there.schema == frame.schema and there.equals(frame):
            return
    put_parquet(frame, path, metadata=said)


def _said_in(path: Path) -> Mapping[str, str]:
    """Return the texts beside the rows of a Parquet file; none if it is not there, or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        said = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException):
        return {}
    return {key.decode(): value.decode(errors="replace") for key, value in said.items()}
