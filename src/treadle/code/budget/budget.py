"""How much a chunk may hold, as the user says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import treadle
from treadle.code.budget import measures
from treadle.code.budget.measures import Asked, Bytes, Measure, Ruled
from treadle.code.budget.overlaps import Overlaps
from treadle.code.budget.tokenizers import Tokenizer, counter, identity

DEFAULT_CHARS = 2000
"""Most characters of a chunk where no limit is given."""

RULES = 1
"""Goes up when chunks come out differently for the same limits: results are not mixed."""

# White space costs these tokenizers nothing: without another limit a file of blanks, or deeply
# indented code, would be a chunk of any size. Words alone never come near it.
_MOST_CHARS_PER_TOKEN = {"words": measures.LONGEST_WORD, "nonspace": 4}


class _Limits(NamedTuple):
    """Limits that hold together; None where there is none."""

    tokens: int | None
    chars: int | None
    lines: int | None


@dataclass(frozen=True, slots=True)
class Budget:
    """
    How much a chunk may hold; make it with :meth:`of`.

    Attributes:
        max_tokens: Most tokens; None for no limit.
        max_chars: Most characters; None for no limit.
        max_lines: Most lines, where a part of a line counts as one; None for no limit.
        tokenizer: What a token is: a name of ``tokenizers.NAMES``, or a function that counts the
            tokens of a text.
        overlap: How much of the chunk before is repeated at the beginning of a chunk: tokens
            where they are limited, else characters, else lines.
    """

    max_tokens: int | None
    max_chars: int | None
    max_lines: int | None
    tokenizer: Tokenizer
    overlap: int

    @classmethod
    def of(
        cls,
        max_tokens: int | None = None,
        max_chars: int | None = None,
        max_lines: int | None = None,
        tokenizer: Tokenizer | None = None,
        overlap: int = 0,
    ) -> Budget:
        """
        Check the limits and make a budget of them.

        All limits that are given hold at once; without any it is 2000 characters. The tokenizer
        counts words where tokens are limited, else characters. With the tokenizers "words" and
        "nonspace", to which white space is nothing, a chunk has at most 16 and 4 characters per
        token of the limit.

        Raises:
            UsageError: A limit is no whole number from 1, the overlap is not less than half of
                its limit, or the tokenizer does not exist, is not installed, or does not count.
        """
        if max_tokens is None and max_chars is None and max_lines is None:
            max_chars = DEFAULT_CHARS
        given = {"max_tokens": max_tokens, "max_chars": max_chars, "max_lines": max_lines}
        for name, limit in given.items():
            if limit is not None:
                _check_whole(name, limit, least=1)
        _check_whole("overlap", overlap, least=0)
        name, limit = next((name, limit) for name, limit in given.items() if limit is not None)
        if 2 * overlap >= limit and overlap:
            raise treadle.UsageError(
                f"an overlap of {overlap} is too large for {name}={limit}",
                hint=f"at most {(limit - 1) // 2}, or more would be repeated than new",
            )
        if tokenizer is None:
            tokenizer = "characters" if max_tokens is None else "words"
        if not isinstance(tokenizer, str) and not callable(tokenizer):
            raise treadle.UsageError(
                f"tokenizer must be a name or a function, not {tokenizer!r:.100}",
                hint="a function takes a text and returns how many tokens it has",
            )
        counter(tokenizer).count("x = 1\n")  # what is wrong with it is said now, not per file
        return cls(max_tokens, max_chars, max_lines, tokenizer, overlap)

    def count(self, text: str) -> int:
        """Count the tokens of a text."""
        return counter(self.tokenizer).count(text)

    def counter(self) -> Callable[[str], int]:
        """Return what counts the tokens of a text, for those who count many."""
        return counter(self.tokenizer).count

    def identity(self) -> str:
        """Return a text that is another one whenever chunks could be."""
        limits = f"{self.max_tokens}/{self.max_chars}/{self.max_lines}+{self.overlap}"
        return f"{RULES}:{limits} {identity(self.tokenizer)}"

    def measure(self, data: bytes) -> Measure:
        """
        Lay the budget on a file, less what the overlap takes.

        Args:
            data: The file, valid UTF-8.
        """
        return self._measure(data, self._cutting())

    def overlaps(self, data: bytes) -> Overlaps:
        """
        Lay the budget on a file, to find the overlaps of its chunks.

        Args:
            data: The file, valid UTF-8.
        """
        share = self._measure(data, self._overlapping()) if self.overlap else None
        return Overlaps(data, share, self._measure(data, self._whole()))

    def _cutting(self) -> _Limits:
        """Return what chunks are cut to: the limits, less the share of the overlap in each."""
        return _Limits(*(limit and limit - self._share(limit) for limit in self._whole()))

    def _overlapping(self) -> _Limits:
        """Return the limits of an overlap."""
        return _Limits(*(limit and max(1, self._share(limit)) for limit in self._whole()))

    def _share(self, limit: int) -> int:
        """Return what the overlap takes of a limit: the same share of each."""
        unit = next(limit for limit in self._whole() if limit is not None)
        return limit * self.overlap // unit

    def _whole(self) -> _Limits:
        return _Limits(self.max_tokens, self.max_chars, self.max_lines)

    def _measure(self, data: bytes, limits: _Limits) -> Measure:
        tokens, chars, lines = limits
        name = self.tokenizer if isinstance(self.tokenizer, str) else ""
        if tokens is not None and name == "characters":
            chars, tokens = tokens if chars is None else min(tokens, chars), None
        if tokens is not None and name in _MOST_CHARS_PER_TOKEN:
            most = tokens * _MOST_CHARS_PER_TOKEN[name]
            chars = most if chars is None else min(most, chars)
        if chars is not None and tokens is None and lines is None and data.isascii():
            return Bytes(data, chars)
        rulers = []
        if chars is not None:
            rulers.append(measures.characters(data, chars))
        if lines is not None:
            rulers.append(measures.lines(data, lines))
        if tokens is not None and name in _MOST_CHARS_PER_TOKEN:
            ruler = measures.words if name == "words" else measures.nonspace
            rulers.append(ruler(data, tokens))
        # No text has more lines, characters, words than bytes.
        sure = min(limit for limit in (tokens, chars, lines) if limit is not None)
        if tokens is None or name in _MOST_CHARS_PER_TOKEN:
            return Ruled(data, rulers, sure)
        return self._asked(data, tokens, Ruled(data, rulers, sure) if rulers else None, sure)

    def _asked(self, data: bytes, tokens: int, within: Measure | None, sure: int) -> Measure:
        found = counter(self.tokenizer)
        return Asked(data, found.count, tokens, within, sure if found.dense else 0)


def _check_whole(name: str, value: object, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise treadle.UsageError(
            f"{name} must be a whole number from {least}, not {value!r:.100}",
            hint=f"leave {name} out for {'no limit' if least else 'none'}",
        )
