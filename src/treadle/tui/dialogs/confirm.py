"""Ask before something that cannot be taken back; one of a few answers, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label


class ConfirmDialog(ModalScreen[str | None]):
    """
    A question with buttons. Its result is the name of the one that was pressed; None for Escape.

    Args:
        question: What is asked.
        answers: Name, label, and what sort of button: ``"primary"``, ``"error"``, ``"default"``.
        details: What to know before answering.
    """

    DEFAULT_CSS = """
    ConfirmDialog { align: center middle; }
    ConfirmDialog > Vertical {
        width: 70; max-width: 95%; height: auto; max-height: 90%;
        padding: 1 2; background: $surface; border: round $primary;
    }
    ConfirmDialog #question { width: 100%; }
    ConfirmDialog #details { width: 100%; color: $text-muted; margin-top: 1; }
    ConfirmDialog Horizontal { height: auto; margin-top: 1; align-horizontal: right; }
    ConfirmDialog Button { margin-left: 2; min-width: 8; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer_nothing", "Back"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(
        self, question: str, answers: Sequence[tuple[str, str, str]], details: str = ""
    ) -> None:
        super().__init__()
        self._question = question
        self._answers = answers
        self._details = details

    def compose(self) -> ComposeResult:
        """Put it together."""
        with Vertical():
            yield Label(self._question, markup=False, id="question")
            if self._details:
                yield Label(self._details, markup=False, id="details")
            with Horizontal():
                for name, label, sort in self._answers:
                    yield Button(label, id=name, variant=sort)  # type: ignore[arg-type]  # as said

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Return the answer."""
        self.dismiss(event.button.id)

    def action_answer_nothing(self) -> None:
        """Return without an answer."""
        self.dismiss(None)
