"""Reads text line by line, from a path, standard input or an open file, plain or gzipped.

``Text`` is shared with the CSV and JSONL rows; ``lines`` is the source made of it.
"""

from __future__ import annotations

import codecs
import os
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

from treadle.errors import SourceFailed, UsageError
from treadle.sources.fingerprint import hash_of

TextSource: TypeAlias = "str | os.PathLike[str] | IO[str] | IO[bytes]"

_BLOCK = 1 << 16


def lines(source: TextSource, *, encoding: str = "utf-8", errors: str = "strict") -> Lines:
    r"""
    Make a source of lines of text, without their line ends.

    Lines end in ``\n`` or ``\r\n``; a byte order mark is dropped; empty lines count.

    Args:
        source: A path, ``"-"`` for standard input, or an open file. A path that ends in ``.gz``
            is decompressed. What is not a path can be read only once.
        encoding: How bytes become text; not used for a file that is open in text mode.
        errors: What to do with bytes that are no text: ``"strict"`` ends the run after the lines
            before them, ``"replace"`` and ``"surrogateescape"`` go on.

    Returns:
        A source of ``str``. A key is the line number, from 1.

    Raises:
        UsageError: The file does not exist, or the encoding is unknown.
    """
    return Lines(source, encoding=encoding, errors=errors)


class Lines:
    """A source of lines. ``lines`` says what it takes and promises."""

    def __init__(
        self, source: TextSource, *, encoding: str = "utf-8", errors: str = "strict"
    ) -> None:
        self._text = Text(source, encoding=encoding, errors=errors)

    def __iter__(self) -> Iterator[str]:
        r"""
        Yield the lines.

        Raises:
            SourceFailed: The file cannot be read, or a line is no text in this encoding.
        """
        for line in self._text:
            yield line.removesuffix("\n").removesuffix("\r") if line[-1:] == "\n" else line

    def spare(self, place: Path) -> None:
        """
        Hear where values will be written.

        Raises:
            UsageError: That is the file that is read.
        """
        refuse_same(self._text.name, place)

    def __repr__(self) -> str:
        return f"lines({self._text.name!r})"

    def key(self, value: str, index: int) -> int:  # noqa: ARG002  # a source's key() gets both
        """Return the line number, from 1."""
        return index + 1

    @property
    def fingerprint(self) -> Callable[[Any], str] | None:
        """Gives a hash of a line; None where the lines can be read only once."""
        return hash_of if self._text.again else None


class Text:
    """
    Lines with their ends, read as they are asked for.

    Attributes:
        name: What to call it in messages.
        again: Whether it can be read more than once.
    """

    def __init__(
        self, source: TextSource, *, encoding: str = "utf-8", errors: str = "strict"
    ) -> None:
        self._encoding = _known(encoding, errors)
        self._errors = errors
        self._source = source
        self._read = False
        if isinstance(source, str | os.PathLike):
            self.name = os.fspath(source)
            self.again = self.name != "-"
            if self.again:
                readable(self.name)
            else:
                self.name = "<stdin>"
        elif callable(getattr(source, "read", None)):
            self.name = str(getattr(source, "name", f"<{type(source).__name__}>"))
            self.again = False
        else:
            raise UsageError(
                f"text comes from a path, '-' or an open file, not {type(source).__name__}",
                hint="a list needs no source: give it as the items",
            )

    def __iter__(self) -> Generator[str, None, None]:
        """
        Yield each line with its end.

        Raises:
            SourceFailed: The file cannot be read, or a line is no text in this encoding.
            UsageError: It was read before and cannot be read again.
        """
        if self._read and not self.again:
            raise UsageError(f"{self.name} can be read only once", hint="give it as a path")
        self._read = True
        number = 0
        try:
            with self._open() as stream:
                for line in _split(self._decoded(stream)):
                    number += 1
                    yield line
        except UnicodeDecodeError as error:
            wrong = error.object[error.start : error.end]
            raise SourceFailed(
                f"line {number + 1} of {self.name} is not {self._encoding}: {wrong!r:.40}",
                hint="give its encoding=, such as 'latin-1', or errors='replace'",
            ) from error
        except (OSError, EOFError, zlib.error) as error:
            raise SourceFailed(
                f"{self.name} cannot be read after line {number}: {error}",
                hint="is the file whole, and really gzip?" if self.name.endswith(".gz") else None,
            ) from error

    @contextmanager
    def _open(self) -> Iterator[Any]:
        if not self.again:
            # Somebody else opened it, and may want to go on with it.
            yield _stdin() if isinstance(self._source, str) else self._source
        elif self.name.endswith(".gz"):
            import gzip

            with gzip.open(self.name, "rb") as packed:
                yield packed
        else:
            with open(self.name, "rb") as plain:
                yield plain

    def _decoded(self, stream: IO[Any]) -> Iterator[str]:
        """Yield pieces of text; all that is sound before the first byte that is not."""
        # read1 returns what is there: lines typed into a pipe arrive at once.
        read = getattr(stream, "read1", None) or stream.read
        decoder = codecs.getincrementaldecoder(self._encoding)(self._errors)
        first = True
        while True:
            block = read(_BLOCK)
            try:
                text = block if isinstance(block, str) else decoder.decode(block, not block)
            except UnicodeDecodeError as error:
                yield error.object[: error.start].decode(self._encoding, "ignore")
                raise
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            if text:
                yield text
            if not block:
                return


def _split(pieces: Iterator[str]) -> Iterator[str]:
    r"""Cut text at ``\n`` and at nothing else; ``str.splitlines`` would also cut at ``\u2028``."""
    rest: list[str] = []
    for piece in pieces:
        *whole, last = piece.split("\n")
        if whole:
            yield "".join(rest) + whole[0] + "\n"
            for line in whole[1:]:
                yield line + "\n"
            rest = []
        if last:
            rest.append(last)
    if rest:
        yield "".join(rest)


def _stdin() -> IO[Any]:
    if sys.stdin is None:
        raise OSError("standard input is closed")
    return getattr(sys.stdin, "buffer", sys.stdin)


def _known(encoding: str, errors: str) -> str:
    try:
        b"x".decode(encoding, "ignore")  # with no bytes at all, Python does not look
        codecs.lookup_error(errors)
    except LookupError as error:
        raise UsageError(str(error), hint="for example encoding='utf-8', errors='strict'") from None
    return encoding


def refuse_same(name: str, place: Path) -> None:
    """Raise ``UsageError`` if the file *name* is the file *place*."""
    try:
        same = os.path.samefile(name, place)
    except OSError:  # one of them does not exist: "<stdin>", or a file not yet written
        same = False
    if same:
        raise UsageError(
            f"values would be written over the file they are made from: {name!r}",
            hint="write into another file",
        )


def readable(path: str) -> None:
    """Raise ``UsageError`` unless *path* is a file that can be read."""
    if not path or "\0" in path or not os.path.exists(path):
        raise UsageError(
            f"the file {path!r} does not exist", hint=f"looked in {os.path.abspath('.')!r}"
        )
    if os.path.isdir(path):
        raise UsageError(f"{path!r} is a folder, not a file", hint=f"files({path!r}) takes folders")
    if not os.access(path, os.R_OK):
        raise UsageError(f"the file {path!r} may not be read", hint="check its permissions")
