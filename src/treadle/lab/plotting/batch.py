"""Many plots at once, on the workers of a run: one that fails does not hold up the others."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypedDict

import treadle
from treadle.cli import typed
from treadle.lab.plotting.asked import FIGURES, Asked, drawn, written
from treadle.lab.recorded import refusal

if TYPE_CHECKING:
    from treadle.lab.roots import Roots

_NAME: Final = "plots"
_OURS: Final = f"{treadle.TreadleError.__module__}.{treadle.TreadleError.__qualname__}"
_PATIENCE: Final = 300.0  # seconds for one plot


class Drawn(TypedDict):
    """
    What became of a plot.

    Attributes:
        name: What its files are called.
        files: Their paths.
        notes: What could not be drawn, and why.
    """

    name: str
    files: list[str]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class DrawOne:
    """Draws one plot and writes its files; callable, and sent to each worker once."""

    roots: Roots
    folder: Path

    def __call__(self, asked: Asked) -> Drawn:
        """
        Draw it.

        Raises:
            UsageError: There is nothing to draw, or it cannot be written.
        """
        plot = drawn(self.roots, asked)
        files = written(plot, asked, folder=self.folder)
        return Drawn(name=asked.name, files=[str(file) for file in files], notes=[*plot.notes])


class Wanted:
    """A source of plots; keys are their names."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        self._asked = list(asked)

    def __iter__(self) -> Iterator[Asked]:
        """Yield them."""
        return iter(self._asked)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._asked)

    def key(self, value: Asked, index: int) -> str:  # noqa: ARG002  a source's key() gets both
        """Return the name."""
        return value.name


@dataclass(slots=True)
class PlotsReport:
    """
    What became of many plots.

    Attributes:
        folder: Where the files are.
        plots: How many were asked for.
        files: The files that were written.
        notes: By plot, what could not be drawn of it, and why.
        failed: By plot, why it was not drawn.
        elapsed: Seconds.
    """

    folder: Path
    plots: int = 0
    files: list[Path] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    elapsed: float = 0.0

    def __str__(self) -> str:
        good = self.plots - len(self.failed)
        return f"{good:,} of {self.plots:,} plots drawn, {len(self.files):,} files: {self.folder}"


def plots(
    roots: Roots,
    asked: Sequence[Asked],
    folder: str | os.PathLike[str] | None = None,
    *,
    timeout: float | None = _PATIENCE,
    workers: int | None = None,
    backend: Literal["processes", "threads", "inline"] = "processes",
    start_method: Literal["forkserver", "spawn"] | None = None,
    progress: str | treadle.Listener | None = None,
    pool: treadle.Pool | None = None,
) -> PlotsReport:
    """
    Draw many plots in parallel. Files that are there are replaced.

    Args:
        roots: The folders of the laboratory.
        asked: The plots; their names must differ.
        folder: Where their files go; default: ``OUT/figures``.
        timeout: Seconds for each plot (default 300).
        workers: As for :func:`treadle.lab.stage`, and so are the following ones.
        backend: See there.
        start_method: See there.
        progress: See there.
        pool: See there.

    Raises:
        UsageError: An argument is wrong. That a plot cannot be drawn is in the report.
        Interrupted: Ctrl-C; the files of the plots that were drawn stay.
        RunFailed: The run could not go on.
    """
    began = time.monotonic()
    place = Path(folder) if folder is not None else roots.out / FIGURES
    report = PlotsReport(place.absolute(), len(asked))
    if pool is None:
        with treadle.Pool(workers=workers, backend=backend, start_method=start_method) as mine:
            ran = _run(mine, roots, asked, report.folder, timeout, progress)
    else:
        ran = _run(pool, roots, asked, report.folder, timeout, progress)
    for found in ran.values():
        report.files += map(Path, found["files"])
        if found["notes"]:
            report.notes[found["name"]] = found["notes"]
    report.failed = {str(outcome.key): _why(outcome) for outcome in ran.failures}
    report.elapsed = time.monotonic() - began
    return report


def _why(outcome: treadle.FailedOutcome) -> str:
    """Say why a plot was not drawn: in our own words, or by what befell it."""
    failure = outcome.failure
    is_ours = outcome.kind == "raised" and _OURS in failure.mro
    said = failure.message if is_ours else refusal(outcome).message
    return f"{said} ({failure.hint})" if failure.hint else said


def _run(
    pool: treadle.Pool,
    roots: Roots,
    asked: Sequence[Asked],
    folder: Path,
    timeout: float | None,
    progress: str | treadle.Listener | None,
) -> treadle.Report:
    return pool.run(
        DrawOne(roots, folder),
        Wanted(asked),
        name=_NAME,
        durability="none",  # whatever was drawn is drawn again: its runs may have changed
        timeout=timeout,
        progress=progress,  # type: ignore[arg-type]  # checked there
        command=typed(),
    )
