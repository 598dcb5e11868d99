"""One process at a time runs an experiment; a second one is told who does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import treadle

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_NAME = "lock"
_TRIES = 100  # others may tidy up just then


@contextmanager
def only_one(folder: Path, what: str) -> Iterator[None]:
    """
    Hold the lock of *folder* while the body runs. It ends with the process, however that ends.

    A folder that has nothing but the lock in the end goes again, with those above it that were
    made for it: what was refused leaves nothing behind.

    Args:
        folder: The folder; it is made.
        what: What is written, for the message.

    Raises:
        UsageError: Another process holds it, or the folder cannot be made.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    descriptor = _held(folder, what)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        _tidy(folder, made or [folder])
        os.close(descriptor)  # which unlocks


def _held(folder: Path, what: str) -> int:
    """
    Open the lock of *folder* and take it.

    Raises:
        UsageError: As `only_one`.
    """
    for _ in range(_TRIES):
        descriptor = _opened(folder)
        if descriptor is None:
            continue
        try:
            _lock(descriptor, what)
            if _is_at(folder / _NAME, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # who held it before has tidied up
    raise _not_writable(folder, "no lock can be made")


def _opened(folder: Path) -> int | None:
    """
    Open the lock; None where the folder has gone meanwhile.

    Raises:
        UsageError: The folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / _NAME, _FLAGS, 0o666)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_writable(folder, str(error.strerror or error)) from error


def _not_writable(folder: Path, why: str) -> treadle.UsageError:
    return treadle.UsageError(
        f"{str(folder)!r} cannot be written to: {why}",
        hint="write the results into a folder that you may write to",
    )


def _is_at(path: Path, descriptor: int) -> bool:
    """Tell whether an open file still has its name, or nobody could find it locked."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _tidy(folder: Path, made: list[Path]) -> None:
    """Remove *folder* if there is nothing in it but the lock, and what was *made* for it."""
    with suppress(OSError):  # there is something in one of them
        if [each.name for each in folder.iterdir()] != [_NAME]:
            return
        (folder / _NAME).unlink()
        for each in made:
            each.rmdir()


def _lock(descriptor: int, what: str) -> None:
    """
    Take the lock.

    Raises:
        UsageError: Another process holds it.
    """
    if not _locked(descriptor):
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        who = f"process {holder}" if holder.isdigit() else "another process"
        raise treadle.UsageError(
            f"{who} is already running the experiment with {what}",
            hint="wait for its end and run this again: nothing is asked twice",
        )


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
