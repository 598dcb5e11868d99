"""Cuts inside a piece that is over the budget and has no marks, such as a string of a megabyte.

Every search back from the last place that fits ends where the part begins, so that each byte is
looked at a bounded number of times however long the piece is.
"""

from __future__ import annotations

import unicodedata

from treadle.code.budget.measures import Measure, settled

_SPACE = b" \t\v\f"
_NO_SPACE = bytes(sorted({*range(256)} - {*_SPACE}))
_PUNCTUATION = b",;:.!?)]}>|&=+-*/\\\"'`"
_NO_PUNCTUATION = bytes(sorted({*range(256)} - {*_PUNCTUATION}))
_WIDE = tuple(
    mark.encode() for mark in "\u3000\u3001\u3002\u300d\u300f\uff01\uff09\uff0c\uff1a\uff1b\uff1f"
)
"""What stands for a space in languages without spaces: a cut after it is as good."""

_GRAPHEME = 128  # bytes to look back for where what is seen as one character begins
_JOINER = "\u200d"


def split(data: bytes, start: int, end: int, measure: Measure) -> list[int]:
    """
    Cut a piece so that every part fits.

    At the end of a line, else at white space, else after punctuation, else between characters:
    never inside one or between CR and LF, and not inside what is seen as one, such as a letter and
    its accent, if the budget allows.

    Args:
        data: The file, valid UTF-8.
        start: Where the piece begins.
        end: Where it ends.
        measure: What fits.

    Returns:
        Where it is cut, ascending, without *start* and *end*. A part that is over the budget is a
        single character.
    """
    cuts = []
    while not measure.fits(start, end):
        most = measure.reach(start, end)
        cut = _best(data, start, most) if most < end else most
        # With a tokenizer that finds more tokens in a shorter text, even that may not fit.
        while not measure.fits(start, cut):
            smaller = settled(data, start, start + (cut - start) // 2, cut)
            if smaller == cut:
                break
            cut = smaller
        if cut >= end:
            break
        cuts.append(cut)
        start = cut
    return cuts


def _best(data: bytes, start: int, most: int) -> int:
    """Return the best place for a cut behind *start*, up to *most*, which fits."""
    size = most - start
    line = _after_line(data, start + size // 4, most)
    if line:
        return line
    half = start + size // 2
    window = data[half:most]
    cut = half + len(window.rstrip(_NO_SPACE))
    if not window.isascii():
        cut = max(
            cut, *(half + window.rfind(mark) + len(mark) for mark in _WIDE if mark in window), 0
        )
    if cut == half:
        cut += len(window.rstrip(_NO_PUNCTUATION))
    return _between_graphemes(data, start, cut if cut > half else most)


def _after_line(data: bytes, low: int, most: int) -> int:
    """Return where the last line that ends behind *low* and not behind *most* ends, or 0."""
    after = data.rfind(b"\n", low, most) + 1
    lone = data.rfind(b"\r", max(low, after), most) + 1
    if lone and data[lone : lone + 1] == b"\n":  # the CR of a CRLF: most is not inside of one
        lone = 0
    return max(after, lone)


def _between_graphemes(data: bytes, start: int, cut: int) -> int:
    """Move a cut back to where what is seen as one character begins, unless that is too far."""
    following = data[cut : cut + 4].decode("utf-8", "ignore")[:1]
    if following.isascii():
        return cut
    before = data[max(start, cut - _GRAPHEME) : cut].decode("utf-8", "ignore")
    length = len(before)
    while length and _joined(before[:length], following):
        length -= 1
        following = before[length]
    return cut - len(before[length:].encode()) if length else cut


def _joined(before: str, following: str) -> bool:
    """Tell whether a character is seen as one with those before it."""
    if before[-1] == _JOINER or following == _JOINER:
        return True
    if _is_flag(following):  # two letters make a flag
        return (len(before) - len(before.rstrip(_FLAGS))) % 2 == 1
    tone = "\U0001f3fb" <= following <= "\U0001f3ff"
    return tone or unicodedata.category(following)[0] == "M"


_FLAGS = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def _is_flag(character: str) -> bool:
    return character in _FLAGS
