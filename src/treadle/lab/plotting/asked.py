"""A plot as it is asked for, and the files that are made of it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import treadle
from treadle.lab.histories import file_name
from treadle.lab.plotting.catalog import entry_named
from treadle.lab.plotting.choosing import chosen, example
from treadle.lab.plotting.drawing import FORMATS, figure, save
from treadle.lab.plotting.model import Plot
from treadle.lab.plotting.styles import style_named

if TYPE_CHECKING:
    from treadle.lab.roots import Roots

FIGURES: Final = "figures"
"""The folder below OUT for figures that nobody has named a file for."""

DEFAULT_FORMATS: Final = ("pdf", "png")
_LONGEST: Final = 100  # of the name of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What somebody wants to see.

    Attributes:
        kind: The name of a plot, see :mod:`treadle.lab.plotting.catalog`, or of a metric.
        chip: Name or number of a chip; None: runs of all chips.
        runs: Numbers of its history, or run ids: ``"4-7,12"``; empty: all.
        procedures: Only of these; none: those that the plot is usually of.
        title: What stands above; None: what all have in common; empty: nothing.
        legend_by: What tells the curves apart, see :data:`treadle.lab.plotting.words.BY`.
        style: The name of a style, or the path of a ``.mplstyle`` file.
        width: In inches; None: as the style has it.
        height: In inches; None: as the style has it.
        formats: Of the files, without the dot.
        tag: A word in the names of the files, in the place of the runs.
    """

    kind: str
    chip: str | int | None = None
    runs: str = ""
    procedures: tuple[str, ...] = ()
    title: str | None = None
    legend_by: str | None = None
    style: str = "paper"
    width: float | None = None
    height: float | None = None
    formats: tuple[str, ...] = DEFAULT_FORMATS
    tag: str = ""

    @property
    def name(self) -> str:
        """What its files are called, without the suffix: ``It-67-4-7_12``."""
        of = (*self.procedures, self.tag or self.runs.replace(" ", "").replace(",", "_"))
        style = "" if self.style == "paper" else Path(self.style).stem
        chip = "" if self.chip is None else file_name(str(self.chip))
        words = "-".join(word for word in (self.kind, chip, *of, style) if word)
        return re.sub(r"[^\w%.,=+-]+", "_", words)[:_LONGEST].strip("._-") or "plot"


def drawn(roots: Roots, asked: Asked) -> Plot:
    """
    Return the plot that is asked for.

    Args:
        roots: The folders of the laboratory.
        asked: What is to be seen.

    Raises:
        UsageError: There is no such plot, chip or run, or nothing to draw.
    """
    from treadle.lab.histories import numbered
    from treadle.lab.manifest_file import manifest

    entry = entry_named(asked.kind, roots)
    rows = numbered(manifest(roots.stage, status="staged"))
    if entry.one_chip and asked.chip is None and not asked.runs:
        raise treadle.UsageError(
            f"a plot of {entry.name} is of one chip, and none is named",
            hint=example(rows, entry.procedures),
        )
    found = chosen(
        rows,
        chip=asked.chip,
        runs=asked.runs,
        procedures=asked.procedures,
        usual=entry.procedures,
    )
    plot = entry.draw(roots, found.rows, asked.legend_by)
    if not found.left_out:
        return plot
    note = f"{found.left_out} of the runs {asked.runs} left out: of other procedures"
    return replace(plot, notes=(*plot.notes, note))


def written(
    plot: Plot, asked: Asked, *, folder: Path | None = None, to: Path | None = None
) -> list[Path]:
    """
    Draw *plot* as it is asked for, and write it.

    Args:
        plot: Of :func:`drawn`.
        asked: Style, size, title and formats count.
        folder: Where its files go, under the name of *asked*; made if need be.
        to: The only file, in the place of those; its suffix tells the format.

    Returns:
        The paths of the files.

    Raises:
        UsageError: There is no such style or format, or the place cannot be written to.
    """
    style = style_named(asked.style)
    made = figure(plot, title=asked.title, width=asked.width, height=asked.height, style=style)
    files = [to] if to else [(folder or Path()) / f"{asked.name}.{each}" for each in asked.formats]
    return [save(made, file, style=style) for file in files]


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """
    Return *formats* without dots.

    Raises:
        UsageError: There is no such format, or none is named.
    """
    plain = tuple(dict.fromkeys(each.strip().lower().removeprefix(".") for each in formats))
    for each in plain or ("",):
        if each not in FORMATS:
            raise treadle.UsageError(
                f"a figure cannot be saved as {each!r}", hint=f"choose of: {', '.join(FORMATS)}"
            )
    return plain


def check_writable(to: str | os.PathLike[str]) -> Path:
    """
    Return the path of a file that a figure is to be saved in, before it is drawn.

    Raises:
        UsageError: Its suffix is of no format.
    """
    path = Path(to).expanduser()
    check_formats([path.suffix])
    return path
