"""What the page knows of each file: JSON of few letters, cut where it would grow too large."""

from __future__ import annotations

import json
from typing import Any

from treadle.code.page.charts import family
from treadle.code.values import Chunk, FileChunks

MOST_FILES = 2_000  # files that a page shows
MOST_LETTERS = 24_000_000  # of all files together: what a browser opens without complaint
MOST_CHUNKS = 400  # of one file
_TEXT = 20_000  # letters of a chunk
_WORDS = 500  # letters of a name, a signature, a detail


class Entries:
    """
    Turns files into text for the page, one by one; keeps none.

    Attributes:
        left_out: Files that the page does not show, because it has enough.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._files = 0
        self._letters = 0

    def text(self, file: FileChunks) -> str | None:
        """Return a file as JSON that can stand in an HTML page; None when it is left out."""
        if self._files >= MOST_FILES or self._letters >= MOST_LETTERS:
            self.left_out += 1
            return None
        text = embeddable(_entry(file))
        self._files += 1
        self._letters += len(text)
        return text


def _entry(file: FileChunks) -> dict[str, Any]:
    """Return what is to be said of a file; nothing of what there is nothing to say."""
    said = {
        "p": file.path,
        "l": file.language,
        "s": file.status,
        "why": file.reason,
        "detail": _cut(file.detail or "", _WORDS),
        "size": file.size,
        "errors": file.errors,
        "code": "" if file.encoding == "utf-8" else file.encoding,
        "by": file.grammar,
        "n": len(file.chunks),
        "c": [_chunk(chunk) for chunk in file.chunks[:MOST_CHUNKS]],
    }
    return {name: value for name, value in said.items() if value not in ("", 0, None, [])}


def _chunk(chunk: Chunk) -> dict[str, Any]:
    text = chunk.text[chunk.overlap :]
    said = {
        "k": chunk.kind,
        "f": family(chunk.kind),
        "name": _cut(chunk.qualified_name or ", ".join(chunk.symbols), _WORDS),
        "at": [chunk.start_line, chunk.end_line],
        "b": chunk.end_byte - chunk.start_byte,
        "tok": chunk.tokens,
        "how": "" if chunk.method == "syntax" else chunk.method,
        "part": list(chunk.part) if chunk.part else None,
        "bad": chunk.errors,
        "id": chunk.id,
        "sig": _cut(chunk.signature or "", _WORDS),
        # Characters of Python and letters of a browser are not counted alike: so it is cut here.
        "o": _cut(chunk.text[: chunk.overlap], _TEXT),
        "t": text[:_TEXT],
        "length": len(text) if len(text) > _TEXT else 0,
    }
    return {name: value for name, value in said.items() if value not in ("", 0, None)}


def embeddable(value: Any) -> str:
    """
    Return *value* as JSON that ends no element of the page it stands in.

    It may hold lone surrogates: write it with ``errors="backslashreplace"``, which makes of them
    what JSON calls them.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
