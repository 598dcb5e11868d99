"""A metric of the runs of a chip, or a number that was set, over time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from treadle import TreadleError
from treadle.tui.laboratory.history import Choice, Laboratory
from treadle.tui.laboratory.looking import LabPage
from treadle.tui.laboratory.measured import AMONG_RUNS
from treadle.tui.laboratory.terminal_plot import TerminalPlot

if TYPE_CHECKING:
    from treadle.lab.plotting import Plot


class TrendScreen(LabPage):
    """
    A metric of the runs of a chip, or a number that was set, over time.

    Args:
        laboratory: Where they are from.
        choice: Which runs.
    """

    DEFAULT_CSS = """
    TrendScreen > #heading { height: auto; padding: 0 1; background: $panel; text-style: bold; }
    TrendScreen OptionList { width: 36; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "next_procedure", "Procedure"),
        Binding("v", "view_plot", "View"),
        Binding("s", "save_plot", "Save"),
        Binding("escape", "app.back", "Back"),
    ]

    def __init__(self, laboratory: Laboratory, choice: Choice) -> None:
        super().__init__()
        self._laboratory = laboratory
        self._choice = replace(choice, procedures=())
        self._procedures: list[tuple[str, ...]] = [()]

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield Static("", id="heading", markup=False)
        with Horizontal():
            yield OptionList(id="columns")
            yield TerminalPlot()
        yield Footer()

    def on_mount(self) -> None:
        """Show the first column."""
        found = self._laboratory.chosen(self._choice)["proc"].unique().sort().to_list()
        self._procedures = [(), *((procedure,) for procedure in found)]
        self._list()

    def action_next_procedure(self) -> None:
        """Look at the runs of the next procedure, or at all."""
        at = self._procedures.index(self._choice.procedures)
        procedures = self._procedures[(at + 1) % len(self._procedures)]
        self._choice = replace(self._choice, procedures=procedures)
        self._list()

    def _list(self) -> None:
        rows = self._laboratory.chosen(self._choice)
        columns = self.query_one("#columns", OptionList)
        before = columns.highlighted_option
        what = ", ".join(self._choice.procedures) or "all procedures"
        told = f"Trends · {self._choice.chip_title} · {what} · {rows.height:,} runs"
        self.query_one("#heading", Static).update(Text(told))
        measured = self._laboratory.measured
        found = [] if measured is None else measured.names(rows)
        numbers = [
            *((AMONG_RUNS + name, name, count) for name, count in found),
            *((name, name, count) for name, count in self._laboratory.number_columns(rows)),
        ]
        columns.set_options(
            Option(Text(f"{shown} ({count:,})", no_wrap=True, overflow="ellipsis"), id=name)
            for name, shown, count in numbers
        )
        names = [name for name, _, _ in numbers]
        wanted = before.id if before is not None else "duration_s" if not found else names[0]
        if names:
            columns.highlighted = names.index(wanted) if wanted in names else 0
        else:
            self.query_one(TerminalPlot).show(None)
        columns.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show that column."""
        self._load(self._choice, str(event.option.id))

    @work(thread=True, exclusive=True, group="trend")
    def _load(self, choice: Choice, column: str) -> None:
        try:
            plot = self._laboratory.trend(choice, column)
        except TreadleError as error:
            self.in_ui(self.complain, error)
            return
        self.in_ui(self._draw, column, plot)

    def _draw(self, column: str, plot: Plot) -> None:
        self.plot, self.plot_name = plot, f"trend-{column.removeprefix(AMONG_RUNS)}"
        self.query_one(TerminalPlot).show(plot)
