"""Ignore files as git and we look at them: each rules its folder and all below it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from treadle.code.discovery.patterns import Patterns

GIT = ".gitignore"
OWN = ".treadleignore"

MOST_BYTES = 10_000_000
"""Of an ignore file. A larger one does not count, as with git, which has a limit ten times that."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe of that name must not hold us up
_IN_TREE = _FLAGS | os.O_NOFOLLOW  # as git: a tree of others does not make us read elsewhere


class Scope(NamedTuple):
    """
    The rules of a folder, and of those above it.

    Attributes:
        patterns: Those that were written in (or for) the folder.
        cut: Length of the folder's path, with the ``/`` at its end.
        above: The rules of the folders above; None at the top.
    """

    patterns: Patterns
    cut: int
    above: Scope | None


def ignored(scope: Scope | None, path: bytes, name: bytes, *, folder: bool) -> bool:
    """Tell whether the rules of *scope* ignore an entry; those of the nearest folder decide."""
    while scope is not None:
        verdict = scope.patterns.verdict(path[scope.cut :], name, folder=folder)
        if verdict is not None:
            return verdict
        scope = scope.above
    return False


def scope_in(folder: bytes, name: str, above: Scope | None) -> Scope | None:
    """Return the rules inside *folder* (with ``/`` at its end): *above*, and its file *name*."""
    return _scope(_read(folder + name.encode(), _IN_TREE), len(folder), above)


def _scope(data: bytes | None, cut: int, above: Scope | None) -> Scope | None:
    """Return the rules that *data* holds before those *above*; just the latter for none."""
    patterns = Patterns.read(data) if data else None
    return Scope(patterns, cut, above) if patterns else above


def scope_of_repository(top: bytes) -> Scope | None:
    """Return the rules that hold at *top* of a repository, save for those of its .gitignore."""
    personal = _scope(_read(_personal()), len(top), None)
    return _scope(_read(_common_records(top) + b"info/exclude"), len(top), personal)


def is_repository(folder: str) -> bool:
    """Tell whether *folder* is the top of a work tree, by what git looks for itself."""
    record = os.path.join(folder, ".git")
    try:
        mode = os.stat(record).st_mode
    except OSError:
        return False
    if stat.S_ISREG(mode):
        return (_read(os.fsencode(record)) or b"").startswith(b"gitdir:")
    return os.path.lexists(os.path.join(record, "HEAD")) and os.path.isdir(
        os.path.join(record, "objects")
    )


class Outside(NamedTuple):
    """
    What holds in a folder because of where it lies.

    Attributes:
        git: Rules of the .gitignore files above it, in its repository.
        own: Rules of the .treadleignore files above it, in its repository.
        top: Of its repository, if that does not ignore it: git lists what is in it. Else None.
    """

    git: Scope | None
    own: Scope | None
    top: str | None


def outside_of(folder: str) -> Outside:
    """Look at what is above *folder*, an absolute path without links."""
    top = next((each for each in _and_above(folder) if is_repository(each)), None)
    if top is None:
        return Outside(None, None, None)
    at = os.path.join(os.fsencode(top), b"")
    git, own, listed = scope_of_repository(at), None, True
    below = os.path.relpath(folder, top)
    for name in [] if below == os.curdir else os.fsencode(below).split(b"/"):
        git, own = scope_in(at, GIT, git), scope_in(at, OWN, own)
        listed = listed and not ignored(git, at + name, name, folder=True)
        at += name + b"/"
    return Outside(git, own, top if listed else None)


def _and_above(folder: str) -> Iterator[str]:
    """Yield *folder* and those above it, up to the root of the file system."""
    yield folder
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        yield folder


def _read(file: bytes, flags: int = _FLAGS) -> bytes | None:
    """Return what *file* holds; None where there is no such file, or it is not to be read."""
    try:
        descriptor = os.open(file, flags)
    except OSError:
        return None
    try:
        looked = os.fstat(descriptor)
        if not stat.S_ISREG(looked.st_mode) or looked.st_size > MOST_BYTES:
            return None
        parts = []
        while part := os.read(descriptor, looked.st_size + 1):
            parts.append(part)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _personal() -> bytes:
    """Return where the user keeps rules for all repositories, if not configured otherwise."""
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.fsencode(os.path.join(settings, "git", "ignore"))


def _common_records(top: bytes) -> bytes:
    """Return git's own folder for the work tree at *top*: for further ones the one they share."""
    record = os.path.join(top, b".git")
    pointer = _read(record)
    if pointer is not None and pointer.startswith(b"gitdir:"):
        record = os.path.join(top, pointer.removeprefix(b"gitdir:").strip())
    shared = _read(os.path.join(record, b"commondir"))
    return os.path.join(record, (shared or b"").strip(), b"")
