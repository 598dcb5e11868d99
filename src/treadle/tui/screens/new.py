"""Begin a run: a form for each command, and the command line that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Button, Collapsible, Footer, Input, Label, Select, Static
from textual.worker import Worker, get_current_worker

from treadle.tui.dialogs.pick_path import PickPath
from treadle.tui.forms import command_line
from treadle.tui.forms.checking import WHOLE, Wrong, check
from treadle.tui.forms.command_line import Values
from treadle.tui.forms.fields import Fields, fields_of
from treadle.tui.forms.looking import look
from treadle.tui.forms.odd import shown
from treadle.tui.forms.offers import Words, about, offer_of, offers
from treadle.tui.forms.picking import as_typed, start_of
from treadle.tui.forms.rows import FieldRow, verdict
from treadle.tui.screens.plan import PlanScreen

if TYPE_CHECKING:
    from treadle.tui.app import TreadleApp

_PAUSE = 0.15  # seconds without a key before values are looked at
_ASKS = ("prompts", "run")


class NewRunScreen(Screen[None]):
    """
    A form for one of the commands that begin a run.

    Args:
        command: Which one; None for the first.
        values: What it holds, by the names of fields; None for what it held the last time.
    """

    DEFAULT_CSS = """
    NewRunScreen #command { height: 1; margin-bottom: 1; background: $panel; padding: 0 1; }
    NewRunScreen #command Label { text-style: bold; margin-right: 1; }
    NewRunScreen #command Select { width: 1fr; }
    NewRunScreen #command Select:focus > SelectCurrent { border: none; background: $primary 30%; }
    NewRunScreen #fields { height: 1fr; padding: 0 1; }
    NewRunScreen Collapsible { border-top: none; padding: 0; background: transparent; }
    NewRunScreen Collapsible Contents { padding: 1 0 0 2; }
    NewRunScreen .group { color: $text-accent; text-style: bold; }
    NewRunScreen .search { margin-bottom: 1; background: $boost; }
    NewRunScreen #bottom { height: auto; background: $panel; padding: 0 1; }
    NewRunScreen #line { height: auto; max-height: 3; overflow-y: auto; color: $text-accent; }
    NewRunScreen #state { width: 1fr; height: auto; max-height: 2; }
    NewRunScreen #state.-wrong { color: $text-error; }
    NewRunScreen #buttons { height: auto; }
    NewRunScreen #buttons Button { min-width: 8; margin-left: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        # At once: a Tab that waits its turn would come behind the letters that follow it.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("ctrl+s", "start", "Start", priority=True),
        Binding("ctrl+o", "browse", "Browse", priority=True),
        Binding("ctrl+y", "copy", "Copy", priority=True),
        Binding("f3", "search", "More"),
        Binding("f4", "plan", "Plan"),
        Binding("f8", "reset", "Reset"),
        Binding("escape", "app.back", "Back"),
    ]

    def __init__(self, command: Words | None = None, values: Values | None = None) -> None:
        super().__init__()
        self._words: Words = tuple(command) if command else next(offers()).words
        self._given = values
        self._values: Values = {}
        self._left: dict[Words, Values] = {}  # what other forms held when they were left
        self._fields = Fields((), ())
        self._wrong: dict[str, Wrong] = {}
        self._notes: dict[str, str] = {}
        self._timer: Timer | None = None
        self._checked = False  # what is known is about what is typed now
        self._to_start = False

    @property
    def _ui(self) -> TreadleApp:
        return cast("TreadleApp", self.app)

    # ── how it looks ────────────────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        """Put it together."""
        choices = [(_choice(offer.words), " ".join(offer.words)) for offer in offers()]
        with Horizontal(id="command"):
            yield Label("New run")
            yield Select(choices, value=" ".join(self._words), allow_blank=False, compact=True)
        yield VerticalScroll(id="fields", can_focus=False)
        with Vertical(id="bottom"):
            yield Static("", id="line", markup=False)
            with Horizontal(id="buttons"):
                yield Static("", id="state", markup=False)
                yield Button("Start", id="start", variant="success", compact=True)
                yield Button("Plan", id="plan", compact=True)
                yield Button("Copy", id="copy", compact=True)
                yield Button("Reset", id="reset", compact=True)
        yield Footer()

    async def on_mount(self) -> None:
        """Show the first form."""
        values = self._ui.remembered.values(self._words) if self._given is None else self._given
        await self._show_form(self._words, values)
        self._focus_first()

    async def _show_form(self, words: Words, values: Mapping[str, Any]) -> None:
        self._stop_checking()
        self._words, self._fields = words, fields_of(offer_of(words))
        self._values = {
            field.name: values[field.name]
            for field in self._fields.all
            if command_line.given(field, values.get(field.name))
        }
        self._wrong, self._notes = {}, {}
        place = self.query_one("#fields", VerticalScroll)
        with self.app.batch_update():
            await place.remove_children()
            rows = [FieldRow(each, self._values.get(each.name)) for each in self._fields.first]
            more = Collapsible(title=self._title_of_more(), collapsed=True, id="more")
            await place.mount_all([*rows, more])
        place.scroll_home(animate=False)
        self.query_one("#plan").display = words == _ASKS
        self.refresh_bindings()
        self._changed()

    def _title_of_more(self) -> str:
        further = self._fields.further
        given = sum(each.name in self._values for each in further)
        return f"More options ({len(further)}{f', {given} given' if given else ''})  f3"

    def _focus_first(self) -> None:
        """Go to the first field that is empty and needed; else to the first one."""
        rows = list(self.query(FieldRow))
        empty = [row for row in rows if row.field.needed and row.value is None]
        if rows:
            # At once: entry.focus() would come after the keys that were pressed by then.
            self.set_focus((empty or rows)[0].entry)

    @on(Collapsible.Expanded)
    async def _show_more(self) -> None:
        """Make the further fields when they are asked for: there are many."""
        contents = self.query_one("#more Contents")
        if contents.children:
            return
        widgets: list[Any] = [Input(placeholder="search options", classes="search", compact=True)]
        panel = ""
        for field in self._fields.further:
            if field.panel != panel:
                panel = field.panel
                widgets.append(Label(panel, classes="group", markup=False))
            widgets.append(FieldRow(field, self._values.get(field.name)))
        await contents.mount_all(widgets)
        self._tell()
        contents.query_one(".search").focus()

    @on(Input.Changed, ".search")
    def _search(self, event: Input.Changed) -> None:
        event.stop()
        words = event.value.casefold().split()
        for row in self.query("#more FieldRow").results(FieldRow):
            text = f"{row.field.label} {row.field.help} {row.field.panel}".casefold()
            row.display = all(word in text for word in words)
        for label in self.query("#more .group"):
            label.display = not words

    # ── what is typed, and what is said of it ───────────────────────────────────────────────

    @on(Select.Changed, "#command Select")
    async def _choose(self, event: Select.Changed) -> None:
        event.stop()
        words = tuple(str(event.value).split())
        if words != self._words:
            self._left[self._words] = dict(self._values)
            values = self._left.get(words)
            await self._show_form(words, values or self._ui.remembered.values(words))
            self._focus_first()

    @on(FieldRow.Changed)
    def _take_changed(self, event: FieldRow.Changed) -> None:
        if event.row.is_attached:
            self._take_in(event.row)

    def _take_in(self, row: FieldRow) -> None:
        field, value = row.field, row.value
        is_of_this_form = self._fields.get(field.name) is field
        is_news = self._values.get(field.name) != value or row.unread is not None
        if not (is_of_this_form and is_news):
            return
        if value is None:
            self._values.pop(field.name, None)
        else:
            self._values[field.name] = value
        self._changed()

    def _changed(self) -> None:
        self._stop_checking()
        self._show_line()
        self._timer = self.set_timer(_PAUSE, self._check)

    def _stop_checking(self) -> None:
        """Have nothing more said of what was typed by now."""
        self._checked = False
        if self._timer is not None:
            self._timer.stop()
        self.workers.cancel_group(self, "check")

    @property
    def _is_open(self) -> bool:
        # A screen that was left loses its rows some time before it is detached.
        return self in self.app.screen_stack

    def _show_line(self) -> None:
        values = dict(self._values)
        for field in self._fields.all:
            if not field.flags and field.name not in values:
                values[field.name] = [field.metavar] if field.several else field.metavar
        line = command_line.line(command_line.typed(self._words, self._fields, values))
        self.query_one("#line", Static).update(f"$ {line}")

    def _check(self) -> None:
        if not self._is_open:
            return
        unread = {row.field.name: row.unread for row in self.query(FieldRow) if row.unread}
        self._find_out(self._words, self._fields, dict(self._values), unread)

    @work(thread=True, exclusive=True, group="check")
    def _find_out(
        self, words: Words, fields: Fields, values: Values, unread: dict[str, Wrong]
    ) -> None:
        worker = get_current_worker()
        wrong = {**check(words, fields, values), **unread}
        if not worker.is_cancelled:
            self.app.call_from_thread(self._hear, worker, wrong, self._notes, values)
        sound = {name: value for name, value in values.items() if name not in wrong}
        notes = look(words, fields, sound, lambda: worker.is_cancelled)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._hear, worker, wrong, notes, values)

    def _hear(
        self, worker: Worker[None], wrong: dict[str, Wrong], notes: dict[str, str], values: Values
    ) -> None:
        if worker.is_cancelled or values != self._values or not self._is_open:
            return
        self._wrong, self._notes, self._checked = wrong, notes, True
        self._tell()
        if self._to_start:
            self._to_start = False
            self._start_or_say()

    def _tell(self) -> None:
        """Show what is wrong and what is known, under each field and in all."""
        for row in self.query(FieldRow):
            row.say(self._wrong.get(row.field.name), self._notes.get(row.field.name, ""))
        state = self.query_one("#state", Static)
        state.set_class(bool(self._wrong), "-wrong")
        state.update(verdict(self._fields, self._wrong))
        self.query_one("#start", Button).disabled = bool(self._wrong)
        self.query_one("#more", Collapsible).title = self._title_of_more()

    # ── what is done ────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Offer a plan only where there is one."""
        return self._words == _ASKS if action == "plan" else True

    @on(Button.Pressed, "#buttons Button")
    async def _press(self, event: Button.Pressed) -> None:
        event.stop()
        await self.run_action(str(event.button.id))

    @work(exclusive=True, group="start")
    async def action_start(self) -> None:
        """Start the run, once it is known that nothing is wrong."""
        for row in self.query(FieldRow):
            # This key goes ahead of those that fields have still to take.
            await row.settle()
            self._take_in(row)
        if self._checked:
            self._start_or_say()
        else:
            self._to_start = True
            self._check()

    def _start_or_say(self) -> None:
        if self._wrong:
            self._point_at_wrong()
            return
        argv = command_line.typed(self._words, self._fields, self._values)
        if self._words == _ASKS and "--dry-run" not in argv:
            self.app.push_screen(PlanScreen(argv, is_asked=True), self._after_plan)
        else:
            self._begin(argv)

    def _begin(self, argv: list[str]) -> None:
        words, values = self._words, dict(self._values)
        self._ui.remembered.remember(words, values)
        self._ui.keep()
        self._stop_checking()
        self.app.pop_screen()
        if self._ui.launch(argv) is None:
            self._ui.show_new(words, values)

    def _after_plan(self, agreed: bool | None) -> None:
        if agreed:
            self._begin(command_line.typed(self._words, self._fields, self._values))

    @work(exclusive=True, group="point")
    async def _point_at_wrong(self) -> None:
        """Go to the first field that is wrong, and say what there is to do."""
        name = next((each.name for each in self._fields.all if each.name in self._wrong), WHOLE)
        self.notify(shown(str(self._wrong.get(name) or "")), severity="warning", markup=False)
        row = await self._row(name)
        if row is not None:
            row.entry.focus()

    async def _row(self, name: str) -> FieldRow | None:
        field = self._fields.get(name)
        if field in self._fields.further:
            more = self.query_one("#more", Collapsible)
            if more.collapsed:
                more.collapsed = False
                await self._show_more()
        found = self.query(f"#field-{name}") if field is not None else ()
        return cast("FieldRow", found[0]) if found else None

    def action_plan(self) -> None:
        """Say what it would send and cost."""
        if WHOLE in self._wrong or any(not each.missing for each in self._wrong.values()):
            self._point_at_wrong()
            return
        argv = command_line.typed(self._words, self._fields, self._values)
        self.app.push_screen(PlanScreen(argv), self._after_plan)

    def action_copy(self) -> None:
        """Copy the command line."""
        try:
            argv = command_line.typed(self._words, self._fields, self._values)
        except ValueError as error:
            self._ui.complain(str(error))
            return
        self.app.copy_to_clipboard(command_line.line(argv))
        self.notify("copied", timeout=2)

    async def action_reset(self) -> None:
        """Empty the form."""
        self._left.pop(self._words, None)
        await self._show_form(self._words, {})
        self._focus_first()

    def action_search(self) -> None:
        """Look for an option among the further ones."""
        more = self.query_one("#more", Collapsible)
        if more.collapsed:
            more.collapsed = False  # which shows them and goes there
        else:
            self.query_one("#more .search").focus()

    def action_browse(self) -> None:
        """Pick what the field with the focus names; else what the first such field names."""
        focused = self.focused
        rows = [row for row in self.query(FieldRow) if row.field.kind.is_place]
        if focused is not None:
            rows.sort(key=lambda row: focused not in row.walk_children())
        if rows:
            self._browse(rows[0])

    @on(FieldRow.Browse)
    def _browse_for(self, event: FieldRow.Browse) -> None:
        self._browse(event.row)

    def _browse(self, row: FieldRow) -> None:
        field = row.field
        value = row.value or []
        texts = [value] if isinstance(value, str) else list(value)
        dialog = PickPath(
            f"{field.label}: {field.help}",
            field.kind,
            several=field.several,
            made=field.made,
            start=start_of(texts),
        )
        self.app.push_screen(dialog, partial(self._take_picked, row))

    def _take_picked(self, row: FieldRow, picked: list[str] | None) -> None:
        if picked:
            row.take([as_typed(row.field, each) for each in picked])
        row.entry.focus()


def _choice(words: Words) -> str:
    return f"{' '.join(words):<13}  {about(words)}"
