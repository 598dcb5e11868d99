"""Reads a file, whole and as it stood at one moment, and says what text it is.

Five calls of the system for a file: nothing is asked for twice. What text its bytes are stands in
``encodings``; whether people wrote it, in ``generated``.
"""

from __future__ import annotations

import errno
import os
import stat

from treadle.code.encodings import Content, Refused, decode
from treadle.code.errors import CannotRead, StillChanging
from treadle.code.generated import is_generated, is_minified

__all__ = [
    "CannotRead",
    "Content",
    "Refused",
    "StillChanging",
    "decode",
    "is_generated",
    "is_minified",
    "read",
]

_TIMES = 3
_PIECE = 1 << 20
# Without O_NONBLOCK, a pipe that has taken the place of a file would be waited for.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_HINTS = {
    errno.ENOENT: "it was removed, renamed, or is a link that leads nowhere",
    errno.ENOTDIR: "a folder of its path is a file now",
    errno.EACCES: "give this user the permission to read it, or leave it out with --exclude",
    errno.EPERM: "give this user the permission to read it, or leave it out with --exclude",
    errno.EISDIR: "give the folder as a root to cut the files in it",
    errno.ELOOP: "it is a link that leads in a circle",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
    errno.ENFILE: "too many files are open on this machine",
    errno.EIO: "the disk or the network gave an error; look at it before you trust the rest",
    errno.ESTALE: "the network drive lost it; run it again",
}


def read(file: str | os.PathLike[str], *, max_bytes: int) -> Content | Refused:
    """
    Read a file.

    Args:
        file: Where it is. A link is followed.
        max_bytes: A larger file is refused, unread.

    Raises:
        CannotRead: It is gone, may not be opened, or the disk fails.
        StillChanging: It changed each of the three times that it was read.
    """
    try:
        descriptor = os.open(file, _FLAGS)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return Refused("special", "a socket, or a device that is not there", 0)
        raise _cannot_read(file, error) from error
    except ValueError as error:  # a NUL in the name, or what cannot be a name here
        raise CannotRead(
            f"no file can have this name: {os.fspath(file)!r}", hint=f"the system says: {error}"
        ) from error
    try:
        return _read(descriptor, file, max_bytes)
    except OSError as error:
        raise _cannot_read(file, error) from error
    finally:
        os.close(descriptor)


def _read(descriptor: int, file: str | os.PathLike[str], max_bytes: int) -> Content | Refused:
    before = os.fstat(descriptor)
    if stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(before.st_mode):
        return Refused("special", _special(before.st_mode), 0)
    for _ in range(_TIMES):
        if before.st_size > max_bytes:
            return _too_large(before.st_size, max_bytes)
        raw = _bytes(descriptor, before.st_size, max_bytes)
        after = os.fstat(descriptor)
        if _state(after) == _state(before):
            if len(raw) > max_bytes:
                return _too_large(len(raw), max_bytes)
            # Files that the system makes up as they are read, such as those in /proc, have no size.
            if before.st_size in {len(raw), 0}:
                return decode(raw, stat=after)
        before = after
        os.lseek(descriptor, 0, os.SEEK_SET)
    raise StillChanging(
        f"the file changes while it is read: {os.fspath(file)!r}",
        hint="run it again when whoever writes it has finished",
    )


def _too_large(size: int, max_bytes: int) -> Refused:
    return Refused("too-large", f"{size:,} bytes, more than {max_bytes:,}", size)


def _bytes(descriptor: int, size: int, max_bytes: int) -> bytes:
    """Return what is there, up to the size that the file has; all of it where it says none."""
    raw = os.read(descriptor, size or _PIECE)
    wanted = size or max_bytes + 1
    if not raw or len(raw) == size:
        return raw
    pieces = [raw]
    while raw and len(raw) < wanted:  # network drives give less than was asked for
        wanted -= len(raw)
        raw = os.read(descriptor, min(wanted, _PIECE))
        pieces.append(raw)
    return b"".join(pieces)


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _special(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _cannot_read(file: str | os.PathLike[str], error: OSError) -> CannotRead:
    number = error.errno or 0
    code = errno.errorcode.get(number, str(number))
    what = "the file is gone" if number == errno.ENOENT else "the file cannot be read"
    return CannotRead(
        f"{what}: {os.fspath(file)!r}: {os.strerror(number)}",
        hint=_HINTS.get(number, f"the system says {code}"),
    )
