"""How far each stage is: a line of counts, a bar, the pace and the time that is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from treadle.progress.text import cells, clock, middle, number, share, speed
from treadle.tui.widgets.literal import Piece, fitted, toned, visible

if TYPE_CHECKING:
    from treadle.tui.following import View

NARROW = 100  # columns below which a line says less
_PARTS = " ▏▎▍▌▋▊▉"


def symbol(view: View) -> Piece:
    """Return a sign for how a run is; it stands beside the word, and never alone."""
    if view.live:
        return ("‖", "warn") if view.paused else ("●", "name")
    if view.state == "finished":
        return ("▲", "warn") if view.failed else ("✓", "good")
    return ("✗", "bad")


def word(view: View) -> str:
    """Say in a word how a run is."""
    if not view.live:
        return visible(view.state, 60)
    if view.cancelling:
        return "cancelling"
    if view.ending:
        return "storing"
    return "paused" if view.paused else "running"


def bar(done: float, width: int) -> str:
    """Draw a bar of *width* columns, filled to an eighth of one."""
    eighths = int(max(0.0, min(done, 1.0)) * width * 8)
    whole, part = divmod(eighths, 8)
    drawn = "█" * whole + (_PARTS[part] if part else "")
    return drawn + "·" * (width - len(drawn))


def line_of(view: View, name: str, width: int) -> list[Piece]:
    """Write the line of one stage, *width* columns wide."""
    sign = symbol(view)
    return _line(
        (sign[0], sign[1]),
        name,
        width,
        done=view.settled,
        total=view.total,
        failed=view.failed,
        rate=view.rate if view.live else None,
        time=_time(view),
    )


def line_of_all(views: Sequence[View], width: int) -> list[Piece]:
    """Write a line for all stages that have begun."""
    totals = [view.total for view in views]
    known = [total for total in totals if total is not None]
    return _line(
        ("Σ", ""),
        "all",
        width,
        done=sum(view.settled for view in views),
        total=sum(known) if len(known) == len(totals) else None,
        failed=sum(view.failed for view in views),
        rate=None,
        time=f"took {clock(sum(view.elapsed for view in views))}",
    )


def _time(view: View) -> str:
    if view.live and view.left is not None and not view.paused:
        return f"{clock(view.left)} left"
    return f"{'for' if view.live else 'took'} {clock(view.elapsed)}"


def _line(
    sign: Piece,
    name: str,
    width: int,
    *,
    done: int,
    total: int | None,
    failed: int,
    rate: float | None,
    time: str,
) -> list[Piece]:
    counts = f"{number(done)}/{number(total)}" if total is not None else f"{number(done)} items"
    percent = share(done, total) if total else ""
    faults = f"{number(failed)} failed" if failed else ""
    pace = speed(rate) if rate is not None else ""
    named = fitted(name, 10 if width < NARROW else 20)
    after = [
        (f"{percent:>5} ", "bold"),
        (f" {counts} ", ""),
        (f" {faults} " if faults else "", "bad"),
        (f" {pace} " if pace else "", ""),
        (f" {time}", "dim"),
    ]
    room = width - 4 - len(named) - sum(cells(text) for text, _ in after)
    if total is None or room < 6:
        drawn = ("·" * max(room, 0), "dim")
    else:
        drawn = (bar(done / total if total else 1.0, room), "warn" if failed else "good")
    return [sign, (f" {named} ", ""), drawn, (" ", ""), *after]


class StageLines(Widget):
    """A line for each stage, the one that is looked at marked; a click chooses another."""

    DEFAULT_CSS = """
    StageLines { height: auto; max-height: 5; }
    """

    class Chosen(Message):
        """
        A stage was clicked.

        Attributes:
            place: Which, from 0.
        """

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._views: Sequence[View] = ()
        self._names: Sequence[str] = ()
        self._at = 0

    def show(self, views: Sequence[View], names: Sequence[str], at: int) -> None:
        """Show the stages; *at* is the one that is looked at."""
        taller = self._height(len(views)) != self._height(len(self._views))
        before = self._lines(self.size.width)
        self._views, self._names, self._at = views, names, at
        if taller or self._lines(self.size.width) != before:
            self.refresh(layout=taller)

    @staticmethod
    def _height(stages: int) -> int:
        return stages + 1 if stages > 1 else 1

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:  # noqa: ARG002
        """Return how many lines there are."""
        return self._height(len(self._views))

    def render(self) -> Text:
        """Draw the lines."""
        width = self.size.width
        if not self._views:
            return toned(self.app, [("  no run so far", "dim")])
        text = Text(no_wrap=True, end="")
        for place, pieces in enumerate(self._lines(width)):
            text.append("\n" if place else "")
            text.append_text(toned(self.app, pieces))
        return text

    def _lines(self, width: int) -> list[list[Piece]]:
        """Return what is drawn: the one that is looked at is marked."""
        if len(self._views) < 2:
            marks, lines = ["  "], []
        else:
            marks = ["  ", *("▸ " if at == self._at else "  " for at in range(len(self._views)))]
            lines = [line_of_all(self._views, width - 2)]
        for view, name in zip(self._views, self._names, strict=True):
            lines.append(line_of(view, name, width - 2))
        return [[(mark, ""), *line] for mark, line in zip(marks, lines, strict=False)]

    def on_click(self, event: events.Click) -> None:
        """Choose the stage that was clicked."""
        place = event.y - (1 if len(self._views) > 1 else 0)
        if 0 <= place < len(self._views):
            self.post_message(self.Chosen(place))


def names_of(views: Sequence[View]) -> list[str]:
    """Return a short name for each stage: the first word where there are several, or a path."""
    names = [visible(view.name or view.function.rpartition(":")[2], 60) for view in views]
    if len(names) > 1:
        names = [f"{place} {name.split(' ')[0]}" for place, name in enumerate(names, 1)]
    elif names and "/" in names[0]:
        names = [names[0].split(" ")[0]]
    return [middle(name, 40) for name in names]
