"""Lines and columns, counted on while a file is gone through once."""

from __future__ import annotations

import re

_ENDS = re.compile(r"\r\n|\r|\n")


class Position:
    """
    A place in a text that moves on.

    Args:
        newline: How lines end, as in ``FileChunks.newline``.

    Attributes:
        line: Line of the next character, from 1.
        column: Its column in characters, from 0.
    """

    __slots__ = ("_mixed", "column", "line")

    def __init__(self, newline: str) -> None:
        self.line, self.column = 1, 0
        self._mixed = newline in {"cr", "mixed"}  # else each line ends with a line feed

    def over(self, text: str) -> tuple[int, int]:
        """
        Move over *text*, which is not empty.

        Returns:
            The line of its last character, and the column after that.
        """
        if self._mixed:
            return self._over_mixed(text)
        count = text.count("\n")
        if not count:
            self.column += len(text)
            return self.line, self.column
        started, self.line = self.column, self.line + count
        size = len(text)
        after = text.rfind("\n") + 1
        self.column = size - after
        if self.column:
            return self.line, self.column
        # The last character ends a line, and belongs to it.
        before = text.rfind("\n", 0, size - 1) + 1
        return self.line - 1, size - before + (0 if before else started)

    def _over_mixed(self, text: str) -> tuple[int, int]:
        ends = [match.end() for match in _ENDS.finditer(text)]
        if not ends:
            self.column += len(text)
            return self.line, self.column
        started, self.line = self.column, self.line + len(ends)
        self.column = len(text) - ends[-1]
        if self.column:
            return self.line, self.column
        before = ends[-2] if len(ends) > 1 else 0
        return self.line - 1, len(text) - before + (0 if before else started)
