"""
The five cases with which the earlier program's chunker was repaired, by the names they had there.

It ran files in a process pool, got nothing back and said nothing. Here each file has an outcome.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import treadle
from treadle import code

SOURCES = {
    "module1.py": "def greet(name):\n    return f'Hello, {name}'\n\n\nclass Greeter:\n    pass\n",
    "module2.py": "class Counter:\n    def __init__(self):\n        self.count = 0\n",
    "script.js": "function add(a, b) {\n  return a + b;\n}\n",
    "notes.md": "# Notes\n\nSome words.\n",
}


@pytest.fixture
def files(tmp_path):
    """Write a few files, and return their paths."""
    for name, text in SOURCES.items():
        (tmp_path / name).write_text(text)
    return sorted(tmp_path.iterdir())


def texts(outcomes):
    return {
        outcome.key: "".join(chunk.text for chunk in outcome.value.chunks) for outcome in outcomes
    }


def test_process(files):
    outcomes = list(code.chunk(files, backend="processes", workers=2))
    assert texts(outcomes) == SOURCES
    assert all(outcome.worker.startswith("process") for outcome in outcomes)


def test_thread(files):
    outcomes = list(code.chunk(files, backend="threads", workers=2))
    assert texts(outcomes) == SOURCES


def test_error(files, tmp_path):
    """One bad file costs itself, and is there to be seen."""
    long = tmp_path / "long.py"
    long.write_text("x = [1, 2, (3, 4)]\n" * 45_000)  # keeps the only worker for a second
    found = code.chunk([long, *files], backend="threads", workers=1)
    files[1].unlink()  # it was found, and is gone when its turn comes
    outcomes = {outcome.key: outcome for outcome in found}
    assert set(outcomes) == {*SOURCES, "long.py"}
    (failed,) = [outcome for outcome in outcomes.values() if not outcome.ok]
    assert failed.key == files[1].name
    assert isinstance(failed.error, code.CannotRead)
    assert files[1].name in str(failed.error)


def test_error_in_what_was_asked_for(files):
    """A path that is not there is refused before anything is started."""
    with pytest.raises(treadle.UsageError, match="missing"):
        code.chunk([*files, files[0].with_name("missing.py")])


def test_empty():
    assert list(code.chunk([])) == []
    assert code.chunks_by_path([]) == {}


def test_dict(files):
    found = code.chunks_by_path(files)
    assert list(found) == files
    assert {
        path.name: "".join(chunk.text for chunk in chunks) for path, chunks in found.items()
    } == SOURCES
    assert all(isinstance(path, Path) for path in found)
