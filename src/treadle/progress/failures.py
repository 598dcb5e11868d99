"""Failures grouped by kind, with the first of each kind by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from treadle.core.outcome import AnyOutcome, Succeeded
from treadle.progress.text import Line, middle, one_line, wrapped

# Kept per kind. A thousand items that fail alike are named by their first ones; all of them are
# in the outcomes and the report.
FIRST = 5


@dataclass(slots=True)
class Kind:
    """Failures with the same verdict: how many, and the first of them."""

    title: str
    count: int = 0
    first: list[AnyOutcome] = field(default_factory=list)

    @property
    def hint(self) -> str | None:
        """What to do about them."""
        outcome = self.first[0]
        return None if isinstance(outcome, Succeeded) else outcome.failure.hint


class Failures:
    """The failures of a run by kind, in order of first appearance; cancelled items are none."""

    def __init__(self, outcomes: Iterable[AnyOutcome] = ()) -> None:
        self.kinds: dict[str, Kind] = {}
        for outcome in outcomes:
            self.add(outcome)

    def add(self, outcome: AnyOutcome) -> bool:
        """Count *outcome*; True when it is the first failure of its kind."""
        if outcome.ok or outcome.kind == "cancelled":
            return False
        title = outcome.verdict
        kind = self.kinds.get(title)
        if new := kind is None:
            kind = self.kinds[title] = Kind(title)
        kind.count += 1
        if len(kind.first) < FIRST:
            kind.first.append(outcome)
        return new

    def __bool__(self) -> bool:
        return bool(self.kinds)


def says(outcome: AnyOutcome) -> str:
    """Return the failure's message where it says more than the verdict does."""
    if isinstance(outcome, Succeeded) or outcome.kind not in ("raised", "unpicklable"):
        return ""
    return one_line(outcome.failure.message)


def notice(outcome: AnyOutcome, width: int | None) -> list[Line]:
    """Announce the first failure of a kind: item, verdict and message, then the hint."""
    key = middle(one_line(outcome.key), None if width is None else max(width * 2 // 5, 8))
    said = says(outcome)
    text = f"failed: {key}: {one_line(outcome.verdict)}" + (f": {said}" if said else "")
    return [Line.of(middle(text, width), "red"), *hint_lines(outcome, width, "  ")]


def hint_lines(outcome: AnyOutcome, width: int | None, indent: str) -> list[Line]:
    """Write the hint of a failure, if it has one."""
    hint: Any = None if isinstance(outcome, Succeeded) else outcome.failure.hint
    return (
        [Line.of(text, "dim") for text in wrapped(f"hint: {hint}", width, indent)] if hint else []
    )
