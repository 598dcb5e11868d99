"""What a call prints, on its way to the driver with the key of its item."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

from treadle.backends.processes.wire import Kind

Lock: TypeAlias = AbstractContextManager[bool]
Say: TypeAlias = Callable[[Kind, tuple[Any, ...]], None]

_HOLD = 1 << 13  # characters without a line end that are kept back at most


class ItemStream(io.TextIOBase):
    """
    A worker's ``sys.stdout`` or ``sys.stderr``: whole lines go to the driver.

    It stands on no descriptor that a call could harm by closing it; a raw write to descriptor 1 or
    2, such as that of a C library or a child process, takes a pipe of its own.
    """

    def __init__(self, name: str, descriptor: int, say: Say, lock: Lock) -> None:
        super().__init__()
        self._name = name
        self._descriptor = descriptor
        self._say = say
        self._lock = lock
        self._held = ""

    @property
    def name(self) -> str:
        """``"stdout"`` or ``"stderr"``."""
        return self._name

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8, as everywhere in treadle."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How what cannot be encoded is shown."""
        return "backslashreplace"

    @property
    def buffer(self) -> io.BufferedWriter:
        """The raw descriptor, for code that writes bytes."""
        return io.BufferedWriter(io.FileIO(self._descriptor, "wb", closefd=False), 1)

    def fileno(self) -> int:
        """Return the descriptor that child processes may write to."""
        return self._descriptor

    def reconfigure(self, **_: object) -> None:
        """Accept what programs ask of a text stream as they start; its encoding stays UTF-8."""

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Take *text*; send what ends in a line end."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:  # a call may print from several threads
            held = self._held + text
            cut = held.rfind("\n") + 1
            if not cut and len(held) > _HOLD:
                cut = len(held)
            self._held = held[cut:]
            if cut:
                self._say(Kind.PRINTED, (self._name, held[:cut]))
        return len(text)

    def flush(self) -> None:
        """Send what is held, line end or not."""
        with self._lock:
            held, self._held = self._held, ""
            if held:
                self._say(Kind.PRINTED, (self._name, held))

    def revived(self) -> ItemStream:
        """Return this stream, or a fresh one in its place after a call has closed it."""
        if not self.closed:
            if self._held:
                self.flush()
            if getattr(sys, self._name) is not self:
                setattr(sys, self._name, self)
            return self
        fresh = ItemStream(self._name, self._descriptor, self._say, self._lock)
        setattr(sys, self._name, fresh)
        setattr(sys, f"__{self._name}__", fresh)
        return fresh


def open_streams(say: Say, lock: Lock) -> list[ItemStream]:
    """
    Put streams that talk to the driver in the place of ``sys.stdout`` and ``sys.stderr``.

    Args:
        say: Sends what was printed.
        lock: The one that *say* takes; free in a fork of this process, so that it may print.
    """
    streams = [ItemStream("stdout", 1, say, lock), ItemStream("stderr", 2, say, lock)]
    for stream in streams:
        setattr(sys, stream.name, stream)
        setattr(sys, f"__{stream.name}__", stream)
    return streams
