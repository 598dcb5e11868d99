"""Chunks drawn in a terminal: boxes that hold, with all of the text and nothing else."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from treadle.code.cli.drawing import Canvas, drawn
from treadle.code.values import Chunk, FileChunks

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def chunk(text: str, **changes) -> Chunk:
    values = {
        "id": "0" * 32, "path": "a.py", "language": "python", "index": 0, "start_byte": 0,
        "end_byte": len(text.encode("utf-8", "surrogatepass")), "start_line": 1,
        "end_line": 1 + text.count("\n"), "start_column": 0, "end_column": 0, "text": text,
        "overlap": 0, "tokens": len(text), "kind": "function", "symbol": "get",
        "qualified_name": "Cache.get", "scope": ("Cache",), "breadcrumb": "", "signature": None,
        "docstring": None, "symbols": (), "imports": (), "method": "syntax", "part": None,
        "errors": 0, "content_hash": "0" * 32,
    }  # fmt: skip
    return Chunk(**{**values, **changes})


def file(*chunks: Chunk, **changes) -> FileChunks:
    values = {
        "path": "a.py", "language": "python", "status": "ok", "reason": None, "detail": None,
        "method": "syntax", "encoding": "utf-8", "newline": "lf", "size": 1234, "hash": "",
        "grammar": "tree-sitter-python 0.25.0", "errors": 0, "chunks": chunks,
    }  # fmt: skip
    return FileChunks(**{**values, **changes})


def boxed(one: Chunk, width: int = 80, *, colour: bool = False) -> list[str]:
    """Return the lines of the box around *one*."""
    return list(drawn(file(one), [one], Canvas(width, colour)))[1:]


def inner(lines: list[str], digits: int = 1) -> list[str]:
    """Return what stands between the borders of a box, without the numbers."""
    return [line[2 + digits + 1 : -2] for line in lines[1:-1]]


def test_a_box_says_what_the_chunk_is_and_numbers_its_lines():
    one = chunk("def get(key):\n    return 1\n", start_line=9, end_line=10, index=3)
    assert list(drawn(file(one), [one], Canvas(40), "characters")) == [
        "a.py: python, 1.2 kB, 1 chunk, 27 characters, tree-sitter-python 0.25.0",
        "╭─ 3 function Cache.get ───────────────╮",
        "│  9 def get(key):                     │",
        "│ 10     return 1                      │",
        "╰────────── lines 9-10, 27 characters ─╯",
    ]


def test_what_is_not_as_it_should_be_is_said():
    one = chunk("x\n", method="split", part=(2, 3), errors=1, symbols=("a", "b"))
    lines = list(
        drawn(
            file(one, status="degraded", reason="minified", detail="a line of 20,001 bytes",
                 encoding="utf-16-le", errors=2, grammar=None),
            [one],
            Canvas(),
        )
    )  # fmt: skip
    assert "by syntax, utf-16-le, 2 places that could not be parsed" in lines[0]
    assert lines[1] == "degraded: minified: a line of 20,001 bytes"
    assert "Cache.get (2 of 3)" in lines[2]
    assert "by split, 1 place not parsed" in lines[-1]


def test_a_chunk_without_a_name_is_called_by_the_names_in_it():
    one = chunk("x", qualified_name=None, symbols=("a", "b"), kind="mixed")
    assert " 0 mixed a, b " in boxed(one)[0]


def test_a_skipped_file_says_why_and_has_no_boxes():
    lines = drawn(file(status="skipped", reason="binary", detail="NUL bytes"), [], Canvas())
    assert list(lines)[1:] == ["skipped: binary: NUL bytes"]


def test_wide_lines_are_folded_and_lose_nothing():
    text = "".join(f"{n:04}" for n in range(100))
    lines = boxed(chunk(text), 40)
    assert "".join(inner(lines)).rstrip() == text
    assert sum(line.startswith("│ 1 ") for line in lines) == 1  # its number stands there once


def test_colours_are_beside_the_text_and_only_where_they_can_be_had():
    one = chunk("def get(key):\n    return 1\n")
    coloured = boxed(one, colour=True)
    assert any("\x1b[32m" in line for line in coloured)  # functions are green
    assert [ESCAPES.sub("", line) for line in coloured] == boxed(one)
    assert not any("\x1b" in line for line in boxed(one))


def test_what_is_repeated_is_dim_and_the_rest_is_not():
    one = chunk("old\nhalf new\n", overlap=len("old\nhalf "))
    lines = boxed(one, colour=True)
    dim = [line for line in lines[1:-1] if re.search(r"\x1b\[2m(old|half)", line)]
    assert len(dim) == 2
    assert not any(re.search(r"\x1b\[2m[^\x1b]*new", line) for line in lines)
    assert "".join(inner(boxed(one))).split() == ["old", "half", "new"]


@given(
    st.text(
        st.characters(codec="utf-8") | st.sampled_from("\t\r\n\x1b\x07日🙂\u200d"), max_size=300
    ),
    st.integers(20, 120),
    st.data(),
)
def test_borders_hold_whatever_the_text_is_and_no_control_gets_through(text, width, data):
    overlap = data.draw(st.integers(0, len(text)))
    name = data.draw(st.text(max_size=60))
    for line in boxed(chunk(text, overlap=overlap, qualified_name=name), width):
        assert line.isprintable()
        assert cell_len(line) == width


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_in_the_file(end):
    lines = boxed(chunk(f"a{end}{end}b{end}"))
    assert [line[2:5].rstrip() for line in lines[1:-1]] == ["1 a", "2", "3 b"]


def test_a_pipe_gets_80_columns_without_colour_and_what_its_encoding_has(monkeypatch):
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    assert Canvas.of(io.TextIOWrapper(io.BytesIO(), "utf-8")) == Canvas(80, colour=False)
    plain = Canvas.of(io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert plain.frame.isascii()
    assert list(drawn(file(chunk("x")), [chunk("x")], plain))[1].startswith("+- 0 function")


def test_columns_and_colour_can_be_asked_for_in_a_pipe(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Canvas.of(io.TextIOWrapper(io.BytesIO(), "utf-8")) == Canvas(100, colour=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Canvas.of(io.TextIOWrapper(io.BytesIO(), "utf-8")).colour
