"""One process at a time writes below a root; a second one is told who does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import treadle
from treadle.lab.places import LISTS, RECORD


@contextmanager
def only_one(root: Path, what: str) -> Iterator[bool]:
    """
    Hold the lock of *root* while the body runs. It ends with the process, however that ends.

    The file keeps the id of its holder until the body has ended without an error, so that the next
    one knows whether there may be something to clear away.

    Args:
        root: The folder that is written to; it is made.
        what: What is done there, for the message.

    Yields:
        Whether the last one who held it came to its end: not killed, no error, no Ctrl-C.

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
        was_ended = os.fstat(descriptor).st_size == 0
        who = str(os.getpid()).encode()
        os.pwrite(descriptor, who, 0)  # first: at no moment is the file empty
        os.ftruncate(descriptor, len(who))
        if not was_ended:
            _clear(root)
        yield was_ended
        os.ftruncate(descriptor, 0)
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


def _clear(root: Path) -> None:
    """Remove what one who was killed has left half-written in *root* itself: lists, decisions."""
    for part in (*(root / LISTS).glob(".*.part"), *(root / RECORD).glob(".*.part")):
        part.unlink(missing_ok=True)


def _taken(root: Path, what: str, holder: str) -> treadle.UsageError:
    who = f"process {holder}" if holder.strip().isdigit() else "another process"
    return treadle.UsageError(
        f"{who} is already {what} into {str(root)!r}",
        hint="wait for its end and run this again: what it has done is not done twice",
    )
