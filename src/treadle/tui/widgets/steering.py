"""What steers runs while they go on: keys, what they ask for, and whether that is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from treadle import TreadleError
from treadle.progress.text import number
from treadle.tui.dialogs.confirm import ConfirmDialog
from treadle.tui.dialogs.workers import MOST, WorkersDialog
from treadle.tui.following import Follower, View
from treadle.tui.session import Session
from treadle.tui.widgets.literal import visible
from treadle.tui.widgets.watching import Sight, Stage

STEERING = ("pause", "go_on", "cancel", "kill", "workers", "more", "fewer")


@dataclass(slots=True)
class _Asked:
    """What a run was asked for: in words, and how one sees that it is done."""

    words: str
    is_done: Callable[[View], bool]


class SteeringScreen(Screen[None]):
    """
    A screen that steers the run it looks at; what is asked for is done outside its thread.

    Args:
        session: Whose runs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause"),
        Binding("p", "go_on", "Continue"),
        Binding("x", "cancel", "Cancel"),
        Binding("k", "kill", "Kill"),
        Binding("w", "workers", "Workers"),
        Binding("plus,equals_sign", "more", "One worker more", show=False),
        Binding("minus", "fewer", "One worker less", show=False),
    ]

    class Refused(Message):
        """What was asked for was not done."""

        def __init__(self, error: TreadleError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._sight = Sight()
        self._at: int | None = None  # the stage that was chosen; None for the newest
        self._asked: _Asked | None = None
        self._wanted: int | None = None  # workers that were asked for
        self._woken = threading.Event()  # there is something to look at

    def _show(self) -> None:
        """Draw what has changed."""
        raise NotImplementedError

    @property
    def _stage(self) -> Stage | None:
        """The stage that is looked at."""
        found = self._sight.stages
        if not found:
            return None
        return found[-1 if self._at is None else min(self._at, len(found) - 1)]

    def _see_what_is_done(self) -> None:
        """Forget what was asked for once it is seen to be done."""
        stage, asked = self._stage, self._asked
        if stage is None or not stage.view.live or (asked and asked.is_done(stage.view)):
            self._asked = self._wanted = None

    def _can_steer(self, action: str) -> bool | None:
        """Tell whether one of ``STEERING`` can be done: False hides its key, None greys it."""
        stage = self._stage
        if stage is None or not stage.view.live:
            return action in ("cancel", "kill") and self._is_command_alive
        view = stage.view
        if action in ("pause", "go_on") and (action == "go_on") != view.paused:
            return False
        if action in ("cancel", "kill") and self._is_command_alive:
            return True
        if view.steerable or view.ending:
            return None
        if action == "cancel" and view.cancelling:
            return None
        if action in ("workers", "more", "fewer") and view.backend == "inline":
            return None
        return True

    @property
    def _is_command_alive(self) -> bool:
        return self._session.started is not None and self._sight.code is None

    def action_pause(self) -> None:
        """Start nothing further."""
        self._steer("pausing …", lambda follower: follower.pause(), lambda view: view.paused)

    def action_go_on(self) -> None:
        """Go on after a pause."""
        self._steer("continuing …", lambda follower: follower.go_on(), lambda view: not view.paused)

    def action_cancel(self) -> None:
        """Start nothing further, let what runs finish, and end."""
        started = self._session.started
        if started is not None and self._is_command_alive:
            # As Ctrl-C: of a command with several runs, none further is to begin.
            started.interrupt()
            self._asked = _Asked("cancelling …", lambda view: view.cancelling is not None)
            self._show()
            return
        self._steer(
            "cancelling …",
            lambda follower: follower.cancel(),
            lambda view: view.cancelling is not None,
        )

    def action_kill(self) -> None:
        """End it now, after asking."""
        dialog = ConfirmDialog(
            "End it now?",
            [("stay", "Let it run", "primary"), ("kill", "Kill", "error")],
            details="Items that run are given up.\nWhat has settled is kept, to be resumed.",
        )
        self.app.push_screen(dialog, self._after_question)

    def _after_question(self, answer: str | None) -> None:
        stage, started = self._stage, self._session.started
        if answer != "kill":
            return
        if stage is not None and stage.view.live and not stage.view.steerable:
            self._steer("ending …", lambda follower: follower.cancel(now=True), lambda _: False)
        if started is not None and self._is_command_alive:
            if stage is None or not stage.view.live or stage.view.steerable:
                started.kill()
            else:
                started.interrupt()  # what would come after this run
            self._woken.set()

    def action_workers(self) -> None:
        """Ask for a number of workers."""
        stage = self._stage
        if stage is not None:
            self.app.push_screen(WorkersDialog(stage.view.workers), self._resize)

    def action_more(self) -> None:
        """Have one worker more."""
        self._step(1)

    def action_fewer(self) -> None:
        """Have one worker less."""
        self._step(-1)

    def _step(self, way: int) -> None:
        stage = self._stage
        if stage is not None:
            now = self._wanted or stage.view.workers
            self._resize(max(1, min(now + way, MOST)))

    def _resize(self, workers: int | None) -> None:
        if workers is None:
            return
        self._wanted = workers
        noun = "worker" if workers == 1 else "workers"
        self._steer(
            f"asking for {number(workers)} {noun} …",
            # The number of now: of two requests the later one may be sent first.
            lambda follower: follower.resize(self._wanted or workers),
            lambda view: view.workers == workers,
        )

    def _steer(
        self, words: str, request: Callable[[Follower], None], is_done: Callable[[View], bool]
    ) -> None:
        stage = self._stage
        if stage is None:
            return
        self._asked = _Asked(words, is_done)
        self._show()
        self._ask(stage.follower, request)

    @work(thread=True, group="steer")
    def _ask(self, follower: Follower, request: Callable[[Follower], None]) -> None:
        try:
            request(follower)
        except TreadleError as error:
            self.post_message(self.Refused(error))
        self._woken.set()

    @on(Refused)
    def _tell_refusal(self, event: Refused) -> None:
        """Say why it was not done."""
        event.stop()
        self._asked = self._wanted = None
        hint = f"\n{visible(event.error.hint)}" if event.error.hint else ""
        self.app.notify(
            visible(event.error.message) + hint, severity="error", timeout=10, markup=False
        )
        self._show()
