"""A file that appears when it is whole: written beside its place, then given its name."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# Of no use to a link that somebody has planted: whoever is sent a tree is sent its links, too.
_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


@contextmanager
def whole(path: Path, part: Path | None = None, *, follow: bool = False) -> Iterator[BinaryIO]:
    """
    Write what replaces a file when the body has come to its end, and until then does not.

    It is safe on disk then. The one that takes its place may be read by those who could read the
    one before. What is there and no file, such as a pipe or a device, is written to at once.

    Args:
        path: The file; folders above it are made.
        part: What it is called until then; what has this name is removed first. Without, a new
            name, so that others may write the same file. It goes when the body does not come to
            its end.
        follow: Replace what a link leads to, as one means who names it. Without, the link itself
            is replaced: in a folder from elsewhere, anybody may have put it there.

    Raises:
        OSError: It cannot be written; *path* may be a folder.
    """
    if path.is_dir():  # with_name knows no name for "/" and "."
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # before the link is followed: /dev/stdout leads
        with path.open("wb") as stream:  # to a pipe whose name nothing can open
            yield stream
        return
    if follow:
        path = Path(os.path.realpath(path))
    before = _mode_and_group(path)
    if part is None:
        part = path.with_name(f".{path.name[:40]}-{secrets.token_hex(4)}.part")
    part.unlink(missing_ok=True)
    try:
        with open(os.open(part, _FLAGS, 0o600 if before else 0o666), "wb") as stream:  # noqa: PTH123
            if before:
                _set_mode(stream.fileno(), *before)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _mode_and_group(path: Path) -> tuple[int, int] | None:
    """Return who may do what with a file; None when there is none, or it is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return (found.st_mode & 0o777, found.st_gid) if stat.S_ISREG(found.st_mode) else None


def _set_mode(descriptor: int, mode: int, group: int) -> None:
    if os.name != "posix":
        return  # Windows has no such modes
    if os.fstat(descriptor).st_gid != group:
        with suppress(OSError):  # one of which we are not; its rights are not for another one
            os.fchown(descriptor, -1, group)
    if os.fstat(descriptor).st_gid != group:
        mode &= 0o707 | (mode & 0o007) << 3
    os.fchmod(descriptor, mode)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot open a folder
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
