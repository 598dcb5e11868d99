"""Outputs of ``treadle code`` and sources to be cut: where to begin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

import treadle
from treadle.code.cli.words import size
from treadle.code.contents import outputs_in
from treadle.code.extra import check_extra
from treadle.tui.app_screen import AppScreen
from treadle.tui.dialogs.ask_text import AskText
from treadle.tui.sources.files_screen import FilesScreen
from treadle.tui.telling import tell
from treadle.tui.widgets.grid import Cell, Column, Grid

_COMMAND = ("code", "chunk")
_COLUMNS = (
    Column("what", 30, share=1, tail=True),
    Column("", 26),
    Column("size", 9, right=True),
)
_TOLD = """\
enter  look at an output, or at a folder and how its files would be cut
n      cut a folder into an output: chunks.jsonl, .parquet or .csv
o      open another folder, file or output
"""


class Choice(NamedTuple):
    """Something to look at."""

    path: Path
    told: str
    size: int | None


class CodeScreen(AppScreen):
    """
    Source code in chunks: outputs there are, and folders that can be cut.

    Args:
        path: What `treadle code chunk` has written, or a folder or file with sources; None for
            what there is in the current folder.
    """

    DEFAULT_CSS = """
    CodeScreen #title { padding: 0 1; text-style: bold; }
    CodeScreen #told { padding: 0 1; margin: 1 0; color: $text-muted; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "Back"),
        Binding("n", "new", "New", tooltip="cut a folder into an output"),
        Binding("o", "open", "Open", tooltip="open a folder, a file or an output"),
        Binding("r,f5", "refresh", "Refresh"),
    ]

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        self._path = path
        self._found: list[Choice] = []

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield Static("source code in chunks", id="title")
        yield Static(_TOLD, id="told", markup=False)
        yield Grid(id="choices")
        yield Footer()

    def on_mount(self) -> None:
        """Look what there is."""
        self.query_one("#choices").focus()
        try:
            check_extra()
        except treadle.TreadleError as error:  # an output can be looked at all the same
            self.ui.complain(error)
        self._look()
        if self._path is not None:
            self.app.push_screen(FilesScreen(self._path))

    def on_screen_resume(self) -> None:
        """Look again: something may have been cut meanwhile."""
        self._look()

    def action_refresh(self) -> None:
        """Look again."""
        self._look()

    @work(thread=True, exclusive=True, group="choices")
    def _look(self) -> None:
        here = Path.cwd()
        values = self.ui.remembered.values(_COMMAND)
        roots = [Path(each) for each in _texts(values.get("roots"))]
        into = [Path(each) for each in _texts(values.get("into"))]
        outputs = [*outputs_in(here), *(path for path in into if path.is_file())]
        outputs += [path for each in into for path in outputs_in(each.parent)]
        folders = [here, *(path for path in roots if path.exists())]
        found = [
            *(Choice(path, "output", path.stat().st_size) for path in _once(outputs)),
            *(Choice(path, "sources, not cut so far", None) for path in _once(folders)),
        ]
        tell(self.app, self._show, found)

    def _show(self, found: list[Choice]) -> None:
        if self.is_attached:
            self._found = found
            self.query_one("#choices", Grid).show(_COLUMNS, len(found), self._cells)

    def _cells(self, row: int) -> list[Cell]:
        choice = self._found[row]
        shown = "" if choice.size is None else size(choice.size)
        return [str(choice.path), choice.told, shown]

    @on(Grid.Chosen, "#choices")
    def _chosen(self, event: Grid.Chosen) -> None:
        if event.row < len(self._found):
            self.app.push_screen(FilesScreen(self._found[event.row].path))

    def action_new(self) -> None:
        """Show the form of the command."""
        self.ui.show_new(_COMMAND)

    def action_open(self) -> None:
        """Ask for a path."""
        question = "a folder or file with sources, or an output"
        self.app.push_screen(AskText(question, f"{Path.cwd()}{os.sep}"), self._open)

    def _open(self, typed: str | None) -> None:
        if typed is None:
            return
        path = Path(typed).expanduser()
        if not path.exists():
            self.ui.complain(f"there is no {typed!r}", "name a folder, a file or an output")
            return
        self.app.push_screen(FilesScreen(path))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _once(paths: list[Path]) -> list[Path]:
    return list(dict.fromkeys(path.absolute() for path in paths))
