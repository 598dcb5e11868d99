"""A file beside the final one, which it replaces only when it is whole.

What is being written is called ``NAME.part``. Whoever sees ``NAME`` sees a finished file: the one
from before, or the new one. After a crash, or a run that was ended early, ``NAME.part`` is left,
and ``NAME`` is as it was; the next run begins ``NAME.part`` anew.

While it is written it is locked, so that two runs cannot mix their rows or take each other's file.
The lock is the system's and goes with its process, so a crash blocks nobody. Windows has no such
lock, and there nothing is locked.
"""

from __future__ import annotations

import errno
import os
import sys
from io import FileIO
from pathlib import Path

from treadle.errors import SinkFailed, UsageError


def target(path: str | os.PathLike[str]) -> Path:
    """
    Return the path to write to: where a link leads, so that the link stays.

    Raises:
        UsageError: It is a folder, or has no name.
    """
    found = Path(os.path.realpath(path))
    if not os.fspath(path) or found.is_dir():
        raise UsageError(f"{os.fspath(path)!r} is a folder, not a file", hint="add a file name")
    return found


def make_folder(folder: Path) -> None:
    """
    Make *folder* and those above it, unless they exist.

    Raises:
        UsageError: That is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder {os.fspath(folder)!r} cannot be made: {error.strerror or error}",
            hint="choose a place that can be written to",
        ) from error


def put_in_place(part: Path, final: Path) -> None:
    """
    Make *part* safe on disk and let it take the place of *final*.

    Raises:
        SinkFailed: The disk or its rights do not allow it; *part* is still there.
    """
    try:
        descriptor = os.open(part, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(final)
    except OSError as error:
        raise SinkFailed(
            f"{str(final)!r} cannot be finished: {error.strerror or error}",
            hint=f"what was written is in {str(part)!r}" if part.exists() else None,
        ) from error


def claim(part: Path, final: Path) -> FileIO:
    """
    Open *part*, empty, and lock it.

    Raises:
        UsageError: Another run writes it, or the place cannot be written to.
    """
    try:
        while True:
            # Not mode "w", which would empty a file before we know whether it is ours.
            file = FileIO(part, "r+", opener=_made_if_missing)
            try:
                _lock(file, final)
                # Whoever had it locked may have put it in its final place a moment ago.
                if _still_called(file, part):
                    file.truncate(0)
                    return file
            except BaseException:
                file.close()
                raise
            file.close()
    except OSError as error:
        raise UsageError(
            f"{str(part)!r} cannot be written: {error.strerror or error}",
            hint="choose a place that can be written to",
        ) from error


def release(file: FileIO) -> None:
    """Unlock and close *file*."""
    if sys.platform != "win32":
        import fcntl

        # Closing is not enough where a forked worker has the same descriptor.
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
    file.close()


_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""How file systems, mostly of a network, say that they have no locks: then there is none."""


def _lock(file: FileIO, final: Path) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"{str(final)!r} is being written by another run",
            hint="wait for its end, or choose another file",
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _made_if_missing(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_CREAT, 0o666)


def _still_called(file: FileIO, part: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), part.stat())
    except FileNotFoundError:
        return False


class PartFile:
    """
    Bytes on their way to becoming the file *path*.

    Args:
        path: The final file.
        part: Where to write; default: beside it, with ``.part`` added.

    Attributes:
        path: The final file.
        part: The file that is written now.
        size: Bytes of whole pieces written so far.
        readable: Where the rows of the last run are: the final file, the part if the run was
            abandoned, or None if that had no rows.
    """

    def __init__(self, path: str | os.PathLike[str], part: Path | None = None) -> None:
        self.path = target(path)
        self.part = self.path.with_name(self.path.name + ".part") if part is None else part
        self.size = 0
        self.readable: Path | None = self.path
        self._file: FileIO | None = None

    @property
    def is_open(self) -> bool:
        """True between ``open`` and ``finish``."""
        return self._file is not None

    def open(self) -> None:
        """
        Begin an empty file, with the folders above it.

        Raises:
            UsageError: The place cannot be written to, or another run is writing there.
        """
        if self._file is not None:
            raise UsageError(f"{str(self.path)!r} is being written by another run")
        make_folder(self.path.parent)
        self._file = claim(self.part, self.path)
        self.size = 0

    def append(self, piece: bytes) -> None:
        """
        Write *piece*, all of it or nothing.

        Raises:
            SinkFailed: It cannot be written. The file ends with the last whole piece.
        """
        if self._file is None:
            raise SinkFailed(f"{str(self.path)!r} is not open")
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.cut(self.size)
            raise SinkFailed(
                f"{str(self.part)!r} cannot be written: {error.strerror or error}",
                hint="is the disk full?",
            ) from error
        self.size += len(piece)

    def cut(self, size: int) -> None:
        """Take back what was written after the first *size* bytes."""
        if self._file is not None:
            self._file.truncate(size)
            self._file.seek(size)
            self.size = size

    def discard(self) -> None:
        """Remove what was written; the final file stays as it is. Does nothing when not open."""
        if self._file is not None:
            self.part.unlink(missing_ok=True)
            self.readable = None
            self._let_go()

    def keep(self) -> None:
        """Leave what was written where it is, and the final file too. Nothing when not open."""
        if self._file is not None:
            self.readable = self.part
            self._let_go()

    def finish(self) -> None:
        """
        Put the file in its final place. Does nothing when it is not open.

        Raises:
            SinkFailed: It cannot be put there; it is kept.
        """
        if self._file is None:
            return
        try:
            put_in_place(self.part, self.path)
        except SinkFailed:
            self.keep()
            raise
        self.readable = self.path
        self._let_go()

    def replaced(self) -> None:
        """Take note that another file was put in the final place, and remove this one."""
        self.discard()
        self.readable = self.path

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            release(file)
