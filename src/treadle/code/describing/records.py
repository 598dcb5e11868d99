"""Chunks from the cuts of a file: text, place, identity, and what each is about."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from treadle.code.budget import Budget
from treadle.code.cutting.merging import Cut
from treadle.code.describing.positions import Position
from treadle.code.describing.subjects import Subject
from treadle.code.values import Chunk, Method


@dataclass(frozen=True, slots=True)
class Source:
    """
    A file to be described.

    Attributes:
        data: Its text in UTF-8.
        path: See ``values.Chunk``.
        language: As there.
        newline: See ``values.FileChunks``.
        offsets: Turns offsets in *data* into those in the file.
        imports: What it imports.
        unread: Places that the parser could not read, in order.
    """

    data: bytes
    path: str
    language: str
    newline: str
    offsets: Callable[[list[int]], list[int]]
    imports: tuple[str, ...] = ()
    unread: Sequence[tuple[int, int]] = ()


def records(
    source: Source,
    cuts: Sequence[Cut],
    subjects: Sequence[Subject],
    budget: Budget,
    method: Method,
) -> tuple[Chunk, ...]:
    """
    Make the chunks of a file.

    Args:
        source: The file.
        cuts: Where they begin.
        subjects: What each is about.
        budget: For their overlap, and their size in tokens.
        method: How the file was cut.
    """
    data, path, newline = source.data, source.path, source.newline
    count = budget.counter()
    starts = [cut.start for cut in cuts]
    ends = [*starts[1:], len(data)]
    begins = _widened(data, starts, ends, budget) if budget.overlap else starts
    raw_begins, raw_ends = source.offsets(begins), source.offsets(ends)
    errors = _counts(source.unread, ends) if source.unread else [0] * len(ends)
    parts = _parts(subjects, starts, ends)
    begun = _places(data, begins, newline) if budget.overlap else None
    at = Position(newline)
    seen: dict[str, int] = {}
    made = []
    for index, (begin, start, end) in enumerate(zip(begins, starts, ends, strict=True)):
        raw = data[begin:end]
        text = raw.decode()
        overlap = len(data[begin:start].decode()) if begun else 0
        line, column = begun[index] if begun else (at.line, at.column)
        end_line, end_column = at.over(text[overlap:] if overlap else text)
        digest = sha256(raw)  # in silicon on most machines: twice as fast as BLAKE2
        content = digest.hexdigest()[:32]
        nth = seen[content] = seen.get(content, -1) + 1
        digest.update(f"\0{nth}\0{path}".encode())
        kind, symbol, qualified, scope, signature, docstring, symbols, _ = subjects[index]
        made.append(
            Chunk(
                digest.hexdigest()[:32],
                path,
                source.language,
                index,
                raw_begins[index],
                raw_ends[index],
                line,
                end_line,
                column,
                end_column,
                text,
                overlap,
                count(text),
                kind,
                symbol,
                qualified,
                scope,
                " > ".join(filter(None, (path, *scope, symbol))),
                signature,
                docstring,
                symbols,
                source.imports,
                "split" if cuts[index].inside else method,
                parts.get(index),
                errors[index],
                content,
            )
        )
    return tuple(made)


def _widened(data: bytes, starts: Sequence[int], ends: Sequence[int], budget: Budget) -> list[int]:
    """Return where chunks begin with their overlap, none before the chunk before it begins."""
    overlaps = budget.overlaps(data)
    return list(map(overlaps.begin, starts, [0, *starts[:-1]], ends))


def _places(data: bytes, begins: Sequence[int], newline: str) -> list[tuple[int, int]]:
    """Return line and column of each offset."""
    at = Position(newline)
    places = [(at.line, at.column)]
    for before, start in pairwise(begins):
        if start > before:
            at.over(data[before:start].decode())
        places.append((at.line, at.column))
    return places


def _counts(unread: Sequence[tuple[int, int]], ends: Sequence[int]) -> list[int]:
    """Count the places that begin in each chunk."""
    counts = [0] * len(ends)
    for start, _ in unread:
        counts[min(bisect_right(ends, start), len(ends) - 1)] += 1
    return counts


def _parts(
    subjects: Sequence[Subject], starts: Sequence[int], ends: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """Number the chunks of each definition that has several, among all that it reaches into."""
    found = {}
    for index, subject in enumerate(subjects):
        if subject.reach is not None:
            first = bisect_right(starts, subject.reach[0]) - 1
            last = bisect_left(ends, subject.reach[1])
            if first < last and first <= index <= last:
                found[index] = (index - first + 1, last - first + 1)
    return found
