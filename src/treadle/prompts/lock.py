"""One process at a time runs an experiment; a second one is told who does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import treadle

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


@contextmanager
def only_one(folder: Path, what: str) -> Iterator[None]:
    """
    Hold the lock of *folder* while the body runs. It ends with the process, however that ends.

    Args:
        folder: The folder; it is made.
        what: What is written, for the message.

    Raises:
        UsageError: Another process holds it, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", _FLAGS, 0o666)
    except OSError as error:
        raise treadle.UsageError(
            f"{str(folder)!r} cannot be written to: {error.strerror or error}",
            hint="write the results into a folder that you may write to",
        ) from error
    try:
        if not _locked(descriptor):
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise treadle.UsageError(
                f"{who} is already running the experiment with {what}",
                hint="wait for its end and run this again: nothing is asked twice",
            )
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)  # which unlocks


def _locked(descriptor: int) -> bool:
    if sys.platform == "win32":  # no flock; the record of the run has a lock of its own
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: as above
        return True
    return True
