"""Make a plot step by step: chip, kind, runs, preview, file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import ContentSwitcher, Footer, OptionList, Static
from textual.widgets.option_list import Option

from treadle import TreadleError
from treadle.tui.laboratory import shown
from treadle.tui.laboratory.history import Choice, Laboratory
from treadle.tui.laboratory.looking import LabPage
from treadle.tui.laboratory.offered import Offered, offered
from treadle.tui.laboratory.terminal_plot import TerminalPlot
from treadle.tui.widgets.grid import Cell, Column, Grid
from treadle.tui.widgets.searching import Searching

if TYPE_CHECKING:
    import polars as pl

    from treadle.lab.plotting import Plot

STEPS = ("chip", "kind", "runs", "preview")
_SAID = {
    "chip": "Which chip? Enter takes it",
    "kind": "Which kind of plot? Enter takes it",
    "runs": "Which runs? Space marks one, a all, n none; Enter shows the plot",
    "preview": "s saves it, v opens a picture of it",
}


class PlotScreen(LabPage):
    """
    Make a plot step by step: chip, kind, runs, preview, file.

    Args:
        laboratory: Where the runs are from.
        chip: The chip to begin with, as in ``Chip.name``.
    """

    DEFAULT_CSS = """
    PlotScreen > #heading { height: auto; padding: 0 1; background: $panel; text-style: bold; }
    PlotScreen > #steps { height: auto; padding: 0 1; }
    PlotScreen ContentSwitcher { height: 1fr; }
    PlotScreen OptionList { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Next", priority=False),
        Binding("space", "mark", "Mark"),
        Binding("a", "mark_all", "All"),
        Binding("n", "mark_none", "None"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("d", "light", "Dark/light"),
        Binding("v", "view_plot", "View"),
        Binding("s", "save_plot", "Save"),
        Binding("escape", "back", "Back"),
    ]

    def __init__(self, laboratory: Laboratory, chip: str | None = "*") -> None:
        super().__init__()
        self._laboratory = laboratory
        self._choice = Choice(chip=chip)
        self._kinds: list[Offered] = []
        self._kind: Offered | None = None
        self._rows: pl.DataFrame | None = None
        self._marked: list[str] = []

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield Static("", id="steps", markup=False)
        yield Static("", id="heading", markup=False)
        with ContentSwitcher(initial="chip"):
            yield OptionList(id="chip")
            yield OptionList(id="kind")
            with Vertical(id="runs"):
                yield Searching("date, file, flag, 455nm …", "Grid")
                yield Grid(id="grid")
            with Vertical(id="preview"):
                yield TerminalPlot()
        yield Footer()

    def on_mount(self) -> None:
        """Begin with the chips."""
        chips = self.query_one("#chip", OptionList)
        for number, chip in enumerate(self._laboratory.chips):
            chips.add_option(Option(Text(f"{chip.title} ({chip.count:,})"), id=f"chip-{number}"))
        names = [chip.name for chip in self._laboratory.chips]
        chips.highlighted = names.index(self._choice.chip) if self._choice.chip in names else 0
        self._go("chip")

    @property
    def step(self) -> str:
        """Where we are: one of :data:`STEPS`."""
        return str(self.query_one(ContentSwitcher).current)

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Offer only what the step can do."""
        step = self.step if self.is_mounted else "chip"
        where = {
            "mark": "runs", "mark_all": "runs", "mark_none": "runs", "filter": "runs",
            "light": "runs", "view_plot": "preview", "save_plot": "preview",
        }.get(action)  # fmt: skip
        if action == "go_on":
            return step != "preview"
        return where is None or where == step

    def _go(self, step: str) -> None:
        self.query_one(ContentSwitcher).current = step
        told = Text()
        for each in STEPS:
            told.append(" → " if each != STEPS[0] else "")
            told.append(f"[{each}]" if each == step else each, "bold" if each == step else "dim")
        self.query_one("#steps", Static).update(told)
        self._head(_SAID[step])
        target = {"chip": "#chip", "kind": "#kind", "runs": "#grid"}.get(step)
        if target is not None:
            self.query_one(target).focus()
        else:
            self.set_focus(None)
        self.refresh_bindings()

    def _head(self, text: str) -> None:
        chosen = [self._choice.chip_title] if self.step != "chip" else []
        if self._kind is not None and self.step in ("runs", "preview"):
            chosen.append(self._kind.name)
        self.query_one("#heading", Static).update(Text(" · ".join([*chosen, text])))

    def action_go_on(self) -> None:
        """Go on with what is chosen; lists and the table do so themselves."""
        if self.step == "runs":
            self._preview()

    def action_back(self) -> None:
        """Go one step back; from the first one, out."""
        if self.step == "runs" and self.query_one(Searching).end():
            return
        if self.step == STEPS[0]:
            self.app.pop_screen()
        else:
            self._go(STEPS[STEPS.index(self.step) - 1])

    # ── chip and kind ───────────────────────────────────────────────────────────────────────

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take that chip, or that kind."""
        if event.option_list.id == "chip":
            chip = self._laboratory.chips[event.option_index]
            self._choice = Choice(chip=chip.name)
            self._marked = []
            self._head("reading …")
            self._find_kinds(self._choice)
        else:
            self._kind = self._kinds[event.option_index]
            if self._kind.procedures != self._choice.procedures:
                self._marked = []
            self._choice = replace(self._choice, procedures=self._kind.procedures)
            self._go("runs")
            self._list()

    @work(thread=True, exclusive=True, group="kinds")
    def _find_kinds(self, choice: Choice) -> None:
        """Look at one run of each procedure: what it has numbers of is what can be drawn."""
        try:
            found = offered(self._laboratory, choice)
        except TreadleError as error:
            self.in_ui(self._cannot, error)
            return
        self.in_ui(self._show_kinds, found)

    def _show_kinds(self, found: list[Offered]) -> None:
        if not found:
            self.app.notify("there is nothing to draw of this chip", severity="warning")
            return
        self._kinds = found
        wide = max(len(each.name) for each in found)
        self.query_one("#kind", OptionList).set_options(
            Option(Text(f"{each.name:<{wide}} {each.title} · {_runs(each)}")) for each in found
        )
        self.query_one("#kind", OptionList).highlighted = 0
        self._go("kind")

    # ── runs ────────────────────────────────────────────────────────────────────────────────

    def _list(self, *, cursor: int = 0) -> None:
        rows = self._rows = self._laboratory.chosen(self._choice)
        plain = shown.cells(rows)
        marked = set(self._marked)
        ids = rows["run_id"]

        def cells(row: int) -> list[Cell]:
            return ["✓" if ids[row] in marked else "·", *plain(row)]

        columns = shown.columns(self._choice.order, backwards=self._choice.backwards)
        self.query_one(Grid).show([Column("", 1), *columns], rows.height, cells, cursor=cursor)
        light = "" if self._choice.light == "all" else f" · {self._choice.light} only"
        none = " all" if self._kind is not None and self._kind.most is None and not marked else ""
        self._head(
            f"{len(marked):,} of {rows.height:,} marked{light} · space, a, n; Enter draws{none}"
        )

    def action_mark(self) -> None:
        """Mark the run under the cursor, or take its mark away."""
        if self._rows is None or not self._rows.height:
            return
        grid = self.query_one(Grid)
        run_id = self._rows["run_id"][grid.cursor]
        if run_id in self._marked:
            self._marked.remove(run_id)
        else:
            self._marked.append(run_id)
        self._list(cursor=grid.cursor + 1)

    def action_mark_all(self) -> None:
        """Mark all runs that are seen."""
        if self._rows is not None:
            self._marked = list(dict.fromkeys([*self._marked, *self._rows["run_id"]]))
            self._list(cursor=self.query_one(Grid).cursor)

    def action_mark_none(self) -> None:
        """Take all marks away."""
        self._marked = []
        self._list(cursor=self.query_one(Grid).cursor)

    def action_filter(self) -> None:
        """Ask for words that a run must hold."""
        self.query_one(Searching).begin()

    def on_input_changed(self, event: Searching.Changed) -> None:
        """Show the runs that hold these words; marks stay."""
        self._choice = replace(self._choice, words=event.value)
        if self.step == "runs":
            self._list()

    def action_light(self) -> None:
        """Show all runs, only lit ones, only dark ones."""
        self._choice = self._choice.lit_next()
        self._list()

    def on_grid_headed(self, event: Grid.Headed) -> None:
        """Sort by the column whose title was clicked."""
        if event.column:
            order = shown.HISTORY[event.column - 1].order
            self._choice = self._choice.ordered_by(order)
            self._list()

    def on_grid_chosen(self, _event: Grid.Chosen) -> None:
        """Draw what is marked; the run under the cursor where nothing is."""
        self._preview()

    # ── preview ─────────────────────────────────────────────────────────────────────────────

    def _preview(self) -> None:
        if self._rows is None or self._kind is None:
            return
        wanted, most = self._wanted(self._rows, self._kind), self._kind.most
        if not wanted:
            self.app.notify("mark a run first: space", severity="warning")
        elif most is not None and len(wanted) > most:
            self.app.notify(
                f"{len(wanted):,} runs are marked: at most {most} fit into one plot",
                severity="warning",
                markup=False,
            )
        else:
            self._head("reading …")
            self._draw_in_thread(wanted, self._kind)

    def _wanted(self, rows: pl.DataFrame, kind: Offered) -> list[str]:
        """Return what is marked; where nothing is, the run at the cursor, or all that are seen."""
        if self._marked or not rows.height:
            return list(self._marked)
        if kind.most is None:
            return rows["run_id"].to_list()
        return [rows["run_id"][self.query_one(Grid).cursor]]

    @work(thread=True, exclusive=True, group="preview")
    def _draw_in_thread(self, run_ids: list[str], kind: Offered) -> None:
        order = self._laboratory.runs["run_id"].is_in(run_ids)
        in_time = self._laboratory.runs.filter(order)["run_id"].to_list()
        try:
            plot = kind.draw(in_time)
        except TreadleError as error:
            self.in_ui(self._cannot, error)
            return
        self.in_ui(self._draw, kind, plot)

    def _cannot(self, error: TreadleError) -> None:
        """Say what is wrong; the step stays as it is."""
        self._head(_SAID[self.step])
        self.complain(error)

    def _draw(self, kind: Offered, plot: Plot) -> None:
        self.plot, self.plot_name = plot, kind.name
        self._go("preview")
        self.query_one(TerminalPlot).show(plot)


def _runs(kind: Offered) -> str:
    of = ", ".join(kind.procedures)
    return f"{kind.count:,} {of} {'run' if kind.count == 1 else 'runs'}"
