"""One process at a time writes below a root; a second one is told who does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import treadle
from treadle.lab.places import RECORD


@contextmanager
def only_one(root: Path, what: str) -> Iterator[None]:
    """
    Hold the lock of *root* while the body runs. It ends with the process, however that ends.

    Args:
        root: The folder that is written to; it is made.
        what: What is done there, for the message.

    Raises:
        UsageError: Another process holds it, or the folder cannot be made.
    """
    try:
        (root / RECORD).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root / RECORD / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise treadle.UsageError(
            f"{str(root)!r} cannot be written to: {error.strerror or error}",
            hint="choose another folder",
        ) from error
    try:
        if not _locked(descriptor):
            raise _taken(root, what, os.pread(descriptor, 32, 0).decode(errors="replace"))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
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
    except OSError:  # a file system without locks: the record of the run has one that needs none
        return True
    return True


def _taken(root: Path, what: str, holder: str) -> treadle.UsageError:
    who = f"process {holder}" if holder.strip().isdigit() else "another process"
    return treadle.UsageError(
        f"{who} is already {what} into {str(root)!r}",
        hint="wait for its end and run this again: what it has done is not done twice",
    )
