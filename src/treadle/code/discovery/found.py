"""What discovery gives: the files, what was left out, and the folders that could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Found:
    r"""
    A file.

    Attributes:
        path: Its key: relative to the root, with ``/``. Bytes of a name that are not UTF-8 are
            written as ``\xNN``, so any key can be stored; no two files have the same.
        file: Where it is: the root as it was given, and the rest.
        size: Bytes.
        mtime_ns: When its bytes were last changed.
        ctime_ns: When it, or what is known of it, was last changed.
        inode: Its number in the file system.
        reason: Why it is not to be read, one of ``values.REASONS``; None when it is.
    """

    path: str
    file: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    reason: str | None = None


class Problem(NamedTuple):
    """
    A folder that cannot be read.

    Attributes:
        folder: Where it is.
        why: In words.
    """

    folder: str
    why: str


@dataclass
class Discovery:
    """
    The files below the roots, in the order of their paths, byte by byte.

    Attributes:
        root: The folder to which paths are relative.
        files: The files.
        left_out: How many entries were left out, by reason: ``"hidden"``, ``"vendored"``,
            ``"ignored"``, ``"excluded"``, ``"language"``. A folder that is left out counts once,
            whatever is in it. What git itself ignores, which new pipes, sockets and devices are
            for it, is not counted, for git does not say so.
        problems: Folders that cannot be read.
    """

    root: str
    files: list[Found] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def __iter__(self) -> Iterator[Found]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)
