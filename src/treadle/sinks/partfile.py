"""A file beside the final one, which it replaces only when it is whole.

What is being written is called ``NAME.part``. Whoever sees ``NAME`` sees a finished file: the one
from before, or the new one. After a crash, or a run that was ended early, ``NAME.part`` is left,
and ``NAME`` is as it was; a run that begins anew empties ``NAME.part``, and one that resumes goes
on there.

A *mark* names the file, its size and a checksum of all its bytes, so that a later run can come
back to that point, and notices what was changed by hand. What a mark speaks of is never changed:
where all lines must be written again, that is done in ``NAME.part-2`` or ``NAME.part-3``, and the
old file is removed when the next mark is asked for. For by then the mark that speaks of the new
file was committed.

While it is written, ``NAME.part`` is locked, whatever the name of the file that has the data, so
that two runs cannot mix their rows or take each other's file. The lock is the system's and goes
with its process, so a crash blocks nobody. Windows has no such lock, and there nothing is locked.
"""

from __future__ import annotations

import errno
import os
import sys
import zlib
from collections.abc import Callable, Collection, Iterator
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from typing import IO, Any, TypeAlias

from treadle.core.protocols import Mark
from treadle.errors import SinkFailed, UsageError

Change: TypeAlias = Callable[[IO[bytes]], Iterator[bytes]]
"""Reads a file from its beginning and yields, in pieces, what shall be there instead."""

_PIECE = 1 << 20
"""Bytes read at a time."""

_START_ANEW = "put it back as it was, or start anew without resuming"


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
        sync(part)
        part.replace(final)
    except OSError as error:
        raise SinkFailed(
            f"{str(final)!r} cannot be finished: {error.strerror or error}",
            hint=f"what was written is in {str(part)!r}" if part.exists() else None,
        ) from error


def sync(path: Path) -> None:
    """Make the content of the file *path* safe on disk; raises OSError."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names of the files in *folder* safe on disk; raises OSError."""
    if sys.platform == "win32":
        return  # a folder cannot be opened there; NTFS keeps a journal of names
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # file systems without this
            raise
    finally:
        os.close(descriptor)


def checksum(path: Path, size: int) -> int | None:
    """Return the CRC-32 of the first *size* bytes of *path*; None if it has fewer."""
    crc = 0
    piece = memoryview(bytearray(min(size, _PIECE)))
    with FileIO(path) as file:
        while size:
            found = file.readinto(piece[:size])
            if not found:
                return None
            crc = zlib.crc32(piece[:found], crc)
            size -= found
    return crc


def check(path: Path, size: int, crc: int | None = None, *, exactly: bool = False) -> None:
    """
    Make sure that *path* begins with what was written there.

    Args:
        path: A file that a mark speaks of.
        size: Bytes it had when the mark was taken.
        crc: Their checksum; None to look at the size only.
        exactly: Nothing may have been added since.

    Raises:
        UsageError: It is gone or was changed.
    """
    try:
        found = path.stat().st_size
        if found < size or (exactly and found > size):
            raise UsageError(
                f"{str(path)!r} was changed since it was written: "
                f"it has {found:,} bytes, and had {size:,}",
                hint=_START_ANEW,
            )
        if crc is not None and checksum(path, size) != crc:
            raise UsageError(
                f"{str(path)!r} was changed since it was written: "
                f"its first {size:,} bytes are not those of the run",
                hint=_START_ANEW,
            )
    except FileNotFoundError:
        raise UsageError(f"{str(path)!r} is gone", hint=_START_ANEW) from None
    except OSError as error:
        raise UsageError(
            f"{str(path)!r} cannot be read: {error.strerror or error}", hint=_START_ANEW
        ) from error


def entry(mark: Mark, name: str, kind: type[Any]) -> Any:
    """
    Return the entry *name* of *mark*.

    Raises:
        UsageError: There is none of that kind: the mark was made by something else.
    """
    found = mark.get(name)
    if not isinstance(found, kind) or (kind is int and (isinstance(found, bool) or found < 0)):
        raise UsageError(
            f"where the run stopped is not known: {name!r} is {found!r:.60}",
            hint="was the run stored into something else, or by another version of treadle?",
        )
    return found


