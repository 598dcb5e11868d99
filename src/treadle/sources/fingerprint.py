"""Text that differs when a value does, so that a resumed run does again what has changed."""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import Any

_PLAIN = (str, int, float, bool, bytes, type(None))


def hash_of(value: object) -> str:
    """Return a hash of what *value* shows: 64 bits of BLAKE2b, as text."""
    text = repr(value).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def stat_of(path: str | os.PathLike[str]) -> str:
    """Return size and time of modification of a file; ``""`` when it cannot be read."""
    try:
        found = os.stat(path)
    except OSError:
        return ""  # The function will say why, in its own words.
    return f"{found.st_size} {found.st_mtime_ns}"


def fingerprint_of(value: Any) -> str | None:
    """
    Return the fingerprint of a value of any source; None where two alike cannot be told apart.

    Numbers stand for themselves, text and bytes are hashed, and so are tuples, lists and dicts of
    these; a path is looked up. Other objects have none: what they show may be their address.
    """
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is str:
        return f"{len(value)} {zlib.crc32(value.encode('utf-8', 'surrogatepass')):x}"
    if isinstance(value, os.PathLike):
        return stat_of(value)
    return hash_of(value) if _is_plain(value) else None


def _is_plain(value: object, depth: int = 4) -> bool:
    kind = type(value)
    if kind in _PLAIN:
        return True
    if not depth or kind not in (tuple, list, dict):
        return False
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return all(_is_plain(part, depth - 1) for part in parts)  # type: ignore[attr-defined]
