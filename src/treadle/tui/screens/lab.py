"""The laboratory: chips on the left, the history of one of them on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from treadle import TreadleError
from treadle.cli.commands.runs import place
from treadle.tui.laboratory import history, places, shown
from treadle.tui.laboratory.asking import AskForRoot
from treadle.tui.laboratory.history import Choice, Laboratory
from treadle.tui.laboratory.shown import Shown
from treadle.tui.telling import tell
from treadle.tui.widgets.grid import Grid
from treadle.tui.widgets.literal import visible
from treadle.tui.widgets.searching import Searching

if TYPE_CHECKING:
    import polars as pl

    from treadle.tui.app import TreadleApp

_REJECTS = "rejects"  # the option below the chips
_STAY = 2  # columns that are not scrolled: when a run was


class LabScreen(Screen[None]):
    """
    Staged measurements: chips, and the history of each.

    Args:
        root: A stage root, or the folder that a pipeline wrote to; None: ask for it.
    """

    DEFAULT_CSS = """
    LabScreen > #heading { height: auto; padding: 0 1; background: $panel; text-style: bold; }
    LabScreen #chips { width: 22; height: 1fr; }
    LabScreen #told { height: auto; max-height: 6; padding: 0 1; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("d", "light", "Light", tooltip="All, only lit, only dark runs"),
        Binding("o", "order(1)", "Sort", show=False, tooltip="Sort by the next column"),
        Binding("O", "backwards", "Reverse", show=False, tooltip="Sort the other way round"),
        Binding("p", "plot", "Plot", tooltip="Plot several runs of the chip"),
        Binding("t", "trends", "Trends", tooltip="A number of the runs, over time"),
        Binding("w", "report", "Report", tooltip="Write the page about the chip, and show it"),
        Binding("f", "folder", "Folder", show=False, tooltip="Look at another folder"),
        Binding("r,f5", "reload", "Refresh", show=False, tooltip="Read the manifest again"),
        Binding("escape", "back", "Back"),
    ]

    def __init__(self, root: Path | None = None) -> None:
        super().__init__()
        self._root = root
        self._laboratory: Laboratory | None = None
        self._choice = Choice()
        self._rows: pl.DataFrame | None = None
        self._history: Sequence[Shown] = shown.HISTORY
        self._shows_rejects = False

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield Static("Laboratory", id="heading", markup=False)
        with Horizontal():
            yield OptionList(id="chips")
            with Vertical():
                yield Searching("procedure, date, file, flag, 455nm …", "Grid")
                yield Grid(id="history")
        yield Static("", id="told", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Read the folder, or ask for one."""
        if self._root is None:
            self._find()
        else:
            self._read(self._root)

    @property
    def _app(self) -> TreadleApp:
        return cast("TreadleApp", self.app)

    @property
    def is_read(self) -> bool:
        """Whether there is something to see."""
        return self._laboratory is not None

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    def action_folder(self) -> None:
        """Ask for a folder."""
        self._find(asks=True)

    @work(thread=True, exclusive=True, group="places")
    def _find(self, *, asks: bool = False) -> None:
        """Look for stage roots: the only one that there is needs no question."""
        found = places.staged(self._app.started, self._app.remembered)
        if len(found) == 1 and not asks:
            tell(self.app, self._read, found[0])
        else:
            tell(self.app, self._ask, found)

    def _ask(self, known: list[Path]) -> None:
        self.app.push_screen(AskForRoot(known), self._asked)

    def _asked(self, root: Path | None) -> None:
        if root is not None:
            self._read(root)
        elif self._laboratory is None:
            self._tell("no folder is chosen: press f")

    def action_reload(self) -> None:
        """Read the manifest again."""
        if self._root is not None:
            self._read(self._root)

    def _read(self, root: Path) -> None:
        self._root = root
        self._tell(f"reading {root} …")
        self._read_in_thread(root)

    @work(thread=True, exclusive=True, group="manifest")
    def _read_in_thread(self, root: Path) -> None:
        try:
            laboratory = history.read(root)
        except TreadleError as error:
            tell(self.app, self._cannot, error)
            return
        tell(self.app, self._got, laboratory)

    def _cannot(self, error: TreadleError) -> None:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        self._tell(f"{error.message}{hint}")
        self._app.complain(error)

    def _got(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._app.remembered.note_lab_root(laboratory.root)
        self._app.keep()
        names = {chip.name for chip in laboratory.chips}
        if self._choice.chip not in names:
            self._choice = replace(self._choice, chip="*")
        chips = self.query_one("#chips", OptionList)
        options = [
            Option(Text(f"{chip.title} ({chip.count:,})"), id=f"chip-{number}")
            for number, chip in enumerate(laboratory.chips)
        ]
        count = laboratory.rejects.height
        if count:
            options.append(Option(Text(f"! rejected ({count:,})"), id=_REJECTS))
        chips.set_options(options)
        at = [chip.name for chip in laboratory.chips].index(self._choice.chip)
        chips.highlighted = at
        self._show()
        self.query_one(Grid).focus()

    # ── choosing ────────────────────────────────────────────────────────────────────────────

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the history of that chip, or the rejects."""
        if self._laboratory is None:
            return
        self._shows_rejects = event.option.id == _REJECTS
        if not self._shows_rejects:
            chip = self._laboratory.chips[event.option_index]
            self._choice = replace(self._choice, chip=chip.name)
        self._show()

    def on_option_list_option_selected(self) -> None:
        """Go to the table."""
        self.query_one(Grid).focus()

    def action_filter(self) -> None:
        """Ask for words that a run must hold."""
        self.query_one(Searching).begin()

    def on_input_changed(self, event: Searching.Changed) -> None:
        """Show the runs that hold these words."""
        self._choice = replace(self._choice, words=event.value)
        self._show()

    def action_light(self) -> None:
        """Show all runs, only lit ones, only dark ones."""
        self._choice = self._choice.lit_next()
        self._show()

    def action_order(self, by: int) -> None:
        """Sort by the next column."""
        orders = list(dict.fromkeys(each.order for each in self._history))
        at = (orders.index(self._choice.order) + by) % len(orders)
        self._choice = replace(self._choice, order=orders[at], backwards=False)
        self._show()

    def action_backwards(self) -> None:
        """Sort the other way round."""
        self._choice = replace(self._choice, backwards=not self._choice.backwards)
        self._show()

    def on_grid_headed(self, event: Grid.Headed) -> None:
        """Sort by the column whose title was clicked."""
        if not self._shows_rejects:
            self._choice = self._choice.ordered_by(self._history[event.column].order)
            self._show()

    def action_back(self) -> None:
        """Leave the filter, then take it away, then go back."""
        if not self.query_one(Searching).end():
            self.app.pop_screen()

    # ── showing ─────────────────────────────────────────────────────────────────────────────

    def _show(self) -> None:
        laboratory = self._laboratory
        if laboratory is None:
            return
        grid = self.query_one(Grid)
        if self._shows_rejects:
            self._rows = self._rejects_found(laboratory.rejects)
            grid.show(shown.REJECTS, self._rows.height, shown.reject_cells(self._rows), cursor=0)
        else:
            self._history = self._columns(laboratory)
            if self._choice.order not in {each.order for each in self._history}:
                self._choice = replace(self._choice, order="start_time_utc", backwards=False)
            self._rows = laboratory.chosen(self._choice)
            columns = shown.columns(
                self._choice.order, self._history, backwards=self._choice.backwards
            )
            cells = shown.cells(self._rows, self._history)
            grid.show(columns, self._rows.height, cells, cursor=0, fixed=_STAY)
        self.query_one("#heading", Static).update(self._heading(laboratory, self._rows.height))
        self._tell_row(0)

    def _columns(self, laboratory: Laboratory) -> Sequence[Shown]:
        """Return the columns for the chip: the same whatever is filtered."""
        if laboratory.measured is None:
            return shown.HISTORY
        of_chip = laboratory.chosen(Choice(chip=self._choice.chip))
        return (*shown.HISTORY, *shown.found(of_chip, laboratory.measured.units))

    def _rejects_found(self, rejects: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        text = pl.concat_str(["source_file", "reason", "message"], separator=" ", ignore_nulls=True)
        words = self._choice.words.lower().split()
        wanted = [text.str.to_lowercase().str.contains(word, literal=True) for word in words]
        return rejects.filter(*wanted) if wanted else rejects

    def _heading(self, laboratory: Laboratory, count: int) -> Text:
        root = visible(place(str(laboratory.root)))
        if self._shows_rejects:
            return Text(f"Laboratory · {root} · {count:,} rejected files")
        chip = next(each for each in laboratory.chips if each.name == self._choice.chip)
        words = [chip.title, f"{count:,} of {chip.count:,} runs"]
        if self._choice.light != "all":
            words.append(f"{self._choice.light} only")
        if self._choice.words:
            words.append(f"/{self._choice.words}")
        return Text(f"Laboratory · {root}\n{' · '.join(words)}")

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Say more of that row."""
        self._tell_row(event.row)

    def _tell_row(self, row: int) -> None:
        if self._rows is None or not self._rows.height:
            self._tell("no file was rejected" if self._shows_rejects else "no run fits")
            return
        if row >= self._rows.height:
            return
        facts = self._rows.row(row, named=True)
        if self._shows_rejects:
            hint = f"\nhint: {facts['hint']}" if facts["hint"] else ""
            self._tell(f"{facts['source_file']}\n{facts['message']}{hint}")
        else:
            noted = facts["information"] if facts.get("information") else ""
            self._tell(" · ".join(filter(None, [facts["run_id"], facts["source_file"], noted])))

    def _tell(self, text: str) -> None:
        self.query_one("#told", Static).update(Text(text))

    # ── going on ────────────────────────────────────────────────────────────────────────────

    def on_grid_chosen(self, event: Grid.Chosen) -> None:
        """Show that run."""
        if self._laboratory is None or self._rows is None or self._shows_rejects:
            return
        from treadle.tui.screens.lab_run import LabRunScreen

        run_ids = self._rows["run_id"].to_list()
        self.app.push_screen(LabRunScreen(self._laboratory, run_ids, event.row))

    def action_plot(self) -> None:
        """Plot several runs."""
        if self._laboratory is not None:
            from treadle.tui.screens.lab_plot import PlotScreen

            self.app.push_screen(PlotScreen(self._laboratory, self._choice.chip))

    def action_trends(self) -> None:
        """Show a number of the chip's runs over time."""
        if self._laboratory is not None:
            from treadle.tui.screens.lab_trend import TrendScreen

            self.app.push_screen(TrendScreen(self._laboratory, self._choice))

    def action_report(self) -> None:
        """Write the page about the chip, and show it."""
        chip = self._choice.chip
        if self._laboratory is None:
            return
        if self._shows_rejects or chip is None or chip == "*":
            self.app.notify("a report is about one chip: choose it on the left", severity="warning")
            return
        self.app.notify("writing the report …", timeout=2)
        self._report(self._laboratory, chip)

    @work(thread=True, exclusive=True, group="report")
    def _report(self, laboratory: Laboratory, chip: str) -> None:
        try:
            from treadle.lab.page import about, place_for, write

            path = write(about(laboratory.roots, chip), place_for(laboratory.roots, chip))
        except TreadleError as error:
            tell(self.app, self._app.complain, error)
            return
        tell(self.app, self._app.show_file, path)
