"""Items that failed in the same way, and one item: its attempts, tracebacks, hint and words."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from treadle import AnyOutcome, Failure, TreadleError
from treadle.core.item import Key
from treadle.ledger.reader import Attempt, Record
from treadle.ledger.reader import Message as Word
from treadle.progress.text import number, plural
from treadle.tui.dialogs.ask_text import AskText
from treadle.tui.following import Follower, Said
from treadle.tui.widgets.grid import Column, Grid
from treadle.tui.widgets.keys import Keys
from treadle.tui.widgets.lines import Entry, Lines
from treadle.tui.widgets.literal import Piece, visible, visible_lines
from treadle.tui.widgets.log import entries_of
from treadle.tui.widgets.panes import memory, span
from treadle.tui.widgets.rows import Field, Row, Rows
from treadle.tui.widgets.watching import KindOfFailure

_MOST = 200  # lines of a message, of a traceback, and of what an item said, that are shown
_NOTES = 20  # lines of notes
_ATTEMPTS = 10  # the last ones
_ITEMS = (Field(Column("item", 20, share=1)),)
_PAGE = 500  # items read at once
_NEAR = 100  # rows from the end of those that were read, where the next are


class KindScreen(Screen[None]):
    """
    The items of one kind of failure; enter shows one.

    The first of them are known at once, the others are read from the record where somebody looks.

    Args:
        follower: Of the run.
        kind: The kind.
    """

    DEFAULT_CSS = """
    KindScreen > Static { padding: 0 1; height: auto; max-height: 8; }
    KindScreen #title { background: $panel; text-style: bold; height: 1; }
    KindScreen #about { margin-bottom: 1; }
    KindScreen #read { dock: bottom; height: 1; margin-bottom: 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask", "Item by key"),
        Binding("escape", "app.back", "Back"),
    ]

    class Read(Message):
        """Further keys were read, or could not be."""

        def __init__(self, keys: Sequence[Key] | TreadleError) -> None:
            super().__init__()
            self.keys = keys

    def __init__(self, follower: Follower, kind: KindOfFailure) -> None:
        super().__init__()
        self._follower = follower
        self._kind = kind
        self._rows: list[Row] = [_row_of(key) for key in kind.keys]
        self._record: Record | None = None
        self._further: Iterator[Key] = iter(())
        self._is_reading = False
        self._is_whole = kind.count <= len(kind.keys)

    def compose(self) -> ComposeResult:
        """Put it together."""
        kind = self._kind
        yield Static(
            f"✗ {plural(kind.count, 'item')}: {visible(kind.title)}", markup=False, id="title"
        )
        said = [f"the first of them said: {visible(kind.message, 600)}"]
        said += [f"hint: {visible(kind.hint, 400)}"] if kind.hint else []
        yield Static("\n".join(said), markup=False, id="about")
        yield Rows(_ITEMS, nothing="none", id="items")
        yield Static(markup=False, id="read")
        yield Keys()

    def on_mount(self) -> None:
        """Show the items."""
        if not self._is_whole:
            self._record = Record(self._follower.record.folder)
            self._further = self._of_kind(self._record)
        self._show()
        self.query_one(Rows).focus()

    def on_unmount(self) -> None:
        """Let go of the record, unless it is just being read."""
        self._is_whole = True
        if not self._is_reading:
            self._close()

    def _close(self) -> None:
        if self._record is not None:
            self._record.close()

    def _of_kind(self, record: Record) -> Iterator[Key]:
        """Yield the keys of its items that are not known yet."""
        known = set(self._kind.keys)
        for outcome in record.outcomes(failed=True):
            if outcome.verdict == self._kind.title and outcome.key not in known:
                yield outcome.key

    def _show(self) -> None:
        self.query_one(Rows).replace(list(self._rows))
        shown, count = len(self._rows), self._kind.count
        if self._is_whole or shown >= count:
            told = "" if shown >= count else f"{number(shown)} of {number(count)}; / finds others"
        else:
            told = (
                f"the first {number(shown)} of {number(count)}; those further down are read there"
            )
        self.query_one("#read", Static).update(told)

    @on(Grid.Moved)
    def _read_on(self, event: Grid.Moved) -> None:
        """Read further items where the end of those that are known comes near."""
        near = event.row >= len(self._rows) - _NEAR
        if near and not self._is_whole and not self._is_reading:
            self._is_reading = True
            self._read_further()

    @work(thread=True, group="read")
    def _read_further(self) -> None:
        try:
            found: Sequence[Key] | TreadleError = list(islice(self._further, _PAGE))
        except TreadleError as error:
            found = error
        self._is_reading = False
        if self._is_whole:  # nobody looks any more
            self._close()
        self.post_message(self.Read(found))

    def on_kind_screen_read(self, event: Read) -> None:
        """Show what was read."""
        event.stop()
        if isinstance(event.keys, TreadleError):
            self._is_whole = True
            self.app.notify(visible(event.keys.message), severity="error", markup=False)
            return
        self._is_whole = len(event.keys) < _PAGE
        self._rows += [_row_of(key) for key in event.keys]
        self._show()

    def action_ask(self) -> None:
        """Ask for the key of an item, and show that one."""
        details = "as in the results file: a path below the source's root, a row's key"
        self.app.push_screen(AskText("which item?", details=details), self._show_item)

    def _show_item(self, key: str | None) -> None:
        if key is not None:
            self.app.push_screen(FailureScreen(self._follower, key))

    @on(Rows.Chosen)
    def _open(self, event: Rows.Chosen) -> None:
        event.stop()
        key = self.query_one(Rows).chosen
        if isinstance(key, int | str):
            self.app.push_screen(FailureScreen(self._follower, key))


