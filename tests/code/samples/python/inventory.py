#!/usr/bin/env python3
"""Keep count of what is on the shelves of a small warehouse.

Stock is held in memory; :class:`Shelf` is the part that other modules use.
"""

from __future__ import annotations

import asyncio
import json as _json
import os.path
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from . import errors
from .units import *

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Item", "Shelf", "load"]

T = TypeVar("T")
MAX_ITEMS = 10_000
timeout: float = 2.5
_log = print

type Pair[A] = tuple[A, A]


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Item:
    """
    One kind of thing that can be on a shelf.

    Attributes:
        name: As printed on the label.
        price: In cents.
    """

    name: str
    price: int = 0
    tags: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        r"""The name and the price, with a \t between."""
        return f"{self.name}\t{self.price / 100:.2f}"

    @classmethod
    def parse(cls, line: str) -> Item:
        name, _, price = line.partition("=")
        return cls(name.strip(), int(price))


class Shelf:
    """A shelf: how many of which item."""

    COLUMNS = ("name", "count")

    class Full(Exception):
        """There is no room for another item."""

    def __init__(self, room: int = MAX_ITEMS) -> None:
        self.room = room
        self._count: Counter[str] = Counter()

    # Not atomic: callers that share a shelf between threads lock it themselves.
    def put(self, item: Item, count: int = 1, /, *, force: bool = False) -> int:
        """Put *count* items on the shelf and return how many there are now."""

        def is_full() -> bool:
            return sum(self._count.values()) + count > self.room

        if is_full() and not force:
            raise self.Full(item.name)
        self._count[item.name] += count
        return self._count[item.name]

    @contextmanager
    def reserved(self, count: int) -> Iterator[None]:
        # Reserved places are free again when the block ends.
        self.room -= count
        try:
            yield
        finally:
            self.room += count

    async def watch(self, interval: float) -> None:
        f"""This is no docstring: it is {"formatted"}."""
        while True:
            await asyncio.sleep(interval)
            match self._count.most_common(1):
                case [(name, count)] if count > 100:
                    _log(name, count)
                case []:
                    return


def load(path: Path | str) -> Shelf:
    "Read a shelf from a JSON file."
    shelf = Shelf()
    text = Path(path).read_text(encoding="utf-8")
    for entry in _json.loads(text):
        shelf.put(Item(**entry["item"]), entry["count"])
    return shelf


by_price = lambda item: item.price  # noqa: E731


if __name__ == "__main__":
    groups: dict[str, list[str]] = defaultdict(list)
    for file in sorted(Path(os.path.curdir).glob("*.json")):
        groups[file.stem].append(str(load(file)))
    print(
        """
        All shelves:
        """,
        groups,
        errors,
    )
