"""The latest curves of each procedure, laid over each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

import treadle
from treadle.lab.page.about import About
from treadle.lab.page.charts import LOOKS, curves, look
from treadle.lab.page.words import count, text
from treadle.lab.plotting import Plot, Staged, load, plot_of

if TYPE_CHECKING:
    from treadle.lab.plotting import Kind

RUNS: Final = 6
"""Runs that are laid over each other: more cannot be told apart."""

_PROCEDURES: Final = 20  # those with most runs; more would be no laboratory of ours


def plots(about: About) -> str:
    """Return a plot of the latest runs of each procedure."""
    kinds = about.runs["proc"].value_counts(sort=True)["proc"].to_list()
    drawn = "".join(_figure(about, kind) for kind in kinds[:_PROCEDURES])
    more = len(kinds) - _PROCEDURES
    rest = f'<p class="note">{count(more, "procedure")} more left out.</p>' if more > 0 else ""
    return f'<div class="plots">{drawn}</div>{rest}'


def _figure(about: About, procedure: str) -> str:
    rows = about.runs.filter(pl.col("proc") == procedure)
    notes: list[str] = []
    latest = list(_loaded(about, rows.tail(RUNS), notes))[::-1]  # the newest first
    kind = next((each for one in latest for each in one.kinds()[:1]), None)
    if kind is None:
        said = "; ".join(["no run can be drawn", *notes])
        return f'<figure><h3>{text(procedure, 60)}</h3><p class="note">{text(said)}</p></figure>'
    plot = _plot(latest, kind)
    some = "all" if rows.height <= len(latest) else f"the latest {len(latest)} of"
    notes = [f"{some} {count(rows.height, 'run')}", *plot.notes, *notes]
    said = f"{procedure}: {kind.title}, {notes[0]}"
    return (
        f"<figure><h3>{text(procedure, 60)} <span>{text(kind.title, 100)}</span></h3>"
        f"{curves(plot, said)}{_legend(plot)}"
        f"<figcaption>{text('; '.join([plot.title, *notes]), 900)}.</figcaption></figure>"
    )


def _loaded(about: About, rows: pl.DataFrame, notes: list[str]) -> Iterator[Staged]:
    """Yield the runs that can be read; of the others, *notes* says why not."""
    for run_id in rows["run_id"]:
        try:
            yield load(about.roots.stage, [run_id], rows=rows)[0]
        except treadle.UsageError:
            notes.append(f"the file of {run_id} cannot be read")


def _plot(latest: Sequence[Staged], kind: Kind) -> Plot:
    """Lay the runs over each other; one without the columns of the others is left out."""
    plot = plot_of(latest, kind)
    return replace(plot, curves=plot.curves[:LOOKS])


def _legend(plot: Plot) -> str:
    keys = [
        f"<li>{look(plot, number)} {text(curve.label, 160)}</li>"
        for number, curve in enumerate(plot.curves)
        if curve.label
    ]
    if plot.lit:
        keys.append('<li><span class="light" aria-hidden="true"></span> laser on</li>')
    return f'<ul class="legend">{"".join(keys)}</ul>' if keys else ""
