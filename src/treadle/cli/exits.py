"""What the command exits with."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """
    What ``treadle`` exits with. Part of the public API; scripts may rely on it.

    Attributes:
        OK: Every item succeeded, or whoever read the output had enough of it.
        ITEMS_FAILED: The run ended; some items did not succeed, it stopped early, or it could not
            go on.
        USAGE: Bad flags or arguments; nothing was run.
        NOTHING: There was no item to work on.
        BUG: An unexpected exception: please report it.
        INTERRUPTED: Ctrl-C or SIGTERM; everything that settled before is safe.
    """

    OK = 0
    ITEMS_FAILED = 1
    USAGE = 2
    NOTHING = 3
    BUG = 70
    INTERRUPTED = 130
