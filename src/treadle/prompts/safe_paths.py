"""Paths made of values from a table: never outside their folder, and good on any system."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path

import treadle

LONGEST = 255
"""Bytes of a name, as UTF-8: the limit of all file systems in use."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_RESERVED = re.compile(
    r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³]|CONIN\$|CONOUT\$)(?=\s*(\.|$))", re.IGNORECASE
)


def below(folder: Path, typed: str) -> Path:
    """
    Return the path *typed*, relative to *folder*, for what may not leave that folder.

    Links are followed to see where it leads; the path returned has them as they are.

    Raises:
        BadRowError: It is absolute, empty, or leads outside.
    """
    if not typed.strip() or "\x00" in typed:
        raise treadle.BadRowError(f"no file has the path {typed!r}", hint=f"below {folder}")
    if is_absolute(typed):
        raise treadle.BadRowError(
            f"the path {typed!r} is absolute", hint=f"values name files below {folder}"
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
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:
        raise treadle.BadRowError(
            f"the path {typed!r} leads nowhere: {error}", hint=f"values name files below {folder}"
        ) from error
    if not inside:
        raise treadle.BadRowError(
            f"the path {typed!r} leads out of {folder}", hint=f"values name files below {folder}"
        )


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
