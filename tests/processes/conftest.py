"""Pools under both start methods; gates and arrivals; the folder on the path of workers."""

from __future__ import annotations

import fcntl
import os
import select
import sys
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
    """Something that calls in workers wait at until the test opens it: a lock on a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._file = path.open("x")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def open(self) -> None:
        """Let all through, now and later."""
        self._file.close()


@pytest.fixture
def gate(tmp_path):
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


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
