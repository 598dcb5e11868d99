"""The item that is being worked on right here: its key, its attempt, its random numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from treadle.core.item import Key
from treadle.errors import UsageError

if TYPE_CHECKING:
    from random import Random  # late where it is used: workers should start fast


class Current:
    """
    What a call may know of itself; get it with ``treadle.current()``.

    Attributes:
        key: The item's key.
        index: The item's position in the source.
        attempt: The attempt, from 1.
        seed: The item's random seed (128 bits), from ``seed=`` and the key; None without ``seed=``.
    """

    __slots__ = ("_random", "attempt", "index", "key", "seed")

    def __init__(self, key: Key, index: int, attempt: int, seed: int | None = None) -> None:
        self.key = key
        self.index = index
        self.attempt = attempt
        self.seed = seed
        self._random: Random | None = None

    @property
    def random(self) -> Random:
        """A generator of the item's own, seeded with ``seed``: the same on every backend."""
        if self._random is None:
            from random import Random

            self._random = Random(self.seed)  # noqa: S311  reproducible is the point
        return self._random


active: ContextVar[Current | None] = ContextVar("treadle_current", default=None)

# A worker process knows its item without being told for each: it makes the ``Current`` on demand.
provider: Callable[[], Current | None] | None = None


def current() -> Current:
    """
    Return what is known of the item that the calling code works on.

    Raises:
        UsageError: Called outside of an item.
    """
    now = active.get()
    if now is None and provider is not None:
        now = provider()
    if now is None:
        raise UsageError(
            "no item is being worked on here",
            hint="call treadle.current() inside the function that is mapped",
        )
    return now


def item_seed(seed: int, key: Key) -> int:
    """
    Derive the seed of one item: 128 bits of BLAKE2b over the run's seed and the key.

    Depends on nothing else, so that backend, worker count and order do not matter. The type of
    the key counts: ``1`` and ``"1"`` get different seeds.
    """
    import hashlib

    text = f"{seed}:{type(key).__name__}:{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")


def seed_globals(seed: int) -> None:
    """
    Seed ``random`` and, if it has been imported, ``numpy.random`` with an item's seed.

    NumPy's global generator takes the low 32 bits: it accepts no larger number.
    """
    import random

    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed & 0xFFFFFFFF)
