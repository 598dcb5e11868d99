"""What there is to see of a run below its counts, in tabs; only the one shown is filled."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import TabbedContent, TabPane
from textual.widgets.tabbed_content import ContentTabs

from treadle.progress.text import number
from treadle.tui.launching import Started
from treadle.tui.widgets import panes
from treadle.tui.widgets.about import about
from treadle.tui.widgets.lines import Entry, Lines
from treadle.tui.widgets.literal import visible_lines
from treadle.tui.widgets.log import LogPane
from treadle.tui.widgets.rows import Rows
from treadle.tui.widgets.watching import Sight, Stage

TABS = {
    "workers": "Workers",
    "failures": "Failures",
    "slowest": "Slowest",
    "log": "Log",
    "lanes": "Lanes",
    "output": "Output",
    "about": "About",
}


class RunPanes(Vertical):
    """
    The tabs. The pane that is shown has the keys; the bar with the titles never does.

    Args:
        started: The command that is watched, if it was started here.
    """

    DEFAULT_CSS = """
    RunPanes { height: 1fr; }
    RunPanes TabbedContent { height: 1fr; }
    RunPanes TabPane { padding: 0; height: 1fr; }
    """

    def __init__(self, started: Started | None) -> None:
        super().__init__()
        self._started = started
        self._is_opened = False  # the first tab has been chosen
        self._shown: dict[str, object] = {}
        self._sight = Sight()
        self._stage: Stage | None = None

    def compose(self) -> ComposeResult:
        """Put it together."""
        with TabbedContent(initial="workers"):
            with TabPane(TABS["workers"], id="workers"):
                yield Rows(panes.WORKERS, nothing="no worker has begun so far", id="worker-rows")
            with TabPane(TABS["failures"], id="failures"):
                yield Rows(panes.FAILURES, nothing="nothing has failed so far", id="failure-rows")
            with TabPane(TABS["slowest"], id="slowest"):
                yield Rows(panes.SLOWEST, nothing="no item has settled so far", id="slow-rows")
            with TabPane(TABS["log"], id="log"):
                nothing = "nothing was printed or logged so far"
                yield LogPane(nothing=nothing, id="log-lines")
            with TabPane(TABS["lanes"], id="lanes"):
                yield Rows(panes.LANES, nothing="no lane so far", id="lane-rows")
            with TabPane(TABS["output"], id="output"):
                yield Lines(nothing="it has written nothing so far", id="output-lines")
            with TabPane(TABS["about"], id="about"):
                yield Lines(nothing="no run so far", id="about-lines", grows=False)

    def on_mount(self) -> None:
        """Leave out what there may never be."""
        self.query_one(ContentTabs).can_focus = False
        self._tabs.hide_tab("lanes")
        if self._started is None:
            self._tabs.hide_tab("output")

    @property
    def _tabs(self) -> TabbedContent:
        return self.query_one(TabbedContent)

    def show(self, sight: Sight, stage: Stage | None) -> None:
        """Show *stage* of what was seen."""
        self._sight, self._stage = sight, stage
        if not self._is_opened:
            self._open_first(stage)
        self._show_labels(stage)
        self._fill()

    def add(self, sight: Sight) -> None:
        """Add what was said to the log."""
        said = [line for stage in sight.stages for line in stage.said]
        self.query_one(LogPane).add(sorted(said, key=lambda line: line.at))

    def _open_first(self, stage: Stage | None) -> None:
        """Begin where there is most to see."""
        self._is_opened = stage is not None or self._sight.code is not None
        if stage is None:
            name = "output" if self._started is not None else "about"
        elif stage.view.live:
            name = "workers"
        else:
            name = "failures" if stage.figures.kinds else "slowest"
        self._turn_to(name)

    def _show_labels(self, stage: Stage | None) -> None:
        failed = 0 if stage is None else stage.view.failed
        seats = 0 if stage is None else len(stage.view.seats)
        counts = {"workers": seats, "failures": failed}
        for name, count in counts.items():
            label = f"{TABS[name]} {number(count)}" if count else TABS[name]
            if self._shown.get(name) != label:
                self._shown[name] = label
                self._tabs.get_tab(name).label = label
        if stage is not None and stage.view.lanes and not self._shown.get("lanes"):
            self._shown["lanes"] = True
            self._tabs.show_tab("lanes")

    # ── the pane that is shown ──────────────────────────────────────────────────────────────

    def _fill(self) -> None:
        """Fill the pane that is seen; the others are filled when they are."""
        active, stage = self._tabs.active, self._stage
        if active == "output":
            self._fill_output()
        if stage is None:
            return
        view, figures = stage.view, stage.figures
        if active == "workers":
            found = panes.of_workers(view.seats)
            self.query_one("#worker-rows", Rows).replace(found, panes.no_workers(view))
        elif active == "failures" and self._is_new(active, figures.kinds):
            self.query_one("#failure-rows", Rows).replace(panes.of_failures(figures))
        elif active == "slowest" and self._is_new(active, figures.slowest):
            self.query_one("#slow-rows", Rows).replace(panes.of_slowest(figures))
        elif active == "lanes":
            self.query_one("#lane-rows", Rows).replace(panes.of_lanes(view.lanes))
        elif active == "about":
            entries = about(view, stage.facts, self._started)
            if self._is_new(active, entries):
                self.query_one("#about-lines", Lines).replace(entries)

    def _fill_output(self) -> None:
        if self._is_new("output", self._sight.output):
            entries = [Entry((), line) for line in visible_lines(self._sight.output)]
            self.query_one("#output-lines", Lines).replace(entries)

    def _is_new(self, name: str, what: object) -> bool:
        """Tell whether a pane shows something else; what it shows is noted."""
        is_same = self._shown.get(f"in {name}") == what
        self._shown[f"in {name}"] = what
        return not is_same

    @on(TabbedContent.TabActivated)
    def _changed_tab(self, event: TabbedContent.TabActivated) -> None:
        event.stop()
        self._fill()
        self.take_keys()

    def go_to(self, name: str) -> None:
        """Show another tab."""
        if self._tabs.get_tab(name).display:
            self._is_opened = True
            self._turn_to(name)

    def turn(self, way: int) -> None:
        """Show the tab beside."""
        names = [name for name in TABS if self._tabs.get_tab(name).display]
        self.go_to(names[(names.index(self._tabs.active) + way) % len(names)])

    def _turn_to(self, name: str) -> None:
        self._tabs.active = name
        self.take_keys()

    def take_keys(self) -> None:
        """Give the keys to the pane that is shown, unless something in it has them."""
        pane = self._tabs.get_pane(self._tabs.active)
        focused = self.screen.focused
        if focused is None or pane not in focused.ancestors:
            # At once: the next key is for what it will be pressed in front of.
            self.screen.set_focus(pane.query("Rows, Lines").first(Widget))
