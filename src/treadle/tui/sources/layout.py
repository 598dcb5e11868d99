"""A file as lines to be drawn: its text with colours, and a border above each chunk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.style import Style
from rich.text import Text

from treadle.code.values import Chunk
from treadle.tui.widgets.literal import visible

_LONGEST = 2_000  # letters of a line; what is behind them is not written to be read
_COLOURED = 300_000  # letters of a file that gets colours
_LINE_END = re.compile("\r\n|\r|\n")
_TAB = 4
_LEXERS = {"csharp": "c#", "hcl": "terraform", "text": ""}  # where others call it otherwise


class Row(NamedTuple):
    """
    A line.

    Attributes:
        chunk: Number of the chunk that it belongs to.
        number: Of the line in the file; 0 for the border above a chunk.
        text: What stands there.
    """

    chunk: int
    number: int
    text: Text


def laid_out(chunks: Sequence[Chunk], *, dark: bool) -> list[Row]:
    """
    Return the lines of a file, with a border above each chunk.

    What a chunk repeats of the one before is left out. It takes a while where files are large: not
    for the thread of the screen.

    Args:
        chunks: Of one file, in order.
        dark: The text will stand on a dark background.
    """
    rows: list[Row] = []
    plain: list[str] = []
    for place, chunk in enumerate(chunks):
        rows.append(Row(place, 0, Text(border(chunk))))
        for number, line in _lines(chunk):
            rows.append(Row(place, number, Text()))
            plain.append(line)
    coloured = iter(_coloured(plain, chunks[0] if chunks else None, dark=dark))
    return [row if not row.number else row._replace(text=next(coloured)) for row in rows]


def border(chunk: Chunk) -> str:
    """Return what stands above a chunk."""
    name = chunk.qualified_name or ", ".join(chunk.symbols)
    lines = f"{chunk.start_line}-{chunk.end_line}"
    part = f", part {chunk.part[0]} of {chunk.part[1]}" if chunk.part else ""
    method = "" if chunk.method == "syntax" else f", {chunk.method}"
    told = f"{chunk.index} {chunk.kind} {visible(name, 200)}".rstrip()
    return f"{told}{part}: lines {lines}, {chunk.tokens:,}{method}"


def _lines(chunk: Chunk) -> Iterator[tuple[int, str]]:
    text = chunk.text[chunk.overlap :]
    number = chunk.start_line + len(_LINE_END.findall(chunk.text[: chunk.overlap]))
    at = 0
    for found in _LINE_END.finditer(text):
        yield number, _seen(text[at : found.start()])
        number, at = number + 1, found.end()
    if at < len(text):
        yield number, _seen(text[at:])


def _seen(line: str) -> str:
    """Return a line without what would disturb a terminal, and not longer than can be read."""
    more = len(line) - _LONGEST
    shown = visible(line[:_LONGEST].expandtabs(_TAB), _LONGEST * _TAB)
    return f"{shown} … {more:,} more" if more > 0 else shown


def _coloured(lines: list[str], chunk: Chunk | None, *, dark: bool) -> list[Text]:
    if chunk is None or sum(map(len, lines)) > _COLOURED:
        return [Text(line) for line in lines]
    from rich.syntax import Syntax

    name = _LEXERS.get(chunk.language, chunk.language)
    syntax = Syntax("", name, theme="monokai" if dark else "friendly")
    if syntax.lexer is None:
        return [Text(line) for line in lines]
    text = syntax.highlight("\n".join(lines))
    text.style = ""
    text.spans = [span._replace(style=_bare(span.style)) for span in text.spans]
    found = list(text.split("\n", allow_blank=True))
    found += [Text() for _ in range(len(lines) - len(found))]
    return found[: len(lines)]


def _bare(style: Style | str) -> Style | str:
    """Return a style without its background, which is not that of the screen."""
    if isinstance(style, str):
        return style
    return Style(color=style.color, bold=style.bold, italic=style.italic)