def claim(part: Path, final: Path, *, anew: bool = True) -> FileIO:
    """
    Open *part* and lock it.

    Args:
        part: The file; made if missing.
        final: The file that is meant, for messages.
        anew: Empty it.

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
                    if anew:
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


def copied(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what *file* has: the change that changes nothing."""
    while piece := file.read(_PIECE):
        yield piece


def part_of(final: Path, number: int = 1) -> Path:
    """Return the name of what becomes *final*: ``NAME.part``, ``NAME.part-2``, ``NAME.part-3``."""
    return final.with_name(f"{final.name}.part" + (f"-{number}" if number > 1 else ""))


class PartFile:
    """
    Bytes on their way to becoming the file *path*.

    Args:
        path: The final file.

    Attributes:
        path: The final file.
        part: The file that is written now.
        size: Bytes of whole pieces written so far.
        crc: The CRC-32 of them.
        readable: Where the rows of the last run are: the final file, the part if the run was
            abandoned, or None if that had no rows.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = target(path)
        # What was committed is never changed, and neither is what is written now: three will do.
        self._parts = [part_of(self.path, number) for number in (1, 2, 3)]
        self.part = self._parts[0]
        self.size = 0
        self.crc = 0
        self.readable: Path | None = self.path
        self._limit: int | None = None
        self._file: FileIO | None = None
        # The lock is on NAME.part; None where that is the file itself.
        self._lock: FileIO | None = None
        # What the last mark speaks of, if that is worth keeping.
        self._marked: str | None = None
        self._safe: tuple[Path | None, int] = None, 0

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
        self.hold(anew=True)
        self._tidy()

    def hold(self, *, anew: bool = False) -> None:
        """
        Lock ``NAME.part``, with the folders above it made, and change nothing else.

        Args:
            anew: Empty it.

        Raises:
            UsageError: The place cannot be written to, or another run is writing there.
        """
        if self._file is not None:
            raise UsageError(f"{str(self.path)!r} is being written by another run")
        make_folder(self.path.parent)
        self.part = self._parts[0]
        self._file = claim(self.part, self.path, anew=anew)
        self._begin(0, 0)

    def resume(self, mark: Mark, change: Change | None = None) -> None:
        """
        Go on after *mark*; what was written later is cut off.

        Args:
            mark: What ``mark`` has returned.
            change: Gives what shall be there instead; the file of *mark* itself stays as it is.

        Raises:
            UsageError: What *mark* speaks of is gone or was changed, another run writes it, or
                the place cannot be written to.
        """
        self.find(mark)  # before anything is made or locked
        self.hold()
        try:
            self._go_on(self.find(mark, fully=True), mark, change)
        except BaseException as error:
            self._give_back()
            if isinstance(error, SinkFailed):
                raise UsageError(error.message, hint=error.hint) from error
            if isinstance(error, OSError):
                raise UsageError(
                    f"{str(self.path)!r} cannot be resumed: {error.strerror or error}",
                    hint="is the disk full?",
                ) from error
            raise

    def _go_on(self, source: Path, mark: Mark, change: Change | None) -> None:
        size, crc = entry(mark, "size", int), entry(mark, "crc", int)
        self._begin(size, crc)
        self._marked = entry(mark, "file", str) if size else None
        if not size:
            self.cut(0, 0)
        elif source != self._parts[0]:
            self._lock, self._file, self.part = self._file, None, source
            if source == self.path:
                change = change or copied
            else:
                self._file = FileIO(source, "r+")
        if change is not None and size:
            self.rewrite(change)
        elif size:
            self.cut(size, crc)
        self._tidy()

    def find(self, mark: Mark, *, fully: bool = False) -> Path:
        """
        Return the file that has what *mark* speaks of.

        Args:
            mark: What ``mark`` has returned.
            fully: Read it, and do not only look at its size.

        Raises:
            UsageError: It is gone or was changed.
        """
        name, size = entry(mark, "file", str), entry(mark, "size", int)
        crc = entry(mark, "crc", int)
        path = next((p for p in [self.path, *self._parts] if p.name == name), None)
        if path is None:
            raise UsageError(
                f"the run was stored into {name!r}, which does not belong to {str(self.path)!r}",
                hint="give the path that the run was begun with",
            )
        if not size and not path.exists():
            return path
        try:
            check(path, size, crc if fully else None, exactly=path == self.path)
        except UsageError:
            # The run may have put it in place, and died before it could say so.
            if path == self.path or not self._is_final(size, crc):
                raise
            return self.path
        return path

    def _is_final(self, size: int, crc: int) -> bool:
        try:
            check(self.path, size, crc, exactly=True)
        except UsageError:
            return False
        return True

    def look(self, mark: Mark) -> None:
        """
        Read from now on what *mark* speaks of.

        Raises:
            UsageError: It is gone or was changed, or this file is being written.
        """
        if self._file is not None:
            raise UsageError(f"{str(self.path)!r} is still being written")
        path = self.find(mark, fully=True)
        self._begin(entry(mark, "size", int), entry(mark, "crc", int))
        self.readable, self._limit = (path if self.size else None), self.size

    def mark(self) -> Mark:
        """
        Make everything safe on disk; return how to come back to this point.

        Raises:
            SinkFailed: The disk does not take it.
        """
        path = self.part if self._file is not None else self.readable or self._parts[0]
        try:
            if self._file is not None and self._safe != (path, self.size):
                os.fsync(self._file.fileno())
            elif self._file is None and self._safe[0] != path and path.exists():
                sync(path)
            if self._safe[0] != path and path.exists():
                sync_folder(path.parent)
            if self._file is not None:
                self._tidy()
        except OSError as error:
            raise SinkFailed(
                f"{str(path)!r} cannot be made safe on disk: {error.strerror or error}",
                hint="is the disk full?",
            ) from error
        self._safe = path, self.size
        self._marked = path.name if self.size else None
        return {"file": path.name, "size": self.size, "crc": self.crc}

    def append(self, piece: bytes) -> None:
        """
        Write *piece*, all of it or nothing.

        Raises:
            SinkFailed: It cannot be written. The file ends with the last whole piece.
        """
        if self._file is None:
            raise SinkFailed(f"{str(self.path)!r} is not open")
        try:
            _write(self._file, piece)
        except OSError as error:
            self.cut(self.size, self.crc)
            raise self._unwritable(self.part, error) from error
        self.size += len(piece)
        self.crc = zlib.crc32(piece, self.crc)

    def cut(self, size: int, crc: int) -> None:
        """Take back what was written after the first *size* bytes, which have the sum *crc*."""
        if self._file is not None:
            self._file.truncate(size)
            self._file.seek(size)
            self.size, self.crc = size, crc

    def rewrite(self, change: Change) -> None:
        """
        Write what *change* makes of the file under another name, and go on there.

        Raises:
            SinkFailed: It cannot be written; all is as before.
        """
        home = self._parts[0]
        part = next(p for p in self._parts if p != self.part and p.name != self._marked)
        file = self._lock if part == home and self._lock is not None else None
        size = crc = 0
        try:
            file = file or FileIO(part, "w+")
            file.truncate(0)
            file.seek(0)
            with _reader(self.part, self.size) as old:
                for piece in _gathered(change(old)):
                    _write(file, piece)
                    size += len(piece)
                    crc = zlib.crc32(piece, crc)
        except BaseException as error:
            if file is not None and file is not self._lock:
                file.close()
                part.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise self._unwritable(part, error) from error
            raise
        self._move_to(part, file)
        self.size, self.crc = size, crc
        self._tidy()

    def _move_to(self, part: Path, file: FileIO) -> None:
        before, self._file = self._file, file
        if file is self._lock:
            self._lock = None
        elif self._lock is None:
            self._lock, before = before, None
        if before is not None:
            before.close()
        self.part = part

    def discard(self) -> None:
        """
        Remove what was written; the final file stays as it is. Does nothing when not open.

        What a mark speaks of is kept.
        """
        if self._file is None:
            return
        if self.part.name == self._marked:
            self.keep()
            return
        self._remove({self._marked})
        self.readable = None
        self.size = self.crc = 0
        self.let_go()

    def keep(self) -> None:
        """Leave what was written where it is, and the final file too. Nothing when not open."""
        if self._file is None:
            return
        home = self._parts[0]
        if self._marked is None and self.part != home:
            self.part.replace(home)
            self.part = home
        self._remove({self.part.name, self._marked})
        self.readable, self._limit = self.part, None
        self.let_go()

    def finish(self) -> None:
        """
        Put the file in its final place. Does nothing when it is not open.

        Raises:
            SinkFailed: It cannot be put there; it is kept.
        """
        if self._file is None:
            return
        try:
            os.fsync(self._file.fileno())
            # Before the rename where that gives up the lock: afterwards they may be another run's.
            self._remove({self.part.name, self._parts[0].name if self._lock else None})
            put_in_place(self.part, self.path)
            if self._lock is not None:
                self._parts[0].unlink(missing_ok=True)
        except (OSError, SinkFailed) as error:
            self.keep()
            reason = (
                error.message
                if isinstance(error, SinkFailed)
                else (f"{str(self.path)!r} cannot be finished: {error.strerror or error}")
            )
            raise SinkFailed(reason, hint=f"what was written is in {str(self.part)!r}") from error
        self.readable, self._limit = self.path, None
        self.let_go()

    def replaced(self) -> None:
        """Take note that another file was put in the final place, and remove this one."""
        if self._file is not None:
            self._remove(set())
            self.let_go()
        self.readable, self._limit = self.path, None

    def reader(self) -> IO[bytes] | None:
        """
        Open what was stored for reading; None when there is nothing.

        Raises:
            UsageError: The file is still being written, or is gone.
        """
        if self._file is not None:
            raise UsageError(f"{str(self.path)!r} is still being written")
        if self.readable is None:
            return None
        try:
            return _reader(self.readable, self._limit)
        except OSError as error:
            raise UsageError(
                f"{str(self.readable)!r} cannot be read: {error.strerror or error}"
            ) from error

    def let_go(self) -> None:
        """Unlock and close the file, and leave everything as it is: as a crash would."""
        files, self._file, self._lock = (self._file, self._lock), None, None
        for file in files:
            if file is not None:
                release(file)

    def _begin(self, size: int, crc: int) -> None:
        self.size, self.crc = size, crc
        self._marked = None
        self._safe = None, 0
        self._limit = None

    def _give_back(self) -> None:
        """Undo ``hold``: a file that it made goes again."""
        lock = self._lock or self._file
        if lock is not None and not os.fstat(lock.fileno()).st_size:
            self._parts[0].unlink(missing_ok=True)
        self.let_go()

    def _remove(self, kept: Collection[str | None]) -> None:
        for part in self._parts:
            if part.name not in kept:
                part.unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Remove what neither the last mark nor this object needs."""
        kept = {self.part.name, self._marked}
        home = self._parts[0].name
        if self._lock is not None and home not in kept:
            self._lock.truncate(0)  # its name is needed for the lock
        self._remove({*kept, home})

    def _unwritable(self, part: Path, error: OSError) -> SinkFailed:
        return SinkFailed(
            f"{str(part)!r} cannot be written: {error.strerror or error}",
            hint="is the disk full?",
        )


def _write(file: FileIO, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces, so that not each is a call of the system."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= _PIECE:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


def _reader(path: Path, size: int | None) -> IO[bytes]:
    """Open *path* for reading, up to *size*."""
    file = FileIO(path)
    return BufferedReader(file if size is None else _Beginning(file, size), 1 << 16)


class _Beginning(RawIOBase):
    """The first *size* bytes of a file; that there are fewer is an error, not the end."""

    def __init__(self, file: FileIO, size: int) -> None:
        self._source = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)[: self._left]
        found = self._source.readinto(room)
        if not found and room:
            raise SinkFailed(f"{str(self._source.name)!r} has become shorter", hint=_START_ANEW)
        self._left -= found
        return found

    def close(self) -> None:
        self._source.close()
        super().close()
