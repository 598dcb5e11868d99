"""A file that appears whole or not at all: written beside its place, then given its name."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import treadle


class WholeFile:
    """
    What a file will hold once `put` is called; until then it stays as it was.

    Args:
        path: The file; folders above it are made. What is no regular file, such as ``/dev/null``
            or a pipe, is written to at once.

    Raises:
        SinkFailed: The place cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._target = Path(os.path.realpath(path))  # a link stays a link
        self._is_stream = is_stream(path)
        # Short, for a name may be as long as the file system has them; the same every time, so
        # that what a killed process left is used again.
        digest = hashlib.blake2b(os.fsencode(self._target.name), digest_size=6).hexdigest()
        self._part = self._target.with_name(f".{digest}.part")
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            if not self._is_stream:
                self._part.write_bytes(b"")
        except OSError as error:
            raise failed(path, error) from error

    def add(self, content: bytes) -> None:
        """
        Append *content*.

        Raises:
            SinkFailed: It cannot be written.
        """
        try:
            # Not kept open between: there may be thousands of them. A pipe in /dev/fd has no real
            # path that could be opened.
            with (self._path if self._is_stream else self._part).open("ab") as file:
                file.write(content)
        except OSError as error:
            raise failed(self._path, error) from error

    def put(self) -> None:
        """
        Make what was added safe on disk, and give it its name.

        Raises:
            SinkFailed: That cannot be done, such as when another program holds the file (Windows).
        """
        if self._is_stream:
            return
        try:
            with self._part.open("rb+") as file:
                os.fsync(file.fileno())
            self._part.replace(self._target)
            _sync_folder(self._target.parent)
        except OSError as error:
            raise failed(self._path, error) from error

    def discard(self) -> None:
        """Leave the file as it was."""
        if not self._is_stream:
            self._part.unlink(missing_ok=True)


def is_stream(path: Path) -> bool:
    """Return whether *path* is there and no regular file."""
    return path.exists() and not path.is_file() and not path.is_dir()


def failed(path: Path, error: OSError) -> treadle.SinkFailed:
    """Say that *path* cannot be written because of *error*, and what to do."""
    hint = "all answers are in the record of the run; write the results again from there"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        hint = f"make room; {hint}"
    elif isinstance(error, PermissionError):
        hint = f"is it open in another program, or not yours? {hint}"
    return treadle.SinkFailed(
        f"results {str(path)!r} cannot be written: {error.strerror or error}", hint=hint
    )


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot open a folder
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
