"""Where a page or a trace is written: whole or not at all, with a hint where it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from treadle.errors import UsageError
from treadle.sinks.whole import whole


@contextmanager
def written(what: str, into: Path, *, follow: bool) -> Iterator[BinaryIO]:
    """
    Write the file of a run.

    Args:
        what: What it is, in a word, which is also the name of the method that writes it.
        into: The file.
        follow: Replace what a link leads to, not the link.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        with whole(into, follow=follow) as file:
            yield file
    except OSError as error:
        raise UsageError(
            f"the {what} {str(into)!r} cannot be written: {error.strerror or error}",
            hint=f"name another file: -o FILE, or {what}(FILE)",
        ) from error
