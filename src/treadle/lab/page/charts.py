"""Curves and points as SVG: drawn in the colours of the page, in light and dark, and on paper.

What tells apart has a form beside its colour: a marker, a dash, a width. Coordinates have one
decimal and a path holds many points, so a thousand of them take some ten kilobytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from treadle.lab.page import axes
from treadle.lab.page.words import text
from treadle.lab.plotting import Plot, thinned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LOOKS: Final = 8
"""Curves that can be told apart; the style sheet has as many classes ``c0`` …"""

MARKERS: Final = ("dark", "lit", "unknown")
"""Forms of points: a disc, a diamond, a cross."""

NAMED: Final = 120
"""Points of a chart that say their value under a pointer; of more, none does."""

_WIDTH: Final = 400
_LETTER: Final = 6.7  # units a digit is wide
_COLUMNS: Final = 180  # of points of a curve; each has up to four
_DENSE: Final = 800  # points of a curve; with more, what is dashed looks like noise
_MANY: Final = 300  # points of a chart; more are drawn smaller
_FORMS: Final = {
    "dark": "h0",  # a line without length: its round ends are the disc
    "lit": "m-3.6,0l3.6,-3.6 3.6,3.6 -3.6,3.6z",
    "unknown": "m-3,-3l6,6m0,-6l-6,6",
}


@dataclass(frozen=True, slots=True)
class Box:
    """
    Where numbers are on a drawing.

    Attributes:
        x: The ends of the horizontal axis, in its numbers.
        y: The ends of the vertical one.
        left: Units of the drawing left of the axes, for the marks.
        height: Of the drawing.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    left: float
    height: int

    right: ClassVar[int] = _WIDTH - 8
    top: ClassVar[int] = 24

    @property
    def bottom(self) -> int:
        """The height of the horizontal axis on the drawing."""
        return self.height - 38

    def across(self, x: Numbers) -> Numbers:
        """Return how far to the right *x* is."""
        low, high = self.x
        return self.left + (x - low) / (high - low) * (self.right - self.left)

    def down(self, y: Numbers) -> Numbers:
        """Return how far down *y* is; what is beyond the axis is just outside of it."""
        low, high = self.y
        share = np.clip((y - low) / (high - low), -0.04, 1.04)
        return self.bottom - share * (self.bottom - self.top)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """
    Points of one form.

    Attributes:
        marker: One of :data:`MARKERS`.
        x: Where they are.
        y: How high.
        error: Half the height of the bar of each; NaN: it has none.
        names: What each says under a pointer; of more than :data:`NAMED` points, nothing.
    """

    marker: str
    x: Numbers
    y: Numbers
    error: Numbers
    names: Sequence[str]


def curves(plot: Plot, said: str) -> str:
    """
    Draw the curves of a plot.

    Args:
        plot: What is drawn; of more curves than :data:`LOOKS`, some look the same.
        said: What is seen, for those who do not see it.
    """
    found = [thinned(curve.x, curve.y, _COLUMNS) for curve in plot.curves]
    x = _ends(np.concatenate([xs for xs, _ in found]), 0.0)
    y = _ends(np.concatenate([ys for _, ys in found]), 0.05)
    marks = axes.numbers(*x), axes.numbers(*y)
    box = _box(x, y, marks[1], 280)
    parts = [_band(box, on, off) for on, off in plot.lit]
    parts.append(_frame(box, *marks, plot.x.label, plot.y.label))
    # The newest is last in the drawing, so that it is on top.
    for number, (xs, ys) in reversed(list(enumerate(found))):
        path = _line(box, xs, ys)
        parts.append(f'<path class="curve c{number % LOOKS}" d="{path}"/>' if path else "")
    return _drawing("".join(parts), said, 280, dashed(plot))


def dashed(plot: Plot) -> str:
    """Return the class of what holds the curves: dashes tell them apart where one can see them."""
    return "" if any(len(curve.x) > _DENSE for curve in plot.curves) else "dashed"


def look(plot: Plot, number: int) -> str:
    """Return a short piece of the line that a curve has, for a legend."""
    return (
        f'<svg class="look {dashed(plot)}" viewBox="0 0 30 10" aria-hidden="true">'
        f'<path class="curve c{number % LOOKS}" d="M1,5H29"/></svg>'
    )


def marker(name: str) -> str:
    """Return one point, for a legend."""
    return (
        f'<svg class="look" viewBox="0 0 12 10" aria-hidden="true"><path class="{name}" '
        f'd="M6,5{_FORMS[name]}"/></svg>'
    )


