"""What is in a folder, in the order in which a person looks for it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Found:
    """
    What is in a folder.

    Attributes:
        folder: The folder.
        names: What is in it, folders first, and whether each is a folder.
        problem: Why it cannot be read; empty if it can.
    """

    folder: Path
    names: tuple[tuple[str, bool], ...] = ()
    problem: str = ""


def look_into(folder: Path) -> Found:
    """Return what is in *folder*, in natural order."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, _is_folder(entry)) for entry in entries]
    except OSError as error:
        return Found(folder, problem=error.strerror or str(error))
    return Found(folder, tuple(sorted(found, key=lambda each: (not each[1], _natural(each[0])))))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _natural(name: str) -> list[tuple[bool, int, str]]:
    parts = _DIGITS.split(name.casefold())
    # int() reads at most a few thousand digits, which is more than a name can have.
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
