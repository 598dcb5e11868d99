"""Staged measurements read back: what the manifest says of them, their rows, their segments."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import treadle
from treadle.lab.manifest_file import manifest
from treadle.lab.places import check_root
from treadle.lab.plotting.kinds import Kind, kinds_of

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """
    One staged measurement.

    Attributes:
        facts: Its row of the manifest.
        table: Its rows; where it was segmented, with the columns of the segments.
    """

    facts: dict[str, Any]
    table: pl.DataFrame

    @property
    def run_id(self) -> str:
        """Its id."""
        return str(self.facts["run_id"])

    @property
    def procedure(self) -> str:
        """Its procedure."""
        return str(self.facts["proc"])

    @property
    def is_segmented(self) -> bool:
        """Whether the rows tell which segment they belong to."""
        return "segment_id" in self.table.columns

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return one of its columns; NaN where nothing was measured."""
        import polars as pl

        values: NDArray[np.float64] = (
            self.table[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        )
        return values

    def kinds(self) -> list[Kind]:
        """Return the kinds of plots it has, the most usual one first."""
        return kinds_of(self.procedure, self.table)


def load(
    stage_root: str | os.PathLike[str],
    run_ids: Sequence[str],
    *,
    segment_root: str | os.PathLike[str] | None = None,
    rows: pl.DataFrame | None = None,
) -> list[Staged]:
    """
    Read measurements, in the order of *run_ids*.

    Args:
        stage_root: The folder that was staged into.
        run_ids: Ids of the measurements.
        segment_root: Where the segments of its sweeps are; None: they are not told apart.
        rows: The manifest, or the rows of it that are needed, where it was read already.

    Raises:
        UsageError: There is no such measurement, or its file cannot be read.
    """
    import polars as pl

    root = check_root(stage_root, "stage root")
    known = manifest(root, status="staged") if rows is None else rows
    found = known.filter(pl.col("run_id").is_in(list(run_ids)))
    facts = {row["run_id"]: row for row in found.iter_rows(named=True)}
    for run_id in run_ids:
        if run_id not in facts:
            raise treadle.UsageError(
                f"there is no measurement {run_id!r} in {str(root)!r}",
                hint="treadle lab manifest STAGE lists them",
            )
    segments = Path(segment_root) if segment_root is not None else None
    return [Staged(facts[run_id], _rows(root, segments, facts[run_id])) for run_id in run_ids]


def having(stage_root: str | os.PathLike[str], rows: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """
    Return those of *rows* of the manifest whose files have the columns of *kind*, with values.

    Only the ends of the files are read; one that cannot be read stays, for :func:`load` to tell.
    """
    import polars as pl

    root = check_root(stage_root, "stage root")
    kept = [_has_columns(root / path, kind) for path in rows["path"]]
    return rows.filter(pl.Series(kept, dtype=pl.Boolean))


def _has_columns(path: Path, kind: Kind) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        said = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return True
    empty: dict[str, int] = {}
    for group in map(said.row_group, range(said.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            known = column.statistics
            nothing = known.null_count if known is not None and known.has_null_count else 0
            empty[column.path_in_schema] = empty.get(column.path_in_schema, 0) + nothing
    filled = {name for name, nulls in empty.items() if nulls < said.num_rows}
    return kind.x in filled and not filled.isdisjoint(kind.y)


def _rows(root: Path, segments: Path | None, facts: dict[str, Any]) -> pl.DataFrame:
    """Read the rows of one measurement, from the folder of the segments where they are there."""
    part = str(facts["path"])
    if segments is not None and (segments / part).is_file():
        table = _read(segments / part)
        if table.height == facts["rows"]:  # else it was staged again since, with other rows
            return table
    return _read(root / part)


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(path, hive_partitioning=False, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise treadle.UsageError(
            f"the measurement {str(path)!r} cannot be read: {error}",
            hint="treadle lab stage RAW STAGE makes a missing file again",
        ) from error
