"""The command line that is being carried out, for the records of runs that are part of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_words: ContextVar[tuple[str, ...] | None] = ContextVar("treadle_typed", default=None)


@contextmanager
def carrying_out(words: Sequence[str]) -> Iterator[None]:
    """Let ``typed`` answer while the body runs."""
    token = _words.set(tuple(words))
    try:
        yield
    finally:
        _words.reset(token)


def typed() -> dict[str, str] | None:
    """
    Return what was typed, and where; None in a program that is not the command ``treadle``.

    It is what ``treadle.run`` takes as ``command``: whoever wants to go on with the run types it
    again.
    """
    words = _words.get()
    if words is None:
        return None
    return {"typed": shlex.join(["treadle", *words]), "cwd": str(Path.cwd())}
