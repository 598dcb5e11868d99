"""Meeting points between a test and its calls, and programs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # workers get our path, and so find ``chores``

from meeting import Arrivals, Gate  # noqa: E402  found through the line above

PATIENCE = 40.0  # seconds; a net under busy machines


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
    """Return an empty folder in which calls leave files."""
    folder = tmp_path / "left"
    folder.mkdir()
    return folder


@pytest.fixture
def program(tmp_path):
    """Run a program of its own to its end."""

    def run(text, *before, **environ):
        path = tmp_path / "program.py"
        path.write_text(text)
        found = {"PYTHONPATH": os.pathsep.join([str(SOURCE), str(HERE)])}
        return subprocess.run(
            [*before, sys.executable, str(path)],
            env=os.environ | found | environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run
