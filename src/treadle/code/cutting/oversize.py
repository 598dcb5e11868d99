"""Cuts inside a piece that is over the budget and has no marks, such as a string of a megabyte.

Every search back from the last place that fits ends where the part begins, so that each byte is
looked at a bounded number of times however long the piece is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from zlib import crc32

from treadle.code.budget.measures import Measure, settled

_LINE = re.compile(rb"\r\n?|\n")
# In languages without spaces, a cut after a full stop is as good.
_SPACE = re.compile(
    rb"[ \t\v\f]+|"
    + "|".join("\u3000\u3001\u3002\u300d\u300f\uff01\uff09\uff0c\uff1a\uff1b\uff1f").encode()
)
_PUNCTUATION = re.compile(rb"""[,;:.!?)\]}>|&=+\-*/\\"'`]+""")
_BLANK = 200  # bytes
_DECIDES = 32  # bytes after a place
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
        if end - cut < _BLANK and data[cut:end].isspace() and data[start : cut - 1].strip():
            # No part of empty lines alone: it gets the end of the last one that is not.
            before = start + len(data[start:cut].rstrip()) - 1
            cut = _best(data, start, settled(data, start, before, cut))
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
    late, half, early = start + 3 * size // 4, start + size // 2, start + size // 4
    for ends, least in ((_LINE, early), (_SPACE, half), (_PUNCTUATION, half)):
        places = [match.end() for match in ends.finditer(data, late, most)]
        if places:
            return _between_graphemes(data, start, decided(data, places))
        last = _last(ends, data, least, late)
        if last:
            return _between_graphemes(data, start, last)
    places = [place for place in range(late + 1, most + 1) if data[place - 1] < 0x80]
    if data[late:most].isascii() and places:
        return _between_graphemes(data, start, decided(data, places))
    return _between_graphemes(data, start, most)


def decided(data: bytes, places: Sequence[int]) -> int:
    """
    Return the one of several places, all as good, that the text there decides.

    After an edit, cuts soon fall where they did before, also in a table whose lines are all alike
    in length. Of equal texts it is the last place.
    """
    if len(places) == 1:
        return places[0]
    return min(reversed(places), key=lambda place: crc32(data[place : place + _DECIDES]))


def _last(ends: re.Pattern[bytes], data: bytes, low: int, high: int) -> int:
    """Return where the last match between *low* and *high* ends; 0 for none."""
    last = 0
    for match in ends.finditer(data, low, high):
        last = match.end()
    return 0 if data[last - 1 : last + 1] == b"\r\n" else last


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
