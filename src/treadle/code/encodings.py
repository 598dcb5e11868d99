"""Bytes to text that can be turned back into exactly these bytes, or the reason why not.

The encodings are tried in this order, and one is taken only if it gives the bytes back, also when
the text is encoded piece by piece: UTF-8; UTF-16 and UTF-32 with a byte order mark, which stays in
the text as U+FEFF; UTF-16 without one where every other byte is NUL; the one that the first two
lines declare; else Latin-1, in which any bytes are a text. NULs or control characters at the
beginning make a file binary.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

_LOOKED_AT = 8192
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\v\f\r\b\x1b"))
_MOST_CONTROLS = 0.3
_MOST_CONTROLS_IN_LATIN = 0.05  # packed data without a NUL has a tenth; text of this kind has none
_NULS_OF_UTF_16 = 0.4
_MARKS = (  # longest first: the mark of UTF-32-LE begins with that of UTF-16-LE
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"(?:\bcoding|\bencoding|\bfileencoding|\bcharset)[ \t]*[:=]?[ \t]*[\"']?([-\w.]{2,40})",
    re.IGNORECASE,
)
# Codecs of one table each, without a state. The others are none for files (``idna``), or give the
# bytes back only by luck (``utf-7``).
_PLAIN = re.compile(
    r"ascii|cp\d+|iso8859-\d+|koi8-[rtu]|mac-\w+|shift_jis\w*|euc_\w+|gb\w+|big5\w*|johab|"
    r"kz1048|ptcp154|tis-620|hp-roman8|palmos"
)


@dataclass(frozen=True, slots=True)
class Content:
    """
    A text, and the file that it is.

    Attributes:
        data: The text in UTF-8. A byte order mark is a part of it.
        raw_size: Bytes of the file.
        hash: 32 hex digits, of the bytes of the file.
        encoding: In which *data* gives the bytes of the file, as a whole and in pieces.
        newline: ``"lf"``, ``"crlf"``, ``"cr"``, ``"mixed"``, or ``"none"``.
        stat: Of the file, of the moment in which it was read; None for bytes without a file.
    """

    data: bytes
    raw_size: int
    hash: str
    encoding: str
    newline: str
    stat: os.stat_result | None = None

    def raw_offsets(self, cuts: Sequence[int]) -> list[int]:
        """
        Return where in the file places of the text are.

        Args:
            cuts: Offsets in *data*, ascending, none inside a character.
        """
        if self.encoding == "utf-8":
            return list(cuts)
        offsets, at, before = [], 0, 0
        for cut in cuts:
            at += len(self.data[before:cut].decode().encode(self.encoding))
            before = cut
            offsets.append(at)
        return offsets


@dataclass(frozen=True, slots=True)
class Refused:
    """
    Why a file has no text.

    Attributes:
        reason: One of ``values.REASONS``.
        detail: The same for this file, with the value that decided.
        size: Bytes of the file.
        hash: 32 hex digits, of the bytes of the file; empty when it was not read.
    """

    reason: str
    detail: str
    size: int
    hash: str = ""


def decode(raw: bytes, *, stat: os.stat_result | None = None) -> Content | Refused:
    """
    Return the text that bytes are.

    Args:
        raw: Any bytes.
        stat: Of the file that they are from, for the result.
    """
    found = _decoded(raw)
    digest = sha256(raw).hexdigest()[:32]
    if isinstance(found, str):
        return Refused("binary", found, len(raw), digest)
    data, encoding = found
    return Content(data, len(raw), digest, encoding, _newline(data), stat)


def _decoded(raw: bytes) -> tuple[bytes, str] | str:
    """Return the text in UTF-8 and its encoding; or what makes the file binary."""
    head = raw[:_LOOKED_AT]
    wide = _wide(raw, head)
    if wide is not None:
        return wide
    nul = head.find(0)
    if nul != -1:
        return f"a NUL at byte {nul:,}"
    controls = _controls(head)
    if controls > _MOST_CONTROLS:
        return f"{controls:.0%} of its first {len(head):,} bytes are control characters"
    if _is_utf_8(raw):
        return raw, "utf-8"
    if controls > _MOST_CONTROLS_IN_LATIN:
        return (
            f"no UTF-8, and {controls:.0%} of its first {len(head):,} bytes are control characters"
        )
    return _declared(raw) or (raw.decode("latin-1").encode(), "latin-1")


def _is_utf_8(raw: bytes) -> bool:
    if raw.isascii():  # five times as fast
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _controls(head: bytes) -> float:
    """Return which share of the bytes are control characters that no text has."""
    return (len(head) - len(head.translate(None, _CONTROLS))) / (len(head) or 1)


def _wide(raw: bytes, head: bytes) -> tuple[bytes, str] | None:
    """Return the text of a file in UTF-16 or UTF-32; None when it is in neither."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            data = _exactly(raw, encoding)
            if data is not None:
                return data, encoding
    if 0 in head and len(raw) % 2 == 0:
        units = len(head) // 2
        even, odd = head[0::2].count(0), head[1::2].count(0)
        for mine, other, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
            if other == 0 and mine > 1 and mine >= units * _NULS_OF_UTF_16:
                data = _exactly(raw, encoding)
                if data is not None:
                    return data, encoding
    return None


def _exactly(raw: bytes, encoding: str) -> bytes | None:
    """Return the text in UTF-8, if it is one and gives the bytes back; None if not."""
    try:
        text = raw.decode(encoding)
        data = text.encode()
    except UnicodeError:
        return None
    head = data[:_LOOKED_AT]
    if 0 in head or _controls(head) > _MOST_CONTROLS:
        return None
    # Each character by itself: some codecs write a letter and its accent as one.
    alone = {character: character.encode(encoding) for character in set(text)}
    same = b"".join([alone[character] for character in text]) == raw == text.encode(encoding)
    return data if same else None


def _declared(raw: bytes) -> tuple[bytes, str] | None:
    """Return the text in the encoding that its first lines declare; None where none fits."""
    for line in raw[:1024].splitlines()[:2]:
        declared = _DECLARED.search(line)
        if declared is None:
            continue
        encoding = _plain(declared[1].decode("ascii", "replace"))
        data = None if encoding is None else _exactly(raw, encoding)
        if encoding is not None and data is not None:
            return data, encoding
    return None


def _plain(name: str) -> str | None:
    """Return what Python calls an encoding; None for one that is not known, or none for files."""
    for ending in ("-unix", "-dos", "-mac"):  # of Emacs: how lines end
        name = name.lower().removesuffix(ending)
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    return found if _PLAIN.fullmatch(found) else None


def _newline(data: bytes) -> str:
    if b"\r" not in data:
        return "lf" if b"\n" in data else "none"
    both, returns, feeds = data.count(b"\r\n"), data.count(b"\r"), data.count(b"\n")
    if both == returns == feeds:
        return "crlf"
    return "cr" if feeds == 0 else "mixed"
