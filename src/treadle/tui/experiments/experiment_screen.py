"""One experiment: its lanes while it runs, and rows and models side by side."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

import treadle
from treadle import UsageError
from treadle.prompts.exporting import export, report
from treadle.prompts.places import Place
from treadle.report.again import command_for
from treadle.tui.app_screen import AppScreen
from treadle.tui.experiments import words
from treadle.tui.experiments.answers import Answers, Line
from treadle.tui.experiments.answers_screen import AnswersScreen
from treadle.tui.experiments.reader import Reader
from treadle.tui.following import Follower, LaneView
from treadle.tui.widgets.about_path import AboutPath
from treadle.tui.widgets.grid import Column, Grid
from treadle.tui.widgets.literal import visible
from treadle.tui.widgets.searching import Searching

_OFTEN = 0.5  # seconds between two looks at a run that goes on
_SELDOM = 2.0  # seconds between two looks at one that does not: it may be resumed elsewhere
_SHARE = 8  # reading takes one part in so many of the time
_WINDOW = 60.0  # seconds over which rates are taken
_LANES = 6  # lines of lanes that are in sight


class ExperimentScreen(AppScreen):
    """
    An experiment: lanes, and the answers of all models to each row.

    Args:
        place: Where it is kept.
    """

    DEFAULT_CSS = """
    ExperimentScreen #lanes { height: auto; max-height: 7; overflow-x: hidden; }
    ExperimentScreen #how { padding: 0 1; height: 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("f", "failures", "Failures", tooltip="only rows in which something has failed"),
        Binding("s", "sort", "Sort", tooltip="sort: row, text, failures, slowest, dearest"),
        Binding("w", "watch", "Watch", tooltip="the run: pause, cancel, workers, log"),
        Binding("R", "report", "Report", tooltip="write the page, and open it"),
        Binding("e", "export", "Export", tooltip="write the results file anew"),
        Binding("a", "again", "Ask again", tooltip="ask what is missing, or has failed"),
        Binding("r,f5", "refresh", "Refresh", show=False),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._reader = Reader("treadle-answers")
        self._answers: Answers | None = None
        self._lines: list[Line] = []
        self._sort = words.SORTS[0]
        self._failed_only = False
        self._lanes: tuple[LaneView, ...] = ()
        self._counts: deque[tuple[float, dict[str, int]]] = deque()
        self._soon = asyncio.Event()

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield AboutPath("reading …", "", id="about")
        yield Grid(id="lanes")
        yield Searching("text in rows, answers, errors", "#rows")
        yield Grid(id="rows")
        yield Static("", id="how", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#rows").focus()
        self._follow()

    async def on_unmount(self) -> None:
        """Let go of the record."""
        self.workers.cancel_node(self)
        await self._reader.close(self._close)

    def _close(self) -> None:
        answers, self._answers = self._answers, None
        if answers is not None:
            answers.close()

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    @work(exclusive=True, group="answers")
    async def _follow(self) -> None:
        try:
            while True:
                began = time.monotonic()
                answers, changed, is_live = await self._reader(self._refreshed)
                if changed:
                    self._show(answers)
                if is_live:
                    self._watch_lanes(answers.run.folder)
                elif self._lanes:
                    self._lanes = ()
                    self._show_lanes()
                took = time.monotonic() - began
                self._soon.clear()
                with contextlib.suppress(TimeoutError):
                    wait = max(_OFTEN if is_live else _SELDOM, took * _SHARE)
                    await asyncio.wait_for(self._soon.wait(), wait)
        except treadle.TreadleError as error:
            self.query_one("#about", AboutPath).tell(error.message, error.hint or "")
            self.ui.complain(error)

    def _refreshed(self) -> tuple[Answers, bool, bool]:
        """Read what is new; return it, whether there is any, and whether the run goes on."""
        newest = max(
            (path.stem for path in self._place.folder.glob("experiment-*.json")), default=""
        )
        if self._answers is not None and newest != f"experiment-{self._answers.run.id}":
            self._close()  # begun anew
        if self._answers is None:
            self._answers = Answers(self._place)
        changed = self._answers.refresh()
        return self._answers, changed, self._answers.run.state == "running"

    def _watch_lanes(self, folder: Path) -> None:
        if not any(each.group == "lanes" and not each.is_finished for each in self.workers):
            self._look(folder)

    @work(group="lanes")
    async def _look(self, folder: Path) -> None:
        """Look how the lanes are for as long as the run goes on."""
        reader = Reader("treadle-lanes")
        follower: Follower | None = None
        try:
            follower = await reader(Follower, folder)
            while (view := await reader(follower.look)).live:
                if view.lanes != self._lanes:
                    self._lanes = view.lanes
                    self._show_lanes()
                await asyncio.sleep(_OFTEN)
        except treadle.TreadleError as error:
            self.ui.complain(error)
        finally:
            await asyncio.shield(reader.close(None if follower is None else follower.close))
        self._soon.set()

    # ── showing ─────────────────────────────────────────────────────────────────────────────

    def _show(self, answers: Answers) -> None:
        self.query_one("#about", AboutPath).tell(answers.title, words.in_short(answers))
        now = time.monotonic()
        done = {group.name: group.requests for group in answers.summary.rows()}
        self._counts.append((now, done))
        while now - self._counts[0][0] > _WINDOW:
            self._counts.popleft()
        self._show_lanes()
        self._show_lines()

    def _show_lanes(self) -> None:
        if self._answers is None:
            return
        lines = words.lane_lines(self._answers.summary.rows(), self._lanes, self._rates())
        columns = words.lane_columns(lines, self.size.width)
        grid = self.query_one("#lanes", Grid)
        grid.styles.height = min(max(len(lines), 1), _LANES) + 1
        grid.display = bool(lines)
        grid.show(columns, len(lines), lambda row: words.lane_cells(lines[row], columns))

    def _rates(self) -> dict[str, float]:
        if len(self._counts) < 2:
            return {}
        (began, before), (ended, after) = self._counts[0], self._counts[-1]
        span = max(ended - began, 1.0)
        return {name: 60 * (after[name] - before.get(name, 0)) / span for name in after}

    def _show_lines(self) -> None:
        answers = self._answers
        if answers is None:
            return
        grid = self.query_one("#rows", Grid)
        here = self._lines[grid.cursor] if grid.cursor < len(self._lines) else None
        holding = self.query_one(Searching).value
        self._lines = lines = words.ordered(
            answers.lines, holding=holding, failed=self._failed_only, sort=self._sort
        )
        at = next((place for place, line in enumerate(lines) if line is here), 0)
        columns = words.columns_of(answers) or [Column("", 1)]
        grid.show(
            columns,
            len(lines),
            lambda row: words.cells_of(answers, lines[row]),
            cursor=at,
            fixed=1,
        )
        parts = [f"{len(lines):,} of {len(answers.lines):,} rows", f"sorted: {self._sort_title()}"]
        parts += [f"with {holding!r}"] if holding else []
        parts += ["only failures"] if self._failed_only else []
        self.query_one("#how", Static).update(" · ".join(parts))

    def _sort_title(self) -> str:
        if self._sort in words.SORTS or self._answers is None:
            return self._sort
        lane, model = self._answers.models[int(self._sort.rpartition(" ")[2])]
        return visible(f"answers of {lane}/{model}")

    def on_resize(self) -> None:
        """Leave out of the lanes what there is no room for."""
        self._show_lanes()

    # ── keys ────────────────────────────────────────────────────────────────────────────────

    @on(Grid.Chosen, "#rows")
    def _open(self, event: Grid.Chosen) -> None:
        if event.row < len(self._lines):
            self.app.push_screen(AnswersScreen(self._lines, event.row, self._whole))

    async def _whole(self, line: Line) -> Any:
        answers = self._answers
        return [] if answers is None else await self._reader(answers.whole, line)

    @on(Grid.Headed, "#rows")
    def _sort_by(self, event: Grid.Headed) -> None:
        answers = self._answers
        if answers is None:
            return
        models = event.column - (len(words.columns_of(answers)) - len(answers.models))
        self._sort = f"model {models}" if models >= 0 else words.SORTS[min(event.column, 1)]
        self._show_lines()

    @on(Searching.Changed)
    def _searched(self) -> None:
        self._show_lines()

    def action_search(self) -> None:
        """Take a text that rows have to hold."""
        self.query_one(Searching).begin()

    def action_leave(self) -> None:
        """End the search; without one, go back."""
        if not self.query_one(Searching).end():
            self.app.pop_screen()

    def action_failures(self) -> None:
        """Show only rows in which something has failed, or all."""
        self._failed_only = not self._failed_only
        self._show_lines()

    def action_sort(self) -> None:
        """Sort in the next way."""
        at = words.SORTS.index(self._sort) if self._sort in words.SORTS else -1
        self._sort = words.SORTS[(at + 1) % len(words.SORTS)]
        self._show_lines()

    def action_refresh(self) -> None:
        """Read what is new at once."""
        self._soon.set()

    def action_watch(self) -> None:
        """Show the run."""
        if self._answers is not None:
            self.ui.show_run(self._answers.run.folder)

    def action_again(self) -> None:
        """Start the command again, which asks what is missing."""
        if self._answers is None:
            return
        run = self._answers.run
        try:
            command = command_for(run.folder, run.record.facts)
        except UsageError as error:
            self.ui.complain(error)
            return
        self.ui.launch(command.argv, command.cwd)

    @work(group="writing", exclusive=True)
    async def action_report(self) -> None:
        """Write the page, and open it."""
        await self._write(report, "page")

    @work(group="writing", exclusive=True)
    async def action_export(self) -> None:
        """Write the results anew."""
        await self._write(export, "results")

    async def _write(self, how: Any, what: str) -> None:
        self.notify(f"writing the {what} …", timeout=2, markup=False)
        try:
            written = await self._reader(how, self._place)
        except treadle.TreadleError as error:
            self.ui.complain(error)
            return
        if what == "page":
            self.ui.show_file(Path(written.place))
        else:
            told = f"{written.rows:,} rows in {written.place}"
            self.notify(told, title="written", timeout=10, markup=False)
