"""What is promised of the chunks of any file, checked from outside: with the bytes, and by hand."""

from __future__ import annotations

import os
import random
import re
import sysconfig
from pathlib import Path

from treadle.code import KINDS, REASONS

HERE = Path(__file__).parent
SAMPLES = HERE / "samples"
LIBRARY = Path(sysconfig.get_paths()["stdlib"])
MODULES = ("bisect.py", "colorsys.py", "dis.py", "heapq.py", "queue.py", "shlex.py", "textwrap.py")
METHODS = {"syntax", "delimiters", "prose", "split"}
_ENDS = re.compile(r"\r\n|\r|\n")


def real_files() -> list[Path]:
    """Return files of every grammar, and some of Python's own library."""
    samples = [path for path in sorted(SAMPLES.rglob("*")) if path.is_file()]
    return [*samples, *(LIBRARY / name for name in MODULES)]


def check(raw: bytes, found, *, count=len, limit=None) -> None:
    """
    Check everything that holds for the result of a file.

    Args:
        raw: The bytes of the file.
        found: What became of it.
        count: The size of a text in tokens.
        limit: Tokens of a chunk at most; None: not looked at.
    """
    check_status(raw, found)
    if found.status == "skipped":
        assert found.chunks == ()
        return
    check_coverage(raw, found)
    check_places(raw, found)
    check_chunks(found)
    for chunk in found.chunks:
        assert chunk.tokens == count(chunk.text)
        if limit is not None:
            assert chunk.tokens <= limit or is_one_token(chunk), (chunk.tokens, chunk.text[:80])


def is_one_token(chunk) -> bool:
    """Tell what cannot be divided: a character, or the two of CRLF."""
    return len(chunk.text) == 1 or chunk.text == "\r\n"


def check_status(raw: bytes, found) -> None:
    assert found.size == len(raw)
    assert (found.status == "ok") == (found.reason is None) == (found.detail is None)
    assert found.reason is None or found.reason in REASONS
    assert found.method is None or found.method in METHODS
    assert (found.method is None) == (not found.chunks)


def check_coverage(raw: bytes, found) -> None:
    """Every byte is in one chunk, in order, and what a chunk says is at its place is there."""
    texts = [chunk.text[chunk.overlap :] for chunk in found.chunks]
    assert all(texts)
    assert "".join(texts).encode(found.encoding) == raw
    if not raw:
        return
    chunks = found.chunks
    assert (chunks[0].start_byte, chunks[-1].end_byte) == (0, len(raw))
    for before, chunk in zip((None, *chunks), chunks, strict=False):
        assert raw[chunk.start_byte : chunk.end_byte].decode(found.encoding) == chunk.text
        if before is not None:
            own = chunk.start_byte + len(chunk.text[: chunk.overlap].encode(found.encoding))
            assert own == before.end_byte
            assert chunk.start_byte > before.start_byte or chunk.overlap


def check_places(raw: bytes, found) -> None:
    """Lines and columns are those that one counts by hand."""
    text = raw.decode(found.encoding)
    line_starts = [0, *(end.end() for end in _ENDS.finditer(text))]
    at = 0
    for chunk in found.chunks:
        first = at - chunk.overlap
        at += len(chunk.text) - chunk.overlap
        for offset, line, column in (
            (first, chunk.start_line, chunk.start_column),
            (at - 1, chunk.end_line, chunk.end_column - 1),
        ):
            assert line_starts[line - 1] + column == offset
            assert line == len(line_starts) or offset < line_starts[line]


def check_chunks(found) -> None:
    ids = [chunk.id for chunk in found.chunks]
    assert len(set(ids)) == len(ids)
    for index, chunk in enumerate(found.chunks):
        assert (chunk.index, chunk.path, chunk.language) == (index, found.path, found.language)
        assert chunk.kind in KINDS
        assert chunk.method in METHODS
        assert len(chunk.id) == len(chunk.content_hash) == 32
        assert (chunk.symbol is None) == (chunk.qualified_name is None)
        assert chunk.part is None or 1 <= chunk.part[0] <= chunk.part[1]
        if chunk.symbol is not None:
            assert chunk.qualified_name == ".".join((*chunk.scope, chunk.symbol))
    assert sum(chunk.errors for chunk in found.chunks) == found.errors


def words(text: str) -> int:
    """Count as a tokenizer of one's own would: each call sees one text."""
    return len(text.split()) + text.count("(")


def deadly(text: str) -> int:
    """Count characters, until it meets a word that kills the process."""
    if "deadly" in text:
        os._exit(3)
    return len(text)


def mutated(text: bytes, seed: int, changes: int) -> bytes:
    """Delete, insert and duplicate spans, and turn bytes over."""
    draw = random.Random(seed)
    changed = bytearray(text)
    for _ in range(changes):
        at = draw.randrange(len(changed) + 1)
        end = min(len(changed), at + draw.choice((1, 2, 10, 100, 500)))
        match draw.choice(("delete", "insert", "duplicate", "flip")):
            case "delete":
                del changed[at:end]
            case "insert":
                changed[at:at] = draw.choice(_INSERTED)
            case "duplicate":
                changed[at:at] = changed[at:end] * draw.choice((1, 2, 30))
            case _ if at < len(changed):
                changed[at] ^= 1 << draw.randrange(8)
    return bytes(changed)


_INSERTED = (
    b"(",
    b"}",
    b'"',
    b"'''",
    b"/*",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n\n",
    b"\t",
    b"\0",
    b"\x0c",
    b"\xff",
    b"\xe2\x80",
    "\u2028".encode(),
    "é🙂👩\u200d💻e\u0301".encode(),
    b"\xef\xbb\xbf",
    b"[" * 300,
    b" " * 700,
    b"x" * 900,
)
