"""The list of runs: what became of each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import treadle
from treadle.lab.analysing.grouping import Group
from treadle.lab.analysing.one import Analysed, Settled
from treadle.lab.analysing.report import REJECTED
from treadle.lab.recorded import refusal
from treadle.lab.staging.report import Reject

if TYPE_CHECKING:
    import polars as pl

_ABOUT = ("run_id", "proc", "date_local", "start_time_utc", "chip_name", "source_file")


def run_list(
    listed: pl.DataFrame,
    groups: Mapping[str, Group],
    settled: Mapping[str, Analysed],
    failed: Mapping[str, treadle.FailedOutcome],
    rejects: Iterable[Reject],
    procedures: Collection[str],
) -> pl.DataFrame:
    """
    Return a row for each run that is analysed or rejected, by start time.

    Args:
        listed: The manifest of the stage root.
        groups: All groups by their names.
        settled: What is recorded of those that are analysed.
        failed: ... and of those that could not be.
        rejects: The runs that are in no group.
        procedures: Those that were asked for; runs of others are there if they were analysed once.
    """
    import polars as pl

    rows: list[tuple[Any, ...]] = []
    shown = set(procedures)
    for key, group in groups.items():
        if found := settled.get(key):
            rows += [_settled_row(Settled(*each), group) for each in found["runs"]]
            shown.add(group.proc)
        elif key in failed:
            why = refusal(failed[key])
            rows += [
                (run.run_id, REJECTED, why.reason, why.message, why.hint, group.v_max_group,
                 None, None, None)
                for run in group.runs
            ]  # fmt: skip
    rows += [
        (each.source, REJECTED, each.reason, each.message, each.hint, None, None, None, None)
        for each in rejects
    ]
    text, count = pl.String, pl.Int64
    frame = pl.DataFrame(
        rows,
        schema={
            "run_id": text, "status": text, "reason": text, "message": text, "hint": text,
            "v_max_group": pl.Float64, "points": count, "without_current": count, "fits": count,
        },
        orient="row",
    )  # fmt: skip
    about = listed.select(_ABOUT).filter(pl.col("proc").is_in(sorted(shown)))
    return about.join(frame, on="run_id", how="inner").sort("start_time_utc", "run_id")


def _settled_row(found: Settled, group: Group) -> tuple[Any, ...]:
    return (
        found.run_id, found.status, found.reason, found.message, found.hint, group.v_max_group,
        found.points, found.without_current, found.fits,
    )  # fmt: skip
