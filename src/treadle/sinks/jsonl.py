"""Writes one JSON object on each line: ``{"key": …, "value": …}``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from treadle.core.outcome import AnyOutcome
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.columns import dumps, encoded, plain, refusal
from treadle.sinks.partfile import PartFile


class Jsonl:
    """
    A JSONL file with one line for each item that succeeded, in the order in which they settle.

    UTF-8, ``LF`` line ends. Values become plain JSON as ``sinks.columns.plain`` says: NaN and
    infinity become null, bytes Base64, dates ISO 8601 text. A value of another type is refused;
    all others are stored. The file appears when it is whole; until then it is ``NAME.part``.

    Args:
        path: The file; folders above it are made. An old one stays until the new one is whole.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = PartFile(path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def open(self) -> None:
        """
        Begin the file.

        Raises:
            UsageError: The place cannot be written to.
        """
        self._file.open()

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """
        Append a line for each value; return those that have no JSON form.

        Raises:
            SinkFailed: Nothing can be written, such as when the disk is full.
        """
        refused = []
        piece = bytearray()
        for outcome in outcomes:
            if outcome.ok:
                try:
                    line = dumps({"key": outcome.key, "value": plain(outcome.value)})
                except Exception as error:  # the value's own code runs here
                    refused.append(refusal(outcome, error))
                else:
                    piece += encoded(line) + b"\n"
        self._file.append(bytes(piece))
        return refused

    def close(self) -> None:
        """
        Put the file in its place.

        Raises:
            SinkFailed: It cannot be put there.
        """
        self._file.finish()

    def abandon(self) -> str | None:
        """
        Keep what was written as ``NAME.part``; the file from before stays as it is.

        Returns:
            The path of what is kept, or None when there is nothing to keep.
        """
        (self._file.keep if self._file.size else self._file.discard)()
        return str(self._file.part) if self._file.readable == self._file.part else None

    def values(self) -> Iterator[dict[str, Any]]:
        """
        Read the file: a dict with ``key`` and ``value`` for each line, lazily, in file order.

        Raises:
            UsageError: The file is still being written.
        """
        if self._file.is_open:
            raise UsageError(f"{str(self.path)!r} is still being written")
        return self._read()

    def _read(self) -> Iterator[dict[str, Any]]:
        if self._file.readable is not None:
            with self._file.readable.open("rb") as file:
                yield from map(json.loads, file)

    def __repr__(self) -> str:
        return f"Jsonl({str(self.path)!r})"
