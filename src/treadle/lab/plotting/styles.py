"""How figures look: for paper, talks, posters, in grey, or by a style file of matplotlib."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import treadle

WIDTH: Final = 5.2  # inches: across one and a half columns of a journal
HEIGHT: Final = 3.5

LINES: Final = ("-", "--", "-.", ":")
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


def _sizes(text: float, line: float) -> dict[str, Any]:
    """Return the settings that grow with the letters."""
    return {
        "font.size": text,
        "axes.titlesize": text * 0.9,
        "axes.labelsize": text,
        "xtick.labelsize": text * 0.9,
        "ytick.labelsize": text * 0.9,
        "legend.fontsize": text * 0.75,
        "lines.linewidth": line,
        "lines.markersize": 3.2 * line,
        "axes.linewidth": 0.64 * line,
        "xtick.major.width": 0.64 * line,
        "ytick.major.width": 0.64 * line,
        "xtick.major.size": 0.35 * text,
        "ytick.major.size": 0.35 * text,
    }


_ALL: Final[Mapping[str, Any]] = {
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "axes.xmargin": 0.02,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "legend.frameon": True,
    "legend.framealpha": 0.75,
    "legend.edgecolor": "none",
    "mathtext.default": "regular",
}


@dataclass(frozen=True, slots=True)
class Style:
    """
    How a figure looks.

    Attributes:
        name: What it is called.
        width: Of the figure, in inches, unless another one is asked for.
        height: The same.
        settings: Of matplotlib.
        shades: The colour map from whose dark end to its lighter part colours are taken; empty: the
            colours stand in the settings.
    """

    name: str
    width: float = WIDTH
    height: float = HEIGHT
    settings: Mapping[str, Any] = field(default_factory=dict)
    shades: str = "viridis"

    @property
    def rc(self) -> Any:
        """What matplotlib is to be told while a figure is made or written."""
        return {
            "svg.fonttype": "path",  # looks the same where the font is not installed
            "svg.hashsalt": "treadle",  # the same figure gives the same bytes
            "pdf.fonttype": 42,  # text stays text, with its font, which journals ask for
            **self.settings,
        }

    def colors(self, groups: int) -> list[Any]:
        """Return a colour for each of so many groups, from the darkest to the lightest."""
        import matplotlib as mpl

        if not self.shades:
            given = self.settings["axes.prop_cycle"].by_key()["color"]
            return [given[number % len(given)] for number in range(groups)]
        shades, last = mpl.colormaps[self.shades], 0.7 if self.shades == "gray" else 0.82
        # the lightest ones are too light on white
        return [shades(last * number / max(groups - 1, 1)) for number in range(groups)]


STYLES: Final[Mapping[str, Style]] = {
    style.name: style
    for style in (
        Style("paper", settings={**_ALL, **_sizes(9.5, 1.1)}),
        Style("talk", 8.0, 5.0, {**_ALL, **_sizes(16.0, 2.0)}),
        Style("poster", 11.0, 7.0, {**_ALL, **_sizes(24.0, 3.0)}),
        Style("grey", settings={**_ALL, **_sizes(9.5, 1.1)}, shades="gray"),
    )
}
"""The styles that have names."""


def style_named(name: str | os.PathLike[str]) -> Style:
    """
    Return the style of that name, or that of a file laid over the style for paper.

    Args:
        name: One of :data:`STYLES`, or the path of a ``.mplstyle`` file. ``figure.figsize`` and
            the colours of ``axes.prop_cycle`` count where the file sets them.

    Raises:
        UsageError: There is no such style, or the file cannot be used.
    """
    text = os.fspath(name)
    if text in STYLES:
        return STYLES[text]
    if not text.endswith(".mplstyle"):
        raise treadle.UsageError(
            f"there is no style {text!r}",
            hint=f"there are: {', '.join(STYLES)}; or name a file that ends with .mplstyle",
        )
    return _of_file(Path(text).expanduser())


def _of_file(path: Path) -> Style:
    """Read a style file; what matplotlib only warns of is refused, as it would have no effect."""
    import matplotlib as mpl

    said = _Said()
    logger = logging.getLogger("matplotlib")
    logger.addHandler(said)
    try:
        given: Any = mpl.rc_params_from_file(path, use_default_template=False)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise treadle.UsageError(
            f"the style {str(path)!r} cannot be used: {why or error}",
            hint="it is a file of lines such as 'font.size: 10'",
        ) from error
    finally:
        logger.removeHandler(said)
    if said.lines:
        raise treadle.UsageError(
            f"the style {str(path)!r} cannot be used: {' '.join(said.lines[0].split())}",
            hint="matplotlib's documentation lists the names of all settings",
        )
    paper = STYLES["paper"]
    width, height = given.get("figure.figsize", (paper.width, paper.height))
    shades = "" if "axes.prop_cycle" in given else paper.shades
    return Style(path.stem, float(width), float(height), {**paper.settings, **given}, shades)


class _Said(logging.Handler):
    """What matplotlib says while it reads a file."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
