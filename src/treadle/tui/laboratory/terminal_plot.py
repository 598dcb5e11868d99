"""A plot in the terminal: curves of braille dots, each with a letter, and a legend below.

Colour helps to tell curves apart, and is never needed: the letters stand on the curves, too.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult, RenderResult
from textual.color import Color, ColorParseError
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static
from textual_plotext import PlotextPlot

if TYPE_CHECKING:
    from treadle.lab.plotting import Curve, Plot

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_COLORS = ("primary", "warning", "success", "error", "accent", "secondary")
_ON_A_CURVE = 5  # letters


class Canvas(PlotextPlot):
    """The curves of a :class:`treadle.lab.plotting.Plot`, drawn for the room there is."""

    def __init__(self) -> None:
        super().__init__()
        self._drawn: Plot | None = None

    def show(self, plot: Plot | None) -> None:
        """Draw another plot; None for an empty place."""
        self._drawn = plot
        self.refresh()

    def color(self, number: int) -> tuple[int, int, int]:
        """Return the colour of a curve, one of the theme's."""
        name = _COLORS[number % len(_COLORS)]
        try:
            return Color.parse(self.app.theme_variables[name]).rgb
        except (KeyError, ColorParseError):
            return (127, 127, 127)

    def render(self) -> RenderResult:
        """Draw."""
        if self._drawn is None or self.size.width < 8 or self.size.height < 4:
            return Text("")
        self.plt.clear_figure()
        self._draw(self._drawn)
        return super().render()

    def _draw(self, plot: Plot) -> None:
        from treadle.lab.plotting import thinned

        drawn = [thinned(curve.x, curve.y, 2 * self.size.width) for curve in plot.curves]
        low = min(float(y.min()) for _, y in drawn if len(y))
        high = max(float(y.max()) for _, y in drawn if len(y))
        room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
        bottom = low - (2 * room if plot.lit else room)
        self.plt.ylim(bottom, high + room)
        self.plt.yticks(*_ticks(bottom, high + room, max(3, self.size.height // 4)))
        for on, off in plot.lit:
            self.plt.plot([on, off], [bottom, bottom], marker="▄", color=self.color(1))
        several = len(plot.curves) > 1
        for number, (curve, (x, y)) in enumerate(zip(plot.curves, drawn, strict=True)):
            self._curve(plot, curve, x.tolist(), y.tolist(), LETTERS[number % 52] * several)
        self.plt.xlabel(plot.x.label)
        self.plt.title(plot.y.label)  # beside the axis there is no room for it
        xs = [float(x) for each, _ in drawn if len(each) for x in (each.min(), each.max())]
        if plot.x.is_time:
            self._moments(min(xs), max(xs))
        else:
            self.plt.xticks(*_ticks(min(xs), max(xs), max(3, self.size.width // 14)))

    def _curve(self, plot: Plot, curve: Curve, x: list[float], y: list[float], letter: str) -> None:
        if not x:
            return
        color = self.color(curve.group)
        if plot.points:  # too few for a letter on some of them to tell whose the others are
            self.plt.scatter(x, y, marker=letter or "●", color=color)
            return
        self.plt.plot(x, y, marker="braille", color=color)
        if letter:
            step = max(1, len(x) // _ON_A_CURVE)
            self.plt.scatter(x[step // 2 :: step], y[step // 2 :: step], marker=letter, color=color)

    def _moments(self, first: float, last: float) -> None:
        count = max(2, min(6, self.size.width // 14))
        ticks = [first + (last - first) * number / (count - 1) for number in range(count)]
        form = "%Y-%m-%d" if last - first > 3 * 86400 else "%d. %H:%M"
        self.plt.xticks(ticks, [f"{datetime.fromtimestamp(tick, UTC):{form}}" for tick in ticks])


def _ticks(low: float, high: float, most: int) -> tuple[list[float], list[str]]:
    """Return round numbers from *low* to *high*, at most so many, and how they are written."""
    if not high > low:
        return [low], [f"{low:.6g}"]
    least = (high - low) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= least * 0.999999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = [number * step for number in range(first, last + 1)]
    return ticks, [f"{tick + 0.0:.{places}f}" for tick in ticks]


class TerminalPlot(Vertical):
    """A canvas with the title above and the legend below."""

    DEFAULT_CSS = """
    TerminalPlot { height: 1fr; }
    TerminalPlot > .plot--title { height: auto; padding: 0 1; text-style: bold; }
    TerminalPlot > VerticalScroll { height: auto; max-height: 30%; padding: 0 1; }
    TerminalPlot .plot--legend { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """Make the parts."""
        yield Static("", classes="plot--title", markup=False)
        yield Canvas()
        with VerticalScroll():
            yield Static("", classes="plot--legend", markup=False)

    def show(self, plot: Plot | None, *, titled: bool = True) -> None:
        """
        Show another plot; None for an empty place.

        Args:
            plot: What is to be drawn.
            titled: Its title stands above.
        """
        title = self.query_one(".plot--title", Static)
        title.update(plot.title if plot is not None else "")
        title.display = titled and plot is not None
        self.query_one(Canvas).show(plot)
        self.query_one(".plot--legend", Static).update(self._legend(plot))

    def _legend(self, plot: Plot | None) -> Text:
        told = Text()
        if plot is None:
            return told
        canvas = self.query_one(Canvas)
        lines: list[tuple[str, Any, str]] = []
        if len(plot.curves) > 1:
            lines = [
                (LETTERS[number % 52], canvas.color(curve.group), curve.label)
                for number, curve in enumerate(plot.curves)
            ]
        if plot.lit:
            lines.append(("▄", canvas.color(1), "laser on"))
        for mark, (red, green, blue), label in lines:
            told.append(f"{mark} ", style=f"rgb({red},{green},{blue})")
            told.append(f"{label}\n")
        for note in plot.notes:
            told.append(f"note: {note}\n", style="italic")
        told.rstrip()
        return told
