"""A table that makes only the lines that are seen: as quick with a million rows as with ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from treadle.progress.text import cells
from treadle.tui.widgets.literal import Piece, pieces_of, style_of, visible

Cell: TypeAlias = str | Piece

_GAP = 2  # columns between two cells
_MARK = 2  # columns before the first: where the cursor is marked, whoever sees no colours
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column.

    Attributes:
        title: What stands above it.
        width: How wide it is at least.
        share: Its share of the room that is left over; 0 for none.
        right: Its text stands to the right, as numbers do.
        tail: Of what is too long the end is shown, as of a path.
    """

    title: str
    width: int
    share: int = 0
    right: bool = False
    tail: bool = False


class Grid(ScrollView, can_focus=True):
    """
    A table with a cursor on one of its rows.

    Nothing in a cell is taken for markup, and no control character reaches the terminal.
    """

    DEFAULT_CSS = """
    Grid {
        height: 1fr; background: $surface; color: $foreground;
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1;
    }
    Grid > .grid--header { text-style: bold; background: $panel; color: $foreground; }
    Grid > .grid--cursor { background: $primary 25%; }
    Grid:focus > .grid--cursor {
        background: $block-cursor-background; color: $block-cursor-foreground;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--header", "grid--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "to(0)", "First", show=False),
        Binding("end,G", "to(-1)", "Last", show=False),
        Binding("left", "shift(-1)", "Left", show=False),
        Binding("right", "shift(1)", "Right", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]

    cursor: reactive[int] = reactive(0, repaint=True)

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, grid: Grid, row: int) -> None:
            super().__init__()
            self.grid = grid
            self.row = row

        @property
        def control(self) -> Grid:
            """The table."""
            return self.grid

    class Chosen(Moved):
        """Enter was pressed on a row, or it was clicked while the cursor was there."""

    class Headed(Message):
        """The title of a column was clicked."""

        def __init__(self, grid: Grid, column: int) -> None:
            super().__init__()
            self.grid = grid
            self.column = column

        @property
        def control(self) -> Grid:
            """The table."""
            return self.grid

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._columns: Sequence[Column] = ()
        self._count = 0
        self._row: Callable[[int], Sequence[Cell]] = lambda _: ()
        self._widths: list[int] = []
        self._fixed = 0
        self._plain = Style()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count

    def show(
        self,
        columns: Sequence[Column],
        count: int,
        row: Callable[[int], Sequence[Cell]],
        *,
        cursor: int | None = None,
        fixed: int = 0,
    ) -> None:
        """
        Show other rows.

        Args:
            columns: The columns.
            count: How many rows there are.
            row: Gives the cells of a row; called for each row that is seen, whenever it is drawn.
            cursor: The row that the cursor is put on; None for where it is.
            fixed: So many columns stay where they are when the others are scrolled.
        """
        self._fixed = fixed
        self._columns, self._count, self._row = columns, count, row
        self._fit()
        wanted = self.cursor if cursor is None else cursor
        self.cursor = max(0, min(wanted, count - 1))
        self._see()
        self.refresh()

    def validate_cursor(self, row: int) -> int:
        """Keep the cursor on a row that there is."""
        return max(0, min(row, self._count - 1))

    def watch_cursor(self, _before: int, row: int) -> None:
        """Bring the cursor into sight, and tell of it."""
        self._see()
        if self._count:
            self.post_message(self.Moved(self, row))

    def on_resize(self) -> None:
        """Spread the columns over the new width."""
        self._fit()
        self._see()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where was clicked; choose the row where it was already."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            if (column := self._column_at(offset.x)) is not None:
                self.post_message(self.Headed(self, column))
            return
        row = self.scroll_offset.y + offset.y - 1
        if row >= self._count:
            return
        if row == self.cursor:
            self.action_choose()
        self.cursor = row

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many pages."""
        self.cursor += pages * max(1, self.size.height - 2)

    def action_to(self, row: int) -> None:
        """Move the cursor to a row; a negative one is counted from the end."""
        self.cursor = self._count + row if row < 0 else row

    def action_shift(self, way: int) -> None:
        """Scroll to the side."""
        self.scroll_to(x=self.scroll_offset.x + way * 12, animate=False)

    def action_choose(self) -> None:
        """Tell that the row under the cursor was chosen."""
        if self._count:
            self.post_message(self.Chosen(self, self.cursor))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw what is seen of it."""
        self._plain = self.rich_style  # Textual puts it together anew whenever it is asked for
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is seen; the first one is that of the titles."""
        width = max(self.size.width, self.virtual_size.width)
        if y == 0:
            style = self._style("grid--header")
            titles = [column.title for column in self._columns]
            strip = self._drawn(titles, style, "  ", plain=True)
        else:
            row = self.scroll_offset.y + y - 1
            if row >= self._count:
                return Strip.blank(self.size.width, self._plain)
            here = row == self.cursor
            style = self._style("grid--cursor") if here else self._plain
            strip = self._drawn(self._row(row), style, "> " if here else "  ", plain=here)
        left = self.scroll_offset.x
        strip = strip.extend_cell_length(width, style)
        if not left or not self._fixed:
            return strip.crop(left, left + self.size.width)
        stays = self._staying
        return Strip.join([strip.crop(0, stays), strip.crop(left + stays, left + self.size.width)])

    def _drawn(self, shown: Sequence[Cell], style: Style, mark: str, *, plain: bool) -> Strip:
        segments = [Segment(mark, style)]
        for column, width, cell in zip(self._columns, self._widths, shown, strict=False):
            text, tone = pieces_of(cell)
            # On the bar of the cursor tones could not be read; what they say is in the words, too.
            drawn = style if plain or not tone else style + style_of(self.app, tone)
            segments.append(Segment(_fitted(text, width, column), drawn))
            segments.append(Segment(" " * _GAP, style))
        return Strip(segments)

    @property
    def _staying(self) -> int:
        """How wide the columns are that are not scrolled, with the mark of the cursor."""
        return _MARK + sum(self._widths[: self._fixed]) + _GAP * self._fixed

    def _style(self, name: str) -> Style:
        return self._plain + self.get_component_rich_style(name)

    def _fit(self) -> None:
        """Find out how wide columns are."""
        least = [max(column.width, cells(column.title)) for column in self._columns]
        room = self.scrollable_content_region.width or self.size.width
        over = max(0, room - _MARK - sum(least) - _GAP * len(least))
        shares = sum(column.share for column in self._columns)
        self._widths = [
            width + (over * column.share // shares if shares else 0)
            for column, width in zip(self._columns, least, strict=True)
        ]
        width = _MARK + sum(self._widths) + _GAP * len(self._widths)
        self.virtual_size = Size(width - _GAP if width > room else room, self._count + 1)

    def _see(self) -> None:
        """Scroll to where the cursor is, the titles being in the way of the first line."""
        height = max(1, self.scrollable_content_region.height - 1)
        top = self.scroll_offset.y
        if self.cursor < top:
            top = self.cursor
        elif self.cursor >= top + height:
            top = self.cursor - height + 1
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, immediate=True)

    def _column_at(self, x: int) -> int | None:
        if x >= self._staying:
            x += self.scroll_offset.x
        at = _MARK
        for number, width in enumerate(self._widths):
            if at <= x < at + width + _GAP:
                return number
            at += width + _GAP
        return None


def _fitted(text: str, width: int, column: Column) -> str:
    text = visible(text)
    length = cells(text)
    if length > width:
        return _shortened(text, width, tail=column.tail) if width else ""
    blank = " " * (width - length)
    return blank + text if column.right else text + blank


def _shortened(text: str, width: int, *, tail: bool) -> str:
    if not tail:
        return set_cell_size(text, width - 1) + _CUT
    while cells(text) > width - 1:
        text = text[1:]
    return _CUT + text + " " * (width - 1 - cells(text))
