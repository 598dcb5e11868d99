"""The application: which screen is shown, what all of them can ask for, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

import treadle
from treadle import TreadleError
from treadle.ledger.reader import Record
from treadle.report import opening
from treadle.tui.dialogs.confirm import ConfirmDialog
from treadle.tui.keys import KeysInTurn
from treadle.tui.launching import Started, start
from treadle.tui.remembered import Remembered
from treadle.tui.screens.help import HelpScreen
from treadle.tui.session import Session

_GRACE = 10.0  # seconds for commands to end when the UI is left


class TreadleApp(KeysInTurn[int]):
    """
    The terminal UI of Treadle.

    Args:
        runs_dirs: Folders of runs to show beside those that are remembered.
        remembered: What was kept from last time; default: what is on disk.

    Attributes:
        runs_dirs: As given.
        remembered: As given, kept when it changes.
        started: Commands that were started here.
    """

    TITLE = "treadle"
    CSS_PATH = "styles.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, system=True, priority=True),
        Binding("ctrl+c", "leave", "Quit", show=False, system=True),
        Binding("question_mark", "show_keys", "Help", key_display="?"),
        Binding("escape", "back", "Back", show=False),
    ]

    def __init__(
        self, runs_dirs: Sequence[Path] = (), remembered: Remembered | None = None
    ) -> None:
        super().__init__()
        self.runs_dirs = list(runs_dirs)
        self.remembered = Remembered.load() if remembered is None else remembered
        self.started: list[Started] = []
        self._is_leaving = False
        self._server = 0

    def get_default_screen(self) -> Screen[Any]:
        """Return the first screen."""
        from treadle.tui.screens.home import HomeScreen

        return HomeScreen()

    def on_mount(self) -> None:
        """Begin as it was left."""
        with suppress(NotImplementedError, RuntimeError, ValueError):  # no such signal, or a thread
            # Else SIGTERM would leave the terminal as the UI has it.
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit, 0)
        if self.remembered.theme in self.available_themes:
            self.theme = str(self.remembered.theme)
        self.theme_changed_signal.subscribe(self, lambda theme: self._keep_theme(theme.name))
        if self.is_web:
            self._server = os.getppid()
            self.set_interval(1.0, self._end_with_the_server)
        if self.remembered.damaged is not None:
            self.complain(
                "what was remembered from last time could not be read",
                hint=f"it was put aside as {self.remembered.damaged}",
            )

    def _end_with_the_server(self) -> None:
        """End when the server behind --web was killed: nobody is left to look at us."""
        if os.getppid() != self._server:
            self.exit(0)

    # ── going somewhere ─────────────────────────────────────────────────────────────────────

    def show_run(self, folder: Path) -> None:
        """Show a recorded run, live or old."""
        from treadle.tui.screens.run import RunScreen

        self.push_screen(RunScreen(Session.of_run(folder)))

    def show_started(self, started: Started, *, instead: bool = False) -> None:
        """Show a command that was started here, on top of the screen that is shown or *instead*."""
        from treadle.tui.screens.run import RunScreen

        show = self.switch_screen if instead else self.push_screen
        show(RunScreen(Session.of_started(started)))

    def show_new(
        self, command: tuple[str, ...] | None = None, values: Mapping[str, Any] | None = None
    ) -> None:
        """Show the form of a command, filled in with *values* or the last ones."""
        from treadle.tui.screens.new import NewRunScreen

        self.push_screen(NewRunScreen(command, None if values is None else dict(values)))

    def show_lab(self, root: Path | None = None) -> None:
        """Show the laboratory."""
        from treadle.tui.screens.lab import LabScreen

        self.push_screen(LabScreen(root))

    def show_prompts(self, path: Path | None = None) -> None:
        """Show LLM experiments."""
        from treadle.tui.screens.prompts import PromptsScreen

        self.push_screen(PromptsScreen(path))

    def show_code(self, path: Path | None = None) -> None:
        """Show source code in chunks."""
        from treadle.tui.screens.code import CodeScreen

        self.push_screen(CodeScreen(path))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer the screens in the command palette, beside what Textual has there."""
        yield SystemCommand("New run", "Start map, lab, prompts or code", self.show_new)
        yield SystemCommand("Laboratory", "Chips, their measurements, plots", self.show_lab)
        yield SystemCommand("Prompts", "LLM experiments and their answers", self.show_prompts)
        yield SystemCommand("Code", "Source code in chunks", self.show_code)
        yield SystemCommand("Help", "What the keys do here", self.action_show_keys)
        yield from super().get_system_commands(screen)

    def action_show_keys(self) -> None:
        """Say what the keys do."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    async def action_back(self) -> None:
        """Go back to the screen before."""
        if len(self.screen_stack) > 1:
            await self.pop_screen()

    # ── what screens ask for ────────────────────────────────────────────────────────────────

    def launch(
        self, argv: Sequence[str], cwd: Path | None = None, *, instead: bool = False
    ) -> Started | None:
        """
        Start a command and show it.

        Args:
            argv: What stands after ``treadle``.
            cwd: Where; default: here.
            instead: In the place of the screen that is shown, not on top of it.

        Returns:
            The command; None, after saying why, when it cannot be started.
        """
        try:
            started = start(argv, cwd)
        except TreadleError as error:
            self.complain(error)
            return None
        self.started.append(started)
        self.show_started(started, instead=instead)
        return started

    def complain(self, error: TreadleError | str, hint: str | None = None) -> None:
        """Say what is wrong, and what to do about it."""
        message = error if isinstance(error, str) else error.message
        hint = hint if isinstance(error, str) else error.hint
        text = f"{message}\n{hint}" if hint else message
        self.notify(text, severity="error", timeout=10, markup=False)

    def keep(self) -> None:
        """Save what is remembered."""
        if why := self.remembered.save():
            self.complain(
                f"the last values cannot be kept: {why}", "TREADLE_STATE_DIR names a place"
            )

    def make_report(self, folder: Path) -> None:
        """Write the page about a run, and show it where that is possible."""
        self.notify("writing the report …", timeout=2)
        self._make_report(folder)

    @work(thread=True, group="report")
    def _make_report(self, folder: Path) -> None:
        try:
            with closing(treadle.Run(Record(folder))) as run:
                path = run.report()
        except TreadleError as error:
            self.call_from_thread(self.complain, error)
            return
        self.call_from_thread(self.show_file, path)

    def show_file(self, path: Path) -> None:
        """Show a file in the viewer of the desktop, or hand it to the browser we are in."""
        if self.is_web:
            self.deliver_binary(path)
        elif not opening.open_file(path):
            self.copy_to_clipboard(str(path))
        self.notify(str(path), title="written", timeout=10, markup=False)

    # ── the end ─────────────────────────────────────────────────────────────────────────────

    def call_from_thread(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """
        Call something in the thread of the screens; not on a screen that is being taken apart.

        A thread cannot look before: until its turn comes, the UI may have begun to end.
        """
        screen = getattr(callback, "__self__", None)

        def call() -> Any:
            if isinstance(screen, Screen) and not screen.display:
                return None
            return callback(*args, **kwargs)

        return super().call_from_thread(call)

    def action_leave(self) -> None:
        """End, after asking when something that was started here goes on."""
        going_on = [each for each in self.started if each.code is None]
        if not going_on or self._is_leaving:
            self.exit(0)
            return
        lines = "\n".join(each.line for each in going_on)
        self.push_screen(
            ConfirmDialog(
                "Leave? This goes on:",
                [
                    ("stay", "Stay", "primary"),
                    ("leave", "Let it go on", "default"),
                    ("cancel", "Cancel it", "error"),
                ],
                details=f"{lines}\n\nWhat goes on is found again on the first screen",
            ),
            self._after_question,
        )

    def _after_question(self, answer: str | None) -> None:
        if answer == "leave":
            self.exit(0)
        elif answer == "cancel":
            self._is_leaving = True
            self.notify("cancelling: what runs may finish; q again leaves at once")
            self._end_all()

    @work(thread=True, group="leaving")
    def _end_all(self) -> None:
        going_on = [each for each in self.started if each.code is None]
        for each in going_on:
            each.interrupt()
        for each in going_on:
            if not each.wait(_GRACE):
                each.interrupt()
                if not each.wait(_GRACE):
                    each.kill()
        self.call_from_thread(self.exit, 0)

    def on_unmount(self) -> None:
        """Let go of what was started here."""
        for each in self.started:
            each.forget()
            each.leave()

    def _keep_theme(self, name: str) -> None:
        self.remembered.theme = name
        self.keep()
