"""Outcomes as the engine hands them to a sink."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from treadle.core.outcome import Failure, Raised, Succeeded

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)  # with --import-mode=importlib, tests find ``durable`` only so


@pytest.fixture
def succeeded():
    """Make the outcome of an item that succeeded."""

    def make(key, value, index=0):
        return Succeeded(key, index, 1, 0.0, 0.0, None, None, None, value)

    return make


@pytest.fixture
def store(succeeded):
    """Store values in a sink, from the first to the last write; return what was refused."""

    def run(sink, pairs, batch=1000):
        sink.open()
        refused = []
        outcomes = [succeeded(key, value, i) for i, (key, value) in enumerate(pairs)]
        for start in range(0, len(outcomes), batch):
            refused += sink.write(outcomes[start : start + batch])
        sink.close()
        return {outcome.key: error for outcome, error in refused}

    return run


@pytest.fixture
def raised():
    """An item that failed."""
    error = ValueError("no")
    return Raised("bad", 9, 1, 0.0, 0.0, None, None, None, Failure("ValueError", "no"), error)
