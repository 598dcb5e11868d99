"""Reads the text files that prompts are made of: UTF-8, with Unix line ends, without a mark."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import treadle
from treadle.prompts.safe_paths import below

KEPT = 256
"""Files that are kept in memory, those used last; more are read again."""


def read_text(path: Path) -> str:
    """
    Read a file; what messages call it is *path* as it is given.

    Raises:
        UsageError: It is not there, cannot be read or is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise treadle.UsageError(f"no file {path}", hint=_neighbours(path)) from None
    except IsADirectoryError:
        raise treadle.UsageError(f"{path} is a folder", hint="name a file in it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise treadle.UsageError(
            f"cannot read {str(path)!r}: {reason}", hint="check the path and who may read it"
        ) from error
    return decoded(data, name=str(path))


def decoded(data: bytes, *, name: str) -> str:
    """
    Return *data* as text with Unix line ends, without a byte order mark.

    Args:
        data: UTF-8.
        name: What messages call it.

    Raises:
        UsageError: It is not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Positions count from after the mark, if there was one.
        at = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        raise treadle.UsageError(
            f"{name} is not UTF-8: byte {at} is 0x{data[at]:02x}",
            hint=f"save it as UTF-8, or: iconv -f WINDOWS-1252 -t UTF-8 {name}",
        ) from None
    return normalised(text)


def normalised(text: str) -> str:
    """Return *text* with Unix line ends, without a byte order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


class TextFiles:
    """
    Files that rows of a table name; each is read once, as long as there are not too many.

    Args:
        folder: What paths are relative to; nothing outside it is read, and nothing that is hidden,
            such as ``.env``. Default: the current one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = Path.cwd() if folder is None else folder
        self._read = lru_cache(maxsize=KEPT)(self._read_now)

    def read(self, typed: str) -> str:
        """
        Read the file with the path *typed*.

        Raises:
            BadRowError: It is outside the folder, hidden, not there, or not UTF-8.
        """
        return self._read(typed)

    def _read_now(self, typed: str) -> str:
        path = below(self.folder, typed)
        try:
            return read_text(path)
        except treadle.UsageError as error:
            raise treadle.BadRowError(error.message, hint=error.hint) from error


def _neighbours(path: Path) -> str:
    """Say what is there instead of the file that is not."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    alike = sorted(other.name for other in path.parent.glob("*") if other.suffix == path.suffix)
    return f"{path.parent} holds {', '.join(alike[:5])}" if alike else "check the path"
