"""An output, read again: its chunks, what became of each file, how it was made."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import treadle
from treadle.code.kept import kept_files, kept_report
from treadle.code.outputs import format_of
from treadle.code.places import Place
from treadle.code.rendering import chunk_of
from treadle.code.report import OfLanguage, Report
from treadle.code.values import Chunk, FileChunks


class Stored:
    """
    An output.

    What is kept beside an output counts as long as the output is the one that was written. Without
    it, as when it was copied from another machine, files are known by their chunks alone: those
    that have none are not known, nor why one is degraded.

    Args:
        output: The file.

    Raises:
        UsageError: It is not there, or its suffix means no format.
        MissingExtra: pyarrow is not installed, and it is a Parquet file.
    """

    def __init__(self, output: str | os.PathLike[str]) -> None:
        self._place = Place.of(output)
        self._format = format_of(self._place.typed)
        if self._place.file is None or not self._place.file.is_file():
            raise treadle.UsageError(
                f"there is no file {self._place.typed!r}",
                hint=f"treadle code chunk FOLDER --into {self._place.typed} makes it",
            )
        self._path = self._place.file
        self._report = kept_report(self._place.folder, self._path)

    @property
    def is_told(self) -> bool:
        """Whether it is known what became of each file, and not only its chunks."""
        return self._report is not None

    def chunks(self) -> Iterator[Chunk]:
        """
        Yield all chunks, in order.

        Raises:
            UsageError: The file is not what its suffix says.
        """
        try:
            for row in self._format.rows(self._path):
                yield chunk_of(row)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise treadle.UsageError(
                f"{self._place.typed!r} cannot be read as chunks: {error}",
                hint="is it an output of treadle code chunk? make it anew",
            ) from error

    def files(self) -> Iterator[FileChunks]:
        """
        Yield each file with its chunks, in order of the paths.

        Raises:
            UsageError: As `chunks`.
        """
        known = kept_files(self._place.folder) if self.is_told else iter(())
        told = next(known, None)
        for path, group in itertools.groupby(self.chunks(), attrgetter("path")):
            while told is not None and told[0] < path:
                yield _file(*told, ())
                told = next(known, None)
            chunks = tuple(group)
            if told is not None and told[0] == path:
                yield _file(*told, chunks)
                told = next(known, None)
            else:
                yield _told_by(path, chunks)
        while told is not None:
            yield _file(*told, ())
            told = next(known, None)

    def report(self) -> Report:
        """
        Return what became of the run that made it; counted anew where that was not kept.

        Raises:
            UsageError: As `chunks`.
        """
        return self._report or self._counted()

    def _counted(self) -> Report:
        report = Report(into=self._place.typed)
        languages: dict[str, OfLanguage] = {}
        for file in self.files():
            report.files += 1
            report.ok += 1
            report.chunks += len(file.chunks)
            report.bytes += file.size
            report.tokens += sum(chunk.tokens for chunk in file.chunks)
            report.errors += file.errors > 0
            report.by_kind.update(chunk.kind for chunk in file.chunks)
            report.by_method.update(chunk.method for chunk in file.chunks)
            files, size, chunks = languages.get(file.language, OfLanguage())
            languages[file.language] = OfLanguage(
                files + 1, size + file.size, chunks + len(file.chunks)
            )
        report.by_language = {name: languages[name] for name in sorted(languages)}
        report.by_kind = Counter(dict(sorted(report.by_kind.items())))
        report.by_method = Counter(dict(sorted(report.by_method.items())))
        return report


def _file(path: str, facts: dict[str, Any], chunks: tuple[Chunk, ...]) -> FileChunks:
    return FileChunks(path=path, size=facts.pop("bytes"), chunks=chunks, **facts)


def _told_by(path: str, chunks: tuple[Chunk, ...]) -> FileChunks:
    """Return as much of a file as its chunks tell."""
    methods = {chunk.method for chunk in chunks} - {"split"}
    return FileChunks(
        path=path,
        language=chunks[0].language,
        status="ok",
        reason=None,
        detail=None,
        method="syntax" if "syntax" in methods else min(methods, default="split"),  # type: ignore[arg-type]
        encoding="utf-8",
        newline="none",
        size=chunks[-1].end_byte,
        hash="",
        grammar=None,
        errors=sum(chunk.errors for chunk in chunks),
        chunks=chunks,
    )
