"""Which items have begun and have no ending yet, so that a kill does not hide them.

A file beside the database with a line for each: one unbuffered write as an item begins, without a
commit, since the process may die but its writes do not. Lines of items whose ending is committed
are dropped now and then, so that the file stays as small as what is in flight. A power cut may take
the last lines with it.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from treadle.core.item import Item, Key
from treadle.errors import RunFailed, UsageError

BEGUN = "begun"
_HINT = "no item starts without a note of it: make room on the disk, then resume the run"
_SMALL = 1 << 16  # bytes; a smaller file is left as it is


def begun_in(folder: Path) -> list[Key]:
    """
    Return the keys of items of the run in *folder* that were noted, in order of beginning.

    Some of them may have an ending by now.
    """
    try:
        text = (folder / BEGUN).read_bytes()
    except FileNotFoundError:
        return []
    found: dict[Key, None] = {}
    for line in text[: text.rfind(b"\n") + 1].splitlines():  # what follows is cut off
        with suppress(ValueError):  # a power cut may leave zeros
            found[json.loads(line)] = None
    return list(found)


class Begun:
    """
    The note of items that have begun. ``begin`` and ``ended`` may be called from any thread.

    Args:
        folder: Of the run.
        unended: Keys of items that an earlier session has begun and not ended.

    Raises:
        UsageError: Nothing can be written there.
    """

    def __init__(self, folder: Path, unended: Iterable[Key]) -> None:
        self._path = folder / BEGUN
        self._lock = threading.Lock()
        self._unended = dict.fromkeys(unended)
        self._file: int | None = None
        try:
            self._rewrite()
        except OSError as error:
            raise UsageError(
                f"{str(self._path)!r} cannot be written: {error.strerror or error}", hint=_HINT
            ) from error

    def begin(self, items: Sequence[Item]) -> None:
        """
        Note items that are about to start; those that are tried again are noted already.

        Raises:
            RunFailed: That is not possible, such as when the disk is full.
        """
        with self._lock, self._explained():
            fresh = [item.key for item in items if item.key not in self._unended]
            if not fresh or self._file is None:  # closed: the run is being broken off
                return
            self._unended.update(dict.fromkeys(fresh))
            lines = _lines(fresh)
            written = os.write(self._file, lines)
            self._size += written
            if written < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def ended(self, keys: Iterable[Key]) -> None:
        """
        Drop items whose ending is committed.

        Raises:
            RunFailed: The note cannot be written anew.
        """
        with self._lock, self._explained():
            for key in keys:
                self._unended.pop(key, None)
            if self._file is not None and self._size > self._enough:
                self._rewrite()

    def close(self) -> None:
        """Leave only what has not ended; nothing when all has. Harmless when repeated."""
        with self._lock:
            if self._file is None:
                return
            with suppress(OSError):  # as on a full disk; readers leave out what has an ending
                self._rewrite()
            if self._file is not None:
                os.close(self._file)
                self._file = None
            if not self._unended:
                self._path.unlink(missing_ok=True)

    def _rewrite(self) -> None:
        part = self._path.with_name(f"{BEGUN}.part")
        lines = _lines(self._unended)
        part.write_bytes(lines)
        if self._file is not None:
            os.close(self._file)  # before: Windows replaces no open file
            self._file = None
        part.replace(self._path)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._size = len(lines)
        self._enough = _SMALL + 2 * len(lines)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunFailed(
                f"{str(self._path)!r} cannot be written: {error.strerror or error}", hint=_HINT
            ) from error


def _lines(keys: Iterable[Key]) -> bytes:
    return "".join([json.dumps(key) + "\n" for key in keys]).encode()