def _row_of(key: Key) -> Row:
    return key, (visible(key, 1000),)


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
    FailureScreen Lines { padding: 0 1; }
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
        yield Lines(nothing="reading …", id="all", grows=False)
        yield Keys()

    def on_mount(self) -> None:
        """Read it."""
        self.query_one(Lines).focus()
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
            self.query_one(Lines).replace([Entry((), visible(event.found.message))])
        else:
            self._found = event.found
            self.query_one(Lines).replace(entries_about(event.found))

    def action_copy(self) -> None:
        """Copy what is shown."""
        if self._found is not None:
            self.app.copy_to_clipboard(as_text(self._found))
            self.app.notify("copied", timeout=2)


# ── what is shown ───────────────────────────────────────────────────────────────────────────────


def entries_about(found: _Found) -> Iterator[Entry]:
    """Yield the lines about an item: how it ended, its last attempts, and what it said."""
    outcome = found.outcome
    sign, tone = ("✓", "good") if outcome.ok else ("✗", "bad")
    yield Entry((), f"{sign} {visible(outcome.verdict)}", tone)
    for name, fact in facts_of(outcome):
        yield Entry(((f"{name:<9} ", "dim"),), fact)
    attempts = found.attempts[-_ATTEMPTS + 1 :]
    if len(attempts) < len(found.attempts):
        left_out = plural(len(found.attempts) - len(attempts), "earlier attempt")
        yield from (Entry((), ""), Entry((), f"{left_out} left out", "dim"))
    for attempt in attempts:
        yield from (Entry((), ""), Entry(_head_of(attempt), ""))
        yield from _of_failure(attempt.failure)
    if not outcome.ok:
        yield from (Entry((), ""), Entry((), f"attempt {outcome.attempts}, the last", "bold"))
        yield from _of_failure(outcome.failure)
    yield Entry((), "")
    if not found.words:
        yield Entry((), "it has printed and logged nothing", "dim")
        return
    yield Entry((), "what it printed and logged", "bold")
    said = [Said(word.at, word.worker, None, word.stream, word.text) for word in found.words]
    entries = entries_of(said)
    yield from entries[:_MOST]
    if len(entries) > _MOST:
        yield Entry((), f"and {plural(len(entries) - _MOST, 'line')} more", "dim")


def _of_failure(failure: Failure) -> Iterator[Entry]:
    first, *others = _shortened(visible_lines(failure.message)) or [""]
    yield Entry(((f"{visible(failure.type, 200)}: ", "bad"),), first)
    yield from (Entry((), line) for line in others)
    notes = [line for note in failure.notes for line in visible_lines(note)]
    yield from (Entry((), f"note: {line}", "dim") for line in _shortened(notes, _NOTES))
    if failure.hint:
        yield Entry((("hint: ", "warn"),), visible(failure.hint))
    for line in _shortened(visible_lines(failure.traceback)):
        yield Entry((), line, "name" if line.lstrip().startswith('File "') else "")


def _shortened(lines: list[str], most: int = _MOST) -> list[str]:
    """Leave out the middle of too many lines."""
    if len(lines) <= most:
        return lines
    left_out = f"... {number(len(lines) - most)} lines ..."
    return [*lines[: most // 2], left_out, *lines[-most // 2 :]]


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
