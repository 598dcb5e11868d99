"""What stands in a source for a row that is not sound: it costs one item, never the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from treadle.errors import BadRowError

__all__ = ["BadRow", "BadRowError"]


class BadRow(Mapping[str, Any]):
    """
    Stands in a source for a row that is not sound.

    In a run, its item fails with a ``BadRowError`` that says where the row is and what is wrong,
    and the function is not called; all other rows go on. Whoever iterates over the rows himself
    asks ``isinstance(row, BadRow)``; asking it for a field raises ``BadRowError``.

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
        self.refuse()

    def __iter__(self) -> Iterator[str]:
        """Raise ``BadRowError``."""
        self.refuse()

    def __len__(self) -> int:  # noqa: PLE0303  # it never returns
        """Raise ``BadRowError``."""
        self.refuse()

    def __contains__(self, name: object) -> bool:
        """Raise ``BadRowError``."""
        self.refuse()

    def __repr__(self) -> str:
        return f"<BadRow: {self.reason}>"

    def __eq__(self, other: object) -> bool:
        """Compare what is wrong and where."""
        return self.reason == other.reason if isinstance(other, BadRow) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.reason)

    def refuse(self) -> NoReturn:
        """Raise ``BadRowError``."""
        raise BadRowError(self.reason, hint=self.hint)
