"""Words and numbers in the space there is: lines that fit, whatever the user's text holds."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# CSI sequences, OSC strings (titles, links), and the two-character escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line to show, as pieces of text with the name of a rich style each."""

    spans: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, text: str, style: str = "") -> Line:
        """Make a line of one piece."""
        return cls(((text, style),))

    @property
    def plain(self) -> str:
        """The text alone."""
        return "".join(text for text, _ in self.spans)


def cells(text: str) -> int:
    """Return how many columns of a terminal *text* takes at most."""
    if text.isascii():
        return len(text)
    from rich.cells import get_character_cell_size

    # Character by character: terminals disagree on whether a family of four joined into one
    # emoji takes 2 columns or 8. Too much here leaves a gap, too little would wrap the line.
    wide = text.count("\N{VARIATION SELECTOR-16}")
    return wide + sum(get_character_cell_size(character) for character in text)


def middle(text: str, width: int | None) -> str:
    """Shorten *text* to *width* columns by leaving out its middle; None leaves it alone."""
    if width is None or cells(text) <= width:
        return text
    if width < 1:
        return ""
    mark = "…" if width < 5 or not text.isascii() else "..."
    room = width - len(mark)
    tail = _take(reversed(text), room // 2)[::-1]
    head = _take(text, room - cells(tail))
    return f"{head}{mark}{tail}"


def _take(characters: Iterable[str], width: int) -> str:
    taken, used = "", 0
    for character in characters:
        used += cells(character)
        if used > width:
            break
        taken += character
    return taken


def clean(text: str) -> str:
    """Take out colours and cursor movements and show other control characters as escapes."""
    text = _ESCAPES.sub("", text)
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


def one_line(text: object, limit: int = _LONGEST) -> str:
    """Return *text* on one line, clean, with blanks collapsed and at most *limit* long."""
    # Cut first: a message may be megabytes long, and this runs in the dispatcher's thread.
    return middle(clean(" ".join(str(text)[: 4 * limit].split())), limit)


def printed_lines(text: str) -> list[str]:
    """Split what a call printed into clean lines; of a line rewritten with CR, keep the last."""
    return [
        clean(line.rstrip("\r").rsplit("\r", 1)[-1]).expandtabs()
        for line in text.rstrip("\n").split("\n")
    ]


def wrapped(text: str, width: int | None, indent: str) -> list[str]:
    """Break *text* between words into lines that start with *indent* and fit *width* columns."""
    text = one_line(text)
    if width is None:
        return [indent + text]
    lines = textwrap.wrap(text, max(width - len(indent), 8), break_on_hyphens=False)
    return [middle(indent + line, width) for line in lines]


def join_fitting(parts: Sequence[tuple[int, str, str]], width: int, gap: str) -> Line:
    """
    Join parts into one line that fits, leaving out the least important ones as needed.

    Args:
        parts: ``(rank, text, style)``; the highest rank goes first.
        width: Columns there are.
        gap: What stands between two parts.
    """
    kept = [part for part in parts if part[1]]
    while len(kept) > 1 and cells(gap.join(text for _, text, _ in kept)) > width:
        kept.remove(max(kept, key=lambda part: part[0]))
    spans: list[tuple[str, str]] = []
    for _, text, style in kept:
        if spans:
            spans.append((gap, ""))
        spans.append((middle(text, width), style))
    return Line(tuple(spans))


def number(count: int) -> str:
    """Write 12345 as ``12,345``."""
    return f"{count:,}"


def plural(count: int, noun: str) -> str:
    """Write ``1 item``, ``2 items``."""
    return f"{number(count)} {noun}" + ("" if count == 1 else "s")


def seconds(span: float) -> str:
    """Write a measured time: ``0.31 s``, ``12.3 s``, ``4:05``, ``2:01:40``."""
    if span < 1:
        return f"{max(span, 0.0):.2f} s"
    return f"{span:.1f} s" if span < 60 else clock(span)


def clock(span: float) -> str:
    """Write a time as a clock shows it: ``0:07``, ``4:05``, ``2:01:40``."""
    minutes, second = divmod(int(max(span, 0.0)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def speed(rate: float) -> str:
    """Write items per second, or per minute where that is slow."""
    if rate >= 100:
        return f"{rate:,.0f}/s"
    if rate >= 1 or rate == 0:
        return f"{rate:.1f}/s"
    return f"{rate * 60:.1f}/min"


def share(done: int, total: int) -> str:
    """Write a percentage that says 100 only when all is done."""
    return f"{min(100 * done // total, 100)} %" if total else ""
