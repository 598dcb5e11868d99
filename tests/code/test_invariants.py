"""What holds for the chunks of any file: real ones, damaged ones, and noise.

Every byte is in one chunk; nothing is over the budget; places are right; the same input gives the
same chunks; functions that fit stay whole.
"""

from __future__ import annotations

import io
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import treadle
from treadle import code
from treadle.code.languages import loading

sys.path.insert(0, str(Path(__file__).parent))
from promised import check, deadly, mutated, real_files, words

FILES = real_files()
ROOT = Path(__file__).resolve().parents[2]


BUDGETS = {
    "default": ({}, len, 2000),
    "small": ({"max_chars": 200}, len, 200),
    "tiny": ({"max_chars": 1}, len, 1),
    "nonspace": (
        {"max_tokens": 150, "tokenizer": "nonspace"},
        lambda text: len("".join(text.split())),
        150,
    ),
    "own": ({"max_tokens": 40, "tokenizer": words}, words, 40),
    "overlap": ({"max_chars": 300, "overlap": 60}, len, 300),
    "lines": ({"max_lines": 10}, len, None),
    "lines and overlap": ({"max_lines": 7, "overlap": 2}, len, None),
}


def cut(raw: bytes, name: str, path: str = "", language: str | None = None):
    """Cut with one of the budgets, and check all that is promised."""
    options, count, limit = BUDGETS[name]
    found = code.chunk_text(raw, language, path=path, generated=True, **options)
    check(raw, found, count=count, limit=limit)
    if "max_lines" in options:
        for chunk in found.chunks:
            assert chunk.end_line - chunk.start_line < options["max_lines"]
    return found


# --- real files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_chunks_of_a_real_file_are_the_file(path):
    raw = path.read_bytes()
    for name in ("default", "small", "own", "overlap", "lines"):
        found = cut(raw, name, path.name)
    assert found.status == "ok"


