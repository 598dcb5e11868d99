"""Cuts: pieces put together, left to right, while the budget allows.

The merging half of cAST, greedy: a chunk takes pieces as long as they fit, then ends at the place
in its last quarter that is nested least, rather between two functions than inside the second. What
is over the budget and has no marks inside, such as a long string, is cut by lines.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from treadle.code.budget.measures import Measure
from treadle.code.cutting.marks import POOR
from treadle.code.cutting.oversize import decided, split

_INDENT = 200  # bytes; white space before a mark goes with it, but not a screen of it


class Cut(NamedTuple):
    """
    Where a chunk begins.

    Attributes:
        start: In bytes.
        mark: Index of the first mark that lies in it.
        inside: It begins inside the piece of the mark before, which is over the budget.
    """

    start: int
    mark: int
    inside: bool


def merge(data: bytes, starts: Sequence[int], levels: Sequence[int], measure: Measure) -> list[Cut]:
    """
    Choose the cuts of a file.

    Args:
        data: Its text, not empty.
        starts: Places for cuts, ascending, the first 0.
        levels: How good each is; the lowest are best.
        measure: What fits.

    Returns:
        The beginnings of its chunks; the first is 0. Each chunk is within the budget, or a single
        character.
    """
    end, count = len(data), len(starts)
    cuts = [Cut(0, 0, inside=False)]
    start, mark = 0, 0
    while end - start > measure.sure and not measure.fits(start, end):
        low = bisect_left(starts, start + 1, mark)  # some marks may begin together
        at = measure.last(start, starts, low, count)
        if at < low or _is_short(data, start, starts, at, measure):
            # Not even one piece fits; or one so small, before one that does not, that it would
            # be a chunk for a few words.
            low = at + 1 if at >= low else low
            inner = split(data, start, starts[low] if low < count else end, measure)
            cuts.extend(Cut(each, low, inside=True) for each in inner)
            if inner:
                start, mark = inner[-1], low
                continue
            if low == count:
                break
            at = low  # a single token
        mark = _least_nested(data, start, starts, levels, low, at)
        cut = _line_start(data, start, starts[mark])
        if not measure.fits(start, cut):  # a tokenizer that finds more tokens in a shorter text
            mark, cut = at, starts[at]
        if data[cut - 1 : cut + 1] == b"\r\n":
            cut = cut - 1 if cut - 1 > start else cut + 1
            if cut == end:
                break
        start = cut
        cuts.append(Cut(start, mark, inside=False))
    return cuts


def _is_short(data: bytes, start: int, starts: Sequence[int], at: int, measure: Measure) -> bool:
    """Tell whether so little is before the mark *at*, whose piece is over the budget."""
    if 4 * (starts[at] - start) > measure.sure:
        return False
    end = starts[at + 1] if at + 1 < len(starts) else len(data)
    return not measure.fits(starts[at], end)


def _least_nested(
    data: bytes, start: int, starts: Sequence[int], levels: Sequence[int], low: int, high: int
) -> int:
    """Return a mark of the lowest level in the last quarter before *high*, inclusive."""
    quarter = bisect_left(starts, start + 3 * (starts[high] - start) // 4, low, high)
    best = min(levels[quarter : high + 1])
    if best >= POOR:  # then rather a short chunk; or as much of the head as there is room for
        best = min(levels[low : high + 1])
        if best >= POOR:
            return high
        return max(mark for mark in range(low, high + 1) if levels[mark] == best)
    equal = [starts[mark] for mark in range(quarter, high + 1) if levels[mark] == best]
    return bisect_left(starts, decided(data, equal), low, high + 1)


def _line_start(data: bytes, start: int, mark: int) -> int:
    """Return the beginning of the line of *mark* if there is only white space before it."""
    line = data.rfind(b"\n", max(start, mark - _INDENT), mark) + 1
    return line if line > start and not data[line:mark].strip() else mark
