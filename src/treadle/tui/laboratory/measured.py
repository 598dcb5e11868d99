"""The metrics of a laboratory as its screens see them: a column for each, and all records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import polars as pl

    from treadle.lab.plotting import Plot
    from treadle.lab.roots import Roots

AMONG_RUNS: Final = "found: "
"""What stands before the names of these columns among those of the manifest: anybody can call a
metric of theirs ``rows``."""

_CALIBRATED: Final = ("calibration_status", "irradiated_power_w")  # shown after the metrics


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """
    What was found of the runs of a laboratory.

    Attributes:
        columns: ``run_id`` and, each with :data:`AMONG_RUNS` before its name, a column for each
            metric that has a value, in the order of histories, and those of the calibration.
        units: The units of these metrics, by name.
        records: Rows of the store, the newest version of each, without the long details.
    """

    columns: pl.DataFrame
    units: dict[str, str]
    records: pl.DataFrame

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """Return the records that are of a run, alone or with others, as histories order them."""
        import polars as pl

        is_one = (pl.col("run_id") == run_id) | pl.col("runs").list.contains(run_id)
        places = {name: number for number, name in enumerate(self.units)}
        return sorted(
            self.records.filter(is_one.fill_null(value=False)).iter_rows(named=True),
            key=lambda record: (places.get(record["metric"], len(places)), record["metric"]),
        )

    def names(self, runs: pl.DataFrame) -> list[tuple[str, int]]:
        """Return the metrics that *runs* have values of, and how many they have."""
        counts = [(name, runs[AMONG_RUNS + name].count()) for name in self.units]
        return [(name, count) for name, count in counts if count]

    def trend(self, runs: pl.DataFrame, name: str) -> Plot:
        """
        Return a metric of *runs* over time; runs without a value are counted in its notes.

        Raises:
            UsageError: None of them has a value.
        """
        from treadle.lab import plotting

        about = runs.select("run_id", "has_light", "local_tz")
        mine = self.records.filter(metric=name).join(about, on="run_id", how="inner")
        return plotting.metric_trend(mine, [name])


def status_said(status: str) -> str:
    """Return the status of a record in words."""
    return status.replace("_", " ")


def read(roots: Roots) -> Measured | None:
    """
    Read the metrics of a laboratory; None where none were made.

    Raises:
        UsageError: They cannot be read.
    """
    from treadle.lab.histories.sources import sources, staged
    from treadle.lab.measuring.store import METRICS, read_metrics

    if roots.metrics is None or not (roots.metrics / METRICS).is_file():
        return None
    known = sources(roots, staged(roots).collect())
    columns = known.values.pivot(on="metric", index="run_id", values="value")
    if known.calibrated is not None:
        # A metric of somebody's may have the name of one of them.
        names = [name for name in _CALIBRATED if name not in columns.columns]
        calibrated = known.calibrated.select("run_id", *names)
        columns = columns.join(calibrated, on="run_id", how="full", coalesce=True)
    records = read_metrics(roots.metrics).drop("details")
    named = columns.rename(lambda name: name if name == "run_id" else AMONG_RUNS + name)
    return Measured(named, known.units, records)


@dataclass(frozen=True, slots=True)
class Head:
    """
    What is told of a column of what was found.

    Attributes:
        column: Its name among the columns of the runs.
        title: Name and unit.
        factor: What its numbers are multiplied with to be in that unit; None: it holds words.
    """

    column: str
    title: str
    factor: float | None


def heads(runs: pl.DataFrame, units: dict[str, str]) -> list[Head]:
    """
    Return the columns of what was found that *runs* have a value of, in the order of histories.

    Args:
        runs: All runs of a chip, so that a filter changes neither columns nor units.
        units: Of the metrics.
    """
    from treadle.lab.histories.columns import stem_and_unit
    from treadle.lab.written import scale

    found = []
    for column in runs.columns:
        if not column.startswith(AMONG_RUNS) or not runs[column].count():
            continue
        name, unit = stem_and_unit(column.removeprefix(AMONG_RUNS), units)
        if not runs[column].dtype.is_numeric():
            found.append(Head(column, name, None))
            continue
        largest: Any = runs[column].abs().max()
        factor, shown = scale(float(largest), unit)
        found.append(Head(column, f"{name} ({shown})" if shown else name, factor))
    return found


def told(records: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """
    Return for each record its name, its value with uncertainty and unit, and what is odd of it.

    Args:
        records: Those with a value.
    """
    from treadle.lab.written import amount, number

    lines = []
    for each in records:
        value = amount(each["value"], each["unit"] or "", each["uncertainty"])
        confidence = each["confidence"]
        beside = [] if confidence is None else [f"confidence {number(confidence, 2)}"]
        beside += [f"of {len(each['runs'])} runs"] if each["runs"] else []
        beside += each["flags"] or []
        lines.append((each["metric"], value, "  ".join(beside)))
    return lines
