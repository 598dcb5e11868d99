"""What a run has stored, as the source of the next stage: under keys that stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from treadle.core.item import Key
from treadle.core.protocols import DurableSink
from treadle.sources.fingerprint import fingerprint_of, hash_of, stat_of


class StoredValues(list[Any]):
    """
    Values in input order, each under the key of the item that it came from: a source, too.

    Args:
        pairs: Key and value of each.
    """

    def __init__(self, pairs: Iterable[tuple[Key, Any]]) -> None:
        found = list(pairs)
        super().__init__(value for _, value in found)
        self._keys = [key for key, _ in found]

    def key(self, value: Any, index: int) -> Key:  # noqa: ARG002  a source's key() gets both
        """Return the key of the item that the value at *index* came from."""
        return self._keys[index]

    def fingerprint(self, value: Any) -> str | None:
        """Return what differs when *value* does; None where that cannot be told."""
        return fingerprint_of(value)


class Stored:
    """
    The rows of a file or the files of a folder, read lazily and as often as asked.

    A row goes by the key of the item that it came from, and ``KEY#2``, ``KEY#3`` … where that made
    several; a file by its path below the folder. So a stage over them can be resumed whatever the
    order in which the stage before it has stored them.

    Args:
        sink: What holds them.
    """

    def __init__(self, sink: DurableSink) -> None:
        self._sink = sink
        self._folder = getattr(sink, "path", None)
        self._last: tuple[str, int] = ("", 0)

    def __iter__(self) -> Iterator[Any]:
        self._last = ("", 0)
        return iter(self._sink.values())

    def __len__(self) -> int:
        found: Iterable[Any] = self._sink.values()
        return len(found)  # type: ignore[arg-type]  # TypeError where the number is not known

    def key(self, value: Any, index: int) -> str | int:
        """Return the key of *value*, which must be asked for in order."""
        if isinstance(value, Path) and isinstance(self._folder, Path):
            return value.relative_to(self._folder).as_posix()
        if not isinstance(value, dict) or "key" not in value:
            return index
        name = str(value["key"])
        last, count = self._last
        self._last = (name, count + 1 if name == last else 1)
        return name if self._last[1] == 1 else f"{name}#{self._last[1]}"

    def fingerprint(self, value: Any) -> str:
        """Return what differs when *value* does."""
        return stat_of(value) if isinstance(value, Path) else hash_of(value)

    def __repr__(self) -> str:
        return f"<values of {self._sink!r}>"
