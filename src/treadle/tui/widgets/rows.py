"""A table whose rows change while somebody looks at it: the cursor stays on its row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from treadle.tui.widgets.grid import Cell, Column, Grid
from treadle.tui.widgets.literal import toned

Row = tuple[object, Sequence[Cell]]
"""What no other row stands for, and the cells; what comes from outside has been made visible."""


@dataclass(frozen=True, slots=True)
class Field:
    """
    A column that narrow screens may go without.

    Attributes:
        column: The column.
        beyond: Left out of tables that are narrower than this.
    """

    column: Column
    beyond: int = 0


# Without the letters of Grid: k is for more than moving where a run can be killed.
class Rows(Grid, inherit_bindings=False):
    """
    Rows with something that each stands for.

    Args:
        fields: What there is of each row.
        nothing: What to say when there are no rows.
        id: Of the widget.
    """

    DEFAULT_CSS = """
    Rows { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "to(0)", "First", show=False),
        Binding("end", "to(-1)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]

    def __init__(self, fields: Sequence[Field], *, nothing: str, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._fields = tuple(fields)
        self._nothing = nothing
        self._rows: Sequence[Row] = ()

    def replace(self, rows: Sequence[Row], nothing: str | None = None) -> None:
        """Show *rows* in place of those there are."""
        if rows == self._rows and nothing in (None, self._nothing):
            return  # drawing costs more than looking
        on = self.chosen
        self._nothing = nothing or self._nothing
        self._rows = rows
        # On the first row nobody has chosen one: new rows above it are to be seen.
        moved = on is not None and self.cursor > 0
        at = next((n for n, (what, _) in enumerate(rows) if what == on), None) if moved else None
        self._draw(at)

    def on_resize(self, _event: events.Resize | None = None) -> None:
        """Leave out what does not fit, and spread the rest."""
        self._draw(None)

    def _draw(self, at: int | None) -> None:
        width = self.size.width
        kept = [n for n, field in enumerate(self._fields) if field.beyond <= width]
        rows = self._rows

        def cells(row: int) -> Sequence[Cell]:
            return [rows[row][1][field] for field in kept]

        self.show([self._fields[field].column for field in kept], len(rows), cells, cursor=at)

    def render_line(self, y: int) -> Strip:
        """Draw one line; where there are no rows, it says so."""
        if self._rows or y != 1:
            return super().render_line(y)
        text = toned(self.app, [(f"  {self._nothing}", "dim")])
        strip = Strip(list(text.render(self.app.console)))
        return strip.adjust_cell_length(self.size.width).apply_style(self._plain)

    @property
    def chosen(self) -> object | None:
        """What the row that the cursor is on stands for; None when there is none."""
        return self._rows[self.cursor][0] if self.cursor < len(self._rows) else None
