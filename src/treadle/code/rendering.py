"""What a worker does with a file: its chunks as lines of JSON, and what is counted of them.

Lines are made here, and not where they are written, so that all workers share the work and the
parent only stores bytes.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from treadle.code.discovery import Found
from treadle.code.reading import StillChanging, read
from treadle.code.values import Chunk, FileChunks

Stat: TypeAlias = tuple[int, int, int, int, str]
"""Size, times of modification and change, inode, and why it will not be read (or ``""``)."""

_INT64 = (1 << 63) - 1
_FIELDS = frozenset(Chunk._fields)
_line = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


class Todo(NamedTuple):
    """
    A file to look at.

    Attributes:
        found: The file.
        hash: That of its bytes when it was cut, if that is all that decides; else empty.
    """

    found: Found
    hash: str


class Facts(NamedTuple):
    """
    What is kept of a file beside its chunks: as in ``FileChunks``, and what is counted.

    Attributes:
        language: As in ``FileChunks``.
        status: The same.
        reason: The same.
        detail: The same.
        method: The same.
        encoding: The same.
        newline: The same.
        bytes: Its size when it was read.
        hash: As in ``FileChunks``.
        grammar: The same.
        errors: The same.
        chunks: How many there are.
        tokens: The sum of their sizes.
        counts: As JSON, what they are: ``{"kinds": …, "methods": …, "fill": [sum, number]}``.
    """

    language: str
    status: str
    reason: str | None
    detail: str | None
    method: str | None
    encoding: str
    newline: str
    bytes: int
    hash: str
    grammar: str | None
    errors: int
    chunks: int
    tokens: int
    counts: str


class Rendered(NamedTuple):
    """
    What a worker made of a file.

    Attributes:
        stat: Of the file when it was found.
        read_at_ns: When reading began, in nanoseconds since the epoch.
        facts: What is to be kept of it; None when it holds what it held.
        lines: A line of JSON for each chunk, as UTF-8.
    """

    stat: Stat
    read_at_ns: int
    facts: Facts | None
    lines: bytes


class Rendering:
    """
    The function of a run: a :class:`Todo` to what is :class:`Rendered` of it. It can be pickled.

    Args:
        chunker: Cuts a file.
        limits: The most tokens, characters and lines of a chunk; None for no such limit.
        max_bytes: Files larger than this are not read.
    """

    def __init__(
        self,
        chunker: Callable[[Found], FileChunks],
        limits: tuple[int | None, int | None, int | None],
        max_bytes: int,
    ) -> None:
        self._chunker = chunker
        self._limits = limits
        self._max_bytes = max_bytes

    def __call__(self, todo: Todo) -> Rendered:
        """
        Cut a file, unless it holds what it held.

        Raises:
            CannotRead, StillChanging: As the chunker.
        """
        found, known = todo
        stat, read_at = stat_of(found), time.time_ns()
        if known and self._hash(found) == known:
            return Rendered(stat, read_at, None, b"")
        made = self._chunker(found)
        return Rendered(stat, read_at, self._facts(made), lines(made.chunks))

    def _hash(self, found: Found) -> str:
        try:
            return read(found.file, max_bytes=self._max_bytes).hash
        except StillChanging:
            return ""

    def _facts(self, made: FileChunks) -> Facts:
        chunks = made.chunks
        counts = {
            "kinds": Counter(chunk.kind for chunk in chunks),
            "methods": Counter(chunk.method for chunk in chunks),
            "fill": [sum(map(self._fill, chunks[:-1])), max(0, len(chunks) - 1)],
        }
        return Facts(
            made.language,
            made.status,
            made.reason,
            made.detail,
            made.method,
            made.encoding,
            made.newline,
            made.size,
            made.hash,
            made.grammar,
            made.errors,
            len(chunks),
            sum(chunk.tokens for chunk in chunks),
            json.dumps(counts),
        )

    def _fill(self, chunk: Chunk) -> float:
        """Return the share of the budget that *chunk* fills, of the limit it is closest to."""
        tokens, chars, rows = self._limits
        return max(
            chunk.tokens / tokens if tokens else 0.0,
            len(chunk.text) / chars if chars else 0.0,
            (chunk.end_line - chunk.start_line + 1) / rows if rows else 0.0,
        )


def stat_of(found: Found) -> Stat:
    """Return by what a file is known again; numbers that SQLite can hold."""
    inode = found.inode & _INT64
    return (found.size, found.mtime_ns, found.ctime_ns, inode, found.reason or "")


def lines(chunks: tuple[Chunk, ...]) -> bytes:
    """Return a line of JSON for each chunk."""
    return "".join([_line(chunk._asdict()) + "\n" for chunk in chunks]).encode()


def chunk_of(row: dict[str, Any]) -> Chunk:
    """
    Return the chunk that a line, read as JSON, was made of.

    Raises:
        TypeError: It was made of none: it is no object.
        ValueError: It has other fields.
    """
    if not isinstance(row, dict):
        raise TypeError(f"{row!r:.60} is no object")
    if row.keys() != _FIELDS:
        name = min(_FIELDS ^ row.keys())
        raise ValueError(f"{name!r} is {'missing' if name in _FIELDS else 'no field of a chunk'}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
    }
    return Chunk(**values)
