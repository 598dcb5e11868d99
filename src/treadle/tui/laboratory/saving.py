"""Save a plot: ask where to, write it, say where it is."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from treadle import TreadleError
from treadle.tui.telling import tell

if TYPE_CHECKING:
    from treadle.lab.plotting import Plot


@cache
def folder() -> Path:
    """Return a folder for pictures that are only looked at; it goes when the process ends."""
    made = tempfile.mkdtemp(prefix="treadle-plots-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def write(plot: Plot, to: Path) -> Path:
    """
    Make a figure of *plot* and write it to a file; it takes a second, so call it in a thread.

    Raises:
        UsageError: There is no such format, or the place cannot be written to.
        MissingExtra: matplotlib is not installed.
    """
    from treadle.lab import plotting

    return plotting.save(plotting.figure(plot), to)


def file_name(plot: Plot, kind: str) -> str:
    """Propose the name of a file: ``IVg-Alisson67-2025-10-14-195028.png``."""
    parts = dict.fromkeys([kind, *plot.title.split(" · ")[:4]])  # chip, procedure, date, time
    words = "-".join(parts).replace(":", "")
    kept = "".join(letter if letter.isalnum() or letter in "-." else " " for letter in words)
    return "-".join(kept.split())[:80].strip("-.") + ".png"


class SaveDialog(ModalScreen[Path | None]):
    """
    Ask where a plot is to be saved, and save it. Its result is the file; None for Escape.

    Args:
        plot: What is to be saved.
        name: The name that is proposed; the file goes into the current folder.
    """

    DEFAULT_CSS = """
    SaveDialog { align: center middle; }
    SaveDialog > Vertical {
        width: 76; max-width: 95%; height: auto; max-height: 90%;
        padding: 1 2; background: $surface; border: round $primary;
    }
    SaveDialog #answer { color: $text-error; height: auto; }
    SaveDialog Horizontal { height: auto; margin-top: 1; align-horizontal: right; }
    SaveDialog Button { margin-left: 2; min-width: 8; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("ctrl+s", "save", "Save", priority=True),
    ]

    def __init__(self, plot: Plot, name: str) -> None:
        super().__init__()
        self._plot = plot
        self._proposed = name
        self._asked: Path | None = None  # exists; the next Enter replaces it

    def compose(self) -> ComposeResult:
        """Put it together."""
        with Vertical():
            yield Label("Save the plot as", markup=False)
            yield Input(str(Path.cwd() / self._proposed), id="path")
            yield Label("its last letters choose the format: .png .svg .pdf", classes="muted")
            yield Static("", id="answer", markup=False)
            with Horizontal():
                yield Button("Save", id="save", variant="primary")
                yield Button("Folder …", id="browse")
                yield Button("Back", id="back")

    def on_input_submitted(self) -> None:
        """Save, as the button does."""
        self.action_save()

    def on_input_changed(self) -> None:
        """Forget what was said about another name."""
        self._asked = None
        self._say("")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do what the button says."""
        if event.button.id == "save":
            self.action_save()
        elif event.button.id == "browse":
            self._browse()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Go back without having saved."""
        self.dismiss(None)

    def action_save(self) -> None:
        """Save it, after asking when another file is there."""
        path = Path(self.query_one("#path", Input).value.strip()).expanduser()
        if path.is_dir():
            self._say(f"{str(path)!r} is a folder: add the name of a file")
        elif path.exists() and path != self._asked:
            self._asked = path
            self._say("this file exists: save again to replace it")
        else:
            self._say("saving …")
            self._save(path)

    @work(thread=True, exclusive=True, group="save")
    def _save(self, path: Path) -> None:
        try:
            saved = write(self._plot, path)
        except TreadleError as error:
            hint = f": {error.hint}" if error.hint else ""
            tell(self.app, self._say, f"{error.message}{hint}")
            return
        tell(self.app, self._saved, saved)

    def _saved(self, path: Path) -> None:
        self.app.notify(str(path), title="saved", timeout=10, markup=False)
        self.dismiss(path)

    def _browse(self) -> None:
        from treadle.tui.dialogs.pick_path import PickPath
        from treadle.tui.forms.fields import Kind

        start = Path(self.query_one("#path", Input).value).expanduser().parent
        dialog = PickPath(
            "The folder for the plot", Kind.FOLDER, start=start if start.is_dir() else None
        )
        self.app.push_screen(dialog, self._browsed)

    def _browsed(self, picked: list[str] | None) -> None:
        field = self.query_one("#path", Input)
        if picked:
            field.value = str(Path(picked[0]).absolute() / Path(field.value).name)
        field.focus()

    def _say(self, text: str) -> None:
        self.query_one("#answer", Static).update(Text(text))
