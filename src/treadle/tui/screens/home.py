"""Home: all runs, live ones on top; from here everything begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input, Label, Static

from treadle import TreadleError
from treadle.tui import matching, places, wording
from treadle.tui.dialogs.prune import PruneDialog
from treadle.tui.listing import Batch, Listing, Row, by_age
from treadle.tui.matching import Search
from treadle.tui.remembered import state_dir
from treadle.tui.resuming import going_on
from treadle.tui.screens.home_columns import CELLS, FALLING, names_for, titled
from treadle.tui.screens.home_empty import nothing_yet
from treadle.tui.screens.home_order import arranged, replace_live
from treadle.tui.widgets.grid import Grid
from treadle.tui.widgets.keys import Keys

if TYPE_CHECKING:
    from treadle.tui.app import TreadleApp

CACHE = "runs.json"
LOOK_EVERY = 0.5  # seconds
READ_EVERY = 30.0
_APPLICATIONS = (
    "[b]l[/b] [@click=screen.go('lab')]Lab[/]  [b]m[/b] [@click=screen.go('prompts')]Prompts[/]  "
    "[b]c[/b] [@click=screen.go('code')]Code[/]"
)


class _Runs(Grid):
    """The runs; what Enter does there stands at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Open", key_display="⏎")]


class HomeScreen(Screen[None]):
    """All runs: start, find, watch, resume and remove them."""

    DEFAULT_CSS = """
    HomeScreen #top { height: 1; background: $panel; padding: 0 1; }
    HomeScreen #name { width: auto; text-style: bold; color: $text-primary; }
    HomeScreen #totals { width: 1fr; margin: 0 2; text-wrap: nowrap; text-overflow: ellipsis; }
    HomeScreen #applications { width: auto; color: $text-muted; link-style: none; }
    HomeScreen #bar { height: 1; padding: 0 1; }
    HomeScreen #bar Label { width: auto; color: $text-muted; }
    HomeScreen #search { width: 1fr; margin-left: 1; }
    HomeScreen #nothing { height: 1fr; padding: 1 2; }
    HomeScreen #details {
        height: 2; padding: 0 1; color: $text-muted; background: $panel;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    HomeScreen Grid { scrollbar-size-vertical: 1; }
    HomeScreen Grid.-empty { height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="open the run under the cursor", key_display="⏎"),
        Binding("n", "new", "New", tooltip="begin a new run: a form asks for what it needs"),
        Binding("r", "resume", "Resume", tooltip="do what is missing of a run that ended early"),
        Binding("t", "retry", "Retry", tooltip="run again what has failed in a run"),
        Binding("o", "report", "Report", tooltip="write the page about a run, and show it"),
        Binding("p", "prune", "Prune", tooltip="remove records of old runs; results stay"),
        Binding("slash", "search", "Find", key_display="/", tooltip="search: " + matching.EXAMPLES),
        # These three stand at the top: at the bottom there is no room for all.
        Binding("l", "go('lab')", "Lab", show=False, tooltip="the laboratory: chips and plots"),
        Binding("m", "go('prompts')", "Prompts", show=False, tooltip="LLM experiments"),
        Binding("c", "go('code')", "Code", show=False, tooltip="source code in chunks"),
        Binding("s", "sort", "Sort", show=False, tooltip="sort by the next column"),
        Binding("S", "turn", "Turn", show=False, tooltip="sort the other way round"),
        Binding("f5", "read", "Refresh", show=False, tooltip="look at all folders again"),
        Binding("escape", "clear", "Clear", show=False, tooltip="leave the search, or empty it"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[Path, Row] = {}
        self._sorted: list[Row] = []
        self._shown: Sequence[Row] = ()
        self._search = Search()
        self._sort, self._falling = "began", True
        self._selected: Path | None = None
        self._to_go = 0
        self._totals = "reading …"
        self._is_looking = False
        self._is_reading = False
        self._is_to_read = False  # once more, after what is being read
        self._has_read = False
        self._has_told = False

    def compose(self) -> ComposeResult:
        """Put it together."""
        with Horizontal(id="top"):
            yield Label("treadle", id="name")
            yield Label(self._totals, id="totals", markup=False)
            yield Label(_APPLICATIONS, id="applications")
        with Horizontal(id="bar"):
            yield Label("/")
            yield Input(placeholder=matching.EXAMPLES, id="search", compact=True)
        yield _Runs(id="runs")
        yield Static(id="nothing")
        yield Static(id="details")
        yield Keys()

    def on_mount(self) -> None:
        """Begin to read."""
        app = self._home_app
        self._keep_places(places.of_started())  # also of those that another UI has left
        self.listing = Listing(places.roots(app.runs_dirs, app.remembered), state_dir() / CACHE)
        self.query_one("#nothing").display = False
        self.query_one(Grid).focus()
        self.action_read()
        self.set_interval(LOOK_EVERY, self._look)
        self.set_interval(READ_EVERY, self.action_read)

    def on_screen_resume(self) -> None:
        """Catch up with what has happened while another screen was shown."""
        if self._has_read:
            self.action_read()
        self._look()

    def on_unmount(self) -> None:
        """Remember where runs are recorded that have only just begun."""
        self._keep_places(places.of_started())

    def on_resize(self) -> None:
        """Have the columns that there is room for."""
        self._show_rows()

    @property
    def _home_app(self) -> TreadleApp:
        return cast("TreadleApp", self.app)

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    def action_read(self) -> None:
        """Look at all folders again."""
        self._is_to_read = True
        if not self._is_reading:  # a thread cannot be stopped, and two would do the same
            self._is_to_read, self._is_reading = False, True
            self._read()

    @work(thread=True, group="read")
    def _read(self) -> None:
        for batch in self.listing.read():
            if not self.is_running:
                return
            self.app.call_from_thread(self._take, batch)
        self.app.call_from_thread(self._end_reading)

    def _end_reading(self) -> None:
        self._is_reading = False
        # Not where each live run is: many are of tests, or otherwise of a moment.
        used = {folder.parent for folder in self._rows}.intersection(self.listing.roots)
        self._keep_places(sorted(used))
        if self._is_to_read:
            self.action_read()

    def _look(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._look_at_live(is_seen=self.is_current)

    @work(thread=True, group="look")
    def _look_at_live(self, *, is_seen: bool) -> None:
        # Also while another screen is shown: the UI may end at any time.
        started = places.of_started()
        self.listing.watch(started)
        try:
            batch = self.listing.look() if is_seen else Batch()
        except TreadleError as error:
            self.app.call_from_thread(self._tell_once, error)
            batch = Batch()
        finally:
            self._is_looking = False
        if self.is_running:
            self.app.call_from_thread(self._keep_places, started)
        if self.is_running and is_seen:
            self.app.call_from_thread(self._take, batch, of_all=False)

    def _tell_once(self, error: TreadleError) -> None:
        if not self._has_told:
            self._has_told = True
            self._home_app.complain(error)

    def _take(self, batch: Batch, *, of_all: bool = True) -> None:
        """Show what is new."""
        for row in batch.rows:
            self._rows[row.folder] = row
        for folder in batch.gone:
            self._rows.pop(folder, None)
        if of_all:
            self._to_go = batch.to_go
            self._has_read = self._has_read or not batch.to_go
        if of_all or batch.gone or not self._replace(batch.rows):
            self._arrange()
        else:
            self.query_one(Grid).refresh()  # also because times pass
            self._show_details()

    def _replace(self, rows: Sequence[Row]) -> bool:
        """Put live rows where they were before; False where the order of all may be another."""
        if rows and (self._sort != "began" or self._search != Search()):
            return False
        return replace_live(self._sorted, rows)

    def _keep_places(self, found: Iterable[Path]) -> None:
        """Remember folders in which there are runs, for when we are started elsewhere."""
        if places.note(self._home_app.remembered, found):
            self._home_app.keep()

    # ── showing ─────────────────────────────────────────────────────────────────────────────

    def _arrange(self) -> None:
        """Put the rows in order, and show those that are searched for."""
        self._select()
        self._sorted = arranged(self._rows.values(), self._sort, falling=self._falling)
        self._totals = wording.totals(self._sorted, self._to_go)
        self._find()

    def _find(self) -> None:
        """Show those that are searched for."""
        self._shown = self._search.among(self._sorted)
        self._show_rows()
        self._show_totals()

    def _show_rows(self) -> None:
        grid = self.query_one(Grid)
        names = names_for(self.size.width)
        columns = [titled(each, sorted_by=self._sort, falling=self._falling) for each in names]
        shown, selected = self._shown, self._selected
        at = None
        if selected is not None:
            name = selected.name  # to compare 10,000 paths takes long
            places = (n for n, row in enumerate(shown) if row.id == name and row.folder == selected)
            at = next(places, None)
        makers = [CELLS[name] for name in names]
        grid.show(columns, len(shown), lambda n: [make(shown[n]) for make in makers], cursor=at)
        grid.set_class(not shown, "-empty")  # not hidden: it would lose the keys
        nothing = self.query_one("#nothing", Static)
        nothing.display = not shown
        if not shown:
            nothing.update(self._nothing())
        self._show_details()

    def _show_totals(self) -> None:
        text = self._totals
        if len(self._shown) != len(self._rows):
            text = f"{len(self._shown):,} of {text}"
        for root, why in self.listing.troubles.items():
            text += f" · {root}: {why}"
        self.query_one("#totals", Label).update(text)

    def _show_details(self) -> None:
        row = self._row()
        lines = wording.details(row) if row else ("", "")
        self.query_one("#details", Static).update(Text("\n".join(lines)))

    def _nothing(self) -> Text:
        if self._rows:
            return Text("no run matches the search\nescape empties it")
        if not self._has_read:
            return Text("reading …")
        return nothing_yet(self.listing.roots)

    # ── finding and sorting ─────────────────────────────────────────────────────────────────

    @on(Input.Changed, "#search")
    def _search_for(self, event: Input.Changed) -> None:
        self._select()
        self._search = Search.of(event.value)
        self._find()

    @on(Input.Submitted, "#search")
    def _leave_search(self) -> None:
        self.set_focus(self.query_one(Grid))

    def action_search(self) -> None:
        """Put the cursor into the search."""
        # At once, unlike Widget.focus: else letters typed right after it would be taken for keys.
        self.set_focus(self.query_one("#search"))

    def action_clear(self) -> None:
        """Leave the search; when it was left already, empty it."""
        search, grid = self.query_one("#search", Input), self.query_one(Grid)
        if search.has_focus and search.value and self._shown:
            self.set_focus(grid)
        else:
            search.value = ""
            self.set_focus(grid)

    def action_sort(self) -> None:
        """Sort by the next of the columns that are seen."""
        names = names_for(self.size.width)
        here = names.index(self._sort) if self._sort in names else -1
        self._sort_by(names[(here + 1) % len(names)])

    def action_turn(self) -> None:
        """Sort the other way round."""
        self._falling = not self._falling
        self._arrange()

    @on(Grid.Headed)
    def _sort_by_title(self, event: Grid.Headed) -> None:
        name = names_for(self.size.width)[event.column]
        if name == self._sort:
            self.action_turn()
        else:
            self._sort_by(name)

    def _sort_by(self, name: str) -> None:
        self._sort, self._falling = name, name in FALLING
        self._arrange()

    # ── the run under the cursor ────────────────────────────────────────────────────────────

    def _row(self) -> Row | None:
        cursor = self.query_one(Grid).cursor
        return self._shown[cursor] if cursor < len(self._shown) else None

    @on(Grid.Moved)
    def _show_selected(self) -> None:
        self._select()
        self._show_details()

    def _select(self) -> None:
        """Note on which run the cursor is: that is where it stays, whatever comes and goes."""
        row = self._row()
        # On the first row nobody has chosen one: new runs above it are to be seen.
        is_first = self._selected is None and self.query_one(Grid).cursor == 0
        if row is not None and not is_first:
            self._selected = row.folder

    @on(Grid.Chosen)
    def action_open(self) -> None:
        """Open the run under the cursor."""
        row = self._row()
        if row is None:
            return
        if row.entry is None:
            self._home_app.complain(row.trouble, "treadle prune removes what is damaged (p)")
        else:
            self.listing.watch([row.folder.parent])  # and no more only while it goes on
            self._keep_places([row.folder.parent])
            self._home_app.show_run(row.folder)

    def action_new(self) -> None:
        """Show the form for a new run."""
        self._home_app.show_new()

    def action_resume(self) -> None:
        """Go on with the run under the cursor."""
        self._go_on(retry=False)

    def action_retry(self) -> None:
        """Run again what has failed in the run under the cursor."""
        self._go_on(retry=True)

    def _go_on(self, *, retry: bool) -> None:
        row = self._row()
        if row is None:
            return
        try:
            command = going_on(row, retry=retry)
        except TreadleError as error:
            self._home_app.complain(error)
            return
        self._home_app.launch(command.argv, command.cwd)

    def action_report(self) -> None:
        """Write the page about the run under the cursor, and show it."""
        row = self._row()
        if row is not None and row.entry is not None:
            self._home_app.make_report(row.folder)
        elif row is not None:
            self._home_app.complain(row.trouble)

    def action_prune(self) -> None:
        """Ask which records of runs may go, and remove them."""
        rows = sorted(self._rows.values(), key=by_age)
        if not rows:
            self._home_app.complain("there is nothing to remove")
            return
        row = self._row()
        place = row.folder.parent if row else rows[-1].folder.parent
        self.app.push_screen(PruneDialog(rows, place), self._forget)

    def _forget(self, removed: Sequence[Path] | None) -> None:
        if removed:
            self.listing.forget(removed)
            self._take(Batch(gone=removed), of_all=False)

    def action_go(self, name: str) -> None:
        """Show one of the applications."""
        app = self._home_app
        {"lab": app.show_lab, "prompts": app.show_prompts, "code": app.show_code}[name]()
