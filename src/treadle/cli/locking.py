"""One process at a time works in a folder; a second one is told who does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from treadle import UsageError

_CAREFUL = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_FLAGS = os.O_RDWR | os.O_CREAT | _CAREFUL
_NAME = "lock"
_OURS = ".treadle"
_TRIES = 100  # others may tidy up just then


@contextmanager
def locked(
    folder: Path, doing: str, *, hint: str, named: Path | None = None, tidy: bool = False
) -> Iterator[bool]:
    """
    Hold the lock of *folder* while the body runs. It ends with the process, however that ends.

    Links are refused: who was sent a tree with one could be made to write elsewhere.

    The file keeps the id of its holder until the body has ended without an error, so that the next
    one knows whether there may be something to clear away.

    Args:
        folder: The folder, which gets a file ``lock``; it is made.
        doing: What its holder does, for the message: ``"staging into 'data'"``.
        hint: What another one should do about it.
        named: The folder that people know, for messages; default: *folder*.
        tidy: Remove *folder* in the end when it has nothing but the lock, with those above it that
            were made for it: what was refused leaves nothing behind.

    Yields:
        Whether the last one who held it came to its end: not killed, no error, no Ctrl-C.

    Raises:
        UsageError: Another process holds it, the folder cannot be made, or a link is in its place.
    """
    _check_links(folder)
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    descriptor = _held(folder, doing, hint, named or folder)
    try:
        was_ended = os.fstat(descriptor).st_size == 0
        try:
            _note(descriptor, str(os.getpid()).encode())
        except OSError as error:  # the disk is full
            raise _not_writable(named or folder, error) from error
        try:
            yield was_ended
        except UsageError:  # refused before anything was begun
            if was_ended:
                os.ftruncate(descriptor, 0)
            raise
        os.ftruncate(descriptor, 0)
    finally:
        if tidy:
            _tidy(folder, made or [folder])
        os.close(descriptor)  # which unlocks


@contextmanager
def left_alone(folder: Path, doing: str, *, hint: str) -> Iterator[None]:
    """
    Keep others from taking the lock of *folder* while the body reads there; nothing is written.

    Args:
        folder: The folder; where it has no lock, nobody is kept from it.
        doing: As for `locked`.
        hint: As for `locked`.

    Raises:
        UsageError: Another process holds it.
    """
    try:
        descriptor = os.open(folder / _NAME, os.O_RDONLY | _CAREFUL)
    except OSError:  # there is none, or it may not be read: then it is not ours either
        yield
        return
    try:
        _take(descriptor, doing, hint)
        yield
    finally:
        os.close(descriptor)


def _check_links(folder: Path) -> None:
    """
    Check that the lock, and all from ``.treadle`` down to it, is where it seems to be.

    Raises:
        UsageError: There is a link.
    """
    path = (folder / _NAME, folder, *folder.parents)
    names = [each.name for each in path]
    ours = names.index(_OURS) + 1 if _OURS in names else 1
    for each in path[:ours]:
        if each.is_symlink():
            raise UsageError(
                f"{str(each)!r} is a link, and would be written through",
                hint="remove it, if you know nothing of it; it may have come with the files",
            )


def _held(folder: Path, doing: str, hint: str, named: Path) -> int:
    """
    Open the lock of *folder* and take it.

    Raises:
        UsageError: As `locked`.
    """
    why: OSError | None = None
    for _ in range(_TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / _NAME, _FLAGS, 0o666)
        except FileNotFoundError as error:  # it has gone meanwhile, or can never be there
            why = error
            continue
        except OSError as error:
            raise _not_writable(named, error) from error
        try:
            _take(descriptor, doing, hint)
            if _is_at(folder / _NAME, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # who held it before has tidied up
    raise _not_writable(named, why) from why


def _not_writable(folder: Path, why: OSError | None) -> UsageError:
    reason = "no lock can be made" if why is None else why.strerror or why
    return UsageError(
        f"{str(folder)!r} cannot be written to: {reason}",
        hint="choose a folder that you may write to",
    )


def _take(descriptor: int, doing: str, hint: str) -> None:
    """
    Take the lock.

    Raises:
        UsageError: Another process holds it.
    """
    if not _taken(descriptor):
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        who = f"process {holder}" if holder.isdigit() else "another process"
        raise UsageError(f"{who} is already {doing}", hint=hint)


def _taken(descriptor: int) -> bool:
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


def _is_at(path: Path, descriptor: int) -> bool:
    """Tell whether an open file still has its name, or nobody could find it locked."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _note(descriptor: int, holder: bytes) -> None:
    """Write who holds the lock; at no moment is the file empty, which says that all ended well."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, holder)
    os.ftruncate(descriptor, len(holder))


def _tidy(folder: Path, made: list[Path]) -> None:
    """Remove *folder* if there is nothing in it but the lock, and what was *made* for it."""
    with suppress(OSError):  # there is something in one of them
        if [each.name for each in folder.iterdir()] != [_NAME]:
            return
        (folder / _NAME).unlink()
        for each in made:
            each.rmdir()
