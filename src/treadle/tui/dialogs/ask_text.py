"""Ask for one line of text, such as a path."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label


class AskText(ModalScreen[str | None]):
    """
    A question with a line to type into. Its result is what was typed; None for Escape.

    Args:
        question: What is asked.
        value: What stands there at first.
        details: What to know before answering.
    """

    DEFAULT_CSS = """
    AskText { align: center middle; }
    AskText > Vertical {
        width: 70; max-width: 95%; height: auto;
        padding: 1 2; background: $surface; border: round $primary;
    }
    AskText #details { color: $text-muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back")]

    def __init__(self, question: str, value: str = "", details: str = "") -> None:
        super().__init__()
        self._question = question
        self._value = value
        self._details = details

    def compose(self) -> ComposeResult:
        """Put it together."""
        with Vertical():
            yield Label(self._question, markup=False)
            yield Input(self._value, id="answer")
            told = "enter goes on, escape goes back"
            yield Label(f"{self._details}\n{told}".strip(), markup=False, id="details")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the answer."""
        event.stop()
        self.dismiss(event.value.strip() or None)

    def action_leave(self) -> None:
        """Return without an answer."""
        self.dismiss(None)
