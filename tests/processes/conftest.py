"""Pools under both start methods, and the folder on the path of workers so that they find `calls`."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import treadle

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture(params=["forkserver", "spawn"])
def method(request):
    return request.param


@pytest.fixture
def pool(method):
    """Two workers; the test fails if they cannot be closed in good order."""
    with treadle.Pool(workers=2, backend="processes", start_method=method) as pool:
        yield pool


class Gate:
    """Something that a call in a worker waits at until the test opens it."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._opened = False
        os.mkfifo(path)

    def open(self) -> None:
        """Let the call through; wait for it to get here first."""
        self._opened = True
        os.close(os.open(self.path, os.O_WRONLY))

    def wave_through(self) -> None:
        """Let whoever still waits through; nobody may."""
        if not self._opened:
            with suppress(OSError):  # ENXIO: nobody waits
                os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))


@pytest.fixture
def gate(tmp_path):
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.wave_through()


class Arrivals:
    """Where calls report that they have got somewhere, with whatever they have to say."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR)  # for writing as well: no end between two writers

    def next(self) -> str:
        """Wait for the next one."""
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(self._fd, 1)
        return text.decode().strip()

    @property
    def pending(self) -> bool:
        """Tell whether somebody has arrived of whom `next` has not told."""
        return bool(select.select([self._fd], [], [], 0)[0])

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def arrivals(tmp_path):
    arrivals = Arrivals(tmp_path / "arrivals")
    yield arrivals
    arrivals.close()
