"""Walks folders for a glob pattern: each real folder at most once, links last, loops harmless."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator
from operator import itemgetter

from treadle.errors import SourceFailed

_FLAGS = re.IGNORECASE if os.name == "nt" else 0


class Pattern:
    """
    The varying part of a glob pattern, matched name by name on the way down.

    How far the match has come is a set of positions in *parts*: ``**`` may stand for no folder or
    for many, so there can be several at once.
    """

    def __init__(self, parts: tuple[str, ...]) -> None:
        self._parts = parts
        self._names = [re.compile(fnmatch.translate(part), _FLAGS) for part in parts]
        self._last = len(parts) - 1

    def begin(self) -> frozenset[int]:
        """Return the positions at the top folder."""
        return self._close({0})

    def takes(self, at: frozenset[int], name: str, *, hidden: bool) -> bool:
        """Say whether a file called *name*, in a folder at these positions, is wanted."""
        return self._last in at and self._fits(self._last, name, hidden=hidden)

    def enter(self, at: frozenset[int], name: str, *, hidden: bool) -> frozenset[int]:
        """Return the positions inside the folder *name*; empty when nothing in it can match."""
        onward = set()
        for i in at:
            if self._fits(i, name, hidden=hidden):
                if self._parts[i] == "**":
                    onward.add(i)
                elif i < self._last:
                    onward.add(i + 1)
        return self._close(onward)

    def _fits(self, i: int, name: str, *, hidden: bool) -> bool:
        part = self._parts[i]
        if name.startswith(".") and not hidden and not part.startswith("."):
            return False
        return part == "**" or self._names[i].match(name) is not None

    def _close(self, at: set[int]) -> frozenset[int]:
        for i in sorted(at):
            while self._parts[i] == "**" and i < self._last:
                i += 1  # noqa: PLW2901  # "**" may also stand for nothing
                at.add(i)
        return frozenset(at)


def walk(folder: str, written: str, pattern: Pattern, *, hidden: bool) -> Iterator[tuple[str, str]]:
    """
    Find the files below *folder* that fit *pattern*.

    Args:
        folder: Where to begin, absolute.
        written: The same as the user wrote it; empty for the current folder.
        pattern: What to find.
        hidden: Take names that begin with a dot.

    Yields:
        The absolute path of a file, and the path as the user would write it.

    Raises:
        SourceFailed: A folder cannot be read.
    """
    # Links wait until all real folders are done, so that a file is found by its own path
    # first, whatever the links are called.
    real = [(folder, written, pattern.begin())]
    links: list[tuple[str, str, frozenset[int]]] = []
    entered: set[tuple[int, int, frozenset[int]]] = set()
    while real or links:
        if not real:
            links.sort(key=itemgetter(0), reverse=True)
            real.append(links.pop())
        path, text, at = real.pop()
        if not _first_time(path, at, entered):
            continue
        for entry in _entries(path):
            if _leads(entry.is_dir):
                onward = pattern.enter(at, entry.name, hidden=hidden)
                if onward:
                    below = (entry.path, os.path.join(text, entry.name), onward)
                    (links if entry.is_symlink() else real).append(below)
            elif pattern.takes(at, entry.name, hidden=hidden) and _leads(entry.is_file):
                yield entry.path, os.path.join(text, entry.name)


def _leads(is_kind: Callable[[], bool]) -> bool:
    """Ask an entry what it is; a link that leads nowhere, or round in a circle, is nothing."""
    try:
        return is_kind()
    except OSError:
        return False


def _first_time(
    path: str, at: frozenset[int], entered: set[tuple[int, int, frozenset[int]]]
) -> bool:
    try:
        status = os.stat(path)
    except FileNotFoundError:  # removed since its name was read
        return False
    except OSError as error:
        raise _unreadable(path, error) from error
    before = len(entered)
    entered.add((status.st_dev, status.st_ino, at))
    return len(entered) > before


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> SourceFailed:
    return SourceFailed(
        f"the folder {path!r} cannot be read: {error.strerror or error}",
        hint="make it readable, or choose a pattern that leaves it out",
    )
