"""Every backend, and one way to use them all."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

import treadle
from treadle.backends.coroutines import Coroutines
from treadle.backends.inline import Inline
from treadle.backends.processes.backend import Processes
from treadle.backends.threads import Threads

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)  # workers get our path, and so find ``deeds``

import deeds  # noqa: E402  found through the line above

BACKENDS = {
    "inline": (Inline, {"backend": "inline"}),
    "threads": (Threads, {"backend": "threads", "workers": 2}),
    "coroutines": (Coroutines, {"backend": "coroutines", "workers": 2}),
    "processes-spawn": (
        Processes,
        {"backend": "processes", "workers": 2, "start_method": "spawn"},
    ),
    "processes-forkserver": (
        Processes,
        {"backend": "processes", "workers": 2, "start_method": "forkserver"},
    ),
}


class Engine:
    """One backend, used through the public API."""

    def __init__(self, name):
        self.name = name
        kind, self.options = BACKENDS[name]
        self.capabilities = kind.capabilities
        self.workers = self.options.get("workers", 1)

    def deed(self, function):
        """Make *function* what this backend can call: async for coroutines, plain for others."""
        return deeds.Awaited(function) if self.name == "coroutines" else deeds.Plain(function)

    def map(self, function, items, **options):
        return treadle.map(self.deed(function), items, **self.options, **options)

    def outcomes(self, function, items, **options):
        """All outcomes in input order."""
        return sorted(self.map(function, items, **options), key=lambda outcome: outcome.index)


@pytest.fixture(params=list(BACKENDS))
def engine(request):
    return Engine(request.param)


class Signs:
    """Files by which a test and its calls tell each other things, wherever the calls are."""

    def __init__(self, folder):
        self.folder = folder

    def __getitem__(self, name):
        return str(self.folder / name)

    def give(self, name):
        (self.folder / name).touch()

    def wait(self, name, patience=20.0):
        until = time.monotonic() + patience
        while not (self.folder / name).exists():
            assert time.monotonic() < until, f"no sign of {name!r}"
            time.sleep(0.002)

    def count(self, pattern):
        return len(list(self.folder.glob(pattern)))


@pytest.fixture
def signs(tmp_path):
    signs = Signs(tmp_path)
    yield signs
    signs.give("go")  # whatever the test left waiting may end


def soon(condition, patience=20.0):
    """Tell whether *condition* comes true; the patience is a net, not a delay."""
    until = time.monotonic() + patience
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


@pytest.fixture(name="soon")
def soon_fixture():
    return soon
