"""Which item a worker is on, and since when: 16 bytes that it shares with the driver alone.

Written by the worker before each item, read by the driver when the worker has died, may be
overdue, or somebody looks. No lock: each field is one aligned machine word, and ``since`` is
written before ``place``, so a reader that sees a place never sees an older time with it.

Behind the words there is room for last words: ``faulthandler`` writes there as a worker crashes.
"""

from __future__ import annotations

import mmap
import os
import time
from typing import TypeAlias

SIZE = 16
_WORDS = 8192  # bytes of last words to read
IDLE = -1  # on no item; everything finished has been sent
POSITION = 0xFFFFFFFF  # the bits of a place that are the position
SETTING_UP = -2  # loading the function or running its setup

Place: TypeAlias = int


def place_of(tag: int, position: int) -> Place:
    """Name the item at *position* of the batch with this *tag* by one number."""
    return tag << 32 | position


def tag_and_position(place: Place) -> tuple[int, int]:
    """Take a place apart."""
    return place >> 32, place & POSITION


class Slot:
    """
    The shared words.

    Args:
        fd: An anonymous file of ``SIZE`` bytes; kept open.

    Attributes:
        place: ``place[0]`` is where the worker is: a place, ``IDLE`` or ``SETTING_UP``.
        since: ``since[0]`` is when it got there, in monotonic seconds; infinite while the call has
            returned and its result is being sent.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, SIZE)
        view = memoryview(self._map)
        self.place = view[0:8].cast("q")
        self.since = view[8:16].cast("d")
        view.release()

    def got_there(self) -> float:
        """Return when the worker got there, in monotonic seconds; now if the call is over."""
        since: float = self.since[0]
        return min(since, time.monotonic())

    def open_for_last_words(self) -> int:
        """Return the descriptor, placed where last words go."""
        os.lseek(self.fd, SIZE, os.SEEK_SET)
        return self.fd

    def last_words(self) -> str:
        """Return what was written there."""
        return os.pread(self.fd, _WORDS, SIZE).decode(errors="replace")

    def close(self) -> None:
        """Unmap and close."""
        self.place.release()
        self.since.release()
        self._map.close()
        os.close(self.fd)
