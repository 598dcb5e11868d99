"""The raw files of one folder, with keys and fingerprints: the items of a staging."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import treadle

if TYPE_CHECKING:
    from treadle.lab.layouts import Layout


class RawFiles:
    """
    A source of raw files: those with a suffix that some layout knows, in natural order.

    Hidden files and folders are left out, so ``.git`` and macOS' ``._*`` are. A key is the path
    relative to *root*, with ``/``.

    Args:
        root: The folder.
        layouts: Whose suffixes count beside ``.csv``.
        version: Text that differs when the same file would be staged differently.
        exclude: Patterns (``*_metadata.csv``, ``old/*``) of keys or of names to leave out.
        limit: Only the first so many; None for all.

    Raises:
        UsageError: *root* is no folder.
    """

    def __init__(
        self,
        root: Path,
        *,
        layouts: Sequence[Layout] = (),
        version: str = "",
        exclude: Sequence[str] = (),
        limit: int | None = None,
    ) -> None:
        suffixes = {".csv", *(suffix for layout in layouts for suffix in layout.suffixes)}
        self.root = root
        self._files = treadle.files(root, root=root, suffix=sorted(suffixes))
        self._layouts = tuple(layouts)
        self._version = version
        self._exclude = tuple(exclude)
        self._limit = limit
        self._found: list[Path] | None = None

    def __iter__(self) -> Iterator[Path]:
        """Yield the paths."""
        return iter(self._paths)

    def __len__(self) -> int:
        """Return how many there are; the first time, this searches."""
        return len(self._paths)

    @property
    def _paths(self) -> list[Path]:
        if self._found is None:
            wanted = (path for path in self._files if not self._is_excluded(self.key(path, 0)))
            self._found = list(islice(wanted, self._limit))
        return self._found

    def may_have(self, key: str) -> bool:
        """Tell whether a file that is there was left out for being too many, not by a pattern."""
        return self._limit is not None and not self._is_excluded(key) and (self.root / key).exists()

    def _is_excluded(self, key: str) -> bool:
        name = key.rpartition("/")[2]
        return any(fnmatchcase(key, each) or fnmatchcase(name, each) for each in self._exclude)

    def spare(self, place: Path) -> None:
        """Leave out the folder *place*, which is written to."""
        self._files.spare(place)
        self._found = None

    def key(self, value: Path, index: int) -> str:
        """Return the path relative to ``root``."""
        return self._files.key(value, index)

    def fingerprint(self, value: Path) -> str:
        """Return size and time of the file and of what belongs to it, and how it is staged."""
        beside = [path for layout in self._layouts for path in layout.companions(value)]
        return " ".join([self._files.fingerprint(value), *map(_stat, beside), self._version])


def _stat(path: str | os.PathLike[str]) -> str:
    found: Any = None
    try:
        found = os.stat(path)  # noqa: PTH116  as `treadle.files`
    except OSError:
        return "none"
    return f"{found.st_size} {found.st_mtime_ns}"
