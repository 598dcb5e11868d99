"""``chunk``: the files of trees to chunks, an outcome for each file, on workers of one's choice."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Unpack

import treadle
from treadle.code.chunking import RETRY, Chunker
from treadle.code.discovery import Found, discover
from treadle.code.options import TIMEOUT, Cutting, Options, split
from treadle.code.values import Chunk, FileChunks

FEW_BYTES = 300_000
"""As much as is cut within the time that a worker process takes to start."""

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class Files:
    """
    A source of files that were found, whose keys are their paths.

    Args:
        found: The files.
    """

    def __init__(self, found: Iterable[Found]) -> None:
        self.found = list(found)

    def __iter__(self) -> Iterator[Found]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def key(self, value: Found, index: int) -> str:  # noqa: ARG002  sources are asked so
        """Return the path of a file."""
        return value.path


def chunk(paths: Paths, **options: Unpack[Options]) -> treadle.Outcomes[FileChunks]:
    """
    Cut files, in parallel, and yield an outcome for each, as they settle.

    The value of an outcome is a :class:`~treadle.code.values.FileChunks`, of skipped files too. A
    file that cannot be read is a failed outcome; all others go on. The chunks are the same on every
    backend.

    Args:
        paths: Files and folders, or one of them; all files below a folder, see
            :class:`~treadle.code.options.TreeOptions`.
        options: See :class:`~treadle.code.options.Options`.

    Raises:
        UsageError: An option is wrong, or a path is not there; nothing was started.
        MissingExtra: The extra ``code`` is not installed.
    """
    return _begun(paths, options)[1]


def chunks_by_path(paths: Paths, **options: Unpack[Options]) -> dict[Path, tuple[Chunk, ...]]:
    """
    Cut files, in parallel, and return their chunks by path.

    Args:
        paths: As for :func:`chunk`.
        options: As for :func:`chunk`.

    Returns:
        For each file its chunks, under its path as it was given, or found below a folder as that
        was given; in order of paths. Skipped files have none. No paths: nothing.

    Raises:
        UsageError: As for :func:`chunk`.
        MissingExtra: As for :func:`chunk`.
        CannotRead: A file cannot be read. Use :func:`chunk` to have all others.
    """
    files, outcomes = _begun(paths, options)
    return {
        Path(file.file): value.chunks for file, value in zip(files, outcomes.values(), strict=True)
    }


def _begun(paths: Paths, options: Mapping[str, Any]) -> tuple[Files, treadle.Outcomes[FileChunks]]:
    """
    Find the files, and begin to cut them.

    Raises:
        UsageError: As `chunk`.
    """
    cutting, finding, working = split(options)
    chunker = Chunker(Cutting.of(**cutting))
    files = Files(found(paths, chunker.cutting, finding))
    outcomes = treadle.map(chunker, files, name="chunk", retry=RETRY, **workers(files, working))
    return files, outcomes


def found(paths: Paths, cutting: Cutting, finding: Mapping[str, Any]) -> Iterable[Found]:
    """
    Find the files below *paths*.

    Raises:
        UsageError: One of them is not there.
    """
    roots = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not roots:
        return []
    given = {name: value for name, value in finding.items() if value is not None}
    return discover(roots, languages=cutting.languages, max_bytes=cutting.max_file_size, **given)


def workers(files: Files, working: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of workers for *files*: none are started for a handful."""
    given = {"timeout": TIMEOUT, **working}
    if given.get("backend", "auto") in (None, "auto"):
        few = len(files) < 2 or sum(file.size for file in files) < FEW_BYTES
        given["backend"] = "inline" if few else "processes"
    if given["backend"] == "inline":
        given.pop("workers", None)
    return {name: value for name, value in given.items() if value is not None}
