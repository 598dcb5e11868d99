"""One measurement: its plot, what was set, its segments, what is odd about it, its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static, TabbedContent, TabPane, Tabs

from treadle import TreadleError
from treadle.tui.laboratory import shown
from treadle.tui.laboratory.history import Laboratory
from treadle.tui.laboratory.looking import LabPage
from treadle.tui.laboratory.measured import Measured, status_said, told
from treadle.tui.laboratory.terminal_plot import TerminalPlot

if TYPE_CHECKING:
    from treadle.lab.plotting import Kind, Staged

_TABS = ("plot", "parameters", "segments", "notes", "metrics")


class LabRunScreen(LabPage):
    """
    One measurement: its plot, what was set, its segments, what is odd about it, its metrics.

    Args:
        laboratory: Where it is from.
        run_ids: The runs that left and right go through.
        at: Which of them is shown.
    """

    DEFAULT_CSS = """
    LabRunScreen > #heading { height: auto; padding: 0 1; background: $panel; text-style: bold; }
    LabRunScreen > #said { height: auto; padding: 0 1; color: $text-warning; }
    LabRunScreen TabbedContent { height: 1fr; }
    LabRunScreen TabPane { padding: 0; }
    LabRunScreen VerticalScroll { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Previous", priority=True),
        Binding("right", "step(1)", "Next", priority=True),
        Binding("1", "tab('plot')", "Plot", show=False),
        Binding("2", "tab('parameters')", "Parameters", show=False),
        Binding("3", "tab('segments')", "Segments", show=False),
        Binding("4", "tab('notes')", "Notes", show=False),
        Binding("5", "tab('metrics')", "Metrics", show=False),
        Binding("k", "next_kind", "Kind"),
        Binding("v", "view_plot", "View"),
        Binding("s", "save_plot", "Save"),
        Binding("escape", "app.back", "Back"),
    ]

    def __init__(self, laboratory: Laboratory, run_ids: Sequence[str], at: int = 0) -> None:
        super().__init__()
        self._laboratory = laboratory
        self._run_ids = list(run_ids)
        self._at = at
        self._staged: Staged | None = None
        self._kinds: list[Kind] = []
        self._kind = 0

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield Static("", id="heading", markup=False)
        with TabbedContent(id="tabs"):
            with TabPane("1 Plot", id="plot"):
                yield TerminalPlot()
            for number, name in enumerate(_TABS[1:], start=2):
                with TabPane(f"{number} {name.capitalize()}", id=name), VerticalScroll():
                    yield Static("", id=f"{name}-text", markup=False)
        yield Static("", id="said", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Show the first run."""
        self.query_one(Tabs).can_focus = False  # left and right go from run to run
        self._show()

    @property
    def run_id(self) -> str:
        """The run that is shown."""
        return self._run_ids[self._at]

    def action_step(self, by: int) -> None:
        """Show the next run, or the one before."""
        at = self._at + by
        if 0 <= at < len(self._run_ids):
            self._at = at
            self._show()
        else:
            self.app.notify("there is none before" if by < 0 else "this is the last one")

    def action_tab(self, name: str) -> None:
        """Show another tab."""
        self.query_one("#tabs", TabbedContent).active = name

    def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        """Let the keys scroll what is seen."""
        for scroll in event.pane.query(VerticalScroll):
            scroll.focus()
            break

    def action_next_kind(self) -> None:
        """Show the next kind of plot that the run has."""
        if len(self._kinds) < 2:
            self.app.notify("this run has one kind of plot only")
            return
        self._kind = (self._kind + 1) % len(self._kinds)
        self._draw(self._staged, self._kinds[self._kind])

    def _show(self) -> None:
        where = f"{self._at + 1:,} of {len(self._run_ids):,}"
        self.query_one("#heading", Static).update(Text(f"{self.run_id}  {where}  …"))
        self._load(self.run_id)

    @work(thread=True, exclusive=True, group="run")
    def _load(self, run_id: str) -> None:
        """Read the run, which may be on a slow disk."""
        try:
            staged = self._laboratory.load([run_id])[0]
            segments = self._laboratory.segments_of(run_id)
            metrics = _metrics(self._laboratory.measured, run_id)
        except TreadleError as error:
            self.in_ui(self._cannot, run_id, error)
            return
        self.in_ui(self._loaded, staged, staged.kinds(), segments, metrics)

    def _cannot(self, run_id: str, error: TreadleError) -> None:
        if run_id == self.run_id:
            self.plot = None
            self.query_one(TerminalPlot).show(None)
            self.query_one("#heading", Static).update(Text(run_id))
            self.complain(error)

    def _loaded(
        self, staged: Staged, kinds: list[Kind], segments: list[dict[str, Any]], metrics: Text
    ) -> None:
        if staged.run_id != self.run_id:
            return  # somebody went on while it was read
        self._staged, self._kinds, self._kind = staged, kinds, 0
        facts = staged.facts
        where = f"  ({self._at + 1:,} of {len(self._run_ids):,})"
        self.query_one("#heading", Static).update(Text(shown.heading(facts) + where))
        self.query_one("#parameters-text", Static).update(_pages(facts))
        self.query_one("#segments-text", Static).update(_segments(segments))
        self.query_one("#notes-text", Static).update(_notes(facts))
        self.query_one("#metrics-text", Static).update(metrics)
        said = shown.remarks(facts)
        text = said if isinstance(said, str) else said[0]
        self.query_one("#said", Static).update(Text(f"! {text}" if text else ""))
        self.query_one("#said", Static).display = bool(text)
        if kinds:
            self._draw(staged, kinds[0])
        else:
            self.plot = None
            self.query_one(TerminalPlot).show(None)
            self.app.notify("this run has no two columns of numbers: nothing to draw")

    def _draw(self, staged: Staged | None, kind: Kind) -> None:
        from treadle.lab import plotting

        if staged is None:
            return
        try:
            plot = plotting.plot_of([staged], kind)
        except TreadleError as error:
            self.complain(error)
            return
        self.plot, self.plot_name = plot, kind.name
        self.query_one(TerminalPlot).show(plot, titled=False)


def _pages(facts: Any) -> Text:
    text = Text()
    for title, pairs in shown.pages(facts):
        _append(text, title, pairs)
    return text


def _append(text: Text, title: str, pairs: Sequence[tuple[str, str]]) -> None:
    text.append(f"{title}\n", style="bold")
    wide = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        text.append(f"  {name:<{wide}}  ", style="dim")
        text.append(f"{value}\n")
    text.append("\n")


def _segments(segments: list[dict[str, Any]]) -> Text:
    if not segments:
        return Text("no segments: it is no sweep, or was not segmented (treadle lab segment)")
    told = Text(
        f"{'':>3} {'type':<17} {'direction':<11} {'from':>10} {'to':>10} {'rows':>7}\n", "bold"
    )
    for each in segments:
        start, end = (f"{round(each[name], 6) + 0.0:.6g} V" for name in ("v_start", "v_end"))
        told.append(
            f"{each['segment_id']:>3} {each['type']:<17} {each['direction']:<11} "
            f"{start:>10} {end:>10} {each['points']:>7,}\n",
            "not bold",
        )
    flags = sorted({flag for each in segments for flag in each["flags"] or ()})
    told.append(f"\nmethod {segments[0]['method']}", "not bold")
    if flags:
        told.append(f"\nflags  {' '.join(flags)}", "not bold")
    return told


def _notes(facts: Any) -> Text:
    lines = [f"flag: {flag}" for flag in facts["flags"] or ()]
    lines += [str(note) for note in facts["notes"] or ()]
    if facts.get("information"):
        lines += ["", f"information: {facts['information']}"]
    return Text("\n".join(lines) or "nothing odd about it")


def _metrics(measured: Measured | None, run_id: str) -> Text:
    if measured is None:
        return Text("no metrics have been made of these runs (treadle lab metrics)")
    records = measured.of_run(run_id)
    if not records:
        return Text("no metric is of this procedure, or of runs as new as this one")
    text = Text()
    if valued := told([each for each in records if each["status"] == "ok"]):
        wide = max(len(value) for _, value, _ in valued)
        _append(
            text, "Metrics", [(name, f"{value:<{wide}}  {rest}") for name, value, rest in valued]
        )
    without = [each for each in records if each["status"] != "ok"]
    if without:
        reasons = [
            (each["metric"], f"{status_said(each['status'])}: {each['reason']}") for each in without
        ]
        _append(text, "Without a value", reasons)
    for hint in dict.fromkeys(each["hint"] for each in without if each["hint"]):
        text.append(f"hint: {hint}\n")
    return text
