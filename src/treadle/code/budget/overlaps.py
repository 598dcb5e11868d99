"""Where the overlap of each chunk of a file begins: what it repeats of the chunk before."""

from __future__ import annotations

from treadle.code.budget.measures import LINE_END, Measure


class Overlaps:
    """
    The overlaps in one file, whose chunks are many: what is laid on the file is laid on it once.

    Args:
        data: The file, valid UTF-8.
        share: What an overlap may hold; None for nothing.
        whole: What a chunk may hold, its overlap included.
    """

    def __init__(self, data: bytes, share: Measure | None, whole: Measure) -> None:
        self._data = data
        self._share = share
        self._whole = whole

    def begin(self, start: int, floor: int, end: int) -> int:
        """
        Return where the overlap begins of the chunk from *start* to *end*.

        At the beginning of a line where one is near enough, else at a character. The chunk with
        its overlap is within the whole budget; where there is no room for one, *start* is returned.

        Args:
            start: Where the chunk begins.
            floor: Where the overlap may begin at the earliest.
            end: Where the chunk ends.
        """
        if self._share is None or start <= floor:
            return start
        data = self._data
        begin = _at_line(data, _earliest(data, self._share, start, floor), start)
        while begin < start and not self._whole.fits(begin, end):
            begin = _at_line(data, _forward(data, begin + (start - begin + 1) // 2, start), start)
        return begin


def _earliest(data: bytes, measure: Measure, start: int, floor: int) -> int:
    """Return the earliest place from which it fits up to *start*, not before *floor*."""
    step = max(64, measure.sure)
    low = floor
    # In strides that double, so that no more than twice as much is looked at as fits.
    while start - step > floor:
        place = _forward(data, start - step, start)
        if not measure.fits(place, start):
            low = place
            break
        step *= 2
    if measure.fits(low, start):
        return low
    good = start
    while good - low > 1:
        middle = _forward(data, (low + good) // 2, good)
        if middle < good and measure.fits(middle, start):
            good = middle
        else:
            low = (low + good) // 2
    return good


def _forward(data: bytes, place: int, most: int) -> int:
    """Move a place forward to where two characters meet, not between CR and LF."""
    while place < most and data[place] & 0xC0 == 0x80:
        place += 1
    if 0 < place < most and data[place] == 10 and data[place - 1] == 13:
        place += 1
    return place


def _at_line(data: bytes, begin: int, start: int) -> int:
    """Return the beginning of the first line from *begin* and before *start*, or *begin*."""
    if begin == 0 or data[begin - 1] == 10 or (data[begin - 1] == 13 and data[begin] != 10):
        return begin
    found = LINE_END.search(data, begin, start)
    return begin if found is None or found.end() >= start else found.end()
