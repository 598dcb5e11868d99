"""Anybody's text as text of a page: nothing in it acts, hides or takes a megabyte."""

from __future__ import annotations

import html
import re
from typing import Final

NONE: Final = "\N{EN DASH}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"

# What cannot be seen but changes what can: controls, turns of direction, what has no width.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
    "\u00ad\u061c\u115f\u180e\u200b-\u200f\u2060-\u2064\ufeff\ud800-\udfff]"
)


def text(words: object, most: int = 1_000) -> str:
    """
    Return *words* as HTML, for an element or a quoted attribute.

    Args:
        words: Anything.
        most: Characters; of more, the middle is left out and counted.
    """
    found = str(words)
    if len(found) > most:
        left_out = len(found) - most
        tail = most // 3
        found = f"{found[: most - tail]} […{left_out:,} characters left out…] {found[-tail:]}"
    return html.escape(_UNSEEN.sub(lambda match: ascii(match[0])[1:-1], found))


def count(number: int, noun: str) -> str:
    """Return ``1 run``, ``2,000 runs``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
