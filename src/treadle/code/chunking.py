"""One file to chunks: read, tell its language, parse, cut, describe. Nothing here knows of others.

What cannot be cut as it should be is cut as well as it can be, and says why: ``FileChunks.reason``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import treadle
from treadle.code.cutting import syntax, text
from treadle.code.cutting.marks import Marks
from treadle.code.cutting.merging import merge
from treadle.code.describing.records import Source, records
from treadle.code.describing.subjects import Subject, Subjects
from treadle.code.discovery import Found
from treadle.code.discovery.walking import shown
from treadle.code.languages import loading
from treadle.code.languages.detecting import detect
from treadle.code.languages.registry import language as language_of
from treadle.code.options import Cutting, CuttingOptions, FileOptions
from treadle.code.reading import Content, Refused, decode, is_generated, is_minified, read
from treadle.code.trees.definitions import imports
from treadle.code.trees.roles import Roles, roles
from treadle.code.trees.unread import unread
from treadle.code.values import REASONS, Chunk, FileChunks, Method

if TYPE_CHECKING:
    from tree_sitter import Node

VERSION = "1"
"""Of the way files are cut: another one, and what was stored before is not taken over."""

RETRY = treadle.Retry(attempts=2, on=(treadle.CallTimedOut, treadle.WorkerDied), base=0.0)
"""A parser that hangs or crashes costs the syntax of its file: the second attempt does without."""

_LONE_CR = re.compile(rb"\r(?!\n)")
_HEAD = 4096  # bytes that languages are told by
_UNREAD = 0.6  # of a file; with more, its syntax tree says nothing

_OTHERWISE = {"prose": "text", "code": "block", "data": "data"}  # kinds, by style


def chunk_text(
    text: str | bytes,
    language: str | None = None,
    *,
    path: str = "",
    **options: Unpack[CuttingOptions],
) -> FileChunks:
    """
    Cut a text.

    Args:
        text: The text; bytes as they would stand in a file.
        language: Such as ``"python"``; None (default) to tell it by *path* and content.
        path: What the chunks say of where they come from.
        options: See :class:`~treadle.code.options.CuttingOptions`.

    Raises:
        UsageError: An option is wrong, or there is no such language.
        MissingExtra: The extra ``code`` is not installed.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        raise treadle.UsageError(
            f"path={path!r} is no text", hint="names that are not UTF-8 are written with \\xNN"
        ) from None
    cutting = Cutting.of(**{"generated": True, **options})  # who gives a text wants it cut
    name = None if language is None else language_of(language).name
    try:
        raw = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise treadle.UsageError(
            f"the text has half a character at {error.start}: {text[error.start]!r}",
            hint="give the bytes of the file instead",
        ) from None
    return cut(decode(raw), path, cutting, language=name)


def chunk_file(
    file: str | os.PathLike[str],
    language: str | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    **options: Unpack[FileOptions],
) -> FileChunks:
    """
    Cut a file.

    Args:
        file: Where it is.
        language: Such as ``"python"``; None (default) to tell it by name and content.
        root: The folder that its ``path`` is relative to; default: its own folder.
        options: See :class:`~treadle.code.options.FileOptions`.

    Raises:
        CannotRead: It is not there, or cannot be read.
        StillChanging: Somebody writes it.
        UsageError: An option is wrong, there is no such language, or the file is not below *root*.
        MissingExtra: The extra ``code`` is not installed.
    """
    cutting = Cutting.of(**options)
    name = None if language is None else language_of(language).name
    content = read(file, max_bytes=cutting.max_file_size)
    return cut(content, _relative(file, root), cutting, language=name)


@dataclass(frozen=True, slots=True)
class Chunker:
    """
    Cuts the files that were found; what workers run.

    Attributes:
        cutting: How.
    """

    cutting: Cutting

    def __call__(self, found: Found) -> FileChunks:
        """
        Cut a file.

        Raises:
            CannotRead: It is gone, or cannot be read.
            StillChanging: Somebody writes it.
        """
        if found.reason is not None:
            return skipped(found.path, found.reason, size=found.size)
        content = read(found.file, max_bytes=self.cutting.max_file_size)
        gave_up = treadle.current().attempt > 1
        return cut(content, found.path, self.cutting, parse=not gave_up)


def cut(
    content: Content | Refused,
    path: str,
    cutting: Cutting,
    *,
    language: str | None = None,
    parse: bool = True,
) -> FileChunks:
    """
    Cut what was read.

    Args:
        content: The text, or why there is none.
        path: Of the file.
        cutting: How.
        language: None to tell it by *path* and content.
        parse: Whether it may be parsed; False when that was tried and did not end.
    """
    if isinstance(content, Refused):
        return skipped(path, content.reason, content.detail, content.size, content.hash)
    head = content.data[:_HEAD]
    detected = language or detect(path, head)
    file = _File(content, path, detected or "text", cutting)
    if cutting.languages is not None and file.language not in cutting.languages:
        return file.skipped("other-language", f"it is {file.language}")
    marker = None if cutting.generated else is_generated(path, head)
    if marker is not None:
        return file.skipped("generated", marker)
    if not content.data:
        return file.result("ok")
    if detected is None:
        return file.by_lines("unknown-language", "name, first line and content tell no language")
    if not parse:
        return file.by_lines("parser-gave-up", "it took longer than timeout=, or crashed")
    return file.by_syntax()


