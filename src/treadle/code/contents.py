"""An output to be looked at: its files and chunks in short, their texts when they are asked for.

The output is read once, from beginning to end; what is kept of a chunk is what it is called, and
where in the file it stands.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import treadle
from treadle.code.kept import kept_files, kept_report
from treadle.code.outputs import format_of
from treadle.code.places import HIDDEN, Place
from treadle.code.rendering import chunk_of
from treadle.code.report import Report
from treadle.code.values import Chunk

_EVERY = 1000  # chunks between two words of how far it is


class Entry(NamedTuple):
    """
    A chunk in short.

    Attributes:
        kind: As in ``Chunk``.
        name: Its qualified name, or those of the definitions in it; empty for none.
        start_line: As in ``Chunk``.
        end_line: The same.
        tokens: The same.
        method: The same.
    """

    kind: str
    name: str
    start_line: int
    end_line: int
    tokens: int
    method: str


@dataclass(slots=True)
class File:
    """
    A file, and where its chunks are among all of them.

    Attributes:
        path: Relative to its root.
        language: As in ``FileChunks``; empty where it is not known.
        size: Bytes.
        status: As in ``FileChunks``; or ``"failed"``, or ``"uncut"`` for one that was only found.
        reason: Why it is not ok; empty when it is.
        detail: The same in more words.
        first: Number of its first chunk.
        chunks: How many there are.
        tokens: Their sizes together.
    """

    path: str
    language: str = ""
    size: int = 0
    status: str = "ok"
    reason: str = ""
    detail: str = ""
    first: int = 0
    chunks: int = 0
    tokens: int = 0


class Contents:
    """
    What is in an output. Used by one thread at a time.

    Args:
        output: The file.

    Attributes:
        files: In the order of their paths; empty until it was read.
        entries: Their chunks.
        report: What became of the run that made it; None where that was not kept.

    Raises:
        UsageError: It is not there, or its suffix means no format.
        MissingExtra: pyarrow is not installed, and it is a Parquet file.
    """

    def __init__(self, output: str | os.PathLike[str]) -> None:
        place = Place.of(output)
        self._format = format_of(place.typed)
        if place.file is None or not place.file.is_file():
            raise treadle.UsageError(
                f"there is no file {place.typed!r}",
                hint=f"treadle code chunk FOLDER --into {place.typed} makes it",
            )
        self._typed, self._path, self._folder = place.typed, place.file, place.folder
        self._places = array("Q")
        self.files: list[File] = []
        self.entries: list[Entry] = []
        self.report: Report | None = None

    def read(self, heard: Callable[[int], bool] = lambda _: True) -> bool:
        """
        Read what there is.

        Args:
            heard: Called now and then with the number of chunks so far; False stops it.

        Returns:
            Whether all of it was read.

        Raises:
            UsageError: The file is not what its suffix says.
        """
        files: dict[str, File] = {}
        self._places, self.entries = array("Q"), []
        for number, (place, chunk) in enumerate(self._chunks(0)):
            if number % _EVERY == 0 and not heard(number):
                return False
            file = files.get(chunk.path)
            if file is None:
                file = files[chunk.path] = File(chunk.path, chunk.language, first=number)
            file.chunks += 1
            file.tokens += chunk.tokens
            file.size = max(file.size, chunk.end_byte)
            self._places.append(place)
            self.entries.append(_entry(chunk))
        self.report = kept_report(self._folder, self._path)
        if self.report is not None:
            self._told(files, self.report)
        self.files = [files[path] for path in sorted(files)]
        return True

    def chunks(self, file: File) -> list[Chunk]:
        """
        Read the chunks of a file.

        Raises:
            UsageError: The output is not what it was any more.
        """
        if not file.chunks:
            return []
        found = [chunk for _, chunk in islice(self._chunks(self._places[file.first]), file.chunks)]
        if len(found) < file.chunks or any(chunk.path != file.path for chunk in found):
            raise treadle.UsageError(
                f"{self._typed!r} has changed since it was read", hint="read it anew"
            )
        return found

    def _told(self, files: dict[str, File], report: Report) -> None:
        """Add what is known of the files beside their chunks."""
        for path, facts in kept_files(self._folder):
            file = files.setdefault(path, File(path))
            file.language, file.size = facts["language"], facts["bytes"]
            file.status = facts["status"]
            file.reason, file.detail = facts["reason"] or "", facts["detail"] or ""
        for failed in report.failed:
            why = failed.message if failed.hint is None else f"{failed.message}; {failed.hint}"
            files[failed.path] = File(failed.path, status="failed", reason="failed", detail=why)

    def _chunks(self, place: int) -> Iterator[tuple[int, Chunk]]:
        try:
            for at, row in self._format.rows_from(self._path, place):
                yield at, chunk_of(row)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise treadle.UsageError(
                f"{self._typed!r} cannot be read as chunks: {error}",
                hint="is it an output of treadle code chunk? make it anew",
            ) from error


def _entry(chunk: Chunk) -> Entry:
    name = chunk.qualified_name or ", ".join(chunk.symbols)
    return Entry(
        sys.intern(str(chunk.kind)),
        name,
        chunk.start_line,
        chunk.end_line,
        chunk.tokens,
        sys.intern(str(chunk.method)),
    )


def entries_of(chunks: list[Chunk]) -> list[Entry]:
    """Return chunks in short."""
    return [_entry(chunk) for chunk in chunks]


def outputs_in(folder: Path) -> list[Path]:
    """Return the outputs in a folder; those that ``treadle code chunk`` has made there."""
    names = (each.name for each in (folder / HIDDEN / "code").glob("*/"))
    return sorted(folder / name for name in names if (folder / name).is_file())
