"""Keeps the values in memory: what ``run`` uses when there is no ``into=``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from treadle.core.outcome import AnyOutcome
from treadle.errors import SinkFailed


class Memory:
    """Keeps the values of the items that succeeded; memory grows with their number."""

    def __init__(self) -> None:
        self._stored: list[tuple[int, Any]] = []

    def open(self) -> None:
        """Forget what another run has stored."""
        self._stored = []

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """Keep the values; there is none that does not fit."""
        self._stored.extend((outcome.index, outcome.value) for outcome in outcomes if outcome.ok)
        return []

    def close(self) -> None:
        """Do nothing: the values stay."""

    def abandon(self) -> None:
        """Do nothing: the values stay."""

    def values(self) -> list[Any]:
        """Return the values in input order."""
        self._stored.sort(key=_index)  # sorted runs are cheap to sort again
        return [value for _, value in self._stored]

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._stored)

    def __repr__(self) -> str:
        return f"<Memory: {len(self)} values>"


def _index(stored: tuple[int, Any]) -> int:
    return stored[0]
