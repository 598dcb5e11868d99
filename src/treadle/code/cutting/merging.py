"""Cuts: pieces put together, left to right, while the budget allows.

The merging half of cAST, greedy: a chunk takes pieces as long as they fit, then ends at the place
in its last quarter that is nested least, rather between two functions than inside the second. What
is over the budget and has no marks inside, such as a long string, is cut by lines.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
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
    start, after = 0, 0  # where the chunk begins, and what the next cut has to be behind
    while end - start > measure.sure and not measure.fits(start, end):
        low = bisect_right(starts, after)  # some marks may begin together
        at = measure.last(start, starts, low, count)
        if at < low or _is_short(start, starts, at, measure, end):
            # Not even one piece fits; or one so small, before one that does not, that it would
            # be a chunk for a few words.
            low = max(low, at + 1)
            inner = split(data, start, starts[low] if low < count else end, measure)
            cuts.extend(Cut(each, low, inside=True) for each in inner)
            if inner:
                start = after = inner[-1]
                continue
            if low == count:
                break
            cut, after = starts[low], starts[low]  # a single token
        else:
            cut, after = _chosen(data, start, starts, levels, low, at)
            if not measure.fits(start, cut):  # a tokenizer may find more tokens in a shorter text
                cut, after = starts[at], starts[at]
        inside = after < cut
        if data[cut - 1 : cut + 1] == b"\r\n":
            cut = cut - 1 if cut - 1 > start else cut + 1
            if cut == end:
                break
        start, after = cut, max(cut, after)
        cuts.append(Cut(cut, bisect_left(starts, cut), inside=inside))
    return cuts


def _is_short(start: int, starts: Sequence[int], at: int, measure: Measure, end: int) -> bool:
    """Tell whether so little is before the mark *at*, whose piece is over the budget."""
    if 4 * (starts[at] - start) > measure.sure:
        return False
    return not measure.fits(starts[at], starts[at + 1] if at + 1 < len(starts) else end)


def _chosen(
    data: bytes, start: int, starts: Sequence[int], levels: Sequence[int], low: int, high: int
) -> tuple[int, int]:
    """
    Choose among the marks from *low* to *high*, inclusive.

    Returns:
        Where to cut, the beginning of a line if there is any; and the mark that is cut for, or
        less than that when it is the end of a line inside a piece.
    """
    quarter = bisect_left(starts, start + 3 * (starts[high] - start) // 4, low, high)
    window = levels[quarter : high + 1]
    best = min(window)
    while best < POOR:
        equal = [mark for mark, level in enumerate(window, quarter) if level == best]
        lines = _at_lines(data, start, starts, equal)
        if lines:
            cut = decided(data, list(lines)) if len(lines) > 1 else next(iter(lines))
            return cut, starts[lines[cut]]
        best = min((level for level in window if level > best), default=POOR)
    # Then rather a short chunk, or as much of a head as there is room for.
    lines = _at_lines(data, start, starts, range(low, high + 1))
    if lines:
        cut = min(lines, key=lambda cut: (min(levels[lines[cut]], POOR), -cut))
        return cut, starts[lines[cut]]
    line = data.rfind(b"\n", start + 1, starts[high]) + 1
    if line and not data[start:line].isspace():
        return line, start
    last = max(mark for mark, level in enumerate(window, quarter) if level == min(window))
    return starts[last], starts[last]


def _at_lines(
    data: bytes, start: int, starts: Sequence[int], marks: Iterable[int]
) -> dict[int, int]:
    """Return the beginnings of the lines that begin with one of *marks*, each with its mark."""
    found: dict[int, int] = {}
    for mark in marks:
        place = starts[mark]
        line = data.rfind(b"\n", max(start, place - _INDENT), place) + 1
        if line <= start or (line < place and data[line:place].strip()):
            continue
        if line - start > _INDENT or not data[start:line].isspace():
            found.setdefault(line, mark)
    return found
