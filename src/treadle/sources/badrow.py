"""What stands in a source for a row that is not sound: it costs one item, never the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from treadle.errors import TreadleError


class BadRowError(TreadleError, ValueError):
    """A row of the source is not sound; raised when its fields are asked for."""


class BadRow(Mapping[str, Any]):
    """
    Stands in a source for a row that is not sound.

    It travels like any row. Asking it for a field raises ``BadRowError``, so that its item fails
    with a message that says where the row is and what is wrong, while all other rows go on. A
    function that wants to cope with such rows asks ``isinstance(row, BadRow)``.

    Attributes:
        reason: What is wrong, and where.
        raw: What stands in the file: the fields of a CSV row, the text of a JSONL line.
        hint: What to do about it, or None.
    """

    def __init__(self, reason: str, raw: Any, hint: str | None = None) -> None:
        self.reason = reason
        self.raw = raw
        self.hint = hint

    def __getitem__(self, name: str) -> Any:
        """Raise ``BadRowError``, as all questions about its contents do."""
        self._fail()

    def __iter__(self) -> Iterator[str]:
        """Raise ``BadRowError``."""
        self._fail()

    def __len__(self) -> int:  # noqa: PLE0303  # it never returns
        """Raise ``BadRowError``."""
        self._fail()

    def __contains__(self, name: object) -> bool:
        """Raise ``BadRowError``."""
        self._fail()

    def __repr__(self) -> str:
        return f"<BadRow: {self.reason}>"

    def __eq__(self, other: object) -> bool:
        """Compare what is wrong and where."""
        return self.reason == other.reason if isinstance(other, BadRow) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.reason)

    def _fail(self) -> NoReturn:
        raise BadRowError(self.reason, hint=self.hint)
