"""Keeps the values in a file beside the ledger: a durable run without ``into=``.

The file is a row of frames, one for each value: 12 bytes with the length and the CRC-32 of what
follows, a line of JSON with key and index, the pickled value. So the key can be read, and damage
is noticed, before anything is unpickled.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome
from treadle.core.protocols import Mark
from treadle.errors import SinkFailed
from treadle.sinks.columns import refusal
from treadle.sinks.partfile import PartFile

_HEADER = struct.Struct(">QI")

_DAMAGED = "was it changed by hand? without resuming, the run starts anew"


class Kept:
    """
    A file with the pickled values of the items that succeeded, as ``Memory`` has them in memory.

    ``pickle`` protocol 5 first, cloudpickle for what that does not take. A value that cannot be
    pickled is refused; all others are stored. The file is for treadle alone: loading it runs what
    the pickled values ask for.

    Args:
        path: The file; folders above it are made.
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
        Append a frame for each value; return those that cannot be pickled.

        Raises:
            SinkFailed: Nothing can be written, such as when the disk is full.
        """
        refused = []
        piece = bytearray()
        for outcome in outcomes:
            if outcome.ok:
                try:
                    value = _pickled(outcome.value)
                except SinkFailed as error:
                    refused.append(refusal(outcome, error))
                else:
                    head = json.dumps([outcome.key, outcome.index]).encode() + b"\n"
                    crc = zlib.crc32(value, zlib.crc32(head))
                    piece += _HEADER.pack(len(head) + len(value), crc)
                    piece += head
                    piece += value
        self._file.append(bytes(piece))
        return refused

    def close(self) -> None:
        """
        Put the file in its place.

        Raises:
            SinkFailed: It cannot be put there.
        """
        self._file.finish()

    def abandon(self) -> None:
        """Keep what was stored, for ``values`` and for a run that resumes."""
        (self._file.keep if self._file.size else self._file.discard)()

    def mark(self, *, whole: bool = False) -> Mark:  # noqa: ARG002  frames are always final
        """
        Make all values so far safe on disk; return how to come back to this point.

        Args:
            whole: No difference here.

        Raises:
            SinkFailed: The disk does not take it.
        """
        return self._file.mark()

    def resume(self, mark: Mark, without: Collection[Key] = ()) -> None:
        """
        Go on after *mark*, without the values of the items *without*.

        Raises:
            UsageError: What *mark* speaks of is gone or was changed, or another run writes it.
        """
        dropped = {str(key) for key in without}
        self._file.resume(mark, (lambda old: self._others(old, dropped)) if dropped else None)

    def look(self, mark: Mark) -> None:
        """
        Read from now on what *mark* speaks of.

        Raises:
            UsageError: It is gone or was changed.
        """
        self._file.look(mark)

    def values(self) -> list[Any]:
        """
        Load all values, in input order.

        Raises:
            UsageError: The file is still being written, or is gone.
            SinkFailed: It was damaged, or a value cannot be loaded here.
        """
        return [value for _, value in self.in_order()]

    def in_order(self) -> list[tuple[Key, Any]]:
        """
        Load all keys and values, in input order.

        Raises:
            UsageError: The file is still being written, or is gone.
            SinkFailed: It was damaged, or a value cannot be loaded here.
        """
        found = [(index, key, value) for key, index, value in self._frames()]
        found.sort(key=_index)
        return [(key, self._loaded(key, value)) for _, key, value in found]

    def stored(self) -> Iterator[tuple[Key, Any]]:
        """
        Load each key and value, lazily, in file order.

        Raises:
            UsageError: The file is still being written, or is gone.
            SinkFailed: It was damaged, or a value cannot be loaded here.
        """
        for key, _, value in self._frames():
            yield key, self._loaded(key, value)

    def __repr__(self) -> str:
        return f"Kept({str(self.path)!r})"

    def _frames(self) -> Iterator[tuple[Key, int, bytes]]:
        file = self._file.reader()
        if file is None:
            return
        with file:
            for _, head, value in self._split(file):
                yield *_head(head), value

    def _split(self, file: IO[bytes]) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Yield header, line and pickled value of each frame; each is sound."""
        part = self._file.part if self._file.is_open else self._file.readable
        size = 0 if part is None else part.stat().st_size
        while header := file.read(_HEADER.size):
            if len(header) < _HEADER.size:
                raise _damaged(part, "ends within a value")
            length, crc = _HEADER.unpack(header)
            # A damaged length must not make us ask for more memory than there can be.
            frame = file.read(length) if length <= size else b""
            if len(frame) < length:
                raise _damaged(part, "ends within a value")
            if zlib.crc32(frame) != crc:
                raise _damaged(part, "was damaged")
            head, _, value = frame.partition(b"\n")
            yield header, head, value

    def _others(self, file: IO[bytes], dropped: Collection[str]) -> Iterator[bytes]:
        for header, head, value in self._split(file):
            if str(_head(head)[0]) not in dropped:
                yield header + head + b"\n" + value

    def _loaded(self, key: Key, value: bytes) -> Any:
        try:
            return pickle.loads(value)
        except Exception as error:  # the value's own code runs here
            raise SinkFailed(
                f"the value of item {key!r} cannot be loaded: {type(error).__name__}: {error}",
                hint="can its class be imported here, under the same name?",
            ) from error


def _pickled(value: Any) -> bytes:
    try:
        return pickle.dumps(value, 5)
    except Exception:  # Another way is tried; if it fails too, that failure is reported.
        import cloudpickle  # late: plain values never need it

    try:
        data: bytes = cloudpickle.dumps(value, 5)
    except Exception as error:  # the value's own code runs here
        raise _refused(value, error) from error
    return data


def _refused(value: Any, error: Exception) -> SinkFailed:
    from treadle.core.culprit import find_culprit  # late: only a failure asks

    culprit = find_culprit(value)
    reason = f"{type(error).__name__}: {error}"
    return SinkFailed(
        f"the value cannot be pickled: {reason}"
        if culprit is None
        else culprit.message("the value"),
        hint='return plain data, or keep the values in memory only: durability="none"',
    )


def _head(line: bytes) -> tuple[Key, int]:
    key, index = json.loads(line)
    return key, index


def _damaged(path: Path | None, what: str) -> SinkFailed:
    return SinkFailed(f"{str(path)!r} {what}", hint=_DAMAGED)


def _index(found: tuple[int, Key, bytes]) -> int:
    return found[0]
