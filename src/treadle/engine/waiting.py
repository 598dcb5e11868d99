"""Items ready to start, as far as their limits let them. Pure, like the machine it serves."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TypeAlias

from treadle.core.events import LaneState
from treadle.core.item import Item
from treadle.core.policy import Policy
from treadle.engine.lanes import LaneStates

Keys: TypeAlias = tuple[Hashable, Hashable] | None


class Waiting:
    """
    Items ready to start, as far as rate and capacity, or the limits of their lanes, let them.

    One queue for each combination of the keys of the limits that apply, served in turn, so that one
    that has used up its limit never blocks another one.
    """

    def __init__(self, policy: Policy) -> None:
        self._rate = policy.rate
        self._capacity = policy.capacity
        self._queues: dict[Keys, list[Item]] = {}
        self._size = 0
        self._busy: defaultdict[Hashable, int] = defaultdict(int)  # in flight per capacity key
        self._next_start: dict[Hashable, float] = {}  # per rate key; see _reserve
        self._prune_at = 64
        self.ready_at = math.inf
        self.lanes = None if policy.lanes is None else LaneStates(policy.lanes)
        self.limits_capacity = self._capacity is not None or self.lanes is not None
        self.keyed = self.limits_capacity or (self._rate is not None and self._rate.key is not None)
        self._is_free = self._rate is None and not self.limits_capacity

    def __len__(self) -> int:
        return self._size

    def extend(self, items: Sequence[Item]) -> None:
        """Queue items behind all others."""
        self._size += len(items)
        if self._is_free:
            self._queue(None).extend(items)
            return
        for item in items:
            self._queue(item.lane).append(item)

    def put_first(self, items: Sequence[Item]) -> None:
        """Queue items before all others, keeping their order."""
        self._size += len(items)
        by_keys: defaultdict[Keys, list[Item]] = defaultdict(list)
        for item in items:
            by_keys[item.lane].append(item)
        for keys, mine in by_keys.items():
            self._queue(keys)[:0] = mine

    def take_all(self) -> list[Item]:
        """Remove and return everything, in input order."""
        items = sorted(itertools.chain.from_iterable(self._queues.values()), key=_by_index)
        self._queues.clear()
        self._size = 0
        return items

    def take(self, room: int, now: float) -> list[Item]:
        """Remove and return up to *room* items that may start now."""
        if self._is_free:
            queue = self._queue(None)
            taken = queue[:room]
            del queue[:room]
            self._size -= len(taken)
            return taken
        return self._take_limited(room, now)

    def gave_back(self, item: Item) -> None:
        """Count *item* as no longer in flight: it ended, or with lanes, it never began."""
        if self.lanes is not None:
            self.lanes.gave_back(item)
        elif self._capacity is not None and item.lane is not None:
            key = item.lane[1]
            self._busy[key] -= 1
            if not self._busy[key]:
                del self._busy[key]  # there may be as many keys as items

    def take_lane(self, key: Hashable) -> list[Item]:
        """Remove and return the items that wait for the lane *key*."""
        items = self._queues.pop((key, None), [])
        self._size -= len(items)
        return items

    def lane_states(self, now: float) -> tuple[LaneState, ...]:
        """Return the state of all lanes; none without lanes."""
        if self.lanes is None:
            return ()
        waiting = {keys[0]: len(queue) for keys, queue in self._queues.items() if keys is not None}
        return self.lanes.snapshot(waiting, now)

    def _queue(self, keys: Keys) -> list[Item]:
        # Lists, although items leave at the front: moving a window of pointers is one fast copy,
        # and a slice takes a whole batch.
        return self._queues.setdefault(keys, [])

    def _take_limited(self, room: int, now: float) -> list[Item]:
        taken: list[Item] = []
        self.ready_at = math.inf
        open_queues = list(self._queues)
        while open_queues and len(taken) < room:
            for keys in list(open_queues):
                queue = self._queues[keys]
                if len(taken) >= room:
                    break
                if not queue or not self._admit(keys, queue[0], now):
                    open_queues.remove(keys)
                    continue
                taken.append(queue.pop(0))
        # A queue that was just served moves behind the others: over time each gets its turn.
        for keys in {item.lane: None for item in taken}:
            queue = self._queues.pop(keys)
            if queue:
                self._queues[keys] = queue
        self._size -= len(taken)
        return taken

    def _admit(self, keys: Keys, item: Item, now: float) -> bool:
        rate_key, capacity_key = keys or (None, None)
        if self.lanes is not None:
            return self._admit_to_lane(rate_key, item, now)
        limit = math.inf if self._capacity is None else self._capacity.of(capacity_key)
        if self._busy.get(capacity_key, 0) >= limit:
            return False
        if not self._reserve(rate_key, now):
            return False
        if self._capacity is not None:
            self._busy[capacity_key] += 1
        return True

    def _admit_to_lane(self, key: Hashable, item: Item, now: float) -> bool:
        assert self.lanes is not None
        self.lanes.ready_at = math.inf
        admitted = self.lanes.admit(key, item, now)
        self.ready_at = min(self.ready_at, self.lanes.ready_at)
        return admitted

    def _reserve(self, key: Hashable, now: float) -> bool:
        """
        Take a token of the bucket of *key*, if there is one.

        The generic cell rate algorithm (ITU-T I.371): one number per bucket, the theoretical time
        of the next start, which may run ahead of the clock by the bucket's depth.
        """
        if self._rate is None:
            return True
        interval = self._rate.interval
        due = self._next_start.get(key, now)
        earliest = due - (self._rate.depth - 1) * interval
        if earliest > now + 1e-9:  # rounding must not turn "now" into a wake-up that finds nothing
            self.ready_at = min(self.ready_at, earliest)
            return False
        self._next_start[key] = max(due, now) + interval
        if len(self._next_start) > self._prune_at:
            self._prune(now)
        return True

    def _prune(self, now: float) -> None:
        """Forget the buckets that are full again: there may be as many keys as items."""
        self._next_start = {key: due for key, due in self._next_start.items() if due > now}
        self._prune_at = 2 * len(self._next_start) + 64


def _by_index(item: Item) -> int:
    return item.index
