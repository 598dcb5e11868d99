"""What a row of an output is: one chunk. The table of its fields, as JSON Schema and for Arrow."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from treadle.code.values import KINDS

Type: TypeAlias = Literal["text", "number", "texts", "pair"]


METHODS = {
    "syntax": "by its syntax",
    "delimiters": "code, without its syntax",
    "prose": "prose",
    "split": "inside something that cannot be divided and is over the budget",
}
"""What each ``method`` of a chunk means."""


class Field(NamedTuple):
    """
    A field of a row.

    Attributes:
        type: ``"text"``; ``"number"``, a whole one from 0; ``"texts"``, a list of texts; or
            ``"pair"``, a list of two numbers.
        about: What it says.
        nullable: It may be null.
    """

    type: Type
    about: str
    nullable: bool = False


FIELDS: dict[str, Field] = {
    "id": Field(
        "text",
        "32 hex digits, of path, text and, among equal texts in a file, which of them it is; it "
        "stays while text and path do, wherever in the file the chunk comes to stand",
    ),
    "path": Field("text", "the file, relative to its root, with /"),
    "language": Field("text", 'such as "python"; "text" when it is not known'),
    "index": Field("number", "position in the file, from 0"),
    "start_byte": Field("number", "where it begins in the file"),
    "end_byte": Field("number", "where it ends in the file, exclusive"),
    "start_line": Field("number", "line of its first character, from 1"),
    "end_line": Field("number", "line of its last character"),
    "start_column": Field("number", "column of its first character, in characters from 0"),
    "end_column": Field("number", "column after its last character"),
    "text": Field("text", "the text, with all white space"),
    "overlap": Field(
        "number", "so many characters at the beginning of text are the end of the chunk before"
    ),
    "tokens": Field(
        "number", "its size, overlap included, in tokens of the tokenizer (default: characters)"
    ),
    "kind": Field("text", "what it is: " + "; ".join(f"{k}: {v}" for k, v in KINDS.items())),
    "symbol": Field(
        "text",
        "name of the definition that it is, imports and comments aside, or a part of; of the "
        "smallest that holds all of it where there are several",
        nullable=True,
    ),
    "qualified_name": Field(
        "text", "the same with the names of the definitions around it", nullable=True
    ),
    "scope": Field("texts", "names of the definitions around symbol, outermost first"),
    "breadcrumb": Field("text", "path and names, for people and for embeddings"),
    "signature": Field(
        "text", "head of the definition, on one line, without its body; 500 characters of it", True
    ),
    "docstring": Field(
        "text",
        "what is documented of it, in the chunk where it begins, without the marks of a comment; "
        "10,000 characters of it. Without symbol, in the first chunk: what the file says of itself",
        True,
    ),
    "symbols": Field(
        "texts",
        "qualified names of all definitions that begin in it, and of the members of classes that "
        "are whole; not of what is inside functions",
    ),
    "imports": Field(
        "texts", "what the file imports, names as written: as many as 2,000 characters hold"
    ),
    "method": Field(
        "text", "how it was cut: " + "; ".join(f"{m}: {told}" for m, told in METHODS.items())
    ),
    "part": Field(
        "pair",
        "[i, n]: the i-th of n chunks, from 1, that the definition symbol reaches into, with the "
        "comments that lead to it",
        True,
    ),
    "errors": Field("number", "places inside that the parser could not read"),
    "content_hash": Field("text", "32 hex digits of text alone"),
}
"""The fields of a row, in their order: those of ``Chunk``."""

_ENUMS = {
    "kind": sorted(KINDS),
    "method": list(METHODS),
}
_HEX = "^[0-9a-f]{32}$"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a line of a JSONL output."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A chunk, as `treadle code chunk` writes it",
        "type": "object",
        "properties": {name: _described(name, field) for name, field in FIELDS.items()},
        "required": list(FIELDS),
        "additionalProperties": False,
    }


def _described(name: str, field: Field) -> dict[str, Any]:
    made: dict[str, Any] = {"description": field.about}
    plain = {"text": "string", "number": "integer"}.get(field.type, "array")
    made["type"] = [plain, "null"] if field.nullable else plain
    match field.type:
        case "number":
            made["minimum"] = 1 if name in {"start_line", "end_line"} else 0
        case "texts":
            made["items"] = {"type": "string"}
        case "pair":
            made["items"] = {"type": "integer", "minimum": 1}
            made |= {"minItems": 2, "maxItems": 2}
        case "text":
            if name in _ENUMS:
                made["enum"] = _ENUMS[name]
            elif name in {"id", "content_hash"}:
                made["pattern"] = _HEX
    return made


def arrow_schema() -> Any:
    """
    Return the schema of a Parquet output, as pyarrow has it.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "number": pa.int64(),
        "texts": pa.list_(pa.string()),
        "pair": pa.list_(pa.int32()),
    }
    return pa.schema(
        [pa.field(name, types[field.type], field.nullable) for name, field in FIELDS.items()]
    )
