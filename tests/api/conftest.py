"""Meeting points between a test and its calls, and programs of their own."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # workers get our path, and so find ``chores``

PATIENCE = 40.0  # seconds; a net under busy machines


class Gate:
    """Something that calls wait at until the test opens it: a lock on a file."""

    def __init__(self, path):
        self.path = str(path)
        self._file = path.open("x")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def open(self):
        """Let all through, now and later."""
        self._file.close()


class Arrivals:
    """Where calls say that they have begun."""

    def __init__(self, path):
        self.path = str(path)
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR)  # for writing as well: no end between two writers

    def next(self):
        """Wait for the next one."""
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(self._fd, 1)
        return text.decode().strip()

    def close(self):
        os.close(self._fd)


@pytest.fixture
def gate(tmp_path):
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


@pytest.fixture
def arrivals(tmp_path):
    arrivals = Arrivals(tmp_path / "arrivals")
    yield arrivals
    arrivals.close()


@pytest.fixture
def folder(tmp_path):
    """An empty folder in which calls leave files."""
    folder = tmp_path / "left"
    folder.mkdir()
    return folder


@pytest.fixture
def program(tmp_path):
    """Run a program of its own to its end."""

    def run(text, **options):
        path = tmp_path / "program.py"
        path.write_text(text)
        environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCE), str(HERE)])}
        return subprocess.run(
            [sys.executable, str(path)],
            **{"env": environ, "capture_output": True, "text": True, "timeout": PATIENCE},
            **options,
            check=False,
        )

    return run
