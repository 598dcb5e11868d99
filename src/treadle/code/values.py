"""What comes out: the chunks of a file, and what became of the file. Plain values only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Status: TypeAlias = Literal["ok", "degraded", "skipped"]
Method: TypeAlias = Literal["syntax", "delimiters", "prose", "split"]

KINDS = {
    "function": "a function",
    "method": "a function of a class, or of what is like one",
    "class": "a class",
    "interface": "an interface, a protocol, a signature",
    "struct": "a struct, a record or a union",
    "enum": "an enumeration",
    "trait": "a trait, a mixin",
    "impl": "methods for a type that is defined elsewhere",
    "module": "a module, namespace, package or object",
    "type": "a name for a type",
    "constant": "a named value",
    "macro": "a macro",
    "section": "a section of a document, or of a file of settings",
    "rule": "a rule of a style sheet, a target of a build file",
    "element": "an element of a marked-up document",
    "query": "a statement of a query language",
    "mixed": "definitions of several kinds, or with statements beside them",
    "import": "what the file imports",
    "comment": "comments alone",
    "block": "statements outside of any definition",
    "data": "values: JSON, YAML, tables",
    "text": "prose, or code that was cut without its syntax",
}
"""The kinds of chunks, each with what it is."""

REASONS = {
    # skipped: no chunks
    "binary": "not text",
    "too-large": "larger than --max-file-size",
    "too-many-chunks": "more chunks than --max-chunks",
    "generated": "made by a program",
    "other-language": "not of one of --languages",
    "special": "a pipe, a socket or a device",
    "link": "a link that is not followed, or leads nowhere, in a circle, or out of the folder",
    # degraded: all text is there, cut without syntax
    "no-grammar": "no grammar for this language is installed",
    "unknown-language": "no known language",
    "syntax-errors": "too little of it can be parsed",
    "minified": "lines too long to be written by hand",
    "too-many-nodes": "more syntax nodes than --max-nodes",
    "too-deep": "nested deeper than --max-depth",
    "parser-gave-up": "the parser took too long or crashed",
}
"""Why a file was skipped or degraded, each in words."""

SKIPPED = frozenset(
    {
        "binary",
        "too-large",
        "too-many-chunks",
        "generated",
        "other-language",
        "special",
        "link",
    }
)
"""Those of the reasons for which a file gives no chunks."""


# A tuple, for it is made and pickled in a fifth of the time of a frozen dataclass: there are six
# hundred to a megabyte, which is parsed in 100 ms.
class Chunk(NamedTuple):
    """
    A piece of a file that belongs together.

    The chunks of a file are in order and lie side by side: their texts, without the first
    *overlap* characters of each, are the file. Byte offsets are those of the file as it is on
    disk; columns count characters, from 0; lines count from 1 and end with LF, CRLF or CR.

    Attributes:
        id: 32 hex digits (half of a SHA-256), of text, path and, among equal texts in a file, which
            of them it is.
            It stays while text and path do, wherever in the file the chunk comes to stand.
        path: Of the file, relative to its root, with ``/``; for a text without a file as given.
        language: Such as ``"python"``; ``"text"`` when it is not known.
        index: Position in the file, from 0.
        start_byte: Where it begins.
        end_byte: Where it ends, exclusive.
        start_line: Line of its first character.
        end_line: Line of its last character.
        start_column: Column of its first character.
        end_column: Column after its last character.
        text: The text, with all white space.
        overlap: How many characters at the beginning of *text* are the end of the chunk before.
        tokens: Its size, overlap included, in tokens of the tokenizer (default: characters).
        kind: One of :data:`KINDS`: that of *symbol*; without one, what it holds.
        symbol: Name of the definition that it is, imports and comments aside, or a part of; of the
            smallest that holds all of it where there are several. None outside of definitions.
        qualified_name: The same with the names of the definitions around it: ``"Cache.get"``.
        scope: Names of the definitions around *symbol*, outermost first.
        breadcrumb: Path and names, for people and for embeddings: ``"cache.py > Cache > get"``.
        signature: Head of the definition, on one line, without its body; None outside.
        docstring: What is documented of it, without the marks of a comment, in the chunk where it
            begins; for the first chunk without a symbol, that of the file. None where nothing is.
        symbols: Qualified names of all definitions that begin in it, and of the members of
            classes that are whole; not of those inside functions.
        imports: What the file imports, as far as its language is known: whole names, without
            aliases, groups written out; as many as 2,000 characters hold.
        method: ``"syntax"``, ``"delimiters"`` (code without syntax), ``"prose"``, or ``"split"``:
            begins inside something over the budget that cannot be divided, such as a string.
        part: ``(i, n)``: the i-th of n chunks, from 1, that the definition *symbol* reaches into,
            with the comments that lead to it; None when it is whole.
        errors: Places inside that the parser could not read.
        content_hash: 32 hex digits (half of a SHA-256) of *text* alone: equal for equal text in
            whatever file.
    """

    id: str
    path: str
    language: str
    index: int  # type: ignore[assignment]  # not the method of a tuple, which nobody misses
    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    start_column: int
    end_column: int
    text: str
    overlap: int
    tokens: int
    kind: str
    symbol: str | None
    qualified_name: str | None
    scope: tuple[str, ...]
    breadcrumb: str
    signature: str | None
    docstring: str | None
    symbols: tuple[str, ...]
    imports: tuple[str, ...]
    method: str
    part: tuple[int, int] | None
    errors: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class FileChunks:
    """
    What became of a file. Iterating over it gives its chunks.

    Attributes:
        path: Relative to its root, with ``/``; the same in each chunk.
        language: Such as ``"python"``; ``"text"`` when it is not known.
        status: ``"ok"``; ``"degraded"``: all text is there, but cut without its syntax;
            ``"skipped"``: no chunks.
        reason: Why it is not ok, one of :data:`REASONS`; None when it is.
        detail: The same for this file: which value, and what would help; None when it is ok.
        method: How it was cut; None for a file without chunks.
        encoding: The one in which the texts of the chunks, joined and without overlap, are the
            bytes of the file: ``"utf-8"``, ``"utf-16-le"``, ``"latin-1"`` when no other fits.
        newline: ``"lf"``, ``"crlf"``, ``"cr"``, ``"mixed"``, or ``"none"``.
        size: Bytes.
        hash: 32 hex digits (half of a SHA-256) of its bytes; empty when it was not read.
        grammar: Library and version that parsed it, such as ``"tree-sitter-python 0.25.0"``.
        errors: Places that the parser could not read.
        chunks: In order; empty for an empty file.
    """

    path: str
    language: str
    status: Status
    reason: str | None
    detail: str | None
    method: Method | None
    encoding: str
    newline: str
    size: int
    hash: str
    grammar: str | None
    errors: int
    chunks: tuple[Chunk, ...]

    def __iter__(self) -> Iterator[Chunk]:
        return iter(self.chunks)

    def __len__(self) -> int:
        return len(self.chunks)
