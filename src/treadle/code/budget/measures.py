"""The limits laid on one file: does this span fit, and how far does one get from here.

Limits that only grow with a span (characters, lines, words) come down to one question, *where is
the last place that fits, from here*, and the least of the answers holds for all of them. What an
unknown tokenizer says cannot be foreseen: it is asked, as rarely as can be.

No question looks further than some multiple of the budget, so all of them are linear in the file.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol, TypeAlias

Ruler: TypeAlias = Callable[[int, int], int]
"""Takes a place and the last place of interest; returns the last place up to which it fits."""

SPACE = rb"\t-\r\x1c-\x20"
"""White space of ASCII, as ``str.isspace`` has it, for a class of a regular expression."""

# The ideographs and kana: written without spaces, and about a token each.
_IDEOGRAPHS = "\u2e80-\u303f\u3040-\u30ff\u31c0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_IDEOGRAPHS += "\U00020000-\U0003ffff"

LONGEST_WORD = 16
"""A longer run of letters counts as several words, for else a megabyte of base64 would be one."""

WORD = rf"[^\W{_IDEOGRAPHS}]{{1,{LONGEST_WORD}}}|\S"
"""What the tokenizer "words" counts, as a regular expression."""

_WORD_ASCII = rb"[0-9A-Za-z_]{1,%d}|[^%b]" % (LONGEST_WORD, SPACE)

_WIDE_SPACE = re.compile(
    rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80"
)
_FREE = bytes([*range(9, 14), *range(28, 33), *range(0x80, 0xC0)])
_FREE_RUN = re.compile(rb"[%b\x80-\xbf]*+" % SPACE)
LINE_END = re.compile(rb"\r\n?|\n")


class Measure(Protocol):
    """
    The budget, laid on one file.

    Attributes:
        sure: So many bytes fit, whatever they are.
        exact: A span of more than *sure* bytes certainly does not fit.
    """

    sure: int
    exact: bool

    def fits(self, start: int, end: int) -> bool:
        """Tell whether the bytes from *start* to *end* are within the budget."""

    def last(self, start: int, marks: Sequence[int], low: int, high: int) -> int:
        """
        Return the largest i in [low, high) for which the span from *start* to ``marks[i]`` fits.

        *marks* ascend. Where none fits, it is ``low - 1``. With a tokenizer that counts a longer
        text as fewer tokens, another that fits may be returned.
        """

    def reach(self, start: int, end: int) -> int:
        """
        Return how far one gets from *start*: the last place up to *end* that fits.

        It is between two characters, not between CR and LF, and behind *start*, even where a
        single character is over the budget.
        """


class Bytes:
    """Characters alone, in a file where each is a byte: all is arithmetic."""

    exact = True

    def __init__(self, data: bytes, limit: int) -> None:
        self._data = data
        self.sure = limit

    def fits(self, start: int, end: int) -> bool:
        """See `Measure`."""
        return end - start <= self.sure

    def last(self, start: int, marks: Sequence[int], low: int, high: int) -> int:
        """See `Measure`."""
        return bisect_right(marks, start + self.sure, low, high) - 1

    def reach(self, start: int, end: int) -> int:
        """See `Measure`."""
        return settled(self._data, start, min(end, start + self.sure), end)


class Ruled:
    """
    Limits that only grow with a span.

    Args:
        data: The file.
        rulers: One for each limit; each is asked no further than those before it go.
        sure: So many bytes fit, whatever they are.
    """

    exact = False

    def __init__(self, data: bytes, rulers: Sequence[Ruler], sure: int) -> None:
        self._data = data
        self._rulers = rulers
        self.sure = sure
        # Questions come in rows about spans from one place: nested nodes, one mark after another.
        self._asked = -1
        self._answer = 0

    def fits(self, start: int, end: int) -> bool:
        """See `Measure`."""
        return end - start <= self.sure or end <= self._stop(start, end)

    def last(self, start: int, marks: Sequence[int], low: int, high: int) -> int:
        """See `Measure`."""
        if low >= high:
            return low - 1
        return bisect_right(marks, self._stop(start, marks[high - 1]), low, high) - 1

    def reach(self, start: int, end: int) -> int:
        """See `Measure`."""
        return settled(self._data, start, min(end, self._stop(start, end)), end)

    def _stop(self, start: int, most: int) -> int:
        """Return the last place that fits from *start*; *most*, or one behind it, if that fits."""
        if start == self._asked:
            return self._answer
        stop = most
        for ruler in self._rulers:
            stop = ruler(start, stop)
        if stop < most:  # there it really ends, whatever is asked next
            self._asked, self._answer = start, stop
        return stop


class Asked:
    """
    A limit in tokens that only a tokenizer can count, within other limits.

    Where the next probe is made follows from the bytes per token so far, so that three or four
    are enough. Of a span that is far too long only the beginning is counted.

    Args:
        data: The file.
        count: Counts the tokens of a text.
        limit: Most tokens.
        within: The other limits.
        sure: So many bytes fit, whatever they are.
    """

    exact = False

    def __init__(
        self,
        data: bytes,
        count: Callable[[str], int],
        limit: int,
        within: Measure | None,
        sure: int,
    ) -> None:
        self._data = data
        self._count = count
        self._limit = limit
        self._within = within
        self.sure = sure
        self._ratio = 3.5  # bytes per token: code, with most tokenizers; corrected as it is counted
        self._asked = -1
        self._answers: dict[int, float] = {}

    def fits(self, start: int, end: int) -> bool:
        """See `Measure`."""
        if end - start <= self.sure:
            return True
        if self._within is not None and not self._within.fits(start, end):
            return False
        return self._tokens(start, end) <= self._limit

    def last(self, start: int, marks: Sequence[int], low: int, high: int) -> int:
        """See `Measure`."""
        if self._within is not None:
            high = self._within.last(start, marks, low, high) + 1
        good = bisect_right(marks, start + self.sure, low, high) - 1
        bad = high
        guess = start + self._limit * self._ratio
        probes = 0
        while bad - good > 1:
            probes += 1
            if probes > 5 and probes % 2:  # the guesses creep: halve what is left
                probe = (good + bad) // 2
            else:
                probe = bisect_right(marks, guess, good + 1, bad) - 1
                probe = max(probe, good + 1)
            tokens = self._tokens(start, marks[probe])
            size = marks[probe] - start
            each = size / tokens if tokens else self._ratio
            # A token too far or too short on purpose, so that the next probe bounds the other side.
            if tokens <= self._limit:
                good = probe
                guess = marks[probe] + (self._limit - tokens + 1) * each
            else:
                bad = probe
                guess = marks[probe] - (tokens - self._limit + 0.5) * each
        return good

    def reach(self, start: int, end: int) -> int:
        """See `Measure`."""
        most = end if self._within is None else self._within.reach(start, end)
        if self.fits(start, most):
            return most
        places = range(start + 1, most)
        found = self.last(start, places, 0, len(places))
        return settled(self._data, start, start + 1 + found, end)

    def _tokens(self, start: int, end: int) -> float:
        """Count; more than twice the limit is an estimate from the beginning of the span."""
        if start != self._asked:
            self._asked = start
            self._answers.clear()
        answer = self._answers.get(end)
        if answer is None:
            answer = self._answers[end] = self._counted(start, end)
        return answer

    def _counted(self, start: int, end: int) -> float:
        look = max(64, int(4 * self._limit * self._ratio))
        while look < end - start:
            ahead = self._text(start, start + look)
            tokens = self._count(ahead)
            if tokens > 2 * self._limit:
                return tokens * (end - start) / look
            look *= 2
        tokens = self._count(self._text(start, end))
        if tokens > self._limit / 4:  # few tokens say little about many
            self._ratio = min(max((end - start) / tokens, 0.25), 64.0)
        return tokens

    def _text(self, start: int, end: int) -> str:
        return self._data[start:end].decode("utf-8", "ignore")  # the last character may be cut


def settled(data: bytes, start: int, place: int, end: int) -> int:
    """
    Move a place between *start* and *end* back to where two characters meet.

    Not between CR and LF, and always behind *start*: a single character may be over the budget.
    """
    if place >= end:
        return end
    while place > start and data[place] & 0xC0 == 0x80:
        place -= 1
    if place > start and data[place] == 10 and data[place - 1] == 13:
        place -= 1
    if place > start:
        return place
    place = start + 2 if data[start : start + 2] == b"\r\n" else start + 1
    while place < end and data[place] & 0xC0 == 0x80:
        place += 1
    return min(place, end)


def characters(data: bytes, limit: int) -> Ruler:
    """Return a ruler for *limit* characters."""
    if data.isascii():
        return lambda start, most: min(most, start + limit)

    def stop(start: int, most: int) -> int:
        if most - start <= limit:
            return most
        head = data[start : start + limit]
        if not head.isascii():
            window = data[start : min(most, start + 4 * limit)].decode("utf-8", "ignore")
            if len(window) < limit:
                return most
            head = window[:limit].encode()
        return start + len(head)

    return stop


def nonspace(data: bytes, limit: int) -> Ruler:
    """Return a ruler for *limit* characters that are not white space."""
    if not data.isascii():
        data = _WIDE_SPACE.sub(lambda wide: b" " * len(wide[0]), data)

    def stop(start: int, most: int) -> int:
        left = limit
        end = _after_free(data, start, most)
        while left and end < most:
            # As many bytes as characters are left cannot be too many.
            ahead = min(most, end + left)
            left -= len(data[end:ahead].translate(None, _FREE))
            end = _after_free(data, ahead, most)
        return end

    return stop


def _after_free(data: bytes, start: int, most: int) -> int:
    """Return where white space, or the rest of a character, ends that begins at *start*."""
    found = _FREE_RUN.match(data, start, most)
    return start if found is None else found.end()


def words(data: bytes, limit: int) -> Ruler:
    """Return a ruler for *limit* words, as `WORD` has them."""
    if data.isascii():
        few = _few_ascii(limit)

        def stop_ascii(start: int, most: int) -> int:
            found = few.match(data, start, most)
            return start if found is None else found.end()

        return stop_ascii

    few_wide = _few(limit)

    def stop(start: int, most: int) -> int:
        look = 8 * limit
        while True:
            text = data[start : min(most, start + look)].decode("utf-8", "ignore")
            found = few_wide.match(text)
            end = 0 if found is None else found.end()
            if end < len(text):
                return start + len(text[:end].encode())
            if start + look >= most:
                return most
            look *= 4

    return stop


@lru_cache(maxsize=16)
def _few_ascii(limit: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?:[%b]*+(?:%b)){0,%d}[%b]*+" % (SPACE, _WORD_ASCII, limit, SPACE))


@lru_cache(maxsize=16)
def _few(limit: int) -> re.Pattern[str]:
    return re.compile(rf"(?:\s*+(?:{WORD})){{0,{limit}}}\s*+")


def lines(data: bytes, limit: int) -> Ruler:
    """Return a ruler for *limit* lines, a part of a line being one too."""
    starts: array[int] = array("Q")  # a fifth of a list, and a file may be all line ends

    def stop(start: int, most: int) -> int:
        if not starts:
            starts.extend(found.end() for found in LINE_END.finditer(data))
            starts.append(len(data))
        beyond = bisect_right(starts, start) + limit - 1
        return min(most, starts[beyond]) if beyond < len(starts) else most

    return stop
