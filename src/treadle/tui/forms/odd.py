"""Names that no terminal can show: with control characters, or bytes that are no text.

Both are allowed in names of files. A field shows them spelled out, and keeps what they are.
"""

from __future__ import annotations

import os
import re
import shlex

_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    r"""Return *text* with what cannot be shown spelled out, such as ``\n`` or ``\xff``."""
    return _ODD.sub(lambda match: _spelled(match[0]), text)


def quoted(word: str) -> str:
    """Return *word* as a shell reads it; with ``$'…'``, which most know, if it must be."""
    if not _ODD.search(word):
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{shown(plain)}'"


def _spelled(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        try:
            return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
        except UnicodeEncodeError:  # a surrogate that stands for no byte: not from a file's name
            return f"\\u{ord(character):04x}"
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    code = ord(character)
    return short.get(character) or (f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}")
