"""Ask for a number of workers."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.validation import Integer
from textual.widgets import Input, Label

MOST = 10_000


class WorkersDialog(ModalScreen[int | None]):
    """
    A field for a number. Its result is the number; None for Escape.

    Args:
        now: How many workers there are.
    """

    DEFAULT_CSS = """
    WorkersDialog { align: center middle; }
    WorkersDialog > Vertical {
        width: 50; max-width: 95%; height: auto;
        padding: 1 2; background: $surface; border: round $primary;
    }
    WorkersDialog #said { width: 100%; color: $text-muted; margin-top: 1; }
    WorkersDialog #said.wrong { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back")]

    def __init__(self, now: int) -> None:
        super().__init__()
        self._now = now

    def compose(self) -> ComposeResult:
        """Put it together."""
        with Vertical():
            yield Label(f"how many workers? now {self._now}", markup=False)
            yield Input(
                str(self._now or ""),
                type="integer",
                validators=[Integer(1, MOST)],
                select_on_focus=True,
                id="number",
            )
            yield Label("those too many end once their item has", markup=False, id="said")

    @on(Input.Submitted)
    def _answer(self, event: Input.Submitted) -> None:
        event.stop()
        if event.validation_result is not None and not event.validation_result.is_valid:
            said = self.query_one("#said", Label)
            said.add_class("wrong")
            said.update(f"a whole number from 1 to {MOST:,}")
            return
        self.dismiss(int(event.value))

    def action_leave(self) -> None:
        """Return without a number."""
        self.dismiss(None)
