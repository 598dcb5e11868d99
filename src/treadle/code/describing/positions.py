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
            ends = [match.end() for match in _ENDS.finditer(text)]
            count, after = len(ends), ends[-1] if ends else 0
        else:
            ends = []
            count, after = text.count("\n"), text.rfind("\n") + 1
        if not count:
            self.column += len(text)
            return self.line, self.column
        start = self.column
        self.line += count
        self.column = len(text) - after
        if self.column:
            return self.line, self.column
        # The last character ends a line, and belongs to it.
        before = (ends[-2] if count > 1 else 0) if ends else text.rfind("\n", 0, after - 1) + 1
        return self.line - 1, after - before + (0 if before else start)
