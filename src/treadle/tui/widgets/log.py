"""What workers print and log, as it comes, and what of it holds some words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from treadle.progress.text import middle, plural
from treadle.tui.widgets.lines import Entry, Lines
from treadle.tui.widgets.literal import visible, visible_lines

if TYPE_CHECKING:
    from treadle.tui.following import Said

_LOUD = {"WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad", "stderr": "warn"}
_KEY = 28  # columns of an item's key


def entries_of(said: Iterable[Said]) -> list[Entry]:
    """Make lines of what was said: when, how, on which item."""
    entries = []
    for each in said:
        tone = _LOUD.get(each.stream, "")
        when = time.strftime("%H:%M:%S", time.localtime(each.at))
        about = "" if each.key is None else middle(visible(each.key, 400), _KEY)
        head = [(f"{when} ", "dim"), (f"{visible(each.stream, 12):<7} ", tone or "dim")]
        head += [(f"{about} ", "name")] if about else []
        for line in visible_lines(each.text) or [""]:
            entries.append(Entry(tuple(head), line, tone))
            head = [(" " * 9, ""), (" " * 8, "")]
    return entries


class LogPane(Vertical):
    """
    The log, a line that says how much there is, and a field for words to look for.

    Args:
        nothing: What to say when nothing was said.
        id: Of the widget.
    """

    DEFAULT_CSS = """
    LogPane { height: 1fr; }
    LogPane > Input { display: none; height: 1; border: none; padding: 0 1; }
    LogPane > Input:focus { border: none; }
    LogPane > Static { height: 1; color: $text-muted; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search"),
        Binding("escape", "all", "All lines", show=False),
    ]

    def __init__(self, *, nothing: str, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines = Lines(nothing=nothing, id=f"{id}-lines")
        self._input = Input(placeholder="words to look for; enter keeps them, escape shows all")
        self._state = Static(markup=False)
        self._told = ""

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield self._lines
        yield self._input
        yield self._state

    def on_mount(self) -> None:
        """Say that there is nothing yet."""
        self._tell()

    def add(self, said: Sequence[Said]) -> None:
        """Add what was said."""
        if said:
            self._lines.append(entries_of(said))
            self._tell()

    def action_search(self) -> None:
        """Ask for words."""
        # At once: what is typed next must not be taken for keys that steer the run.
        self._input.display = True
        self.screen.set_focus(self._input)

    def action_all(self) -> None:
        """Show all lines again."""
        self._input.value = ""
        self._input.display = False
        self.screen.set_focus(self._lines)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Leave escape to the screen while nothing is looked for."""
        return action != "all" or bool(self._input.display)

    @on(Input.Changed)
    def _sift(self, event: Input.Changed) -> None:
        event.stop()
        self._lines.only(event.value)
        self._tell()

    @on(Input.Submitted)
    def _keep(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.set_focus(self._lines)
        if not event.value:
            self.action_all()

    @on(Lines.Changed)
    def _tell(self) -> None:
        lines = self._lines
        where = "follows the end" if lines.following else "stays here (f follows)"
        words = self._input.value
        found = f" with {visible(words, 40)!r}" if words else ""
        told = f"{plural(lines.count, 'line')}{found} · {where} · / search"
        if told != self._told:
            self._told = told
            self._state.update(told)
