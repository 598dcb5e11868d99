"""All plots that there are by name: of rows of measurements, of metrics, of IV sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import treadle
from treadle.lab.plotting.choosing import example
from treadle.lab.plotting.curves import plot_of
from treadle.lab.plotting.hysteresis import hysteresis
from treadle.lab.plotting.kinds import KINDS, Kind
from treadle.lab.plotting.model import Plot
from treadle.lab.plotting.photoresponse import OVER, photoresponse
from treadle.lab.plotting.staged import Staged, having, load
from treadle.lab.plotting.trends import metric_trend
from treadle.lab.schema.near import near

if TYPE_CHECKING:
    import polars as pl

    from treadle.lab.roots import Roots

MOST: Final = 60
"""Runs in one plot of their rows: more could not be told apart, and take long to read."""


class Draw(Protocol):
    """What makes a plot of runs that were chosen."""

    def __call__(self, roots: Roots, rows: pl.DataFrame, legend_by: str | None) -> Plot:
        """Return the plot of *rows* of the manifest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One plot that can be asked for.

    Attributes:
        name: What people ask for.
        title: What is shown, in words.
        draw: Makes it.
        procedures: Those whose runs it shows; none: any.
        one_chip: It is of one chip.
    """

    name: str
    title: str
    draw: Draw
    procedures: tuple[str, ...] = ()
    one_chip: bool = False


def entries() -> list[Entry]:
    """Return all of them, those of rows first."""
    return [*(_of_rows(kind) for kind in KINDS), *_OF_METRICS]


def entry_named(name: str, roots: Roots | None = None) -> Entry:
    """
    Return the plot of that name, in upper or lower case; of the name of a metric, its trend.

    Args:
        name: What is asked for.
        roots: The laboratory, whose store may have metrics of an extractor of somebody's own.

    Raises:
        UsageError: There is none.
    """
    every = entries()
    for entry in every:
        if entry.name.lower() == name.lower():
            return entry
    metrics = _metrics(roots)
    if name in metrics:
        return Entry(name, f"{name} over time", _Trend((name,)), one_chip=False)
    meant = near(name, [*(entry.name for entry in every), *metrics])
    raise treadle.UsageError(
        f"there is no plot called {name!r}",
        hint=f"did you mean {meant}?" if meant else "treadle lab plot --list names them all",
    )


def _metrics(roots: Roots | None) -> set[str]:
    """Return the names of all metrics: those that come with us, and those in the store."""
    from treadle.lab.extraction.finding import all_extractors
    from treadle.lab.measuring import store

    own = {name for each in all_extractors(()) for name in each.metrics}
    if roots is None or roots.metrics is None:
        return own
    return own | set(store.read(roots.metrics, columns=["metric"])["metric"])


# ── rows ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Rows:
    """Draws the rows of measurements."""

    kind: Kind

    def __call__(self, roots: Roots, rows: pl.DataFrame, legend_by: str | None) -> Plot:
        if not self.kind.procedures:
            rows = having(roots.stage, rows, self.kind)
        if rows.height > MOST:
            raise treadle.UsageError(
                f"{rows.height:,} runs fit, and a plot of {self.kind.name} has room for {MOST}",
                hint=f"choose some: {example(rows)} --runs 4-7,12",
            )
        if legend_by is not None and "power" in legend_by:
            rows = with_power(roots, rows)
        measured, lost = _loaded(roots, rows)
        plot = plot_of(measured, self.kind, legend_by=legend_by)
        if not lost:
            return plot
        note = f"{len(lost)} left out, as their files cannot be read: {', '.join(lost)}"
        return replace(plot, notes=(*plot.notes, note))


def _loaded(roots: Roots, rows: pl.DataFrame) -> tuple[list[Staged], list[str]]:
    """Return the measurements, and the ids of those whose files cannot be read, unless all are."""
    measured: list[Staged] = []
    lost: dict[str, treadle.UsageError] = {}
    for run_id in rows["run_id"]:
        try:
            measured += load(roots.stage, [run_id], segment_root=roots.segment, rows=rows)
        except treadle.UsageError as error:
            lost[run_id] = error
    if lost and not measured:
        raise next(iter(lost.values()))
    return measured, list(lost)


def _of_rows(kind: Kind) -> Entry:
    return Entry(kind.name, kind.title, _Rows(kind), kind.procedures)


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Trend:
    """
    Draws metrics over time.

    Attributes:
        metrics: Those that count most.
        further: Drawn beside them, unless some of the runs were lit and others dark.
    """

    metrics: tuple[str, ...]
    further: tuple[str, ...] = ()

    def __call__(self, roots: Roots, rows: pl.DataFrame, legend_by: str | None) -> Plot:
        store = _store(roots, rows)
        mine = store.filter(metric=self.metrics[0], status="ok")
        is_mixed = mine["has_light"].drop_nulls().n_unique() > 1
        names = self.metrics if is_mixed or legend_by else (*self.metrics, *self.further)
        return metric_trend(store, names, legend_by=legend_by)


@dataclass(frozen=True, slots=True)
class _Response:
    """Draws the photoresponse over something."""

    over: str

    def __call__(self, roots: Roots, rows: pl.DataFrame, legend_by: str | None) -> Plot:
        needs_power = self.over == "power" or "power" in (legend_by or "")
        chosen = with_power(roots, rows) if needs_power else rows
        return photoresponse(_store(roots, chosen), self.over, legend_by=legend_by)


class _Hysteresis:
    """Draws the hysteresis of IV sweeps."""

    def __call__(self, roots: Roots, rows: pl.DataFrame, legend_by: str | None) -> Plot:
        from treadle.lab.analysing import read_iv

        if roots.iv is None:
            raise treadle.UsageError(
                f"no IV sweeps have been analysed in {str(roots.out)!r}",
                hint=f"treadle lab iv {roots.out} does so",
            )
        plot = hysteresis(read_iv(roots.iv, "hysteresis"), rows)
        if legend_by is None:
            return plot
        note = f"the legend is not by {legend_by}: each curve is of all runs of a day and range"
        return replace(plot, notes=(*plot.notes, note))


_LIT: Final = ("It", "ITt", "It2", "Vt")
_OF_METRICS: Final = (
    Entry("cnp", "charge neutrality point over time", _Trend(
        ("cnp_voltage",), ("cnp_forward", "cnp_backward")), ("IVg", "VVg"), one_chip=True),
    Entry("mobility", "field-effect mobility over time", _Trend(
        ("mobility_fe_holes", "mobility_fe_electrons")), ("IVg",), one_chip=True),
    *(
        Entry(f"photoresponse-{over}", f"photoresponse over {along.title}", _Response(over), _LIT)
        for over, along in OVER.items()
    ),
    Entry("hysteresis", "IV sweeps: forward less return over voltage", _Hysteresis(),
          ("IV", "IVT")),
)  # fmt: skip


def _store(roots: Roots, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the metrics of *rows*, each with what the manifest says of its run."""
    from treadle.lab.measuring import read_metrics

    found = read_metrics(_metrics_root(roots))
    about = rows.select(name for name in rows.columns if name not in {*found.columns} - {"run_id"})
    return found.join(about, on="run_id", how="inner")


def _metrics_root(roots: Roots) -> Any:
    if roots.metrics is None:
        raise treadle.UsageError(
            f"there are no metrics in {str(roots.out)!r}",
            hint=f"treadle lab metrics {roots.out} finds them",
        )
    return roots.metrics


def with_power(roots: Roots, rows: pl.DataFrame) -> pl.DataFrame:
    """
    Add ``irradiated_power_w`` and ``power_clamped`` to rows of the manifest.

    Raises:
        UsageError: There are no metrics, where the calibrations are.
    """
    from treadle.lab.calibrations import METRIC, match
    from treadle.lab.histories.sources import dated
    from treadle.lab.measuring import read_metrics

    curves = read_metrics(_metrics_root(roots), metric=METRIC, status="ok")
    matched = match(dated(rows), curves).select("run_id", "irradiated_power_w", "power_clamped")
    return rows.join(matched, on="run_id", how="left", maintain_order="left")


def listed() -> Sequence[tuple[str, str]]:
    """Return name and title of each plot."""
    return [(entry.name, entry.title) for entry in entries()]
