"""Many lines of text, of which only those in sight are drawn: logs, and what a command wrote."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from treadle.progress.text import cells
from treadle.tui.widgets.literal import Piece, cut, toned

MOST = 5000  # lines kept
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One thing that was said.

    Attributes:
        head: What stands before it: when, who.
        text: What was said: one line, made visible.
        tone: Of the text.
    """

    head: tuple[Piece, ...]
    text: str
    tone: str = ""

    def holds(self, words: str) -> bool:
        """Tell whether *words*, in small letters, are in it."""
        return words in self.text.lower() or any(words in text.lower() for text, _ in self.head)


class Lines(ScrollView, can_focus=True, inherit_bindings=False):
    """
    The newest lines of a text that grows, or the first of one that does not; long ones are broken.

    It follows the end until somebody scrolls up, and again from when the end is reached.

    Args:
        nothing: What to say when there are none.
        id: Of the widget.
        grows: The end is what one wants to see; else it begins at the top, and stays there.
    """

    DEFAULT_CSS = """
    Lines { height: 1fr; scrollbar-size-vertical: 1; background: $surface; overflow-x: hidden; }
    Lines:focus { background-tint: $foreground 5%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow"),
        Binding("up", "scroll_up", "Up", show=False),
        Binding("down", "scroll_down", "Down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("home", "scroll_home", "First", show=False),
        Binding("end", "scroll_end", "Last", show=False),
    ]

    class Changed(Message):
        """There are other lines, or it has begun to follow the end, or has ceased to."""

    def __init__(self, *, nothing: str, id: str, grows: bool = True) -> None:  # noqa: A002
        super().__init__(id=id)
        self.following = grows
        self._grows = grows
        self._nothing = nothing
        self._words = ""
        self._entries: deque[Entry] = deque(maxlen=MOST if grows else None)
        self._lines: list[Sequence[Piece]] = []

    def append(self, entries: Iterable[Entry]) -> None:
        """Add entries at the end; the oldest go once there are too many."""
        new = list(entries)
        self._entries += new
        if new and self.size.width:
            self._lines += self._broken(new)
            self._settle()

    def replace(self, entries: Iterable[Entry]) -> None:
        """Show other entries in place of those there are."""
        self._entries.clear()
        self._entries += entries
        self._rebuild()

    def only(self, words: str) -> None:
        """Show only entries that hold *words*; all of them for ``""``."""
        self._words = words.lower()
        self._rebuild()

    @property
    def count(self) -> int:
        """Lines there are."""
        return len(self._lines)

    def on_resize(self, _event: events.Resize) -> None:
        """Break the lines anew."""
        self._rebuild()

    def _rebuild(self) -> None:
        if self.size.width:
            self._lines = self._broken(self._entries)
            self._settle()

    def _settle(self) -> None:
        """Keep the newest lines, and the place of whoever reads further up."""
        gone = max(len(self._lines) - MOST, 0) if self._grows else 0
        del self._lines[:gone]
        del self._lines[MOST:]
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._lines))
        if self.following:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        elif gone:
            self.scroll_to(y=max(self.scroll_y - gone, 0), animate=False)
        self.refresh()
        self.post_message(self.Changed())

    def _broken(self, entries: Iterable[Entry]) -> list[Sequence[Piece]]:
        width = max(self.scrollable_content_region.width, 20)
        lines: list[Sequence[Piece]] = []
        for entry in entries:
            if self._words and not entry.holds(self._words):
                continue
            room = width - sum(cells(text) for text, _ in entry.head)
            first = cut(entry.text, max(room, 8))[0]
            lines.append((*entry.head, (first, entry.tone)))
            if rest := entry.text[len(first) :]:
                pieces = cut(rest, width - len(_INDENT))
                lines += [((_INDENT, ""), (piece, entry.tone)) for piece in pieces]
        return lines

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the end exactly while it is in sight."""
        super().watch_scroll_y(old_value, new_value)
        if new_value != old_value and self._grows:
            self._now(following=new_value >= self.max_scroll_y)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Offer to follow only what grows."""
        return self._grows or action != "follow"

    def action_follow(self) -> None:
        """Go to the end and stay there, or stay here."""
        self._now(following=not self.following)
        if self.following:
            self.scroll_end(animate=False, x_axis=False)

    def _now(self, *, following: bool) -> None:
        if following != self.following:
            self.following = following
            self.post_message(self.Changed())

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        at = int(self.scroll_offset.y) + y
        pieces: Sequence[Piece] = ()
        if at < len(self._lines):
            pieces = self._lines[at]
        elif not self._lines and y == 0:
            none = "no line holds that" if self._words else self._nothing
            pieces = ((none, "dim"),)
        text = toned(self.app, pieces)
        segments: list[Segment] = list(text.render(self.app.console))
        width = self.scrollable_content_region.width
        return Strip(segments).adjust_cell_length(width).apply_style(self.rich_style)
