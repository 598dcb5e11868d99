"""What the results are made of: each request with its ending, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

from treadle.prompts.items import Items
from treadle.prompts.record import Endings
from treadle.prompts.summary import Summary
from treadle.prompts.values import Ask, Ended


class Rows(Iterable[tuple[Ask, Ended]]):
    """
    All requests with their endings, in the order of the table; can be read again and again.

    Args:
        items: What is asked.
        endings: How each has ended.
        closed: Why lanes are closed, by lane; their requests without an ending are skipped ones.
        lane_of: Gives the lane of a request.

    Attributes:
        summary: Of what was read last.
        pending: Requests that had no ending when they were read last.
        count: Rows that were read last.
    """

    def __init__(
        self,
        items: Items,
        endings: Endings,
        closed: Mapping[Hashable, str] | None = None,
        lane_of: Callable[[Ask], Hashable] = lambda ask: ask.lane,
    ) -> None:
        self._items = items
        self._endings = endings
        self._closed = closed or {}
        self._lane_of = lane_of
        self.summary = Summary()
        self.pending = self.count = 0

    def __iter__(self) -> Iterator[tuple[Ask, Ended]]:
        self.summary, self.pending, self.count = Summary(), 0, 0
        for ask in self._items.in_input_order():
            ended = self._endings.get(ask.key)
            if ended is None:
                self.pending += 1
                ended = self._skipped(ask)
            if ended is not None:
                self.summary.add(ask, ended)
                self.count += 1
                yield ask, ended

    def _skipped(self, ask: Ask) -> Ended | None:
        why = self._closed.get(self._lane_of(ask)) if self._closed else None
        if why is None:
            return None
        kind = "budget" if "is limited to" in why else "closed"
        return Ended(status="skipped", error_type=kind, error=why)