def test_there_is_a_real_file_for_each_grammar_of_the_extra():
    """A new grammar wants a sample."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {re.match(r"[\w-]+", each)[0] for each in project["optional-dependencies"]["code"]}
    tried = {code.chunk_file(path).language for path in FILES}
    for language in code.known_languages():
        loaded = loading.grammar(language.name) if language.grammar else None
        if loaded is not None and loaded.facts.package in extra:
            assert language.name in tried


def test_the_same_file_gives_the_same_chunks_every_time():
    """Nothing that was cut before makes a difference."""
    raws = [(path.read_bytes(), path.name) for path in FILES[:20]]
    once = [code.chunk_text(raw, path=name, max_chars=400) for raw, name in raws]
    again = [code.chunk_text(raw, path=name, max_chars=400) for raw, name in reversed(raws)]
    assert once == again[::-1]


def test_a_copy_of_a_file_keeps_its_chunks_under_ids_of_its_own():
    """The earlier program dropped what it had seen before."""
    raw = FILES[-1].read_bytes()
    one, copy = (code.chunk_text(raw, path=name) for name in ("one.py", "copy.py"))
    assert [chunk.content_hash for chunk in one.chunks] == [
        chunk.content_hash for chunk in copy.chunks
    ]
    assert not {chunk.id for chunk in one.chunks} & {chunk.id for chunk in copy.chunks}


# --- damaged ones, and noise ---------------------------------------------------------------------


@given(
    path=st.sampled_from(FILES),
    start=st.integers(0, 3000),
    seed=st.integers(0, 2**32),
    changes=st.integers(1, 8),
    budget=st.sampled_from([name for name in BUDGETS if name != "tiny"]),
)
def test_the_chunks_of_a_damaged_file_are_the_file(path, start, seed, changes, budget):
    part = path.read_bytes()[start : start + 4000]
    raw = mutated(part, seed, changes)
    found = cut(raw, budget, path.name)
    assert found.status in {"ok", "degraded", "skipped"}


@given(
    raw=st.one_of(
        st.binary(max_size=600),
        st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.text(
            alphabet="\r\n\t ab(){}[]'\"#/*é🙂\u0301\u200d\ufeff\x00\x0c\u2028", max_size=200
        ).map(str.encode),
        st.text(max_size=200).map(
            lambda text: text.encode("utf-16", "surrogatepass"),
        ),
    ),
    name=st.sampled_from(
        ["x.py", "x.c", "x.md", "x.json", "x.unknown", "x.rs", "x.yaml", "Makefile"]
    ),
    budget=st.sampled_from(list(BUDGETS)),
)
@example(raw=b"", name="x.py", budget="default")
@example(raw=b"\r\n\r\n", name="x.py", budget="tiny")
@example(raw="👩\u200d💻e\u0301".encode() * 3, name="x.py", budget="tiny")
@example(raw=b"\xef\xbb\xbfa = 1\n", name="x.py", budget="tiny")
@example(raw=b"\xff\xfea\x00\r\x00\n\x00", name="x.py", budget="tiny")
def test_the_chunks_of_noise_are_the_noise(raw, name, budget):
    found = cut(raw, budget, name)
    assert found.path == name


@pytest.fixture(scope="module")
def bad_inputs():
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks.code_inputs import FAMILIES
    finally:
        sys.path.remove(str(ROOT))
    return FAMILIES


def test_the_chunks_of_every_bad_input_are_the_input(bad_inputs):
    """The same families that ``benchmarks/code.py`` measures, smaller."""
    ends = Counter()
    for family in bad_inputs.values():
        raw = family.make(family.size // 50)
        found = cut(raw, "default", language=family.language)
        ends[found.status] += 1
        if len(raw) < 3_000:
            cut(raw, "tiny", language=family.language)
    assert ends["ok"] > len(bad_inputs) // 2


# --- one file does not touch another -------------------------------------------------------------


def test_a_file_that_kills_its_worker_changes_nothing_for_the_others(tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.py").write_text(f"def f{number}():\n    return {number}\n" * 30)
    options = {"max_tokens": 300, "tokenizer": deadly}
    alone = {path.name: code.chunk_file(path, **options) for path in tmp_path.iterdir()}
    (tmp_path / "3b.py").write_text("deadly = 1\n")
    outcomes = list(code.chunk(tmp_path, backend="processes", workers=2, **options))
    assert Counter(outcome.ok for outcome in outcomes) == {True: 6, False: 1}
    assert {outcome.key: outcome.value for outcome in outcomes if outcome.ok} == alone
    (lost,) = [outcome for outcome in outcomes if not outcome.ok]
    assert (lost.key, lost.attempts) == ("3b.py", 2)
    assert isinstance(lost, treadle.WorkerLost)


# --- quality -------------------------------------------------------------------------------------


def test_functions_that_fit_stay_whole_and_chunks_are_well_filled():
    """Functions are counted with a walk over all nodes of a tree of our own."""
    tree_sitter = pytest.importorskip("tree_sitter")
    import tree_sitter_python

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
    fitting = whole = 0
    fill = []
    for path in FILES:
        if path.suffix != ".py":
            continue
        raw = path.read_bytes()
        chunks = code.chunk_text(raw, path=path.name, max_chars=1500).chunks
        fill += [chunk.tokens / 1500 for chunk in chunks[:-1]]
        stack = [parser.parse(raw).root_node]
        while stack:
            node = stack.pop()
            stack += node.children
            start, end = node.start_byte, node.end_byte
            if node.type == "function_definition" and len(raw[start:end].decode()) <= 1500:
                fitting += 1
                whole += any(
                    chunk.start_byte <= start and end <= chunk.end_byte for chunk in chunks
                )
    assert fitting > 100
    assert whole / fitting >= 0.95
    assert sum(fill) / len(fill) >= 0.70


def test_a_file_is_read_no_differently_than_its_text(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(FILES[-1].read_bytes())
    assert code.chunk_file(path) == code.chunk_text(path.read_bytes(), path="a.py")
    text = io.TextIOWrapper(io.BytesIO(path.read_bytes()), "utf-8", newline="").read()
    assert code.chunk_text(text, path="a.py") == code.chunk_file(path)
