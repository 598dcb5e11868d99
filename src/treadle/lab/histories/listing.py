"""Which chips there are: how many runs of which procedures, from when to when, what was found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from treadle.lab.histories.sources import sources, staged
from treadle.lab.roots import Roots, roots

if TYPE_CHECKING:
    import polars as pl


def chips(where: str | os.PathLike[str] | Roots) -> pl.DataFrame:
    """
    List the chips that have staged runs.

    Args:
        where: OUT of a pipeline, or a stage root.

    Returns:
        A row for each chip, by group and number: ``chip_name``, ``chip_group``, ``chip_number``,
        ``runs``, ``lit`` (how many of them had light), ``flagged`` (how many have a flag),
        ``first`` and ``last`` (local dates), ``procedures`` (``"IVg 4, It 1"``, the most frequent
        first), ``metrics`` (how many values were found) and ``kinds`` (of how many metrics).

    Raises:
        UsageError: There is nothing staged.
    """
    import polars as pl

    found = where if isinstance(where, Roots) else roots(where)
    needed = [
        "run_id", "chip_name", "chip_group", "chip_number", "proc", "has_light", "flags",
        "date_local",
    ]  # fmt: skip
    rows = staged(found).select(needed).filter(pl.col("chip_name").is_not_null()).collect()
    known = sources(found, rows, calibrated=False)
    counts = rows.group_by("chip_name").agg(
        pl.col("chip_group", "chip_number").first(),
        pl.len().cast(pl.Int64).alias("runs"),
        pl.col("has_light").sum().cast(pl.Int64).alias("lit"),
        (pl.col("flags").list.len() > 0).sum().cast(pl.Int64).alias("flagged"),
        pl.col("date_local").min().alias("first"),
        pl.col("date_local").max().alias("last"),
    )
    values = known.values.join(rows.select("run_id", "chip_name"), on="run_id")
    metrics = values.group_by("chip_name").agg(
        pl.len().cast(pl.Int64).alias("metrics"),
        pl.col("metric").n_unique().cast(pl.Int64).alias("kinds"),
    )
    return (
        counts.join(_procedures(rows), on="chip_name")
        .join(metrics, on="chip_name", how="left")
        .with_columns(pl.col("metrics", "kinds").fill_null(0))
        .sort("chip_group", "chip_number", "chip_name", nulls_last=True)
    )


def _procedures(rows: pl.DataFrame) -> pl.DataFrame:
    """Return for each chip its procedures in words, with their counts."""
    import polars as pl

    counts = rows.group_by("chip_name", "proc").len().sort(-pl.col("len").cast(pl.Int64), "proc")
    said = pl.format("{} {}", "proc", "len").str.join(", ").alias("procedures")
    return counts.group_by("chip_name", maintain_order=True).agg(said)
