"""Find out what a stream can show."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def is_terminal(stream: TextIO) -> bool:
    """Tell whether *stream* is a terminal whose cursor can be moved with escape sequences."""
    # The descriptor is asked too: a Textual app replaces stderr by an object that claims to be
    # a terminal and has the descriptor -1. Moving its cursor would draw into the app's log.
    # The stand-in for stderr while a display owns the terminal (screen.py) is "shared".
    if getattr(stream, "shared", False):
        return False
    try:
        if not stream.isatty() or stream.fileno() < 0:
            return False
    except (AttributeError, OSError, ValueError):
        return False
    return os.environ.get("TERM", "") not in ("dumb", "unknown") and _moves_cursor(stream)


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    # Whoever is in one has loaded IPython; it is not loaded to find out that this is none.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _moves_cursor(stream: TextIO) -> bool:
    if os.name != "nt":
        return True
    from rich.console import Console

    return not Console(file=stream).legacy_windows


def encoding_of(stream: TextIO) -> str:
    """Return the encoding that *stream* writes, as far as it says so."""
    return getattr(stream, "encoding", None) or "utf-8"


def draws(stream: TextIO, characters: str) -> bool:
    """Tell whether *stream* can encode all of *characters*."""
    try:
        characters.encode(encoding_of(stream))
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def encodable(text: str, stream: TextIO) -> str:
    """Replace what *stream* cannot encode, such as half a surrogate pair, by escapes."""
    encoding = encoding_of(stream)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text
