"""The number that a run has in the history of its chip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

BY_TIME: Final = ("start_time_utc", "run_id")
"""By what runs are sorted; those without a start are last."""


def numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """
    Return *rows* by time, with the number of each in the history of its chip as ``seq``, from 1.

    Args:
        rows: All staged runs of these chips; those of no chip have no number.
    """
    import polars as pl

    in_time = rows.sort(BY_TIME, nulls_last=True)
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("chip_name")
    return in_time.with_columns(seq=pl.when(pl.col("chip_name").is_not_null()).then(place))
