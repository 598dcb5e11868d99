"""Items that failed in the same way, and one item: its attempts, tracebacks, hint and words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.console import RenderableType
from rich.syntax import Syntax
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from treadle import AnyOutcome, Failure, TreadleError
from treadle.core.item import Key
from treadle.ledger.reader import Attempt
from treadle.ledger.reader import Message as Word
from treadle.progress.text import number, plural
from treadle.tui.following import Follower, Said
from treadle.tui.widgets.grid import Column
from treadle.tui.widgets.literal import Piece, toned, visible, visible_lines
from treadle.tui.widgets.log import entries_of
from treadle.tui.widgets.panes import memory, span
from treadle.tui.widgets.rows import Field, Rows
from treadle.tui.widgets.watching import KindOfFailure

_MOST = 400  # lines of a traceback, and of what an item said, that are shown
_ITEMS = (Field(Column("item", 20, share=1)),)


class KindScreen(Screen[None]):
    """
    The items of one kind of failure; enter shows one.

    Args:
        follower: Of the run.
        kind: The kind.
    """

    DEFAULT_CSS = """
    KindScreen > Static { padding: 0 1; height: auto; max-height: 8; }
    KindScreen #title { background: $panel; text-style: bold; height: 1; }
    KindScreen #about { margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.back", "Back")]

    def __init__(self, follower: Follower, kind: KindOfFailure) -> None:
        super().__init__()
        self._follower = follower
        self._kind = kind

    def compose(self) -> ComposeResult:
        """Put it together."""
        kind = self._kind
        yield Static(
            f"✗ {plural(kind.count, 'item')}: {visible(kind.title)}", markup=False, id="title"
        )
        said = [f"the first of them said: {visible(kind.message, 600)}"]
        said += [f"hint: {visible(kind.hint, 400)}"] if kind.hint else []
        if kind.count > len(kind.keys):
            said.append(f"these are the first {number(len(kind.keys))} of {number(kind.count)}")
        yield Static("\n".join(said), markup=False, id="about")
        yield Rows(_ITEMS, nothing="none", id="items")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show the items."""
        rows = self.query_one(Rows)
        rows.replace([(key, (visible(key, 1000),)) for key in self._kind.keys])
        rows.focus()

    @on(Rows.Chosen)
    def _open(self, event: Rows.Chosen) -> None:
        event.stop()
        key = self.query_one(Rows).chosen
        if isinstance(key, int | str):
            self.app.push_screen(FailureScreen(self._follower, key))


@dataclass(frozen=True, slots=True)
class _Found:
    """What the record says of an item."""

    outcome: AnyOutcome
    attempts: list[Attempt]
    words: list[Word]


class FailureScreen(Screen[None]):
    """
    How one item has ended, and what led to it.

    Args:
        follower: Of the run.
        key: Of the item.
    """

    DEFAULT_CSS = """
    FailureScreen #title { background: $panel; text-style: bold; height: 1; padding: 0 1; }
    FailureScreen VerticalScroll { padding: 0 1; scrollbar-size-vertical: 1; }
    FailureScreen VerticalScroll > Static { height: auto; width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look", "Refresh"),
        Binding("c", "copy", "Copy"),
        Binding("escape", "app.back", "Back"),
    ]

    class Found(Message):
        """The record was read."""

        def __init__(self, found: _Found | TreadleError) -> None:
            super().__init__()
            self.found = found

    def __init__(self, follower: Follower, key: Key) -> None:
        super().__init__()
        self._follower = follower
        self._key = key
        self._found: _Found | None = None

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield Static(visible(self._key), markup=False, id="title")
        yield VerticalScroll(Static("reading …", markup=False), id="all")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Read it."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self.query_one(VerticalScroll).focus()
        self.action_look()

    @work(thread=True, exclusive=True, group="look")
    def action_look(self) -> None:
        """Read it again."""
        follower, key = self._follower, self._key
        found: _Found | TreadleError
        try:
            outcome = follower.item(key)
            found = _Found(outcome, follower.attempts(key), follower.messages(key))
        except TreadleError as error:
            found = error
        self.post_message(self.Found(found))

    def on_failure_screen_found(self, event: Found) -> None:
        """Show what was read."""
        event.stop()
        if isinstance(event.found, TreadleError):
            self._replace([Text(visible(event.found.message))])
        else:
            self._found = event.found
            self._draw()

    def _draw(self) -> None:
        if self._found is not None:
            self._replace(list(self._parts(self._found)))

    def _replace(self, parts: list[RenderableType]) -> None:
        place = self.query_one(VerticalScroll)
        with self.app.batch_update():
            place.remove_children()
            place.mount_all(Static(part, markup=False) for part in parts)

    def action_copy(self) -> None:
        """Copy what is shown."""
        if self._found is not None:
            self.app.copy_to_clipboard(as_text(self._found))
            self.app.notify("copied", timeout=2)

    # ── what is shown ───────────────────────────────────────────────────────────────────────

    def _parts(self, found: _Found) -> Iterator[RenderableType]:
        outcome = found.outcome
        tone = "good" if outcome.ok else "bad"
        sign = "✓" if outcome.ok else "✗"
        yield self._line((f"{sign} {visible(outcome.verdict)}", tone))
        for name, fact in facts_of(outcome):
            yield self._line((f"{name:<9} ", "dim"), (fact, ""))
        for attempt in found.attempts:
            yield self._line(("", ""))
            yield self._line(*_head_of(attempt))
            yield from self._failure(attempt.failure)
        if not outcome.ok:
            yield self._line(("", ""))
            yield self._line((f"attempt {outcome.attempts}, the last", "bold"))
            yield from self._failure(outcome.failure)
        yield self._line(("", ""))
        yield from self._words(found.words)

    def _failure(self, failure: Failure) -> Iterator[RenderableType]:
        yield self._line((f"{visible(failure.type, 200)}: ", "bad"), (_first(failure.message), ""))
        for line in visible_lines(failure.message)[1:_MOST]:
            yield self._line((line, ""))
        for note in failure.notes:
            for line in visible_lines(note):
                yield self._line((f"note: {line}", "dim"))
        if failure.hint:
            yield self._line(("hint: ", "warn"), (visible(failure.hint), ""))
        if failure.traceback.strip():
            yield self._traceback(failure.traceback)

    def _traceback(self, traceback: str) -> RenderableType:
        lines = visible_lines(traceback)
        if len(lines) > _MOST:
            left_out = f"... {number(len(lines) - _MOST)} lines ..."
            lines = [*lines[: _MOST // 2], left_out, *lines[-_MOST // 2 :]]
        theme = "ansi_dark" if self.app.current_theme.dark else "ansi_light"
        return Syntax(
            "\n".join(lines), "pytb", theme=theme, word_wrap=True, background_color="default"
        )

    def _words(self, words: list[Word]) -> Iterator[RenderableType]:
        if not words:
            yield self._line(("it has printed and logged nothing", "dim"))
            return
        yield self._line(("what it printed and logged", "bold"))
        said = [Said(word.at, word.worker, None, word.stream, word.text) for word in words]
        entries = entries_of(said)
        for entry in entries[:_MOST]:
            yield self._line(*entry.head, (entry.text, entry.tone))
        if len(entries) > _MOST:
            yield self._line((f"and {plural(len(entries) - _MOST, 'line')} more", "dim"))

    def _line(self, *pieces: Piece) -> Text:
        text = toned(self.app, pieces)
        text.no_wrap = False
        text.overflow = "fold"
        return text


def _head_of(attempt: Attempt) -> tuple[Piece, ...]:
    return (
        (f"attempt {attempt.number}", "bold"),
        (f", failed at {_when(attempt.at)}, tried again after {span(attempt.delay)}", "dim"),
    )


def _first(message: str) -> str:
    return next(iter(visible_lines(message)), "")


def facts_of(outcome: AnyOutcome) -> Iterator[tuple[str, str]]:
    """Yield name and value of what is known of an item, in words."""
    yield "item", visible(outcome.key)
    yield "place", f"{number(outcome.index + 1)}. of the source"
    yield "attempts", number(outcome.attempts)
    if outcome.attempts:
        yield "began", _when(outcome.started)
        cpu = "" if outcome.cpu is None else f", {span(outcome.cpu)} of CPU"
        yield "took", f"{span(outcome.duration)}{cpu}"
    if outcome.peak_memory is not None:
        yield "memory", f"{memory(outcome.peak_memory)} at most, of the worker"
    if outcome.worker is not None:
        yield "worker", visible(outcome.worker)


def as_text(found: Any) -> str:
    """Write an item and its failures as plain text."""
    outcome = found.outcome
    lines = [f"{visible(outcome.key)}: {visible(outcome.verdict)}"]
    failures = [attempt.failure for attempt in found.attempts]
    failures += [] if outcome.ok else [outcome.failure]
    for failure in failures:
        lines += ["", f"{visible(failure.type)}: {_first(failure.message)}"]
        lines += visible_lines(failure.traceback)
        lines += [f"hint: {visible(failure.hint)}"] if failure.hint else []
    return "\n".join(lines)


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
