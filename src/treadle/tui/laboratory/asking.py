"""Ask which folder of staged measurements to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from treadle.tui.laboratory.history import looks_staged
from treadle.tui.widgets.literal import visible


class AskForRoot(ModalScreen[Path | None]):
    """
    Ask for a stage root. Its result is the folder; None for Escape.

    Args:
        known: Stage roots that are offered, the most likely one first.
    """

    DEFAULT_CSS = """
    AskForRoot { align: center middle; }
    AskForRoot > Vertical {
        width: 76; max-width: 95%; height: auto; max-height: 90%;
        padding: 1 2; background: $surface; border: round $primary;
    }
    AskForRoot OptionList { height: auto; max-height: 8; margin-bottom: 1; }
    AskForRoot #answer { color: $text-error; height: auto; }
    AskForRoot Horizontal { height: auto; margin-top: 1; align-horizontal: right; }
    AskForRoot Button { margin-left: 2; min-width: 8; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back")]

    def __init__(self, known: Sequence[Path]) -> None:
        super().__init__()
        self._known = known

    def compose(self) -> ComposeResult:
        """Put it together."""
        with Vertical():
            yield Label("Which measurements? A folder that treadle lab has staged", markup=False)
            if self._known:
                yield OptionList(
                    *(
                        Option(Text(visible(each), overflow="ellipsis", no_wrap=True))
                        for each in self._known
                    )
                )
            yield Input(placeholder="OUT of treadle lab pipeline, or its stage folder", id="path")
            yield Static("", id="answer", markup=False)
            with Horizontal():
                yield Button("Open", id="open", variant="primary")
                yield Button("Browse …", id="browse")
                yield Button("Back", id="back")

    def on_mount(self) -> None:
        """Let Enter take the first that is offered."""
        for offered in self.query(OptionList):
            offered.highlighted = 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take that folder."""
        self.dismiss(self._known[event.option_index])

    def on_input_changed(self) -> None:
        """Forget what was said about another folder."""
        self.query_one("#answer", Static).update("")

    def on_input_submitted(self) -> None:
        """Take what was typed."""
        self._take()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do what the button says."""
        if event.button.id == "open":
            self._take()
        elif event.button.id == "browse":
            self._browse()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Go back without a folder."""
        self.dismiss(None)

    def _browse(self) -> None:
        from treadle.tui.dialogs.pick_path import PickPath
        from treadle.tui.forms.fields import Kind

        self.app.push_screen(PickPath("A folder of staged measurements", Kind.FOLDER), self._picked)

    def _picked(self, picked: list[str] | None) -> None:
        if picked:
            self.query_one("#path", Input).value = picked[0]
            self._take()

    def _take(self) -> None:
        typed = self.query_one("#path", Input).value.strip()
        folder = Path(typed).expanduser()
        if typed and looks_staged(folder):
            self.dismiss(folder.resolve())
        elif typed and folder.is_dir():
            self._say(f"nothing is staged in {typed!r}: treadle lab pipeline RAW {typed}")
        else:
            self._say(f"there is no folder {typed!r}" if typed else "type the path of a folder")

    def _say(self, text: str) -> None:
        self.query_one("#answer", Static).update(Text(text))
