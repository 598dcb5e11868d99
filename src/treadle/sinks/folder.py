"""Writes one file for each value, named after its key."""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome, Succeeded
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.arrow import arrow_table
from treadle.sinks.columns import dumps, encoded, frame_library, plain, record, refusal
from treadle.sinks.partfile import make_folder

_MAX_NAME = 200
"""Bytes in a name that is left as it is; file systems take 255."""

# What some file system does not take in a name, and "%", which marks what was replaced.
_RESERVED = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\%]|[. ]$')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


class Folder:
    """
    A folder with one file for each item that succeeded.

    The name of a file is the key of its item; a ``/`` in the key makes folders. What a file name
    cannot have (``:``, ``?``, ``..``, a leading ``/`` …) is written as in URLs, ``%3A``; a very
    long name is cut and ends in a hash of the whole. The value decides what is in it:

        bytes                             as they are
        str                               UTF-8 text; ``.txt`` is added to a key without suffix
        dict, list, dataclass, model      JSON; ``.json`` is added unless the key ends so
        frame (Arrow, Polars, pandas)     Parquet; ``.parquet`` is added unless the key ends so
                                          (the index of a pandas frame is left out)

    Values of other types are refused, and so is a value whose file another item of the run has
    written; all others are stored. Each file appears when it is whole. Files from an earlier run
    are replaced one by one; those that no item of this run has stay. The names written are
    kept in memory.

    Args:
        path: The folder; it and those above it are made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{os.fspath(path)!r} is a file, not a folder")
        self._written: dict[str, tuple[int, Key, str]] = {}
        self._folds = False

    def open(self) -> None:
        """
        Make the folder, and forget what another run has written.

        Raises:
            UsageError: The folder cannot be made or written to.
        """
        make_folder(self.path)
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise UsageError(
                f"the folder {str(self.path)!r} cannot be written to", hint="choose another"
            )
        self._written = {}
        self._folds = _ignores_case(self.path)

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """
        Write a file for each value; return those that cannot be a file.

        Raises:
            SinkFailed: Nothing can be written, such as when the disk is full.
        """
        refused = []
        for outcome in outcomes:
            if outcome.ok:
                try:
                    self._store(outcome)
                except _DiskError as error:
                    raise SinkFailed(str(error), hint="is the disk full?") from error.__cause__
                except Exception as error:  # the value's own code runs here
                    refused.append(refusal(outcome, error))
        return refused

    def close(self) -> None:
        """Do nothing: each file is whole already."""

    def abandon(self) -> str | None:
        """
        Leave all as it is: each file is whole, and those that this run has not written are old.

        Returns:
            The folder, if anything was written.
        """
        return str(self.path) if self._written else None

    def values(self) -> list[Path]:
        """Return the paths that were written, in input order."""
        return [self.path / name for _, _, name in sorted(self._written.values(), key=_index)]

    def __repr__(self) -> str:
        return f"Folder({str(self.path)!r})"

    def _store(self, outcome: Succeeded[Any]) -> None:
        content, suffix = _content(outcome.value)
        name = file_name(outcome.key, suffix)
        same = unicodedata.normalize("NFC", name).casefold() if self._folds else name
        if same in self._written:
            _, other, _ = self._written[same]
            raise SinkFailed(
                f"its file {name!r} is already that of the item {other!r}",
                hint="give keys that differ in more than what a file name can show",
            )
        self._put(self.path / name, content)
        self._written[same] = (outcome.index, outcome.key, name)

    def _put(self, final: Path, content: Any) -> None:
        part = final.with_name(f".{os.getpid()}-{len(self._written)}.part")
        try:
            try:
                final.parent.mkdir(parents=True, exist_ok=True)
                _save(part, content)
                part.replace(final)
            finally:
                part.unlink(missing_ok=True)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise SinkFailed(
                f"{str(final)!r} cannot be written: part of its path is a file, or it is a folder",
                hint="one key continues another, such as 'a' and 'a/b'",
            ) from error
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise SinkFailed(f"the path of its file is too long: {str(final)!r}") from error
            raise _DiskError(
                f"{str(final)!r} cannot be written: {error.strerror or error}"
            ) from error


class _DiskError(Exception):
    """The disk does not take a file: not the fault of one value."""


def file_name(key: Key, suffix: str | None) -> str:
    """
    Return the name of the file of *key*, relative and with ``/``.

    Args:
        key: The key of an item.
        suffix: What to add unless the key ends so; None for nothing, ``".txt"`` only where there
            is no suffix at all.
    """
    *folders, last = str(key).encode("utf-8", "backslashreplace").decode().split("/")
    has_one = (
        PurePosixPath(last).suffix if suffix == ".txt" else last.lower().endswith(suffix or "")
    )
    return "/".join([*map(_safe, folders), _safe(last, "" if has_one or not suffix else suffix)])


def _safe(part: str, suffix: str = "") -> str:
    if not part:
        return "%2F" + suffix
    if part in {".", ".."} and not suffix:
        return part.replace(".", "%2E")
    safe = _RESERVED.sub(_escape, part)
    if _DEVICES.match(safe):
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    raw = safe.encode()
    if len(raw) > _MAX_NAME:
        import hashlib

        digest = hashlib.sha256(part.encode()).hexdigest()[:16]
        kept = "" if suffix else PurePosixPath(safe).suffix[-20:]
        safe = raw[: _MAX_NAME - 20 - len(kept)].decode(errors="ignore") + "-" + digest + kept
    return safe + suffix


def _escape(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def _content(value: Any) -> tuple[Any, str | None]:
    """Return what to write, bytes or a frame, and the suffix that belongs to it."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), None
    if isinstance(value, str):
        return encoded(value), ".txt"
    if frame_library(value) is not None:
        return value, ".parquet"
    if isinstance(value, list | tuple) or record(value) is not None:
        return encoded(dumps(plain(value)) + "\n"), ".json"
    raise SinkFailed(
        f"a value of type {type(value).__qualname__} is no file: {value!r:.60}",
        hint="return bytes, text, a dict, a list or a frame, or write into .csv or .jsonl",
    )


def _save(path: Path, content: Any) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif frame_library(content) == "polars":
        content.write_parquet(path)
    else:
        table = arrow_table(content)
        import pyarrow.parquet as pq

        pq.write_table(table, path, compression="zstd")


def _ignores_case(folder: Path) -> bool:
    """Say whether *folder* is on a file system to which ``A`` and ``a`` are one name."""
    swapped = folder.with_name(folder.name.swapcase())
    return swapped.name != folder.name and swapped.exists() and swapped.samefile(folder)


def _index(written: tuple[int, Key, str]) -> int:
    return written[0]
