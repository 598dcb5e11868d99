"""What is typed into the search of Home: ``nightly state:crashed failed>0``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.tui.listing import Row

EXAMPLES = "words, state:crashed, name:x, calls:x, into:x, failed>0, ok<100, left>0"

_COMPARISON = re.compile(r"(failed|ok|left|total|rate)(<=|>=|<|>|=)(\d+(?:\.\d+)?)")
_FIELD = re.compile(r"(state|id|name|calls|into|where):(.*)")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Search:
    """
    What rows are searched for: all of it must hold.

    Attributes:
        words: What must occur somewhere.
        fields: Names of fields, and what must occur in them; a state must begin so.
        comparisons: Names of figures, operators, and numbers.
    """

    words: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    comparisons: tuple[tuple[str, str, float], ...] = ()

    @classmethod
    def of(cls, text: str) -> Search:
        """Read what was typed. Any text means something: what is no condition is a word."""
        words, fields, comparisons = [], [], []
        for word in text.lower().split():
            if match := _COMPARISON.fullmatch(word):
                comparisons.append((match[1], match[2], float(match[3])))
            elif match := _FIELD.fullmatch(word):
                fields.append((match[1], match[2]))
            else:
                words.append(word)
        return cls(tuple(words), tuple(fields), tuple(comparisons))

    def among(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return those of *rows*; *rows* itself if nothing is searched for."""
        for word in self.words:  # one after the other: there may be many rows, and a key waits
            rows = [row for row in rows if word in row.words]
        for name, text in self.fields:
            rows = [row for row in rows if _has(row, name, text)]
        for comparison in self.comparisons:
            rows = [row for row in rows if _compares(row, *comparison)]
        return rows


def _has(row: Row, name: str, text: str) -> bool:
    if name == "state":
        # Of a live run also "running", which is its state in the record.
        return row.state.startswith(text) or (row.is_live and "running".startswith(text))
    if name in ("id", "where"):
        return text in (row.id if name == "id" else str(row.folder.parent).lower())
    entry = row.entry
    if entry is None:
        return False
    found = {"name": entry.name, "calls": entry.function, "into": entry.into}[name]
    return text in (found or "").lower()


def _compares(row: Row, name: str, sign: str, number: float) -> bool:
    entry = row.entry
    if entry is None:
        return False
    found = entry.throughput if name == "rate" else getattr(entry, name)
    return found is not None and _OPERATORS[sign](found, number)
