"""The files of an output, or of a folder that was not cut so far, and the names in them."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static
from textual.worker import get_current_worker

import treadle
from treadle.code.cli.words import size
from treadle.code.contents import Contents, Entry, File
from treadle.code.outputs import SUFFIXES
from treadle.code.values import REASONS
from treadle.progress.text import number, plural
from treadle.tui.app_screen import AppScreen
from treadle.tui.sources.source_screen import SourceScreen
from treadle.tui.sources.uncut import Uncut
from treadle.tui.telling import tell
from treadle.tui.widgets.about_path import AboutPath
from treadle.tui.widgets.grid import Cell, Column, Grid
from treadle.tui.widgets.searching import Searching

_FILES = (
    Column("path", 22, share=1, tail=True),
    Column("language", 10),
    Column("size", 8, right=True),
    Column("chunks", 7, right=True),
    Column("how", 16, share=1),
)
_NAMES = (
    Column("name", 24, share=1),
    Column("kind", 9),
    Column("path", 20, share=1, tail=True),
    Column("line", 7, right=True),
)
_SORTS = ("path", "language", "size", "chunks", "how")
_NONE = """\
no file is here that could be shown

  escape goes back; o there opens another folder or output
  files that git ignores, hidden ones and those of others are left out
"""


class FilesScreen(AppScreen):
    """
    Files and their chunks: enter opens one.

    Args:
        path: What `treadle code chunk` has written; or a folder or a file with sources.
    """

    DEFAULT_CSS = """
    FilesScreen #none { display: none; padding: 1 2; height: 1fr; }
    FilesScreen.-none #none { display: block; }
    FilesScreen.-none #files { display: none; }
    FilesScreen #how { padding: 0 1; height: 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("d", "names", "Names", tooltip="functions, classes ... of all files; or the files"),
        Binding("f", "odd", "Not ok", tooltip="only files that are degraded, skipped or failed"),
        Binding("s", "sort", "Sort", tooltip="sort: path, language, size, chunks, how"),
        Binding("c", "cut", "Cut all", tooltip="cut these sources into an output"),
        Binding("R", "report", "Report", tooltip="write the page of an output, and open it"),
        Binding("r,f5", "refresh", "Refresh", show=False),
    ]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._source: Contents | Uncut | None = None
        self._shown: list[Any] = []  # files, or numbers of entries
        self._by_name = False
        self._odd_only = False
        self._sort = "path"
        self._in_order: list[File] = []  # with chunks, as they stand in the output

    @property
    def is_output(self) -> bool:
        """Whether it is an output, and not sources."""
        return self._path.suffix.lower() in SUFFIXES and not self._path.is_dir()

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield AboutPath(self._path, "reading …", id="about")
        yield Searching("text in paths, languages, reasons, names", "#files")
        yield Grid(id="files")
        yield Static(_NONE, id="none", markup=False)
        yield Static("", id="how", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#files").focus()
        self._read()

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    @work(thread=True, exclusive=True, group="files")
    def _read(self) -> None:
        worker, app = get_current_worker(), self.ui

        def heard(count: int) -> bool:
            if count and not worker.is_cancelled:
                app.call_from_thread(self._tell, f"reading … {number(count)}")
            return not worker.is_cancelled

        try:
            source = Contents(self._path) if self.is_output else Uncut(self._path)
            if source.read(heard):
                tell(app, self._done, source)
        except treadle.TreadleError as error:
            tell(app, self._failed, error)

    def _tell(self, text: str) -> None:
        if self.is_attached:
            self.query_one("#about", AboutPath).tell(self._path, text)

    def _failed(self, error: treadle.TreadleError) -> None:
        if self.is_attached:
            self._tell(error.message)
            self.ui.complain(error)

    def _done(self, source: Contents | Uncut) -> None:
        if not self.is_attached:
            return
        self._source = source
        self._in_order = sorted(
            (file for file in source.files if file.chunks), key=lambda file: file.first
        )
        self.set_class(not source.files, "-none")
        if source.files and self.focused is None:  # it was hidden while there was nothing
            self.query_one("#files").focus()
        self._tell(self._in_short())
        self._show()

    def _in_short(self) -> str:
        source = self._source
        assert source is not None
        parts = [plural(len(source.files), "file")]
        if isinstance(source, Uncut):
            return f"{parts[0]}, not cut so far: enter cuts one, c all of them"
        parts.append(plural(len(source.entries), "chunk"))
        for status in ("degraded", "skipped", "failed"):
            count = sum(file.status == status for file in source.files)
            parts += [f"{number(count)} {status}"] if count else []
        if source.report is None:
            parts.append("of files only those with chunks are known")
        return " · ".join(parts)

    # ── showing ─────────────────────────────────────────────────────────────────────────────

    def _show(self) -> None:
        source = self._source
        if source is None:
            return
        words = self.query_one(Searching).value.casefold()
        grid = self.query_one("#files", Grid)
        here = self._shown[grid.cursor] if grid.cursor < len(self._shown) else None
        if self._by_name and isinstance(source, Contents):
            self._shown = _named(source.entries, words)
            grid.show(_NAMES, len(self._shown), self._name_cells)
            of, what = sum(bool(entry.name) for entry in source.entries), "names"
        else:
            self._shown = self._files(source.files, words)
            at = next((n for n, file in enumerate(self._shown) if file is here), 0)
            grid.show(_FILES, len(self._shown), self._file_cells, cursor=at)
            of, what = len(source.files), f"files · sorted: {self._sort}"
        told = f"{len(self._shown):,} of {of:,} {what}"
        told += " · only those that are not ok" if self._odd_only and not self._by_name else ""
        self.query_one("#how", Static).update(told)

    def _files(self, files: list[File], words: str) -> list[File]:
        found = [
            file
            for file in files
            if (not words or words in _all_of(file))
            and not (self._odd_only and file.status in ("ok", "uncut"))
        ]
        match self._sort:
            case "size":
                found.sort(key=lambda file: -file.size)
            case "chunks":
                found.sort(key=lambda file: -file.chunks)
            case "language":
                found.sort(key=lambda file: file.language)
            case "how":
                found.sort(key=lambda file: (file.status, file.reason))
            case _:
                found.sort(key=lambda file: file.path)
        return found

    def _file_cells(self, row: int) -> list[Cell]:
        file: File = self._shown[row]
        chunks = "" if file.status == "uncut" else number(file.chunks)
        return [file.path, file.language, size(file.size), chunks, how(file)]

    def _name_cells(self, row: int) -> list[Cell]:
        source = self._source
        assert isinstance(source, Contents)
        entry = source.entries[self._shown[row]]
        path = self._file_of(self._shown[row]).path
        return [entry.name, entry.kind, path, number(entry.start_line)]

    def _file_of(self, chunk: int) -> File:
        return self._in_order[bisect_right(self._in_order, chunk, key=lambda f: f.first) - 1]

    # ── keys ────────────────────────────────────────────────────────────────────────────────

    @on(Grid.Chosen, "#files")
    def _open(self, event: Grid.Chosen) -> None:
        if self._source is None or event.row >= len(self._shown):
            return
        chosen = self._shown[event.row]
        file, at = chosen, 0
        if isinstance(chosen, int):
            file = self._file_of(chosen)
            at = chosen - file.first
        self.app.push_screen(SourceScreen(self._source, file, at))

    def on_screen_resume(self) -> None:
        """Show what became of a file that was cut meanwhile."""
        self._show()

    @on(Grid.Headed, "#files")
    def _sort_by(self, event: Grid.Headed) -> None:
        if not self._by_name:
            self._sort = _SORTS[event.column]
            self._show()

    @on(Searching.Changed)
    def _searched(self) -> None:
        self._show()

    def action_search(self) -> None:
        """Take a text that files, or names, have to hold."""
        self.query_one(Searching).begin()

    def action_leave(self) -> None:
        """End the search; without one, go back."""
        if not self.query_one(Searching).end():
            self.app.pop_screen()

    def action_names(self) -> None:
        """Show the names of all files, or the files."""
        if isinstance(self._source, Uncut):
            self.notify("names are known once all is cut: c")
            return
        self._by_name = not self._by_name
        self._show()

    def action_odd(self) -> None:
        """Show only files that are not ok, or all."""
        self._odd_only = not self._odd_only
        self._show()

    def action_sort(self) -> None:
        """Sort in the next way."""
        self._sort = _SORTS[(_SORTS.index(self._sort) + 1) % len(_SORTS)]
        self._show()

    def action_refresh(self) -> None:
        """Read it again."""
        self._read()

    def action_cut(self) -> None:
        """Show the form of the command that cuts all."""
        if self.is_output:
            self.notify("that is an output: its command stands in New run")
            return
        folder = self._path if self._path.is_dir() else self._path.parent
        values = {"roots": [str(self._path)], "into": str(folder / "chunks.jsonl")}
        self.ui.show_new(("code", "chunk"), values)

    @work(thread=True, exclusive=True, group="writing")
    def action_report(self) -> None:
        """Write the page of an output, and open it."""
        app = self.ui
        if not self.is_output:
            tell(app, self.notify, "there is a page once all is cut: c")
            return
        from treadle.code.page import write

        try:
            page = write(self._path, None)
        except treadle.TreadleError as error:
            tell(app, app.complain, error)
            return
        tell(app, app.show_file, page)


def _named(entries: list[Entry], words: str) -> list[int]:
    return [
        number
        for number, entry in enumerate(entries)
        if entry.name and (not words or words in entry.name.casefold())
    ]


def _all_of(file: File) -> str:
    return f"{file.path} {file.language} {file.status} {file.reason} {file.detail}".casefold()


def how(file: File) -> Cell:
    """Return how a file was cut, or why it was not."""
    if file.status in ("ok", "uncut"):
        return ("ok", "good") if file.status == "ok" else ("·", "dim")
    why = REASONS.get(file.reason, file.detail or file.reason)
    return (f"{file.status}: {why}", "bad" if file.status == "failed" else "warn")
