"""The LLM experiments that there are, and a way to begin one."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

import treadle
from treadle.progress.text import number
from treadle.prompts import noted
from treadle.prompts.answers import Experimented, Experiments
from treadle.prompts.cli import examples
from treadle.tui.app_screen import AppScreen
from treadle.tui.dialogs.ask_text import AskText
from treadle.tui.experiments.experiment_screen import ExperimentScreen
from treadle.tui.telling import tell
from treadle.tui.widgets.grid import Cell, Column, Grid

_COMMAND = ("prompts", "run")
_COLUMNS = (
    Column("results", 20, share=3, tail=True),
    Column("state", 9, share=1),
    Column("answered", 8, right=True),
    Column("failed", 6, right=True),
    Column("of", 7, right=True),
    Column("began", 11),
)
_NONE = """\
no experiment was found here

  i   make an example that needs no network and no key
  n   ask models yourself: a table of rows, a prompt, some models
  o   open the results file of an experiment

An experiment sends each row of a table to language models, with a
prompt that the row fills in, and puts the answers side by side.

Looked for in:
"""
_EVERY = 2.0  # seconds between two looks
_PLACES = 8  # folders that are named


class PromptsScreen(AppScreen):
    """
    LLM experiments: rows of a table, asked of models.

    Args:
        path: A results file, or the folder of some; None for the current folder, and those that
            are remembered.
    """

    DEFAULT_CSS = """
    PromptsScreen #title { padding: 0 1; text-style: bold; }
    PromptsScreen #none { padding: 1 2; height: 1fr; display: none; }
    PromptsScreen.-none #none { display: block; }
    PromptsScreen.-none #found { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "Back"),
        Binding("n", "new", "New", tooltip="ask models: a table, a prompt, some models"),
        Binding("i", "example", "Example", tooltip="make an example that runs offline"),
        Binding("o", "open", "Open file", tooltip="open the results file of an experiment"),
        Binding("r,f5", "refresh", "Refresh"),
    ]

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        self._path = path
        self._found: list[Experimented] = []
        self._experiments = Experiments()
        self._is_looking = False
        self._seen: tuple[list[Experimented], list[Path]] | None = None

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield Static("LLM experiments", id="title")
        yield Grid(id="found")
        yield Static(_NONE, id="none", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Look for experiments."""
        self.query_one("#found").focus()
        self._look()
        self.set_interval(_EVERY, self._look_again)
        if self._path is not None and not self._path.is_dir():
            self._open(str(self._path))

    def on_screen_resume(self) -> None:
        """Look again: one may have begun meanwhile."""
        self._look()

    def action_refresh(self) -> None:
        """Look again."""
        self._look()

    def _look_again(self) -> None:
        if self.is_current:
            self._look()

    def _look(self) -> None:
        if not self._is_looking:  # one look after the other, however long they take
            self._is_looking = True
            self._look_in_thread(self._homes())

    @work(thread=True, group="experiments")
    def _look_in_thread(self, homes: list[Path]) -> None:
        try:
            found = self._experiments.look(homes)
        finally:
            self._is_looking = False
        if (found, homes) != self._seen:
            self._seen = found, homes
            tell(self.app, self._show, found, homes)

    def _homes(self) -> list[Path]:
        """Return the folders in which results may lie."""
        if self._path is not None:
            first = self._path if self._path.is_dir() else self._path.parent
        else:
            first = Path.cwd()
        runs = [*map(str, self.ui.runs_dirs), *self.ui.remembered.places]
        known = [Path(each).parents[1] for each in runs if each.endswith(f".treadle{os.sep}runs")]
        return list(dict.fromkeys(path.resolve() for path in (first, *known)))

    def _show(self, found: list[Experimented], homes: list[Path]) -> None:
        if not self.is_attached:
            return
        self._found = found
        self.set_class(not found, "-none")
        if found:
            grid = self.query_one("#found", Grid)
            grid.show(_COLUMNS, len(found), self._cells)
            if self.focused is None:  # it was hidden while there was nothing
                grid.focus()
        else:
            named = [f"  {home}" for home in homes[:_PLACES]]
            if len(homes) > _PLACES:
                named.append(f"  and {len(homes) - _PLACES} more")
            self.query_one("#none", Static).update(_NONE + "\n".join(named))

    def _cells(self, row: int) -> list[Cell]:
        one = self._found[row]
        tones = {"running": "good", "crashed": "bad", "failed": "bad", "finished": ""}
        began = datetime.fromisoformat(one.began)
        return [
            _shown(one.title),
            (one.state, tones.get(one.state, "warn")),
            number(one.ok),
            (number(one.failed), "bad") if one.failed else "",
            "" if one.total is None else number(one.total),
            f"{began:%m-%d %H:%M}",
        ]

    @on(Grid.Chosen, "#found")
    def _chosen(self, event: Grid.Chosen) -> None:
        if event.row < len(self._found):
            self.app.push_screen(ExperimentScreen(self._found[event.row].place))

    def action_new(self) -> None:
        """Show the form of the command."""
        self.ui.show_new(_COMMAND)

    def action_open(self) -> None:
        """Ask for a results file."""
        self.app.push_screen(AskText("results file of an experiment"), self._typed)

    def _typed(self, typed: str | None) -> None:
        if typed is not None:
            self._open(typed)

    @work(thread=True, group="opening")
    def _open(self, typed: str) -> None:
        try:
            place = noted.find(str(Path(typed).expanduser()))
        except treadle.TreadleError as error:
            tell(self.app, self.ui.complain, error)
            return
        tell(self.app, self.app.push_screen, ExperimentScreen(place))

    def action_example(self) -> None:
        """Ask for a folder, and make the example in it."""
        question = "folder for the example"
        told = "a table, a prompt, settings; made if it is not there"
        self.app.push_screen(
            AskText(question, str(Path.cwd() / "prompts-example"), told), self._named
        )

    def _named(self, typed: str | None) -> None:
        if typed is not None:
            self._make(typed)

    @work(thread=True, group="opening")
    def _make(self, typed: str) -> None:
        folder = Path(typed).expanduser().absolute()
        try:
            files = examples.write(folder / "experiments.csv")
        except treadle.UsageError as error:
            # What it says of an option is not for here.
            wrong = treadle.UsageError(error.message, hint="name another folder")
            tell(self.app, self.ui.complain, wrong)
            return
        tell(self.app, self._made, folder, files)

    def _made(self, folder: Path, files: list[Path]) -> None:
        names = ", ".join(file.name for file in files)
        self.notify(f"{names} in {folder}", title="written", timeout=10, markup=False)
        self.ui.remembered.note_place(folder / ".treadle" / "runs")
        values = {
            "prompt": [str(folder / "prompt.txt")],
            "experiments": str(folder / "experiments.csv"),
            "output": str(folder / "results.csv"),
        }
        self.ui.show_new(_COMMAND, values)


def _shown(title: str) -> str:
    """Return a path as seen from the current folder, if it lies in it."""
    path = Path(title)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else title
