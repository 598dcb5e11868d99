"""Where a test and its calls meet, be they threads or processes: no sleeping, no guessing."""

from __future__ import annotations

import fcntl
import os


class Gate:
    """Something that calls wait at until the test opens it: a lock on a file."""

    def __init__(self, path):
        self.path = str(path)
        self._file = path.open("x")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def open(self):
        """Let all through, now and later."""
        self._file.close()


class Arrivals:
    """Where calls say that they have begun."""

    def __init__(self, path):
        self.path = str(path)
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR)  # for writing as well: no end between two writers

    def next(self):
        """Wait for the next one."""
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(self._fd, 1)
        return text.decode().strip()

    def close(self):
        os.close(self._fd)
