"""One field on the screen: its name, what it is, where it is filled in, and what is said of it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Label, Select, Static

from treadle.tui.forms.checking import WHOLE, Wrong
from treadle.tui.forms.fields import Field, Fields, Kind
from treadle.tui.forms.odd import shown
from treadle.tui.forms.suggesting import Suggestions

_USUAL = ""
_ON, _OFF = "on", "off"


class _Switch(Checkbox):
    """A check box whose mark, and not its colour alone, says whether it is on."""

    def watch_value(self) -> None:
        """Change the mark."""
        self.BUTTON_INNER = "✓" if self.value else " "
        super().watch_value()

    def on_mount(self) -> None:
        """Begin with the right mark."""
        self.BUTTON_INNER = "✓" if self.value else " "


class FieldRow(Vertical):
    """
    A field.

    Args:
        field: What it is.
        value: What it holds.

    Attributes:
        field: As given.
    """

    DEFAULT_CSS = """
    FieldRow { height: auto; margin-bottom: 1; }
    FieldRow .head { height: auto; }
    FieldRow .label { text-style: bold; margin-right: 2; width: auto; }
    FieldRow .help { color: $text-muted; width: 1fr; }
    FieldRow .entry { height: 1; }
    FieldRow Input { width: 1fr; background: $boost; }
    FieldRow Input:focus { background: $primary 30%; }
    FieldRow Select { width: 1fr; max-width: 50; background: $boost; }
    FieldRow Select:focus > SelectCurrent { border: none; background: $primary 30%; }
    FieldRow Button { min-width: 10; margin-left: 1; }
    FieldRow .said { display: none; color: $text-success; }
    FieldRow .said.-shown { display: block; }
    FieldRow .said.-wrong { color: $text-error; }
    FieldRow .said.-missing { color: $text-warning; }
    """

    class Changed(Message):
        """
        The value has changed.

        Attributes:
            row: Of which field.
        """

        def __init__(self, row: FieldRow) -> None:
            super().__init__()
            self.row = row

    class Browse(Message):
        """
        Something is to be picked.

        Attributes:
            row: For which field.
        """

        def __init__(self, row: FieldRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, field: Field, value: object = None) -> None:
        super().__init__(id=f"field-{field.name}")
        self.field = field
        self._exact: dict[str, str] = {}  # what cannot be shown, by how it is shown instead
        self._first = value

    def compose(self) -> ComposeResult:
        """Put it together."""
        field = self.field
        if field.kind is Kind.SWITCH:
            with Horizontal(classes="head"):
                yield _Switch(Content(field.label), self._first is True, compact=True)
                yield Static(field.help, classes="help", markup=False)
        else:
            with Horizontal(classes="head"):
                yield Label(field.label, classes="label", markup=False)
                yield Static(self._about(), classes="help", markup=False)
            yield from self._entry()
        yield Static("", classes="said", markup=False)

    def _about(self) -> str:
        several = field.help if not (field := self.field).several else _of_several(field)
        usual = field.default and "default" not in field.help.lower()
        return f"{several}. Default: {field.default}" if usual else several

    def _entry(self) -> ComposeResult:
        field = self.field
        if field.kind is Kind.PAIR:
            options = [("as usual", _USUAL), (field.flags[0], _ON), (field.off[0], _OFF)]
            value = {True: _ON, False: _OFF}.get(self._first, _USUAL)  # type: ignore[call-overload]
            yield Select(options, value=value, allow_blank=False, compact=True)
        elif field.kind is Kind.CHOICE and not field.several:
            options = [("as usual", _USUAL), *((each, each) for each in field.choices)]
            value = self._first if self._first in field.choices else _USUAL
            yield Select(options, value=value, allow_blank=False, compact=True)
        else:
            suggester = Suggestions(field) if field.kind.is_place else None
            with Horizontal(classes="entry"):
                yield Input(
                    self._text_of(self._first),
                    placeholder=_placeholder(field),
                    suggester=suggester,
                    compact=True,
                    select_on_focus=False,
                )
                if field.kind.is_place:
                    browse = Button("Browse…", compact=True, classes="browse")
                    browse.can_focus = False  # ctrl+o does it, and Tab goes from field to field
                    yield browse

    @property
    def entry(self) -> Widget:
        """What has the focus when the field has it."""
        return self.query_one("Input, Select, Checkbox")

    @property
    def value(self) -> Any:
        """What it holds; None for nothing."""
        entry = self.entry
        if isinstance(entry, Checkbox):
            return True if entry.value else None
        if isinstance(entry, Select):
            if self.field.kind is Kind.PAIR:
                return {_ON: True, _OFF: False}.get(str(entry.value))
            return str(entry.value) or None
        assert isinstance(entry, Input)
        if not self.field.several:
            text = entry.value.strip() if not self.field.kind.is_place else entry.value
            return self._exact.get(text, text) or None
        try:
            words = shlex.split(entry.value)
        except ValueError:
            return None
        return [self._exact.get(each, each) for each in words] or None

    @property
    def unread(self) -> Wrong | None:
        """Why no value could be made of what is typed."""
        entry = self.entry
        if isinstance(entry, Input) and self.field.several:
            try:
                shlex.split(entry.value)
            except ValueError:
                return Wrong("a quote is not closed", "quote what holds blanks: 'two words'")
        return None

    async def settle(self) -> None:
        """Wait until it has taken all the keys that it has got by now."""
        done = asyncio.Event()
        if self.entry.call_later(done.set):
            await done.wait()

    def put(self, value: object) -> None:
        """Fill it in with *value*."""
        entry = self.entry
        if isinstance(entry, Checkbox):
            entry.value = value is True
        elif isinstance(entry, Select):
            pairs = {True: _ON, False: _OFF}
            entry.value = pairs[value] if isinstance(value, bool) else value or _USUAL
        elif isinstance(entry, Input):
            entry.value = self._text_of(value)
            entry.cursor_position = len(entry.value)

    def take(self, picked: Sequence[str]) -> None:
        """Fill in what was picked; where there can be several, beside what is there."""
        if not self.field.several:
            self.put(picked[-1])
            return
        already = self.value or []
        self.put([*already, *(each for each in picked if each not in already)])

    def say(self, wrong: Wrong | None, note: str = "") -> None:
        """Show what is wrong, or else what is known, or nothing."""
        said = self.query_one(".said", Static)
        said.set_class(bool(wrong or note), "-shown")
        said.set_class(wrong is not None, "-wrong")
        said.set_class(wrong is not None and wrong.missing, "-missing")
        if wrong is None:
            said.update(f"· {shown(note)}" if note else "")
        elif wrong.missing:
            said.update("· needed")
        else:
            said.update(f"✗ {shown(str(wrong))}")

    def _text_of(self, value: object) -> str:
        """Return *value* as a person would type it."""
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        for each in texts:
            if shown(each) != each:
                self._exact[shown(each)] = each
        if self.field.several:
            return " ".join(_word(shown(each)) for each in texts)
        return shown(texts[0]) if texts else ""

    def on_input_changed(self, event: Input.Changed) -> None:
        """Hand the change on."""
        event.stop()
        self.post_message(self.Changed(self))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on to the next field."""
        event.stop()
        self.screen.focus_next()

    def on_select_changed(self, event: Select.Changed) -> None:
        """Hand the change on."""
        event.stop()
        self.post_message(self.Changed(self))

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        """Hand the change on."""
        event.stop()
        self.post_message(self.Changed(self))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Have something picked."""
        event.stop()
        self.post_message(self.Browse(self))


def verdict(fields: Fields, wrong: Mapping[str, Wrong]) -> str:
    """Return in a line what is *wrong* with all the fields."""
    if not wrong:
        return "✓ ready: ctrl+s starts it"
    if WHOLE in wrong:
        return f"✗ {shown(str(wrong[WHOLE]))}"
    known = [(each.label, wrong[each.name]) for each in fields.all if each.name in wrong]
    missing = [label for label, each in known if each.missing]
    bad = [label for label, each in known if not each.missing]
    said = [f"✗ look at {', '.join(bad)}"] if bad else []
    return "; ".join([*said, *([f"· needed: {', '.join(missing)}"] if missing else [])])


def _word(text: str) -> str:
    """Return *text* in quotes only if it must be: no shell reads a field, so a ``*`` is one."""
    try:
        is_plain = shlex.split(text) == [text]
    except ValueError:
        is_plain = False
    return text if is_plain else shlex.quote(text)


def _of_several(field: Field) -> str:
    return f"{field.help.removesuffix('. Repeatable')} (several: blanks between)"


def _placeholder(field: Field) -> str:
    if field.kind is Kind.FUNCTION and ":" in field.metavar:
        return "FILE.py:NAME   ctrl+o browses, → completes"
    if field.kind.is_place:
        return f"{field.metavar}   ctrl+o browses, → completes"
    return field.metavar
