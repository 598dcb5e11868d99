"""Which plots the runs of a chip have: those of their rows, and those of their metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from treadle.tui.laboratory.history import Choice, Laboratory

if TYPE_CHECKING:
    import polars as pl

    from treadle.lab.plotting import Kind, Plot
    from treadle.lab.plotting.catalog import Entry

    Draw = Callable[[Sequence[str]], Plot]

_SWEEPS = "hysteresis"  # is of what `treadle lab iv` has written; the others are of the metrics


@dataclass(frozen=True, slots=True)
class Offered:
    """
    A plot that is offered.

    Attributes:
        name: As ``treadle lab plot`` calls it.
        title: What is shown, in words.
        procedures: Those whose runs it is of.
        count: How many there are of these.
        draw: Makes it of some of them, by their ids; it reads files.
        most: So many runs fit into it; None: any number, and all where none is chosen.
    """

    name: str
    title: str
    procedures: tuple[str, ...]
    count: int
    draw: Draw
    most: int | None = None


def offered(laboratory: Laboratory, choice: Choice) -> list[Offered]:
    """
    Return the plots that the runs of a choice have. It reads one run of each procedure.

    Raises:
        UsageError: One of these cannot be read.
    """
    rows = laboratory.chosen(choice)
    return [*_of_rows(laboratory, rows), *_of_metrics(laboratory, choice, rows)]


def _of_rows(laboratory: Laboratory, rows: pl.DataFrame) -> list[Offered]:
    from treadle.lab.plotting.catalog import MOST

    found = []
    for procedure in rows["proc"].unique().sort().to_list():
        own = rows.filter(proc=procedure)
        # What the longest one has numbers of is what can be drawn.
        longest = own.sort("rows", descending=True)["run_id"][0]
        for kind in laboratory.load([longest])[0].kinds():
            draw = partial(_drawn, laboratory, kind)
            found.append(Offered(kind.name, kind.title, (procedure,), own.height, draw, MOST))
    return found


def _of_metrics(laboratory: Laboratory, choice: Choice, rows: pl.DataFrame) -> list[Offered]:
    from treadle.lab.plotting.catalog import entries
    from treadle.lab.plotting.kinds import KINDS

    of_rows = {kind.name for kind in KINDS}
    counts = dict(rows["proc"].value_counts().iter_rows())
    found = []
    for entry in entries():
        root = laboratory.roots.iv if entry.name == _SWEEPS else laboratory.roots.metrics
        is_one = choice.chip not in ("*", None)
        if entry.name in of_rows or root is None or (entry.one_chip and not is_one):
            continue
        procedures = tuple(each for each in entry.procedures if each in counts)
        if procedures:
            count = sum(counts[each] for each in procedures)
            draw = partial(_drawn_by, laboratory, entry)
            found.append(Offered(entry.name, entry.title, procedures, count, draw))
    return found


def _drawn(laboratory: Laboratory, kind: Kind, run_ids: Sequence[str]) -> Plot:
    from treadle.lab import plotting

    return plotting.plot_of(laboratory.load(run_ids), kind)


def _drawn_by(laboratory: Laboratory, entry: Entry, run_ids: Sequence[str]) -> Plot:
    rows = laboratory.runs.filter(laboratory.runs["run_id"].is_in(list(run_ids)))
    return entry.draw(laboratory.roots, rows, None)
