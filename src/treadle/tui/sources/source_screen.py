"""One file: its chunks, and its text with their borders."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer

import treadle
from treadle.code.cli.words import size
from treadle.code.contents import Contents, Entry, File, entries_of
from treadle.code.values import KINDS
from treadle.progress.text import number, plural
from treadle.tui.app_screen import AppScreen
from treadle.tui.sources.layout import Row, laid_out
from treadle.tui.sources.source_view import SourceView
from treadle.tui.telling import tell
from treadle.tui.widgets.about_path import AboutPath
from treadle.tui.widgets.grid import Cell, Column, Grid
from treadle.tui.widgets.literal import visible
from treadle.tui.widgets.searching import Searching

if TYPE_CHECKING:
    from treadle.tui.sources.uncut import Uncut

_COLUMNS = (
    Column("kind", 8),
    Column("name", 8, share=1),
    Column("line", 5, right=True),
)
_WIDE = 110  # columns of a screen from which on the table may say more
_MORE = (*_COLUMNS, Column("size", 6, right=True), Column("how", 8))


class SourceScreen(AppScreen):
    """
    A file and its chunks.

    Args:
        source: What it is in.
        file: The file.
        at: The chunk that is seen first.
    """

    DEFAULT_CSS = """
    SourceScreen #chunks { width: 2fr; }
    SourceScreen #text { width: 3fr; border-left: solid $primary 50%; }
    SourceScreen.-only #chunks { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("n", "go(1)", "Next chunk"),
        Binding("p", "go(-1)", "Previous"),
        Binding("v", "only", "Text only"),
        Binding("tab", "app.focus_next", "Other side", show=False),
    ]

    def __init__(self, source: Contents | Uncut, file: File, at: int = 0) -> None:
        super().__init__()
        self._source = source
        self._file = file
        self._at = at
        self._entries: list[Entry] = []
        self._shown: list[int] = []

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield AboutPath(self._file.path, "reading …", id="about")
        yield Searching("text in names and kinds", "#chunks")
        with Horizontal():
            yield Grid(id="chunks")
            yield SourceView(id="text")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#chunks").focus()
        self._read()

    @work(thread=True, exclusive=True, group="source")
    def _read(self) -> None:
        app = self.ui
        try:
            chunks = self._source.chunks(self._file)
        except treadle.TreadleError as error:
            tell(app, self._failed, error)
            return
        rows = laid_out(chunks, dark=app.current_theme.dark)
        tell(app, self._done, entries_of(chunks), rows)

    def _failed(self, error: treadle.TreadleError) -> None:
        if self.is_attached:
            self._tell(error.message)
            self.ui.complain(error)

    def _done(self, entries: list[Entry], rows: list[Row]) -> None:
        if not self.is_attached:
            return
        self._entries = entries
        self._tell(self._in_short())
        self.query_one(SourceView).show(rows)
        self._show()
        self.query_one("#chunks", Grid).cursor = self._at
        self._mark(self._at)

    def _tell(self, text: str) -> None:
        self.query_one("#about", AboutPath).tell(self._file.path, text)

    def _in_short(self) -> str:
        file = self._file
        parts = [file.language or "unknown language", size(file.size)]
        parts.append(plural(len(self._entries), "chunk"))
        if file.status not in ("ok", "uncut"):
            parts.append(f"{file.status}: {file.detail or file.reason}")
        elif not self._entries:
            parts.append("it is empty")
        return " · ".join(parts)

    def _show(self) -> None:
        words = self.query_one(Searching).value.casefold()
        self._shown = [
            place
            for place, entry in enumerate(self._entries)
            if words in f"{entry.kind} {entry.name}".casefold()
        ]
        columns = _MORE if self.size.width >= _WIDE else _COLUMNS
        self.query_one("#chunks", Grid).show(columns, len(self._shown), self._cells)

    def _cells(self, row: int) -> list[Cell]:
        entry = self._entries[self._shown[row]]
        tone = "" if entry.method == "syntax" else "warn"
        how: Cell = (entry.method, tone)
        return [entry.kind, entry.name, number(entry.start_line), number(entry.tokens), how]

    def on_resize(self) -> None:
        """Say more where there is room."""
        self._show()

    @on(Grid.Moved, "#chunks")
    def _moved(self, event: Grid.Moved) -> None:
        if event.row < len(self._shown):
            place = self._shown[event.row]
            self._mark(place)

    def _mark(self, place: int) -> None:
        """Show that chunk in the text, and say what it is."""
        self.query_one(SourceView).mark(place)
        if place >= len(self._entries):
            return
        kind = self._entries[place].kind
        told = Text(visible(f"{kind}: {KINDS[kind]}" if kind in KINDS else kind))
        self.query_one("#chunks").tooltip = told

    @on(Grid.Chosen, "#chunks")
    def _chosen(self) -> None:
        self.query_one(SourceView).focus()

    @on(SourceView.Picked)
    def _picked(self, event: SourceView.Picked) -> None:
        if event.chunk in self._shown:
            self.query_one("#chunks", Grid).cursor = self._shown.index(event.chunk)

    @on(Searching.Changed)
    def _searched(self) -> None:
        self._show()
        self.query_one("#chunks", Grid).cursor = 0
        if self._shown:
            self._mark(self._shown[0])

    def action_search(self) -> None:
        """Take a text that names or kinds have to hold."""
        self.query_one(Searching).begin()

    def action_leave(self) -> None:
        """End the search; without one, go back."""
        if not self.query_one(Searching).end():
            self.app.pop_screen()

    def action_go(self, step: int) -> None:
        """Go to another chunk."""
        self.query_one("#chunks", Grid).cursor += step

    def action_only(self) -> None:
        """Show the text alone, or the chunks beside it."""
        self.toggle_class("-only")
        self.query_one("#text" if self.has_class("-only") else "#chunks").focus()
