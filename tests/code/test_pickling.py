"""A node of a syntax tree never comes out, and whoever returns one is told where it sits.

The earlier program's results held nodes; a pool could not pickle them, and it collected nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import pytest

import treadle
from treadle import code

ITEMS = ("a = 1", "node", "b = 2")
MANY = "def f():\n    '''Text.'''\n    return 1\n\n\nclass A(B):\n    x = [1, 2]\n" * 40


@dataclass(frozen=True)
class Metadata:
    """What the earlier program kept of a chunk."""

    name: str
    thing: Any


@dataclass(frozen=True)
class Piece:
    text: str
    metadata: Metadata


def piece_with_an_ast_grep_node(text):
    from ast_grep_py import SgRoot

    thing = SgRoot("x = 1", "python").root() if text == "node" else None
    return Piece(text, Metadata("x", thing))


def piece_with_a_tree_sitter_node(text):
    import tree_sitter
    import tree_sitter_python

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
    thing = parser.parse(b"x = 1").root_node if text == "node" else None
    return [Piece(text, Metadata("x", thing))]


@pytest.mark.parametrize(
    ("function", "library", "told"),
    [
        pytest.param(
            piece_with_an_ast_grep_node,
            "ast_grep_py",
            ".metadata.thing is an ast_grep SgNode",
            id="ast-grep",
        ),
        pytest.param(
            piece_with_a_tree_sitter_node,
            "tree_sitter_python",
            "[0].metadata.thing is a tree_sitter.Node",
            id="tree-sitter",
        ),
    ],
)
def test_a_worker_that_returns_a_node_is_told_path_type_and_cure(function, library, told):
    pytest.importorskip(library)
    outcomes = list(treadle.map(function, ITEMS, backend="processes", workers=1, ordered=True))
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    (failed,) = [outcome for outcome in outcomes if not outcome.ok]
    assert isinstance(failed, treadle.Unpicklable)
    assert failed.what == "result"
    assert told in failed.failure.message
    assert "return plain values instead (the text, the kind, the ranges)" in failed.failure.hint
    assert failed.index == 1


def what_is_in(value: object, path: str = "") -> list[tuple[str, type]]:
    """Return every value in *value*, by path, with its type."""
    found = [(path, type(value))]
    if is_dataclass(value):
        inner = [(f".{field.name}", getattr(value, field.name)) for field in fields(value)]
    elif hasattr(value, "_fields"):
        inner = [(f".{name}", getattr(value, name)) for name in value._fields]
    elif isinstance(value, tuple | list):
        inner = [(f"[{index}]", each) for index, each in enumerate(value)]
    elif isinstance(value, dict):
        inner = [(f"[{name!r}]", each) for name, each in value.items()]
    else:
        inner = []
    for step, each in inner:
        found += what_is_in(each, path + step)
    return found


PLAIN = frozenset({str, int, type(None), tuple, code.Chunk, code.FileChunks})


@pytest.mark.parametrize("language", ["python", "javascript", "markdown", "cobol", None])
def test_what_comes_out_holds_nothing_but_plain_values(language):
    found = code.chunk_text(MANY, language, max_chars=300, path="a/b.x")
    assert len(found.chunks) > 1
    odd = [(path, type_) for path, type_ in what_is_in(found) if type_ not in PLAIN]
    assert odd == []


def test_the_outcomes_of_files_hold_nothing_but_plain_values(tmp_path):
    (tmp_path / "a.py").write_text(MANY)
    (tmp_path / "b.bin").write_bytes(bytes(range(256)))
    (tmp_path / "c.py").write_text("def f(:\n" * 100)
    outcomes = list(code.chunk(tmp_path, backend="processes", workers=1))
    assert len(outcomes) == 3
    odd = [
        (outcome.key, path, type_)
        for outcome in outcomes
        for path, type_ in what_is_in(outcome.value)
        if type_ not in PLAIN
    ]
    assert odd == []
