"""One input of a run: its place, its key, and what travels to the worker."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeAlias

Key: TypeAlias = str | int


class Item:
    """
    One input on its way through the engine.

    Mutable on purpose: the machine counts attempts here. One object per item is the price of
    exact book-keeping; at half a million items a second it is what fits.

    Attributes:
        index: Position in the source, from 0. Unique in its run.
        key: The item's stable name; the index when the source gives none.
        payload: What ``Backend.pack`` made of the value; opaque to the engine.
        call: Identifier of the call that this item belongs to (``Call.id``).
        lane: Which keyed limits apply, as ``(rate key, capacity key)``, or ``(lane, None)``; None
            without keyed limits.
        cost: What an attempt may use of the budgets of its lane and of the run; None for nothing.
        attempt: The attempt that runs or ran last; 0 before the first.
    """

    __slots__ = ("attempt", "call", "cost", "index", "key", "lane", "payload")

    def __init__(
        self,
        index: int,
        key: Key,
        payload: Any,
        call: int = 0,
        lane: tuple[Hashable, Hashable] | None = None,
        cost: Mapping[str, Any] | None = None,
    ) -> None:
        self.index = index
        self.key = key
        self.payload = payload
        self.call = call
        self.lane = lane
        self.cost = cost
        self.attempt = 0

    def __repr__(self) -> str:
        return f"<Item {self.index} {self.key!r} attempt {self.attempt}>"
