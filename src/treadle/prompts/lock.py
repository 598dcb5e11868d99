"""One process at a time runs an experiment; a second one is told who does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from treadle.cli import locked


def only_one(folder: Path, what: str) -> AbstractContextManager[bool]:
    """
    Hold the lock of *folder* while the body runs; one that has nothing else in the end goes again.

    Args:
        folder: The folder; it is made.
        what: What is written, for the message.

    Raises:
        UsageError: Another process holds it, or the folder cannot be made.
    """
    return locked(
        folder,
        f"running the experiment with {what}",
        hint="wait for its end and run this again: nothing is asked twice",
        tidy=True,
    )
