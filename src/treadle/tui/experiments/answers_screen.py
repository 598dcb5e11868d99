"""One line of the table in full: what was sent, and what came of it, model by model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalScroll, VerticalScroll
from textual.widgets import Footer, Static

import treadle
from treadle.tui.app_screen import AppScreen
from treadle.tui.experiments.words import answer_lines, row_lines, sent_lines
from treadle.tui.widgets.literal import Piece, toned

if TYPE_CHECKING:
    from treadle.tui.experiments.answers import Line, Whole

Load = Callable[["Line"], Awaitable[list["Whole"]]]


class AnswersScreen(AppScreen):
    """
    Answers to one row: the prompt as it was sent, and what each model said.

    Args:
        lines: The lines of the table, in the order in which they are shown there.
        at: Which of them.
        load: Reads all that is known of a line.
    """

    DEFAULT_CSS = """
    AnswersScreen #beside { display: none; height: 1fr; }
    AnswersScreen.-beside #beside { display: block; }
    AnswersScreen.-beside #below { display: none; }
    AnswersScreen #beside > VerticalScroll {
        min-width: 38; border-left: solid $primary 50%; padding: 0 1;
    }
    AnswersScreen #below { height: 1fr; padding: 0 1; }
    AnswersScreen .answer { margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "Back"),
        Binding("p,left_square_bracket", "go(-1)", "Previous row"),
        Binding("n,right_square_bracket", "go(1)", "Next row"),
        Binding("v", "turn", "Side by side"),
        Binding("r", "again", "Refresh"),
    ]

    def __init__(self, lines: Sequence[Line], at: int, load: Load) -> None:
        super().__init__()
        self._lines = lines
        self._at = at
        self._load = load

    def compose(self) -> ComposeResult:
        """Put it together."""
        yield VerticalScroll(id="below")
        yield HorizontalScroll(id="beside")
        yield Footer()

    def on_mount(self) -> None:
        """Read it."""
        self._read()

    def action_go(self, step: int) -> None:
        """Show another line."""
        at = self._at + step
        if 0 <= at < len(self._lines):
            self._at = at
            self._read()

    def action_turn(self) -> None:
        """Show answers side by side, or one below the other."""
        self.toggle_class("-beside")
        found = self.query("#beside VerticalScroll, #below")
        next(each for each in found if each.is_on_screen or each.display).focus()

    def action_again(self) -> None:
        """Read it again."""
        self._read()

    @work(exclusive=True, group="answers")
    async def _read(self) -> None:
        line = self._lines[self._at]
        try:
            found = await self._load(line)
        except treadle.TreadleError as error:
            self.ui.complain(error)
            return
        await self._show(line, found)

    async def _show(self, line: Line, found: list[Whole]) -> None:
        if not found:
            return
        sent = list(sent_lines(found[0]))
        is_same = all(list(sent_lines(each)) == sent for each in found)
        head = [*row_lines(found[0], line), *(sent if is_same else ())]
        parts = [
            self._text([*(() if is_same else sent_lines(each)), *answer_lines(each)])
            for each in found
        ]
        asked = self._text([*head, [(self._place(), "dim")]])
        below, beside = self.query_one("#below"), self.query_one("#beside")
        await below.remove_children()
        await below.mount(
            Static(asked, markup=False),
            *(Static(part, classes="answer", markup=False) for part in parts),
        )
        await beside.remove_children()
        await beside.mount(
            VerticalScroll(Static(asked, markup=False)),
            *(VerticalScroll(Static(part, markup=False)) for part in parts),
        )
        for each in beside.children:
            each.styles.width = f"{100 / len(beside.children):.2f}%"
        below.scroll_home(animate=False)
        (beside.children[0] if self.has_class("-beside") else below).focus()

    def _place(self) -> str:
        return f"line {self._at + 1:,} of {len(self._lines):,}"

    def _text(self, lines: Iterable[Sequence[Piece]]) -> Text:
        text = Text()
        for line in lines:
            text.append_text(toned(self.app, line)).append("\n")
        text.no_wrap = False
        text.rstrip()
        return text
