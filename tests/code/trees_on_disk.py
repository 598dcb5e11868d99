"""Source trees for tests: planted, grown old enough to be known again, and cut in full."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from treadle.code import run

PYTHON = '''\
"""A module."""

import os


class Cache:
    """Keeps things."""

    def get(self, key):
        """Return what is kept."""
        return self._kept[key]


def size_of(path):
    return os.stat(path).st_size
'''

TREE = {
    "cache.py": PYTHON,
    "notes/read me.md": "# Title\n\nSome words.\n\n## Part\n\nMore words, «quoted».\n",
    "notes/über.txt": "line\r\nanother line\r\n",
    "settings.json": '{"a": [1, 2, 3], "b": null}\n',
    "src/deep/er/x.go": "package x\n\n// F does.\nfunc F() int {\n\treturn 1\n}\n",
    "src/empty.py": "",
    "src/blob.bin": "\x00\x01\x02" * 50,
}


def plant(root, files=TREE):
    """Write *files* below *root*, and return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return root


def grow_old(root):
    """Wait until no file below *root* is so young that a change could be missed."""
    youngest = max(
        (path.stat().st_ctime_ns for path in root.rglob("*") if path.is_file()), default=0
    )
    while time.time_ns() - youngest < 25_000_000:
        os.sched_yield()


def in_full(root, suffix=".jsonl", **options):
    """Return the bytes of an output that a new run makes in another place."""
    with tempfile.TemporaryDirectory() as elsewhere:
        into = Path(elsewhere) / f"full{suffix}"
        run(root, into, **{"backend": "inline", **options})
        return into.read_bytes()
