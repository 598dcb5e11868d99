"""Without a display: what workers print and log appears as if this process had done it."""

from __future__ import annotations

import logging
import sys

from treadle.core import events


def relay(event: events.Event) -> None:
    """Pass prints and log records of workers on as if they had been made in this process."""
    match event:
        case events.Printed(stream=stream, text=text):
            target = sys.stderr if stream == "stderr" else sys.stdout
            if target is not None:
                target.write(text)
                target.flush()
        case events.Logged(record=record, key=key):
            made = logging.makeLogRecord(record)
            made.treadle_key = key
            logger = logging.getLogger(made.name)
            if logger.isEnabledFor(made.levelno):
                logger.handle(made)
        case _:
            pass  # Nothing else is said in words.
