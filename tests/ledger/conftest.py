"""Ledgers in a folder of the test, and programs of their own that meddle with them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # with --import-mode=importlib, tests find ``recorded`` only so

from recorded import Records  # noqa: E402  found through the line above

PATIENCE = 40.0  # seconds; a net under busy machines


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path / "all")


@pytest.fixture
def other():
    """Start a Python program that says something when it is where the test wants it."""

    @contextmanager
    def start(text, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", text, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)

    return start