def points(
    groups: Sequence[Points], y: tuple[float, float], label: str, said: str, height: int = 210
) -> str:
    """
    Draw points over time, with error bars.

    Args:
        groups: The points, a group for each form; x in seconds since 1970 of a clock on the wall.
        y: The ends of the vertical axis; points beyond it are at its edge.
        label: What the vertical axis shows.
        said: What is seen, for those who do not see it.
        height: Of the drawing, which is 400 wide.
    """
    x = _ends(np.concatenate([group.x for group in groups]), 0.04, least=3600.0)
    marks = axes.times(*x), axes.numbers(*y, most=4)
    box = _box(x, y, marks[1], height)
    many = sum(len(group.x) for group in groups)
    body = _frame(box, *marks, axes.span(*x), label)
    body += "".join(_bars(box, group) for group in groups)
    body += "".join(_marked(box, group) for group in groups)
    body += "".join(_named(box, group) for group in groups) if many <= NAMED else ""
    return _drawing(body, said, height, "many" if many > _MANY else "")


def _ends(values: Numbers, room: float, least: float = 0.0) -> tuple[float, float]:
    """Return the ends of an axis for *values*, with room at both ends; it has some length."""
    low, high = float(values.min()), float(values.max())
    width = max(high - low, least, 1e-6 * max(abs(low), abs(high)), 1e-30)
    if high - low < width:
        low, high = (low + high - width) / 2, (low + high + width) / 2
    return low - room * width, high + room * width


def _box(
    x: tuple[float, float], y: tuple[float, float], marks: Sequence[axes.Tick], height: int
) -> Box:
    longest = max((len(mark.label) for mark in marks), default=1)
    return Box(x, y, 10 + _LETTER * longest, height)


def _frame(
    box: Box, across: Sequence[axes.Tick], up: Sequence[axes.Tick], below: str, above: str
) -> str:
    """Draw grid, marks and titles of the axes."""
    lines, words = [], []
    for at, mark in zip(box.down(_at(up)), up, strict=True):
        lines.append(f"M{box.left:.1f},{at:.1f}H{box.right}")
        words.append(f'<text class="up" x="{box.left - 5:.1f}" y="{at:.1f}">{mark.label}</text>')
    for at, mark in zip(box.across(_at(across)), across, strict=True):
        lines.append(f"M{at:.1f},{box.bottom}v4")
        inside = min(max(at, box.left + 4), box.right - _LETTER * len(mark.label) / 2)
        words.append(f'<text x="{inside:.1f}" y="{box.bottom + 15}">{mark.label}</text>')
    middle = (box.left + box.right) / 2
    return (
        f'<path class="grid" d="{"".join(lines)}"/>'
        f'<path class="base" d="M{box.left:.1f},{box.bottom}H{box.right}"/>{"".join(words)}'
        f'<text class="name" x="{middle:.1f}" y="{box.height - 6}">{text(below, 60)}</text>'
        f'<text class="name first" x="2" y="11">{text(above, 60)}</text>'
    )


def _at(marks: Sequence[axes.Tick]) -> Numbers:
    return np.array([mark.at for mark in marks], dtype=np.float64)


def _band(box: Box, on: float, off: float) -> str:
    left, right = np.clip(box.across(np.array([on, off])), box.left, box.right)
    return (
        f'<rect class="light" x="{left:.1f}" y="{box.top}" width="{max(right - left, 0):.1f}" '
        f'height="{box.bottom - box.top}"/>'
    )


def _line(box: Box, x: Numbers, y: Numbers) -> str:
    if not len(x):
        return ""
    if len(x) == 1:
        x, y = np.repeat(x, 2), np.repeat(y, 2)
    return "M" + _pairs(box.across(x), box.down(y))


def _pairs(x: Numbers, y: Numbers) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _bars(box: Box, group: Points) -> str:
    known = np.isfinite(group.error) & (group.error > 0)
    if not known.any():
        return ""
    x, y, error = group.x[known], group.y[known], group.error[known]
    ends = zip(
        box.across(x).tolist(), box.down(y - error).tolist(), box.down(y + error).tolist(),
        strict=True,
    )  # fmt: skip
    path = "".join(f"M{at:.1f},{low:.1f}V{high:.1f}" for at, low, high in ends)
    return f'<path class="bars" d="{path}"/>'


def _marked(box: Box, group: Points) -> str:
    form = _FORMS[group.marker]
    at = zip(box.across(group.x).tolist(), box.down(group.y).tolist(), strict=True)
    path = "".join(f"M{x:.1f},{y:.1f}{form}" for x, y in at)
    return f'<path class="{group.marker}" d="{path}"/>'


def _named(box: Box, group: Points) -> str:
    at = zip(box.across(group.x).tolist(), box.down(group.y).tolist(), group.names, strict=True)
    return "".join(
        f'<circle class="hit" cx="{x:.1f}" cy="{y:.1f}" r="7"><title>{text(name, 200)}</title>'
        "</circle>"
        for x, y, name in at
    )


def _drawing(body: str, said: str, height: int, kind: str = "") -> str:
    return (
        f'<svg class="drawn {kind}" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{text(said, 600)}">{body}</svg>'
    )
