"""Text from outside, shown for what it is: never markup, never a control sequence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rich.style import Style
from rich.text import Text
from textual.app import App
from textual.color import Color, ColorParseError

from treadle.progress.text import cells, middle

Piece = tuple[str, str]
"""A text, and the tone it is shown in: a key of ``TONES``, or ``""``."""

TONES = {
    "good": "text-success",
    "bad": "text-error",
    "warn": "text-warning",
    "name": "text-primary",
}

_LONGEST = 2000  # characters of a text that is shown on one line
# Controls, marks that turn the direction of a line around, and halves of surrogate pairs, which
# stand for bytes that are no UTF-8 and which no terminal takes.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: object, limit: int = _LONGEST) -> str:
    r"""Return *text* as one line in which every character is seen: a line break is ``\n``."""
    shown = str(text)
    if len(shown) > limit:
        shown = shown[:limit] + "…"
    return _UNSEEN.sub(_escape, shown)


def visible_lines(text: str) -> list[str]:
    """Split *text* into such lines; tabs become blanks, and of a line written over, the last."""
    lines = text.rstrip("\n").split("\n") if text else []
    return [
        _UNSEEN.sub(_escape, line.rstrip("\r").rsplit("\r", 1)[-1].expandtabs()) for line in lines
    ]


def _escape(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


def pieces_of(cell: str | Piece) -> Piece:
    """Return a text with its tone."""
    return (cell, "") if isinstance(cell, str) else cell


def toned(app: App[Any], pieces: Sequence[Piece]) -> Text:
    """Put pieces together, in the colours of the theme that is on."""
    text = Text(no_wrap=True, end="")
    for piece, tone in pieces:
        text.append(piece, style=style_of(app, tone))
    return text


def style_of(app: App[Any], tone: str) -> Style:
    """Return the style of a tone; ``"dim"`` and ``"bold"`` are tones of any theme."""
    if tone in ("", "dim", "bold"):
        return Style(dim=tone == "dim" or None, bold=tone == "bold" or None)
    try:
        return Style(color=Color.parse(app.theme_variables[TONES[tone]]).rich_color)
    except ColorParseError:  # a theme may leave it to the background
        return Style()


def cut(text: str, width: int) -> list[str]:
    """Break *text* into pieces of at most *width* columns, wherever that is."""
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)] or [""]
    found, piece, used = [], "", 0
    for character in text:
        wide = cells(character)
        if used + wide > width and piece:
            found.append(piece)
            piece, used = "", 0
        piece += character
        used += wide
    return [*found, piece]


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return *text* in exactly *width* columns, without its middle where it is longer."""
    shown = middle(text, width)
    blank = " " * (width - cells(shown))
    return blank + shown if right else shown + blank
