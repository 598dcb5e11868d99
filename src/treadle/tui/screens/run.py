"""One run, or the runs of one command, while they go on and afterwards: watched and steered."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Footer, Static, TabbedContent, TabPane
from textual.worker import get_current_worker

from treadle import UsageError
from treadle.progress.text import number
from treadle.tui.following import Follower, Session
from treadle.tui.resuming import Command, command_for
from treadle.tui.screens.failure import FailureScreen, KindScreen
from treadle.tui.widgets import notice, panes, stages
from treadle.tui.widgets.about import about
from treadle.tui.widgets.lines import Entry, Lines
from treadle.tui.widgets.literal import Piece, toned, visible, visible_lines
from treadle.tui.widgets.log import LogPane
from treadle.tui.widgets.rows import Rows
from treadle.tui.widgets.steering import STEERING, SteeringScreen
from treadle.tui.widgets.throughput import Throughput
from treadle.tui.widgets.watching import KindOfFailure, Sight, Stage, Watcher

EVERY = 0.25  # seconds between two looks at what goes on
SELDOM = 1.0  # ... at what has ended, and may be resumed elsewhere
LOW = 18  # lines of a terminal in which there is no room for the bars

TABS = {
    "workers": "Workers",
    "failures": "Failures",
    "slowest": "Slowest",
    "log": "Log",
    "lanes": "Lanes",
    "output": "Output",
    "about": "About",
}


class RunScreen(SteeringScreen):
    """
    Watches a session, and steers it.

    Args:
        session: What to watch.
    """

    DEFAULT_CSS = """
    RunScreen #title { height: 1; background: $panel; padding: 0 1; text-style: bold; }
    RunScreen #notice { height: 1; padding: 0 1; }
    RunScreen TabbedContent { height: 1fr; }
    RunScreen TabPane { padding: 0; height: 1fr; }
    RunScreen.low Throughput { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "resume", "Resume"),
        Binding("t", "retry", "Retry failed"),
        Binding("o", "report", "Report"),
        Binding("escape", "app.back", "Back"),
        Binding("full_stop", "stage(1)", "Stages", key_display=", ."),
        Binding("left", "turn(-1)", "Tab before", show=False),
        Binding("right", "turn(1)", "Next tab", show=False),
        Binding("comma", "stage(-1)", "Stage before", key_display=",", show=False),
        *(
            Binding(str(place), f"tab({name!r})", title, show=False)
            for place, (name, title) in enumerate(TABS.items(), 1)
        ),
    ]

    class Looked(Message):
        """There is something new to see."""

        def __init__(self, sight: Sight) -> None:
            super().__init__()
            self.sight = sight

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._is_opened = False  # the first tab has been chosen
        self._allowed: tuple[object, ...] = ()
        self._told: set[str] = set()
        self._shown: dict[str, object] = {}
        self._taken = threading.Event()  # what was seen last has been drawn

    # ── how it is put together ──────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield Static(visible(self._session.title), markup=False, id="title")
        yield stages.StageLines("stages")
        yield Throughput("throughput")
        yield Static(markup=False, id="notice")
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
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to watch."""
        self._tabs.hide_tab("lanes")
        if self._session.started is None:
            self._tabs.hide_tab("output")
        self._watch()

    def on_unmount(self) -> None:
        """Let the thread end that watches."""
        self._woken.set()
        self._taken.set()

    def on_resize(self, event: events.Resize) -> None:
        """Leave the bars out where there is no room for them."""
        self.set_class(event.size.height < LOW, "low")

    @property
    def _tabs(self) -> TabbedContent:
        return self.query_one(TabbedContent)

    # ── watching ────────────────────────────────────────────────────────────────────────────

    @work(thread=True, exclusive=True, group="watch")
    def _watch(self) -> None:
        worker = get_current_worker()
        watcher = Watcher(self._session)
        try:
            while not worker.is_cancelled and self.is_attached:
                self._taken.clear()
                sight = watcher.look()
                self.post_message(self.Looked(sight))
                while not self._taken.wait(EVERY):  # never ahead of what is drawn
                    if worker.is_cancelled:
                        return
                self._woken.wait(EVERY if self._is_going_on(sight) else SELDOM)
                self._woken.clear()
        finally:
            watcher.close()

    def _is_going_on(self, sight: Sight) -> bool:
        return sight.live or (self._session.started is not None and sight.code is None)

    def on_run_screen_looked(self, event: Looked) -> None:
        """Show what was seen."""
        event.stop()
        self._sight = event.sight
        for trouble in set(self._sight.troubles) - self._told:
            self._told.add(trouble)
            self.app.notify(visible(trouble), severity="error", timeout=10, markup=False)
        said = [line for stage in self._sight.stages for line in stage.said]
        self.query_one(LogPane).add(sorted(said, key=lambda line: line.at))
        self._show()
        self._taken.set()

    def _show(self) -> None:
        stage = self._stage
        self._see_what_is_done()
        if not self._is_opened:
            self._open_first_tab(stage)
        self._show_head(stage)
        self._show_labels(stage)
        self._show_pane()
        names = (*STEERING, "resume", "retry")
        allowed = (len(self._sight.stages), *(self.check_action(name, ()) for name in names))
        if allowed != self._allowed:
            self._allowed = allowed
            self.refresh_bindings()

    def _open_first_tab(self, stage: Stage | None) -> None:
        """Begin where there is most to see."""
        self._is_opened = stage is not None or self._sight.code is not None
        if stage is None:
            name = "output" if self._session.started is not None else "about"
        elif stage.view.live:
            name = "workers"
        else:
            name = "failures" if stage.figures.kinds else "slowest"
        self._turn_to(name)

    def _show_head(self, stage: Stage | None) -> None:
        views = [each.view for each in self._sight.stages]
        names = stages.names_of(views)
        at = self._sight.stages.index(stage) if stage is not None else 0
        lines = self.query_one(stages.StageLines)
        lines.show(views, names, at)
        started = self._session.started
        if stage is None:
            said = self._said_of_none()
            title = visible(self._session.title)
        else:
            view, figures = stage.view, stage.figures
            self.query_one(Throughput).show(figures.bins, figures.width, figures.until)
            said = notice.of_run(
                view,
                asked=self._asked.words if self._asked else "",
                again=self._resuming is not None,
                retry=self._retrying is not None,
                program=str(stage.facts.get("program") or "the program that made it"),
            )
            said = (said[0] + self._said_of_others(stage), said[1])
            sign = stages.symbol(view)[0]
            what = started.line if started is not None else f"{view.name}  {view.function}"
            title = f"{sign} {stages.word(view)} · {visible(what)} · {view.id}"
        self._put("#title", title)
        self._put("#notice", toned(self.app, [said]))

    def _said_of_others(self, stage: Stage) -> str:
        """Say that another stage has failures: those of this one are not all there are."""
        if self._sight.live:
            return ""
        others = sum(each.view.failed for each in self._sight.stages if each is not stage)
        return f" · {number(others)} failed in another stage: , and . show it" if others else ""

    def _said_of_none(self) -> Piece:
        """Say why there is no run to be seen."""
        if self._sight.troubles:
            return visible(self._sight.troubles[0]), "bad"
        if self._session.started is None:
            return "reading the record", "dim"
        return notice.of_command(self._sight.code)

    def _put(self, where: str, what: Any) -> None:
        if self._shown.get(where) != what:
            self._shown[where] = what
            self.query_one(where, Static).update(what)

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

    def _show_pane(self) -> None:
        """Fill the pane that is seen; the others are filled when they are."""
        active, stage = self._tabs.active, self._stage
        if active == "output":
            self._show_output()
        if stage is None:
            return
        view, figures = stage.view, stage.figures
        if active == "workers":
            found = panes.of_workers(view.seats)
            self.query_one("#worker-rows", Rows).replace(found, panes.no_workers(view))
        elif active == "failures":
            self.query_one("#failure-rows", Rows).replace(panes.of_failures(figures))
        elif active == "slowest":
            self.query_one("#slow-rows", Rows).replace(panes.of_slowest(figures))
        elif active == "lanes":
            self.query_one("#lane-rows", Rows).replace(panes.of_lanes(view.lanes))
        elif active == "about":
            entries = about(view, stage.facts, self._session.started)
            if self._shown.get("about") != entries:
                self._shown["about"] = entries
                self.query_one("#about-lines", Lines).replace(entries)

    def _show_output(self) -> None:
        if self._shown.get("output") != self._sight.output:
            self._shown["output"] = self._sight.output
            entries = [Entry((), line) for line in visible_lines(self._sight.output)]
            self.query_one("#output-lines", Lines).replace(entries)

    @on(TabbedContent.TabActivated)
    def _changed_tab(self, event: TabbedContent.TabActivated) -> None:
        event.stop()
        self._show_pane()

    def action_tab(self, name: str) -> None:
        """Show another tab, and give it the keys."""
        if self._tabs.get_tab(name).display:
            self._is_opened = True
            self._turn_to(name)

    def action_turn(self, way: int) -> None:
        """Show the tab beside."""
        names = [name for name in TABS if self._tabs.get_tab(name).display]
        self.action_tab(names[(names.index(self._tabs.active) + way) % len(names)])

    def _turn_to(self, name: str) -> None:
        self._tabs.active = name
        for widget in self._tabs.get_pane(name).query("Rows, Lines"):
            widget.focus()

    def action_stage(self, way: int) -> None:
        """Look at another stage."""
        stage = self._stage
        if stage is not None:
            self._look_at(self._sight.stages.index(stage) + way)

    @on(stages.StageLines.Chosen)
    def _clicked(self, event: stages.StageLines.Chosen) -> None:
        event.stop()
        self._look_at(event.place)

    def _look_at(self, place: int) -> None:
        last = len(self._sight.stages) - 1
        self._at = max(0, min(place, last))
        if self._at == last:
            self._at = None  # and at the next one, when it begins
        self._show()

    # ── one level down ──────────────────────────────────────────────────────────────────────

    @on(Rows.Chosen)
    def _open(self, event: Rows.Chosen) -> None:
        event.stop()
        stage, rows = self._stage, event.control
        if stage is None or not isinstance(rows, Rows) or rows.chosen is None:
            return
        if rows.id == "failure-rows":
            self._open_kind(stage, str(rows.chosen))
        elif rows.id == "slow-rows":
            key = rows.chosen
            assert isinstance(key, int | str)
            self.app.push_screen(FailureScreen(stage.follower, key))

    def _open_kind(self, stage: Stage, title: str) -> None:
        kind = next((each for each in stage.figures.kinds if each.title == title), None)
        if kind is not None:
            self._push_kind(stage.follower, kind)

    def _push_kind(self, follower: Follower, kind: KindOfFailure) -> None:
        if kind.count == 1 and kind.keys:
            self.app.push_screen(FailureScreen(follower, kind.keys[0]))
        else:
            self.app.push_screen(KindScreen(follower, kind))

    # ── what can be done ──────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Tell what can be done now: False hides a key, None greys it."""
        stage = self._stage
        if action in STEERING:
            return self._can_steer(action)
        if action in ("resume", "retry"):
            if stage is None or stage.view.live or self._is_command_alive:
                return False
            found = self._resuming if action == "resume" else self._retrying
            useful = stage.view.state != "finished" if action == "resume" else stage.view.failed > 0
            return bool(found and useful)
        if action == "report":
            return True if stage is not None else None
        if action == "stage":
            return len(self._sight.stages) > 1
        return True

    @property
    def _resuming(self) -> Command | None:
        started = self._session.started
        again = Command(started.argv, started.cwd) if started else None
        return self._command() or again

    @property
    def _retrying(self) -> Command | None:
        return self._command(retry=True)

    def _command(self, *, retry: bool = False) -> Command | None:
        stage = self._stage
        if stage is None:
            return None
        try:
            return command_for(stage.view.folder, stage.facts, retry=retry)
        except UsageError:  # only the program that made it can; the notice says which
            return None

    def action_resume(self) -> None:
        """Go on with it, in a command of its own."""
        self._launch(self._resuming)

    def action_retry(self) -> None:
        """Run again what has failed, in a command of its own."""
        self._launch(self._retrying)

    def _launch(self, command: Command | None) -> None:
        if command is not None:
            self._treadle.launch(command.argv, command.cwd)

    def action_report(self) -> None:
        """Write the page about it, and show it."""
        stage = self._stage
        if stage is not None:
            self._treadle.make_report(stage.view.folder)

    @property
    def _treadle(self) -> Any:
        """The application, by what it does for screens; its class is above us."""
        return self.app
