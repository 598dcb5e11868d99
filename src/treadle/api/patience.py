"""A full disk is no reason to lose what was paid for: wait until there is room again.

Meanwhile nothing further starts. What runs goes on to its end, and waits in memory to be stored.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from treadle.api.outcomes import Outcomes
from treadle.engine.interrupt import Steps
from treadle.errors import RunFailed

PATIENCE = 60.0  # seconds
EVERY = 1.0  # seconds from one try to the next
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def waiting_for_room(
    outcomes: Outcomes[Any], steps: Steps
) -> Iterator[Callable[[Callable[[], object]], None]]:
    """
    Give a function that calls another one until there is room on the disk.

    It must be safe to call again when it has failed. The run is paused from the first failure to
    the end of the block.

    Args:
        outcomes: Of the run.
        steps: Of Ctrl-C, which ends the waiting.
    """
    waiting = _Waiting(outcomes, steps)
    try:
        yield waiting.patiently
    finally:
        if waiting.until is not None:
            outcomes.resume()


class _Waiting:
    def __init__(self, outcomes: Outcomes[Any], steps: Steps) -> None:
        self._outcomes = outcomes
        self._steps = steps
        self._never = threading.Event()
        self.until: float | None = None

    def patiently(self, store: Callable[[], object]) -> None:
        """Call *store*; again and again for a while, if the disk is full."""
        while True:
            try:
                store()
            except RunFailed as error:
                if self._steps.taken or not _is_full(error) or self._is_over():
                    raise
                self._never.wait(EVERY)
            else:
                return

    def _is_over(self) -> bool:
        if self.until is None:
            self.until = time.monotonic() + PATIENCE
            self._outcomes.pause()
            warnings.warn(
                f"the disk is full: nothing further starts, and what runs is kept in memory for "
                f"{PATIENCE:g} s, until there is room",
                RuntimeWarning,
                stacklevel=2,
            )
        return time.monotonic() > self.until


def _is_full(error: BaseException | None) -> bool:
    """Tell whether *error* comes of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
