"""Items per second over the time of a run, as bars of two lines with a scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from treadle.progress.text import clock, speed
from treadle.tui.widgets.literal import Piece, toned

if TYPE_CHECKING:
    from treadle.report.tally import Bin

_BARS = " ▁▂▃▄▅▆▇█"
_SCALE = 11  # columns of the scale at the left
_SHORTEST = 0.5  # seconds of a bar: in shorter ones chance looks like a peak
_HIGH = 2 * (len(_BARS) - 1)


def rates(bins: Sequence[Bin], width: float, until: float, columns: int) -> list[float]:
    """
    Return items per second for each of *columns* equal parts of the time up to *until*.

    Args:
        bins: What settled, each *width* seconds long.
        width: See there.
        until: Seconds since the beginning.
        columns: How many.
    """
    sums = [0.0] * columns
    part = until / columns
    for each in bins:
        end = min(each.start + width, until)
        if end <= each.start:
            continue
        density = (each.ok + each.failed) / (end - each.start)
        first, last = int(each.start / part), min(int(end / part), columns - 1)
        for column in range(first, last + 1):
            shared = min(end, (column + 1) * part) - max(each.start, column * part)
            sums[column] += density * max(shared, 0.0)
    return [amount / part for amount in sums]


class Throughput(Widget):
    """The bars, their peak, and the time."""

    DEFAULT_CSS = """
    Throughput { height: 3; }
    """

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._drawn: tuple[Sequence[Bin], float, float] = ((), 1.0, 0.0)

    def show(self, bins: Sequence[Bin], width: float, until: float) -> None:
        """Show what settled until *until*, seconds since the beginning."""
        if self._drawn != (bins, width, until):
            self._drawn = (bins, width, until)
            self.refresh()

    def render(self) -> Text:
        """Draw it."""
        bins, width, until = self._drawn
        columns = self.size.width - _SCALE - 1
        if not bins or until <= 0 or columns < 10:
            return toned(self.app, [("  no item has settled so far", "dim")] if not bins else [])
        parts = min(columns, max(1, int(until / _SHORTEST)))
        found = rates(bins, width, until, parts)
        peak = max(found)
        heights = [self._height(found[at * parts // columns], peak) for at in range(columns)]
        pieces: list[Piece] = []
        for label, floor in ((speed(peak), _HIGH // 2), ("0", 0)):
            drawn = "".join(_BARS[max(0, min(each - floor, len(_BARS) - 1))] for each in heights)
            pieces += [(f"{label:>{_SCALE - 2}} ┤", "dim"), (drawn, "name"), ("\n", "")]
        began, ended = "0:00", clock(until)
        line = "─" * max(columns - len(began) - len(ended) - 2, 0)
        pieces.append((f"{'peak ↑':>{_SCALE - 2}} └{began} {line} {ended}", "dim"))
        return toned(self.app, pieces)

    @staticmethod
    def _height(rate: float, peak: float) -> int:
        if rate <= 0 or peak <= 0:
            return 0
        return max(1, round(rate / peak * _HIGH))
