"""What a call logs, on its way to the driver with the key of its item.

Imported only where the driver has logging set up: elsewhere the standard library's last resort
prints warnings, and prints travel anyway.
"""

from __future__ import annotations

import logging
import traceback

from treadle.backends.processes.stdio import Say
from treadle.backends.processes.wire import Kind


class _Forward(logging.Handler):
    """Sends log records to the driver, which hands them to the logger of the same name."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Send *record* as plain values."""
        try:
            facts = dict(record.__dict__)
            facts["msg"], facts["args"] = record.getMessage(), None
            if record.exc_info and record.exc_info[0] is not None:
                facts["exc_text"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
            facts["exc_info"] = None
            plain = {
                name: value if isinstance(value, (str, int, float, type(None))) else repr(value)
                for name, value in facts.items()
            }
            self._say(Kind.LOGGED, (plain,))
        except Exception:
            self.handleError(record)


def forward_logging(say: Say, level: int) -> None:
    """Send all log records from *level* on to the driver."""
    root = logging.getLogger()
    root.handlers[:] = [_Forward(say)]
    root.setLevel(level)
