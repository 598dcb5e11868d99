"""End a wait from any thread, from a signal handler, and even when nobody waits any more."""

from __future__ import annotations

import os
import threading


class WakeUp:
    """
    A pipe to oneself.

    The lock keeps a late wake-up from going to a descriptor that has become somebody else's. It is
    re-entrant because a signal handler may call ``set`` in the middle of ``set``.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._lock = threading.RLock()
        self._closed = False

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._read

    def set(self) -> None:
        """Make it readable; do nothing once it is closed."""
        with self._lock:
            if self._closed:
                return
            try:
                os.write(self._write, b"!")
            except BlockingIOError:
                return  # It is readable 65,536 times over.

    def clear(self) -> None:
        """Make it unreadable again."""
        try:
            while len(os.read(self._read, 4096)) == 4096:
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        """Close both ends."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._read)
                os.close(self._write)
