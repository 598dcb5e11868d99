"""One process at a time writes below a root; what a killed one has left is cleared away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from treadle.cli import locked
from treadle.lab.places import LISTS, RECORD


@contextmanager
def only_one(root: Path, what: str) -> Iterator[bool]:
    """
    Hold the lock of *root* while the body runs. It ends with the process, however that ends.

    Args:
        root: The folder that is written to; it is made.
        what: What is done there, for the message.

    Yields:
        Whether the last one who held it came to its end: not killed, no error, no Ctrl-C.

    Raises:
        UsageError: Another process holds it, or the folder cannot be made.
    """
    hint = "wait for its end and run this again: what it has done is not done twice"
    held = locked(root / RECORD, f"{what} into {str(root)!r}", hint=hint, named=root)
    with held as was_ended:
        if not was_ended:
            _clear(root)
        yield was_ended


def _clear(root: Path) -> None:
    """Remove what one who was killed has left half-written in *root* itself: lists, decisions."""
    for part in (*(root / LISTS).glob(".*.part"), *(root / RECORD).glob(".*.part")):
        part.unlink(missing_ok=True)
