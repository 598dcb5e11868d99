"""A file beside the final one, which it replaces only when it is whole.

What is being written is called ``NAME.part``. Whoever sees ``NAME`` sees a finished file: the one
from before, or the new one. After a crash, ``NAME.part`` is left, and ``NAME`` is as it was.
"""

from __future__ import annotations

import os
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
            hint=f"what was written is in {str(part)!r}",
        ) from error


class PartFile:
    """
    Bytes on their way to becoming the file *path*.

    Attributes:
        path: The final file.
        part: The file that is written now.
        size: Bytes of whole pieces written so far.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = target(path)
        self.part = self.path.with_name(self.path.name + ".part")
        self.size = 0
        self._file: FileIO | None = None

    @property
    def is_open(self) -> bool:
        """True between ``open`` and ``finish``."""
        return self._file is not None

    def open(self) -> None:
        """
        Begin an empty file, with the folders above it.

        Raises:
            UsageError: The place cannot be written to.
        """
        if self._file is not None:
            raise UsageError(f"{str(self.path)!r} is being written by another run")
        make_folder(self.path.parent)
        try:
            self._file = FileIO(self.part, "w")
        except OSError as error:
            raise UsageError(
                f"{str(self.part)!r} cannot be written: {error.strerror or error}",
                hint="choose a place that can be written to",
            ) from error
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
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise SinkFailed(
                f"{str(self.part)!r} cannot be written: {error.strerror or error}",
                hint="is the disk full?",
            ) from error
        self.size += len(piece)

    def discard(self) -> None:
        """Remove what was written; the final file stays as it is."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self.part.unlink(missing_ok=True)

    def finish(self) -> None:
        """
        Put the file in its final place. Does nothing when it is not open.

        Raises:
            SinkFailed: It cannot be put there.
        """
        if self._file is None:
            return
        self._file.close()
        self._file = None
        put_in_place(self.part, self.path)
