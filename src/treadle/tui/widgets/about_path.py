"""A path, and under it a line about what is there."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text
from textual.widget import Widget

from treadle.cli.commands.runs import place
from treadle.progress.text import middle
from treadle.tui.widgets.literal import visible


class AboutPath(Widget):
    """
    Two lines: the first without its middle where it is too long, so that the second is in sight.

    Args:
        path: The path; it is shown as it is seen from the current folder.
        told: What there is to say about it.
        id: Of the widget.
    """

    DEFAULT_CSS = """
    AboutPath { padding: 0 1; height: 2; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, path: Path | str, told: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines = place(str(path)), told

    def tell(self, path: Path | str, told: str) -> None:
        """Say something else."""
        self._lines = place(str(path)), told
        self.refresh()

    def render(self) -> Text:
        """Fit them in."""
        path, told = self._lines
        return Text(f"{middle(visible(path), self.content_size.width)}\n{visible(told)}")
