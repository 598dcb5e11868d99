"""Sources that have not been cut so far: their files are listed, and one is cut when it is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from treadle import code
from treadle.code.contents import File
from treadle.code.discovery import discover
from treadle.code.languages.detecting import by_name
from treadle.code.values import Chunk

_EVERY = 1000  # files between two words of how far it is


class Uncut:
    """
    A folder or a file with sources.

    Args:
        root: It.

    Attributes:
        files: What there is, in the order of the paths; empty until it was read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._places: dict[str, str] = {}
        self.files: list[File] = []

    def read(self, heard: Callable[[int], bool] = lambda _: True) -> bool:
        """
        Look which files there are; nothing of them is read.

        Args:
            heard: Called now and then with the number of files so far; False stops it.

        Returns:
            Whether all were found.

        Raises:
            UsageError: There is no such folder or file.
        """
        for number, found in enumerate(discover([self._root])):
            if number % _EVERY == 0 and not heard(number):
                return False
            self._places[found.path] = found.file
            reason = found.reason or ""
            status = "skipped" if reason else "uncut"
            language = by_name(found.path) or ""
            self.files.append(File(found.path, language, found.size, status, reason))
        return True

    def chunks(self, file: File) -> list[Chunk]:
        """
        Cut a file, and note of it what became of it.

        Raises:
            CannotRead: It is gone, or cannot be read.
            StillChanging: Somebody writes it.
            MissingExtra: The extra ``code`` is not installed.
        """
        made = code.chunk_file(self._places[file.path])
        file.language, file.size, file.status = made.language, made.size, made.status
        file.reason, file.detail = made.reason or "", made.detail or ""
        file.chunks = len(made.chunks)
        file.tokens = sum(chunk.tokens for chunk in made.chunks)
        return list(made.chunks)
