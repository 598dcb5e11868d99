"""What a path leads to, known without opening it."""

from __future__ import annotations

from pathlib import Path


def exists(path: Path) -> bool:
    """Return whether there is something at *path*."""
    try:
        return path.exists()
    except OSError:  # a name that is too long, a folder above it that may not be entered
        return False


def is_odd(path: Path) -> bool:
    """Return whether it is a pipe, a device or a socket: reading it may never end."""
    return exists(path) and not path.is_file() and not path.is_dir()
