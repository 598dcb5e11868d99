"""Writes one JSON object on each line: ``{"key": …, "value": …}``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome
from treadle.core.protocols import Mark
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.columns import dumps, encoded, plain, refusal
from treadle.sinks.partfile import PartFile

_START = re.compile(rb'\{"key": ("(?:[^"\\]|\\.)*"|-?[0-9]+), "value": ')


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

    def mark(self, *, whole: bool = False) -> Mark:  # noqa: ARG002
        """
        Make all lines so far safe on disk; return how to come back to this point.

        Args:
            whole: No difference here: lines are always in their final form.

        Raises:
            SinkFailed: The disk does not take it.
        """
        return self._file.mark()

    def resume(self, mark: Mark, without: Collection[Key] = ()) -> None:
        """
        Go on after *mark*, without the lines of the items *without*.

        Raises:
            UsageError: What *mark* speaks of is gone or was changed, or another run writes it.
        """
        dropped = {str(key) for key in without}
        self._file.resume(mark, (lambda old: _others(old, dropped)) if dropped else None)

    def look(self, mark: Mark) -> None:
        """
        Read from now on what *mark* speaks of.

        Raises:
            UsageError: It is gone or was changed.
        """
        self._file.look(mark)

    def values(self) -> Iterator[dict[str, Any]]:
        """
        Read the file: a dict with ``key`` and ``value`` for each line, lazily, in file order.

        Raises:
            UsageError: The file is still being written, or is gone.
            SinkFailed: A line is not what was written.
        """
        if self._file.is_open:
            raise UsageError(f"{str(self.path)!r} is still being written")
        return self._read()

    def stored(self) -> Iterator[tuple[Key, Any]]:
        """
        Read the file: the key and the value of each line, lazily, in file order.

        Raises:
            UsageError: The file is still being written, or is gone.
            SinkFailed: A line is not what was written.
        """
        for row in self.values():
            yield row["key"], row["value"]

    def _read(self) -> Iterator[dict[str, Any]]:
        file = self._file.reader()
        if file is None:
            return
        with file:
            for number, line in enumerate(file, start=1):
                try:
                    row = json.loads(line)
                    row = {"key": row["key"], "value": row["value"]}
                except (KeyError, TypeError, ValueError, RecursionError) as error:
                    raise SinkFailed(
                        f"line {number} of {str(self._file.readable)!r} cannot be read back: "
                        f"{error}",
                        hint="was it changed by hand?",
                    ) from error
                yield row

    def __repr__(self) -> str:
        return f"Jsonl({str(self.path)!r})"


def _others(lines: IO[bytes], dropped: Collection[str]) -> Iterator[bytes]:
    """Yield the lines whose key is not in *dropped*."""
    for line in lines:
        start = _START.match(line)
        if start is None:
            raise SinkFailed(f"a line has no key: {line[:60]!r}", hint="was it changed by hand?")
        if str(json.loads(start[1])) not in dropped:
            yield line
