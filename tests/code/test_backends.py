"""The chunks of a tree are the same wherever they were cut: backend, workers, start, hash seed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from treadle import code

sys.path.insert(0, str(Path(__file__).parent))
from promised import real_files

WAYS = [
    {"backend": "threads", "workers": 1},
    {"backend": "threads", "workers": 2},
    {"backend": "processes", "workers": 1, "start_method": "forkserver"},
    {"backend": "processes", "workers": 2, "start_method": "forkserver"},
    {"backend": "processes", "workers": 1, "start_method": "spawn"},
    {"backend": "processes", "workers": 2, "start_method": "spawn"},
    {"backend": "auto"},
]
OPTIONS = {"max_chars": 500, "overlap": 50}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Return a folder with files of many languages, and of none."""
    folder = tmp_path_factory.mktemp("tree")
    for number, path in enumerate(real_files()):
        part = path.read_bytes()[:6000]
        (folder / f"{number:02}-{path.name}").write_bytes(part)
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 10)
    (folder / "empty.py").write_bytes(b"")
    (folder / "wide.py").write_bytes("a = 'é'\r\n".encode("utf-16") * 20)
    (folder / "old.c").write_bytes(b"/* \xe9 */\nint a;\n")
    (folder / "broken.py").write_bytes(b"def f(:\n" * 50)
    (folder / "noise.py").write_bytes(b")]}'\"(" * 200)
    (folder / "package-lock.json").write_bytes(b'{"a": 1}\n')
    return folder


def told(outcomes):
    """Return all that is said of every file, as text: equal texts are equal in every bit."""
    return {outcome.key: repr(outcome.value) for outcome in outcomes}


@pytest.fixture(scope="module")
def expected(tree):
    return told(code.chunk(tree, backend="inline", **OPTIONS))


def test_every_file_has_an_outcome(tree, expected):
    assert set(expected) == {path.name for path in tree.iterdir()}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way.values())))
def test_another_way_gives_the_same(tree, expected, way):
    outcomes = list(code.chunk(tree, **OPTIONS, **way))
    assert len(outcomes) == len(expected)
    assert told(outcomes) == expected


def test_one_file_alone_gives_the_same_as_among_others(tree, expected):
    found = {
        path.name: repr(code.chunk_file(path, **OPTIONS)) for path in sorted(tree.iterdir())[::5]
    }
    assert found.items() <= expected.items()


PROGRAM = """
import hashlib, sys
from treadle import code
outcomes = code.chunk(sys.argv[1], backend="inline", max_chars=500, overlap=50)
text = "".join(sorted(repr(outcome.value) for outcome in outcomes))
print(hashlib.blake2b(text.encode("utf-8", "surrogatepass")).hexdigest())
"""


def test_another_hash_seed_gives_the_same(tree, expected):
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tree)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path[1:])},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "1")
    ]
    said = [process.communicate()[0].strip() for process in running]
    text = "".join(sorted(expected.values()))
    assert said == [hashlib.blake2b(text.encode("utf-8", "surrogatepass")).hexdigest()] * 2
