"""An edit changes the chunks around it, and no others: their ids stay, wherever they come to stand.

Cuts are chosen from the beginning of a file on, so those before an edit stay. Those after it are
found again at a place where the file is best cut, such as between two functions at the top: an
edit spreads as far as chunks on both sides of the old and the new cuts differ.
"""

from __future__ import annotations

import random
import sys
from functools import cache
from pathlib import Path

import pytest

from treadle import code

sys.path.insert(0, str(Path(__file__).parent))
from promised import LIBRARY

NAMES = ("textwrap.py", "shlex.py", "heapq.py", "dis.py", "ast.py", "ftplib.py")
"""Modules of 10 to 60 kB: ten to fifty chunks each."""

BOUND = 8
"""Chunks that a small edit may change: of 127 edits below, 110 change one, and none more than 6."""


def ids(text: str, name: str) -> list[str]:
    return [chunk.id for chunk in code.chunk_text(text, path=name, max_chars=1500).chunks]


def lines_of(name: str) -> list[str]:
    return (LIBRARY / name).read_text(encoding="utf-8").splitlines(keepends=True)


@cache
def edits(name: str) -> list[tuple[int, list[int]]]:
    """
    Put a comment line before every 40th line, each in a copy of its own.

    Returns:
        For each edit the chunk it lies in, and those that were not there before.
    """
    lines = lines_of(name)
    old = set(ids("".join(lines), name))
    made = []
    for at in range(0, len(lines), 40):
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())].rstrip("\n")
        after = "".join((*lines[:at], f"{indent}# a comment\n", *lines[at:]))
        chunks = code.chunk_text(after, path=name, max_chars=1500).chunks
        (place,) = [chunk.index for chunk in chunks if _holds(chunk, at + 1)][-1:]
        made.append((place, [chunk.index for chunk in chunks if chunk.id not in old]))
    return made


def _holds(chunk, line: int) -> bool:
    return chunk.start_line <= line <= chunk.end_line


@pytest.mark.parametrize("name", NAMES)
def test_a_comment_anywhere_changes_only_chunks_around_it(name):
    for place, changed in edits(name):
        assert place in changed
        assert len(changed) <= BOUND
        assert place - 2 <= min(changed)
        assert max(changed) <= place + BOUND


def test_most_edits_change_one_chunk():
    counts = [len(changed) for name in NAMES for _, changed in edits(name)]
    assert sum(count == 1 for count in counts) / len(counts) >= 0.85
    assert sum(counts) / len(counts) <= 1.5


@pytest.mark.parametrize("name", NAMES)
def test_a_function_that_is_added_or_removed_changes_only_chunks_around_it(name):
    """At the top, in the middle between two definitions, and at the end."""
    lines = lines_of(name)
    old = ids("".join(lines), name)
    tops = [at for at, line in enumerate(lines) if line.startswith(("def ", "class "))]
    for at in (tops[0], tops[len(tops) // 2], len(lines)):
        added = "def added(one, two):\n    return one + two\n\n\n"
        new = ids("".join((*lines[:at], added, *lines[at:])), name)
        assert len(set(new) - set(old)) <= BOUND
        assert len(set(old) - set(new)) <= BOUND  # the other way round: it is removed


@pytest.mark.parametrize("name", NAMES)
def test_chunks_that_only_move_keep_their_ids(name):
    """Lines and offsets are others, texts and ids are the same."""
    lines = lines_of(name)
    before = code.chunk_text("".join(lines), path=name, max_chars=1500).chunks
    after = code.chunk_text("# new\n\n" + "".join(lines), path=name, max_chars=1500).chunks
    moved = {chunk.id: chunk for chunk in after}
    same = [chunk for chunk in before if chunk.id in moved]
    assert len(same) >= len(before) - BOUND
    for chunk in same:
        assert moved[chunk.id].text == chunk.text
        assert moved[chunk.id].start_line == chunk.start_line + 2


def rows(digits: int, text: str = "{}\n", count: int = 1500) -> str:
    draw = random.Random(1)
    return "".join(text.format(f"{draw.getrandbits(4 * digits):0{digits}x}") for _ in range(count))


@pytest.mark.parametrize(
    ("language", "before", "row", "after"),
    [
        ("python", 'X = """\n', "{}\n", '"""\n'),
        ("text", "", "{}\n", ""),
        ("c", "int t[] = {\n", "    0x{},\n", "};\n"),
        ("json", "[\n", '  {{"a": "{}"}},\n', "  0\n]\n"),
        ("text", "", "{}", ""),
    ],
    ids=["string", "lines", "array", "objects", "one line"],
)
def test_a_row_more_in_a_table_changes_only_chunks_around_it(language, before, row, after):
    """
    Rows of one length, and one more of them at the beginning, once moved each cut in the table.
    """
    table = rows(24, row)
    old = code.chunk_text(before + table + after, language, max_chars=1000)
    new = code.chunk_text(before + row.format("7" * 24) + table + after, language, max_chars=1000)
    known = {chunk.id for chunk in old}
    assert len(old) > 30
    assert sum(chunk.id not in known for chunk in new) <= 8
