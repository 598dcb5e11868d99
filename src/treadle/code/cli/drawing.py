"""Draws the chunks of a file: a box for each, coloured by kind, its lines numbered and folded."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from treadle.code.cli.words import counted, printable, size
from treadle.code.values import Chunk, FileChunks

if TYPE_CHECKING:
    from rich.style import Style

WIDTH = 80
"""Columns where nobody says how many there are, such as in a pipe."""

_LEAST = 20
_TAB = 4
_COLOURS = {
    "function": "green", "method": "green", "macro": "green", "query": "green",
    "class": "yellow", "interface": "yellow", "struct": "yellow", "enum": "yellow",
    "trait": "yellow", "impl": "yellow", "type": "yellow", "rule": "yellow",
    "module": "magenta", "section": "magenta", "element": "magenta", "mixed": "magenta",
    "import": "blue", "comment": "blue",
    "constant": "cyan", "data": "cyan", "block": "cyan",
}  # fmt: skip
_ROUND = "╭╮╰╯─│"
_ASCII = "++++-|"
_LINE_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Canvas:
    """
    What can be drawn where it will be seen.

    Attributes:
        width: Columns.
        colour: Whether colours and bold letters can be had.
        frame: The characters of a box: its corners, across, down.
    """

    width: int = WIDTH
    colour: bool = False
    frame: str = _ROUND

    @classmethod
    def of(cls, stream: TextIO | None = None) -> Canvas:
        """Return what *stream* can show; default: standard output."""
        from rich.console import Console

        console = Console(file=sys.stdout if stream is None else stream)
        asked = os.environ.get("COLUMNS", "")
        width = int(asked) if asked.isdecimal() else WIDTH
        return cls(
            max(console.width if console.is_terminal else width, _LEAST),
            console.color_system is not None and not console.no_color,
            _ROUND if _encodes(console.encoding, _ROUND) else _ASCII,
        )

    def painter(self) -> Callable[[str, str], str]:
        """Return what puts a style to a text: ``painter()("text", "bold red")``."""
        if not self.colour:
            return lambda text, _: text
        from rich.color import ColorSystem
        from rich.style import Style

        styles: dict[str, Style] = {}

        def paint(text: str, style: str) -> str:
            if style not in styles:
                styles[style] = Style.parse(style)
            return styles[style].render(text, color_system=ColorSystem.STANDARD)

        return paint


def _encodes(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def drawn(
    file: FileChunks, chunks: Sequence[Chunk], canvas: Canvas, unit: str = "tokens"
) -> Iterator[str]:
    """
    Draw *chunks* of *file*, with what is to be said of the file above them.

    Args:
        file: The file.
        chunks: Those of it that are shown.
        canvas: What they are drawn on.
        unit: What the size of a chunk counts.

    Yields:
        Lines.
    """
    paint = canvas.painter()
    yield paint(printable(file.path), "bold") + f": {_about(file, unit)}"
    if file.reason is not None:
        yield paint(f"{file.status}: {file.reason}: {printable(file.detail or '')}", "yellow")
    for chunk in chunks:
        yield from _box(chunk, canvas, paint, unit)


def _about(file: FileChunks, unit: str) -> str:
    """Say of a file what its chunks do not."""
    said = [file.language, size(file.size)]
    if file.status != "skipped":
        tokens = sum(chunk.tokens for chunk in file.chunks)
        said += [counted(len(file.chunks), "chunk"), f"{tokens:,} {unit}"]
    said += [file.grammar] if file.grammar else [f"by {file.method}"] if file.method else []
    said += [file.encoding] if file.encoding != "utf-8" else []
    said += [f"{counted(file.errors, 'place')} that could not be parsed"] if file.errors else []
    return ", ".join(said)


def _box(
    chunk: Chunk, canvas: Canvas, paint: Callable[[str, str], str], unit: str
) -> Iterator[str]:
    """Draw a chunk: what it is above, its text with the numbers of its lines, its size below."""
    from rich.cells import cell_len, set_cell_size

    colour = _COLOURS.get(chunk.kind, "white")
    top_left, top_right, bottom_left, bottom_right, across, down = tuple(canvas.frame)
    room = canvas.width - 4
    digits = len(str(chunk.end_line))

    def edge(left: str, said: str, style: str, right: str, *, on_the_left: bool) -> str:
        label = f" {said} "
        if cell_len(label) > room:
            label = set_cell_size(label, room - 2) + ".."
        rest = across * (canvas.width - 3 - cell_len(label))
        before, after = (across, rest) if on_the_left else (rest, across)
        return paint(left + before, colour) + paint(label, style) + paint(after + right, colour)

    yield edge(top_left, _title(chunk), f"bold {colour}", top_right, on_the_left=True)
    for number, text, repeated in _lines(chunk, room - digits - 1):
        head = paint(f"{number:>{digits}}", "dim")
        body = set_cell_size(text, room - digits - 1)
        shown = paint(body, "dim") if repeated else body
        yield f"{paint(down, colour)} {head} {shown} {paint(down, colour)}"
    yield edge(bottom_left, _footer(chunk, unit), "dim", bottom_right, on_the_left=False)


def _title(chunk: Chunk) -> str:
    name = chunk.qualified_name or ", ".join(chunk.symbols)
    part = f" ({chunk.part[0]} of {chunk.part[1]})" if chunk.part else ""
    return printable(f"{chunk.index} {chunk.kind}{f' {name}' if name else ''}{part}")


def _footer(chunk: Chunk, unit: str) -> str:
    several = chunk.end_line > chunk.start_line
    lines = f"lines {chunk.start_line}-{chunk.end_line}" if several else f"line {chunk.start_line}"
    said = [lines, f"{chunk.tokens:,} {unit}"]
    said += ["repeats the dim part"] if chunk.overlap else []
    said += [f"by {chunk.method}"] if chunk.method != "syntax" else []
    said += [f"{counted(chunk.errors, 'place')} not parsed"] if chunk.errors else []
    return ", ".join(said)


def _lines(chunk: Chunk, room: int) -> Iterator[tuple[int | str, str, bool]]:
    """Yield number, text and whether it is repeated, of each line that *room* columns allow."""
    number, at = chunk.start_line, 0
    while at < len(chunk.text):
        found = _LINE_END.search(chunk.text, at)
        end, following = found.span() if found else (len(chunk.text),) * 2
        # A line that is repeated in part is shown as two, so that it can be seen where.
        own = min(max(chunk.overlap, at), end)
        pieces = [(each, True) for each in _folded(chunk.text[at:own], room)] if own > at else []
        if own < end or not pieces:
            pieces += [
                (each, following <= chunk.overlap) for each in _folded(chunk.text[own:end], room)
            ]
        for place, (text, repeated) in enumerate(pieces):
            yield ("" if place else number), text, repeated
        number, at = number + 1, following


def _folded(line: str, room: int) -> list[str]:
    """Fold a line into pieces of *room* columns, without what would disturb a terminal."""
    text = line.expandtabs(_TAB)
    if text.isascii() and text.isprintable():
        return [text[at : at + room] for at in range(0, len(text), room)] or [""]
    from rich.cells import chop_cells

    return chop_cells("".join(map(_visible, text)), room) or [""]


def _visible(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if unicodedata.category(letter) == "Zs" else "�"
