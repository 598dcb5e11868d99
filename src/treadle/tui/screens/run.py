"""One run, or the runs of one command, while they go on and afterwards: watched and steered."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from treadle import UsageError
from treadle.progress.text import number
from treadle.report.again import Command, command_for
from treadle.tui.following import Follower
from treadle.tui.screens.failure import FailureScreen, KindScreen
from treadle.tui.session import Session
from treadle.tui.widgets import notice, stages
from treadle.tui.widgets.keys import Keys
from treadle.tui.widgets.literal import Piece, toned, visible
from treadle.tui.widgets.rows import Rows
from treadle.tui.widgets.run_panes import TABS, RunPanes
from treadle.tui.widgets.steering import STEERING, SteeringScreen
from treadle.tui.widgets.throughput import Throughput
from treadle.tui.widgets.watching import KindOfFailure, Sight, Stage, Watching

LOW = 18  # lines of a terminal in which there is no room for the bars


class RunScreen(SteeringScreen):
    """
    Watches a session, and steers it.

    Args:
        session: What to watch.
    """

    DEFAULT_CSS = """
    RunScreen #title { height: 1; background: $panel; padding: 0 1; text-style: bold; }
    RunScreen #notice { height: 1; padding: 0 1; }
    RunScreen.low Throughput { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "resume", "Resume"),
        Binding("t", "retry", "Retry failed"),
        Binding("escape", "app.back", "Back"),
        Binding("full_stop", "stage(1)", "Stages", key_display=", ."),
        Binding("right", "turn(1)", "Tabs", key_display="←→", tooltip="Next tab"),
        Binding("o", "report", "Report"),
        Binding("left", "turn(-1)", "Tab before", show=False),
        Binding("comma", "stage(-1)", "Stage before", key_display=",", show=False),
        *(
            Binding(str(place), f"tab({name!r})", title, show=False)
            for place, (name, title) in enumerate(TABS.items(), 1)
        ),
    ]

    class Looked(Message):
        """There is something new to see."""

        def __init__(self, sight: Sight | Exception) -> None:
            super().__init__()
            self.sight = sight

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._allowed: tuple[object, ...] = ()
        self._told: set[str] = set()
        self._shown: dict[str, object] = {}
        self._watching = Watching(session, self._tell, self._woken)

    # ── how it is put together ──────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield Static(visible(self._session.title), markup=False, id="title")
        yield stages.StageLines("stages")
        yield Throughput("throughput")
        yield Static(markup=False, id="notice")
        yield RunPanes(self._session.started)
        yield Keys()

    def on_mount(self) -> None:
        """Begin to watch."""
        self._watching.start()

    def on_unmount(self) -> None:
        """Cease to watch, without waiting for a look."""
        self._watching.end()

    def on_screen_suspend(self) -> None:
        """Look seldom while another screen is shown."""
        self._watching.is_seen = False

    def on_screen_resume(self) -> None:
        """Look now, and often again."""
        self._watching.is_seen = True
        self._woken.set()

    def on_resize(self, event: events.Resize) -> None:
        """Leave the bars out where there is no room for them."""
        self.set_class(event.size.height < LOW, "low")

    @property
    def _panes(self) -> RunPanes:
        return self.query_one(RunPanes)

    # ── watching ────────────────────────────────────────────────────────────────────────────

    def _tell(self, sight: Sight | Exception) -> None:
        self.post_message(self.Looked(sight))

    def on_run_screen_looked(self, event: Looked) -> None:
        """Show what was seen."""
        event.stop()
        if isinstance(event.sight, Exception):
            raise event.sight
        self._sight = event.sight
        for trouble in set(self._sight.troubles) - self._told:
            self._told.add(trouble)
            self.app.notify(visible(trouble), severity="error", timeout=10, markup=False)
        self._panes.add(self._sight)
        self._show()
        self._watching.go_on()

    def _show(self) -> None:
        stage = self._stage
        self._see_what_is_done()
        self._show_head(stage)
        self._panes.show(self._sight, stage)
        names = (*STEERING, "resume", "retry")
        allowed = (len(self._sight.stages), *(self.check_action(name, ()) for name in names))
        if allowed != self._allowed:
            self._allowed = allowed
            self.refresh_bindings()

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
                again=self._how_again(stage),
                retry=self._retrying is not None and not self._is_command_alive,
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

    def action_tab(self, name: str) -> None:
        """Show another tab, and give it the keys."""
        self._panes.go_to(name)

    def action_turn(self, way: int) -> None:
        """Show the tab beside."""
        self._panes.turn(way)

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

    def _how_again(self, stage: Stage) -> str:
        """Say how a run that was stopped is gone on with."""
        if self._is_command_alive:
            return "the command is ending"
        if self._resuming is not None:
            return "r resume"
        return f"{visible(stage.facts.get('program') or 'its program', 60)} can resume it"

    def action_resume(self) -> None:
        """Go on with it, in a command of its own."""
        self._launch(self._resuming)

    def action_retry(self) -> None:
        """Run again what has failed, in a command of its own."""
        self._launch(self._retrying)

    def _launch(self, command: Command | None) -> None:
        if command is not None:
            self._treadle.launch(command.argv, command.cwd, instead=True)

    def action_report(self) -> None:
        """Write the page about it, and show it."""
        stage = self._stage
        if stage is not None:
            self._treadle.make_report(stage.view.folder)

    @property
    def _treadle(self) -> Any:
        """The application, by what it does for screens; its class is above us."""
        return self.app
