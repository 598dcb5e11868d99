"""From the roots as they were given to what they are, and the folder that keys are relative to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import treadle

Given: TypeAlias = str | os.PathLike[str]


class Root(NamedTuple):
    """
    A root.

    Attributes:
        file: As it was given, below the folder that it is relative to if that is another one.
        place: Its absolute path, with the names that were given.
        real: Its absolute path without links.
        mode: What it is; 0 for a link that leads nowhere.
    """

    file: str
    place: str
    real: str
    mode: int

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, or a link to one."""
        return stat.S_ISDIR(self.mode)


def roots_of(given: Given | Iterable[Given], cwd: Given | None) -> list[Root]:
    """
    Return the roots, each once.

    Args:
        given: As the user gave them.
        cwd: What they are relative to; None for the current folder.

    Raises:
        UsageError: One of them does not exist.
    """
    each = [given] if isinstance(given, (str, os.PathLike)) else given
    roots: dict[str, Root] = {}
    for root in (_root(os.fspath(one), cwd) for one in each):
        roots.setdefault(root.place, root)
    return list(roots.values())


def base_of(roots: list[Root], cwd: Given | None) -> str:
    """Return the folder that keys are relative to: the deepest that holds all *roots*."""
    folders = [root.place if root.is_folder else os.path.dirname(root.place) for root in roots]
    return os.path.commonpath(folders) if folders else os.path.abspath(cwd or os.curdir)


def _root(given: str, cwd: Given | None) -> Root:
    """
    Look at a root.

    Raises:
        UsageError: It does not exist.
    """
    file = os.path.join(cwd, given) if cwd is not None and given else given
    try:
        mode = os.stat(file).st_mode
    except (OSError, ValueError) as error:
        if not given or isinstance(error, ValueError) or not os.path.islink(file):
            raise _absent(given, file, error) from None
        mode = 0
    return Root(file, _placed(file), os.path.realpath(file), mode)


def _absent(given: str, file: str, error: Exception) -> treadle.UsageError:
    """Say that a root is not there, or cannot be reached."""
    if isinstance(error, PermissionError):
        return treadle.UsageError(
            f"cannot look at {given!r}: {error.strerror}",
            hint="let this user enter the folders on the way to it",
        )
    return treadle.UsageError(
        f"there is no file or folder {given!r}",
        hint=f"it was looked for in {os.path.abspath(os.path.dirname(file) or os.curdir)}",
    )


def _placed(file: str) -> str:
    """Return the absolute path of *file*; what ``..`` leads to is looked up, for links count."""
    absolute = os.path.join(os.getcwd(), file)
    parts = absolute.split(os.sep)
    if os.pardir in parts:
        last = len(parts) - parts[::-1].index(os.pardir)
        absolute = os.path.join(os.path.realpath(os.sep.join(parts[:last])), *parts[last:])
    return os.path.normpath(absolute)
