"""Paths made of values from a table: never outside their folder, and good on any system."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Hashable, Iterable
from hashlib import blake2b
from pathlib import Path

import treadle

LONGEST = 255
"""Bytes of a name, as UTF-8: the limit of all file systems in use."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_HIDDEN = re.compile(r"(?:^|[/\\])\s*\.(?!\.?(?:[/\\]|$))")
_RESERVED = re.compile(
    r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³]|CONIN\$|CONOUT\$)(?=\s*(\.|$))", re.IGNORECASE
)


def below(folder: Path, typed: str) -> Path:
    """
    Return the path *typed*, relative to *folder*, for what may not leave that folder.

    Links are followed to see where it leads; the path returned has them as they are. What is
    hidden is not for rows: keys stand in ``.env``, and tables come from others.

    Raises:
        BadRowError: It is absolute, empty, hidden (a name in it begins with a dot), or leads
            outside.
    """
    if not typed.strip() or "\x00" in typed:
        raise treadle.BadRowError(f"no file has the path {typed!r}", hint=f"below {folder}")
    if is_absolute(typed):
        raise treadle.BadRowError(
            f"the path {typed!r} is absolute", hint=f"values name files below {folder}"
        )
    if _HIDDEN.search(typed):
        raise treadle.BadRowError(
            f"the path {typed!r} is hidden", hint="values name no files that begin with a dot"
        )
    path = folder / typed
    check_below(folder, path, typed)
    return path


def check_below(folder: Path, path: Path, typed: str) -> None:
    """
    Look whether *path* stays below *folder* when links and ``..`` are followed.

    Args:
        folder: The folder.
        path: The path, made of *folder* and what was typed.
        typed: What was typed, for the message.

    Raises:
        BadRowError: It does not, or links lead in a circle.
    """
    try:
        whole = path.resolve()
        inside = whole.is_relative_to(folder.resolve())
        _check_circle(whole)
    except (OSError, RuntimeError, ValueError) as error:  # ValueError: no name of a file
        raise treadle.BadRowError(
            f"the path {typed!r} leads nowhere: {error}", hint=f"values name files below {folder}"
        ) from error
    if not inside:
        raise treadle.BadRowError(
            f"the path {typed!r} leads out of {folder}", hint=f"values name files below {folder}"
        )


def _check_circle(path: Path) -> None:
    """Raise where links lead in a circle, which `Path.resolve` lets by from Python 3.13 on."""
    try:
        path.stat()
    except OSError as error:  # it need not be there yet
        if error.errno == errno.ELOOP:
            raise


HIDDEN = ".treadle"
"""The folder that holds the records of runs, beside what they have written."""


class Protected:
    """
    Files that nothing may be written over: what an experiment reads, and all records.

    Args:
        files: What it reads. One of them is itself by whatever name or link.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._known = {_identity(file) for file in files}

    def why(self, path: Path) -> str:
        """Return why nothing may be written to *path*; empty when it may."""
        if HIDDEN in Path(os.path.realpath(path)).parts:
            return f"lies in {HIDDEN}, where the records of runs are"
        return "is read by the experiment" if _identity(path) in self._known else ""


def _identity(path: Path) -> Hashable:
    """Return what is the same for all names of a file."""
    real = Path(os.path.realpath(path))
    try:
        found = real.stat()
    except (OSError, ValueError):  # it is not there, or nothing can be
        return real
    return found.st_dev, found.st_ino


def is_absolute(typed: str) -> bool:
    """Tell whether a path is absolute, or relative to a drive, on any system."""
    return typed.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", typed) is not None


def portable_name(text: str) -> str:
    """
    Return *text* as the name of a file or folder that every system takes.

    Characters that some system forbids become ``_``; dots and spaces at the end go; a name that
    Windows keeps for itself, or that nothing stands before its suffix, gets a ``_`` in front. A
    name that is too long loses the end of its stem to a digest, which keeps it apart from others.
    """
    name = _FORBIDDEN.sub("_", text).rstrip(". ")
    if not name or name.startswith(".") or _RESERVED.match(name):
        name = f"_{name}"
    return name if len(name.encode()) <= LONGEST else _shortened(name)


def _shortened(name: str) -> str:
    digest = "~" + blake2b(name.encode(), digest_size=4).hexdigest()
    stem, dot, suffix = name.rpartition(".")
    suffix = f".{suffix}" if dot and len(suffix.encode()) <= 20 else ""
    stem = name.removesuffix(suffix)
    room = LONGEST - len(digest) - len(suffix.encode())
    return stem.encode()[:room].decode(errors="ignore") + digest + suffix
