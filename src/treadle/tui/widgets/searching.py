"""A line for words that lines have to hold: it appears on ``/`` and goes on escape."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class Searching(Input):
    """
    The field of a search. It says ``Input.Changed`` when the words are others.

    Args:
        placeholder: What can be searched for.
        table: Selector of what is searched; it has the focus before and after.
    """

    DEFAULT_CSS = "Searching { display: none; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "finish", "To the table", show=False)
    ]

    def __init__(self, placeholder: str, table: str) -> None:
        super().__init__(placeholder=placeholder)
        self._table = table

    def begin(self) -> None:
        """Appear, and take the keys."""
        self.display = True
        self.screen.set_focus(self)  # at once: the next key may be waiting already

    def end(self) -> bool:
        """Take the words away, and go; False where no search goes on."""
        if not self.display:
            return False
        self.value = ""
        self.action_finish()
        self.display = False
        return True

    def action_finish(self) -> None:
        """Leave the words, and go on in the table."""
        self.screen.set_focus(self.screen.query_one(self._table))
