"""Writes one file for each value, named after its key."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome, Succeeded
from treadle.core.protocols import Mark
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.arrow import arrow_table
from treadle.sinks.columns import dumps, encoded, frame_library, plain, record, refusal
from treadle.sinks.partfile import PartFile, check, checksum, make_folder, sync, sync_folder

_MAX_NAME = 200
"""Bytes in a name that is left as it is; file systems take 255."""

_INDEX = ".treadle-index.jsonl"

_TORN = re.compile(r"\.(\d+)-\d+\.part")
"""What a file is called until it is whole, with the number of the process that writes it."""

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

    A run that can be resumed also keeps them in a hidden file, ``.treadle-index.jsonl``: a line
    for each file with its key, size and checksum. Such a run makes each file safe on disk before
    it gets its name. What it wrote after the last mark stays where it is when the run is resumed,
    and is replaced when its item runs again.

    Args:
        path: The folder; it and those above it are made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{os.fspath(path)!r} is a file, not a folder")
        # In the order in which they were written.
        self._written: dict[str, _Entry] = {}
        self._folds = False
        # Open while a run that can be resumed writes; what is not in it yet is unlisted.
        self._index = PartFile(self.path / _INDEX)
        self._unlisted: list[_Entry] = []
        self._is_listed = False
        self._is_over = False

    def open(self) -> None:
        """
        Make the folder, and forget what another run has written.

        Raises:
            UsageError: The folder cannot be made or written to.
        """
        self._prepare()
        self._written, self._unlisted = {}, []
        self._is_listed = False

    def _prepare(self) -> None:
        if self._index.is_open:
            raise UsageError(f"{str(self.path)!r} is being written by another run")
        make_folder(self.path)
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise UsageError(
                f"the folder {str(self.path)!r} cannot be written to", hint="choose another"
            )
        self._folds = _ignores_case(self.path)
        self._is_over = False

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
        """
        Finish the index, if there is one; each file is whole already.

        Raises:
            SinkFailed: That is not possible.
        """
        self._is_over = True
        if self._index.is_open:
            self._list()
            self._index.finish()

    def abandon(self) -> str | None:
        """
        Leave all as it is: each file is whole, and those that this run has not written are old.

        Returns:
            The folder, if anything was written.
        """
        self._is_over = True
        (self._index.keep if self._index.size else self._index.discard)()
        return str(self.path) if self._written else None

    def mark(self, *, whole: bool = False) -> Mark:  # noqa: ARG002  each file is whole already
        """
        Make all files so far safe on disk, and list them; return how to come back to this point.

        Args:
            whole: No difference here.

        Raises:
            SinkFailed: The disk does not take it, or another run writes into the folder.
        """
        if not self._is_listed:
            self._begin_list()
        if self._index.is_open:
            self._list()
        if self._is_over:
            self._index.finish()
        return self._index.mark()

    def resume(self, mark: Mark, without: Collection[Key] = ()) -> None:
        """
        Go on after *mark*; the files of the items *without* stay until these run again.

        Raises:
            UsageError: A file that *mark* speaks of is gone or was changed, or another run
                writes into the folder.
        """
        dropped = {str(key) for key in without}
        self._index.find(mark)  # before anything is made
        self._prepare()
        self._index.resume(mark, (lambda old: _others(old, dropped)) if dropped else None)
        try:
            self._load(self._index.part)
            _remove_torn(self.path)
        except BaseException:
            self._index.let_go()
            raise

    def look(self, mark: Mark) -> None:
        """
        Give from now on the files that *mark* speaks of.

        Raises:
            UsageError: One of them is gone or was changed.
        """
        self._index.look(mark)
        self._folds = _ignores_case(self.path)
        self._load(self._index.readable)

    def values(self) -> list[Path]:
        """Return the paths that were written, in input order."""
        return [self.path / entry.name for entry in sorted(self._written.values(), key=_index)]

    def stored(self) -> Iterator[tuple[Key, Path]]:
        """Yield the key and the path of each file, in the order in which they were written."""
        for entry in self._written.values():
            yield entry.key, self.path / entry.name

    def _begin_list(self) -> None:
        """From now on this run can be resumed: make up for what was left out so far."""
        try:
            self._index.open()
            for entry in self._unlisted:
                sync(self.path / entry.name)
        except UsageError as error:
            raise SinkFailed(error.message, hint=error.hint) from error
        except OSError as error:
            raise SinkFailed(
                f"{str(self.path)!r} cannot be made safe on disk: {error.strerror or error}",
                hint="is the disk full?",
            ) from error
        self._is_listed = True

    def _list(self) -> None:
        """Write down the files that are not in the index yet; their names are safe on disk then."""
        try:
            for folder in self._folders(self._unlisted):
                sync_folder(folder)
            lines = [json.dumps(asdict(self._summed(entry))) + "\n" for entry in self._unlisted]
        except OSError as error:
            raise SinkFailed(
                f"a file in {str(self.path)!r} cannot be made safe on disk: "
                f"{error.strerror or error}",
                hint="is the disk full, or was a file removed?",
            ) from error
        self._index.append("".join(lines).encode())
        self._unlisted = []

    def _folders(self, entries: Sequence[_Entry]) -> set[Path]:
        """Return the folders that have new names because of *entries*."""
        folders = set()
        for entry in entries:
            for folder in (self.path / entry.name).parents:
                if folder in folders:
                    break
                folders.add(folder)
                if folder == self.path.parent:
                    break
        return folders

    def _summed(self, entry: _Entry) -> _Entry:
        path = self.path / entry.name
        entry.size = path.stat().st_size
        entry.crc = checksum(path, entry.size) or 0
        return entry

    def _load(self, index: Path | None) -> None:
        """Take over what is listed in the first bytes of *index*; all of it must be there."""
        self._written, self._unlisted = {}, []
        self._is_listed = True
        rest = self._index.size if index is not None else 0
        if index is None or not rest:
            return
        with index.open("rb") as lines:
            while rest > 0:
                line = lines.readline()
                rest -= len(line)
                entry = _entry(line, index)
                check(self.path / entry.name, entry.size, exactly=True)
                self._written[self._same(entry.name)] = entry

    def _same(self, name: str) -> str:
        """Return what two names have in common that are one to the file system."""
        return unicodedata.normalize("NFC", name).casefold() if self._folds else name

    def __repr__(self) -> str:
        return f"Folder({str(self.path)!r})"

    def _store(self, outcome: Succeeded[Any]) -> None:
        content, suffix = _content(outcome.value)
        name = file_name(outcome.key, suffix)
        if name.startswith(_INDEX):
            raise SinkFailed(f"the file {name!r} is the folder's index", hint="give another key")
        same = self._same(name)
        if same in self._written:
            raise SinkFailed(
                f"its file {name!r} is already that of the item {self._written[same].key!r}",
                hint="give keys that differ in more than what a file name can show",
            )
        self._put(self.path / name, content)
        entry = _Entry(outcome.key, outcome.index, name)
        self._written[same] = entry
        self._unlisted.append(entry)

    def _put(self, final: Path, content: Any) -> None:
        part = final.with_name(f".{os.getpid()}-{len(self._written)}.part")
        try:
            try:
                final.parent.mkdir(parents=True, exist_ok=True)
                _save(part, content)
                if self._is_listed:
                    sync(part)
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


@dataclass(slots=True)
class _Entry:
    """One file; size and checksum are known when it is listed."""

    key: Key
    index: int
    name: str
    size: int = 0
    crc: int = 0


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


def _index(entry: _Entry) -> int:
    return entry.index


def _entry(line: bytes, index: Path) -> _Entry:
    try:
        return _Entry(**json.loads(line))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{str(index)!r} was changed since it was written: {line[:60]!r} names no file",
            hint="start anew without resuming",
        ) from error


def _others(lines: IO[bytes], dropped: Collection[str]) -> Iterator[bytes]:
    """Yield the lines whose key is not in *dropped*."""
    for line in lines:
        if str(json.loads(line)["key"]) not in dropped:
            yield line


def _remove_torn(folder: Path) -> None:
    """Remove what processes that are gone were about to write."""
    for place, _, names in os.walk(folder):
        for name in names:
            torn = _TORN.fullmatch(name)
            if torn and _is_gone(int(torn[1])):
                Path(place, name).unlink(missing_ok=True)


def _is_gone(process: int) -> bool:
    # In a container each run may have the same number, and this object writes nothing now.
    if process == os.getpid():
        return True
    if sys.platform == "win32":
        return False  # there, asking would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
