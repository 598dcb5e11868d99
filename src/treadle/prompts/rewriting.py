"""Writes a file of results anew, row by row, and puts it in place in one step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from treadle.prompts.columns import Columns
from treadle.prompts.row_formats import format_of
from treadle.prompts.values import Ask, Ended
from treadle.prompts.whole_file import WholeFile


class Rewriting:
    """
    The rows that a file, or stdout, will have.

    Args:
        path: The file; None for stdout.
        columns: What stands in it.
        bom: Begin a CSV file with a byte order mark.
        stdout: Takes the text for stdout; None for ``treadle.cli.put``.

    Raises:
        SinkFailed: The place cannot be written to.
    """

    def __init__(
        self,
        path: Path | None,
        columns: Columns,
        *,
        bom: bool = False,
        stdout: Callable[[str], object] | None = None,
    ) -> None:
        self._format = format_of("" if path is None else str(path), columns, bom=bom)
        self._whole = None if path is None else WholeFile(path)
        self._stdout = stdout
        self._held = [self._format.head()]

    def add(self, ask: Ask, ended: Ended) -> int:
        """Add a row; return how many bytes more are held now."""
        self._held.append(self._format.rows(((ask, ended),)))
        return len(self._held[-1])

    def flush(self) -> None:
        """
        Write what is held.

        Raises:
            SinkFailed: It cannot be written.
        """
        content = b"".join(self._held)
        self._held.clear()
        if not content:
            return
        if self._whole is not None:
            self._whole.add(content)
            return
        (self._stdout or _put)(content.decode())

    def put(self) -> None:
        """
        Put the file in place.

        Raises:
            SinkFailed: That cannot be done.
        """
        self.flush()
        if self._whole is not None:
            self._whole.put()

    def discard(self) -> None:
        """Leave the file as it was."""
        if self._whole is not None:
            self._whole.discard()


def _put(text: str) -> None:
    from treadle.cli import put  # late: who writes files only does not need a command line

    put(text)
