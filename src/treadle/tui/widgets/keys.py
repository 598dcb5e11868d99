"""The last line of a screen: its keys; where there is no room for all, those that all screens have.

Textual's own footer is cut off at the end, which is where the ways out stand.
"""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from treadle.progress.text import cells

_ALWAYS = {"q", "question_mark", "escape"}
_SPACES = 3  # around a key, and behind what it does


class Keys(Footer):
    """The keys of a screen; where it is narrow without the last ones, but with the way out."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)

    def compose(self) -> ComposeResult:
        """Put those together that there is room for."""
        found = list(super().compose())
        room = self.app.size.width - sum(map(_width, filter(_is_always, found)))
        for each in found:
            if not _is_always(each):
                room -= _width(each)
                if room < 0:
                    continue
            yield each

    def on_resize(self, event: events.Resize) -> None:
        """Have as many as there is room for now."""
        event.stop()
        self.call_after_refresh(self.recompose)


def _is_always(each: Widget) -> bool:
    return isinstance(each, FooterKey) and each.key in _ALWAYS


def _width(each: Widget) -> int:
    if not isinstance(each, FooterKey):
        return 0
    return cells(each.key_display) + cells(each.description) + _SPACES
