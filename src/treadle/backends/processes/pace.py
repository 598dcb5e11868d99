"""How many items of a call to send to a worker at once, from how long they have taken."""

from __future__ import annotations

# Seconds of work in a batch. Each costs the driver a third of a millisecond (its code is cold by
# then, the cores are the workers'); with 40 ms that is 1 % of two cores, and still easy to balance.
TARGET = 0.04
LARGEST = 1024  # items; larger ones fall out of the CPU's cache and cost more than they save
GROWTH = 2.0  # at most double per round: the first few items may be unlike the rest
MEMORY = 1 << 26  # bytes of packed items that may be under way


class Pace:
    """
    The measured pace of one call.

    Attributes:
        mean: Seconds per item, a moving average; 0.0 before the first.
        batch: Items to send at once.
        argument_size: Bytes per packed argument, a moving average.
        result_size: The same for results.
    """

    __slots__ = ("_seen", "argument_size", "batch", "mean", "result_size")

    def __init__(self) -> None:
        self.mean = 0.0
        self.batch = 1
        self.argument_size = 0.0
        self.result_size = 0.0
        self._seen = 0

    def took(self, seconds: float, items: int) -> None:
        """Take into account that *items* took *seconds* together."""
        per_item = seconds / items
        # A frame weighs as much as the work in it: one long item counts like a batch of short ones.
        weight = min(0.5, 0.1 + seconds / TARGET / 4) if self.mean else 1.0
        self.mean += weight * (per_item - self.mean)
        self._seen += items
        if self._seen >= self.batch:
            self._seen = 0
            aim = TARGET / self.mean if self.mean > 0 else LARGEST
            self.batch = int(max(1, min(aim, self.batch * GROWTH + 1, LARGEST)))

    def sent(self, size: int) -> None:
        """Take into account that an argument was packed into *size* bytes."""
        self.argument_size = _follow(self.argument_size, size)

    def received(self, size: float) -> None:
        """Take into account that results came back in *size* bytes each."""
        self.result_size = _follow(self.result_size, size)

    @property
    def items_in_memory(self) -> int:
        """How many items of this size may be under way."""
        size = max(self.argument_size, self.result_size)
        return max(1, int(MEMORY / size)) if size > 0 else 1 << 30


def _follow(mean: float, size: float) -> float:
    """Move *mean* towards *size*: at once upwards, slowly down again."""
    return size if size > mean else mean + 0.1 * (size - mean)
