"""The requests of an experiment, read such that no lane waits for another.

A run reads so many requests ahead and no more. In the order of the table, those of a slow lane
would fill that up, and a fast lane would get no more than the slow one lets by. So each lane has a
reader of its own, and the next request comes from the lane that has the fewest on their way.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

from treadle.prompts.items import Items
from treadle.prompts.values import Ask

_MOST = 32  # lanes with readers of their own; each holds the table open


class FairItems:
    """
    The source of a run: `Items`, by lanes, in turn by who is short.

    Args:
        items: The requests.
        lane_of: Gives the lane of a lane's name and a model, as ``treadle.Lanes.key`` does.
        lanes: All lanes that there are.

    Attributes:
        asks: The requests that were read to be run and have not ended, by their keys.
    """

    fingerprint = None  # as that of `Items`

    def __init__(
        self, items: Items, lane_of: Callable[[str, str], Hashable], lanes: Sequence[Hashable]
    ) -> None:
        self._items = items
        self._lane_of = lane_of
        self._lanes = lanes
        self.asks: dict[str, Ask] = {}
        # Counted apart, for one thread reads and another hears of ends.
        self._read = dict.fromkeys(lanes, 0)
        self._ended = dict.fromkeys(lanes, 0)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Ask]:
        """Yield all requests; which one comes next depends on what has ended."""
        if not 1 < len(self._lanes) <= _MOST:
            yield from self._items
            return
        readers = {lane: self._items.of_models(self._belongs(lane)) for lane in self._lanes}
        while readers:
            lane = min(readers, key=self._on_their_way)
            ask = next(readers[lane], None)
            if ask is None:
                del readers[lane]
            else:
                yield ask
        # Rows that name no lane that there is.
        known = frozenset(self._lanes)
        yield from self._items.of_models(lambda name, model: self._key(name, model) not in known)

    def key(self, ask: Ask, index: int) -> str:
        """Return the key of a request."""
        return self._items.key(ask, index)

    def check_value(self, ask: Ask) -> None:
        """
        Note a request that will run, and refuse what cannot be sent.

        Raises:
            BadRowError: It cannot; says why.
        """
        self.asks[ask.key] = ask
        lane = self._key(ask.lane, ask.model)
        if lane in self._read:
            self._read[lane] += 1
        self._items.check_value(ask)

    def ended(self, key: str) -> Ask:
        """Take note that the request *key* has ended, and return it."""
        ask = self.asks.pop(key)
        lane = self._key(ask.lane, ask.model)
        if lane in self._ended:
            self._ended[lane] += 1
        return ask

    def _on_their_way(self, lane: Hashable) -> int:
        return self._read[lane] - self._ended[lane]

    def _key(self, name: str, model: str) -> Hashable:
        return self._lane_of(name, model)

    def _belongs(self, lane: Hashable) -> Callable[[str, str], bool]:
        return lambda name, model: self._key(name, model) == lane
