"""The text of a file, of which only the lines in sight are drawn; borders show the chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from treadle.progress.text import cells
from treadle.tui.sources.layout import Row

_NUMBER = 7  # columns of the bar and the number of a line


class SourceView(ScrollView, can_focus=True):
    """A file with borders above its chunks; one of these is marked."""

    DEFAULT_CSS = """
    SourceView {
        height: 1fr; background: $surface; color: $foreground;
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1;
    }
    SourceView > .source--border { color: $text-muted; background: $panel; }
    SourceView > .source--marked { color: $text-primary; text-style: bold; background: $panel; }
    SourceView > .source--number { color: $text-muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"source--border", "source--marked", "source--number"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
    ]

    class Picked(Message):
        """A chunk was clicked."""

        def __init__(self, chunk: int) -> None:
            super().__init__()
            self.chunk = chunk

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows: Sequence[Row] = ()
        self._first: dict[int, int] = {}
        self._marked = 0

    def show(self, rows: Sequence[Row]) -> None:
        """Show another file."""
        self._rows = rows
        self._first = {}
        widest = 0
        for at, row in enumerate(rows):
            self._first.setdefault(row.chunk, at)
            widest = max(widest, cells(row.text.plain))
        self.virtual_size = Size(widest + _NUMBER, len(rows))
        self.scroll_home(animate=False)
        self.refresh()

    def mark(self, chunk: int) -> None:
        """Mark a chunk, and bring it into sight."""
        self._marked = chunk
        if chunk in self._first:
            self.scroll_to(0, self._first[chunk], animate=False)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Tell which chunk was clicked."""
        at = self.scroll_offset.y + event.y
        if at < len(self._rows):
            self.post_message(self.Picked(self._rows[at].chunk))

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is seen."""
        width = self.size.width
        at = self.scroll_offset.y + y
        if at >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[at]
        is_marked = row.chunk == self._marked
        if not row.number:
            style = self._style("source--marked" if is_marked else "source--border")
            bar = "━━" if is_marked else "──"
            strip = Strip([Segment(f"{bar} {row.text.plain} {bar}", style)])
            return strip.adjust_cell_length(width, style)
        head = f"{'┃' if is_marked else '│'}{row.number:>5} "
        segments = list(row.text.render(self.app.console))
        strip = Strip(segments).apply_style(self.rich_style)
        left = self.scroll_offset.x
        shown = strip.crop(left, left + width - _NUMBER)
        gutter = Strip([Segment(head, self._style("source--number"))])
        return Strip.join([gutter, shown]).extend_cell_length(width, self.rich_style)

    def _style(self, name: str) -> Style:
        return self.rich_style + self.get_component_rich_style(name)