class _File:
    """A file that was read, and the ways to cut it."""

    def __init__(self, content: Content, path: str, language: str, cutting: Cutting) -> None:
        self.language = language
        self._content, self._path, self._cutting = content, path, cutting
        self._style = language_of(language).style
        self._measure = cutting.budget.measure(content.data)

    def by_syntax(self) -> FileChunks:
        """Cut it by its syntax tree; by lines, if there is none that would be of use."""
        loaded, known = loading.grammar(self.language), roles(self.language)
        if loaded is None or known is None:
            if self._style == "code":
                return self.by_lines("no-grammar", loading.trouble(self.language))
            return self.by_lines()
        # Parsers know no other end of a line than LF; here, too, each byte stays where it is.
        data = _readable(self._content.data, self._content.newline)
        if is_minified(data):
            return self.by_lines("minified", "a line of more than 20,000 bytes, or 500 on average")
        if known.facts.crashes is not None and known.facts.crashes.search(data):
            return self.by_lines("too-deep", "it would crash the parser")
        parser = loading.parser(self.language)
        assert parser is not None  # there is a grammar
        root = parser.parse(data).root_node
        if root.descendant_count > self._cutting.max_nodes:
            return self.by_lines("too-many-nodes", f"{root.descendant_count:,} nodes")
        unparsed = unread(root)
        share = sum(end - start for start, end in unparsed) / len(data)
        if share > _UNREAD:
            return self.by_lines("syntax-errors", f"{share:.0%} of it cannot be parsed")
        marks = syntax.marks(data, root, known, self._measure, max_depth=self._cutting.max_depth)
        chunks = self._described(data, root, marks, known, unparsed)
        deep = marks.too_deep and f"{marks.too_deep:,} places deeper than {self._cutting.max_depth}"
        reason = "too-deep" if deep else "ok"
        library, errors = loaded.library, len(unparsed)
        return self.result(reason, deep or None, chunks, "syntax", library, errors)

    def _described(
        self,
        data: bytes,
        root: Node,
        marks: Marks,
        known: Roles,
        unparsed: Sequence[tuple[int, int]],
    ) -> tuple[Chunk, ...]:
        """Cut at some of the marks, and say what the chunks are about."""
        cuts = merge(data, marks.starts, marks.levels, self._measure)
        about = Subjects(data, marks, root, known, _OTHERWISE[self._style])
        following = [*(cut.mark for cut in cuts[1:]), len(marks.starts)]
        ends = [*(cut.start for cut in cuts[1:]), len(data)]
        subjects = [
            about.of(cut.mark, mark, end, inside=cut.inside)
            for cut, mark, end in zip(cuts, following, ends, strict=True)
        ]
        source = self._source(imports(marks.importing, known, data), unparsed)
        return records(source, cuts, subjects, self._cutting.budget, "syntax")

    def by_lines(self, reason: str = "ok", detail: str | None = None) -> FileChunks:
        """Cut it by blank lines, indentation and headings, without syntax."""
        starts, levels = text.marks(self._content.data, self._style)
        cuts = merge(self._content.data, starts, levels, self._measure)
        subject = Subject("data" if self._style == "data" else "text")
        method: Method = "prose" if self._style == "prose" else "delimiters"
        chunks = records(self._source(), cuts, [subject] * len(cuts), self._cutting.budget, method)
        return self.result(reason, detail, chunks, method)

    def skipped(self, reason: str, detail: str | None) -> FileChunks:
        """Leave it at that."""
        return replace(self.result(reason, detail), status="skipped")

    def result(
        self,
        reason: str,
        detail: str | None = None,
        chunks: tuple[Chunk, ...] = (),
        method: Method | None = None,
        grammar: str | None = None,
        errors: int = 0,
    ) -> FileChunks:
        """Say what became of it; *reason* ``"ok"`` for none."""
        if len(chunks) > self._cutting.max_chunks:
            return self.skipped("too-many-chunks", f"{len(chunks):,} chunks")
        content = self._content
        return FileChunks(
            path=self._path,
            language=self.language,
            status="ok" if reason == "ok" else "degraded",
            reason=None if reason == "ok" else reason,
            detail=detail,
            method=method,
            encoding=content.encoding,
            newline=content.newline,
            size=content.raw_size,
            hash=content.hash,
            grammar=grammar,
            errors=errors,
            chunks=chunks,
        )

    def _source(
        self, imported: tuple[str, ...] = (), unparsed: Sequence[tuple[int, int]] = ()
    ) -> Source:
        content = self._content
        return Source(
            data=content.data,
            path=self._path,
            language=self.language,
            newline=content.newline,
            offsets=content.raw_offsets,
            imports=imported,
            unread=unparsed,
        )


def _readable(data: bytes, newline: str) -> bytes:
    """Return *data* as parsers can read it."""
    if newline in {"cr", "mixed"}:
        data = _LONE_CR.sub(b"\n", data)
    return data.replace(b"\0", b" ")


def skipped(
    path: str, reason: str, detail: str | None = None, size: int = 0, digest: str = ""
) -> FileChunks:
    """Return what becomes of a file that is not cut, and was not even told a language."""
    return FileChunks(
        path=path,
        language="text",
        status="skipped",
        reason=reason,
        detail=detail or REASONS[reason],
        method=None,
        encoding="utf-8",
        newline="none",
        size=size,
        hash=digest,
        grammar=None,
        errors=0,
        chunks=(),
    )


def _relative(file: str | os.PathLike[str], root: str | os.PathLike[str] | None) -> str:
    place = Path(file)
    if root is None:
        return shown(place.name)
    try:
        return shown(place.resolve().relative_to(Path(root).resolve()).as_posix())
    except ValueError:
        raise treadle.UsageError(
            f"{str(place)!r} is not below {str(root)!r}", hint="give a folder above the file"
        ) from None
