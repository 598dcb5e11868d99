"""The loaders of examples/code_loaders.py: what is looked for is found, in real libraries."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from treadle import code

EXAMPLE = Path(__file__).parents[2] / "examples" / "code_loaders.py"

TREE = {
    "cache.py": (
        "class Cache:\n"
        '    """Keeps what was used last."""\n\n'
        "    def evictOldest(self):\n        self.rows.popitem(last=False)\n\n"
        "    def get(self, key):\n        return self.rows[key]\n"
    ),
    "web.js": "function parseHeaders(text) {\n  return text.split('\\r\\n');\n}\n",
    "README.md": "# Readme\n\nAn essay about 'quotes\" and zebras; DROP TABLE chunks.\n",
}


@pytest.fixture(scope="module")
def loaders():
    spec = importlib.util.spec_from_file_location("code_loaders", EXAMPLE)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def chunked(tmp_path_factory):
    """A folder with the chunks of a tree as JSONL and as Parquet."""
    folder = tmp_path_factory.mktemp("chunked")
    for name, text in TREE.items():
        (folder / "tree").mkdir(exist_ok=True)
        (folder / "tree" / name).write_text(text)
    for name in ("chunks.jsonl", "chunks.parquet"):
        code.run(folder / "tree", folder / name, max_chars=120, backend="inline")
    return folder


@pytest.fixture
def rows(loaders, chunked):
    return list(loaders.rows(chunked / "chunks.jsonl"))


def texts(rows, ids):
    """Return the texts of the chunks with these ids, in that order."""
    by_id = {row["id"]: row["text"] for row in rows}
    return [by_id[each] for each in ids]


ASKED = {
    "evict the oldest": "evictOldest",
    "parse headers": "parseHeaders",
    "zebras": "zebras",
    "'quotes\" OR (": "zebras",
}


@pytest.mark.parametrize(("wanted", "expected"), ASKED.items())
def test_sqlite_finds_names_and_words(loaders, rows, tmp_path, wanted, expected):
    index = loaders.into_sqlite(rows, tmp_path / "index.sqlite")
    try:
        assert expected in texts(rows, loaders.search_sqlite(index, wanted))[0]
    finally:
        index.close()


@pytest.mark.parametrize(("wanted", "expected"), ASKED.items())
def test_duckdb_finds_names_and_words(loaders, rows, chunked, wanted, expected):
    pytest.importorskip("duckdb")
    index = loaders.into_duckdb(chunked / "chunks.parquet")
    try:
        assert expected in texts(rows, loaders.search_duckdb(index, wanted))[0]
        assert index.execute("SELECT count(*) FROM chunks").fetchone() == (len(rows),)
    finally:
        index.close()


def test_the_two_indexes_know_nothing_of_a_word_that_is_nowhere(loaders, rows, chunked):
    pytest.importorskip("duckdb")
    index = loaders.into_sqlite(rows, ":memory:")
    other = loaders.into_duckdb(chunked / "chunks.parquet")
    try:
        assert loaders.search_sqlite(index, "xylophone") == []
        assert loaders.search_duckdb(other, "xylophone") == []
    finally:
        index.close()
        other.close()


def test_vectors_have_length_one_and_are_nearer_for_words_in_common(loaders):
    def near(one, other):
        pairs = zip(loaders.embed(one), loaders.embed(other), strict=True)
        return sum(a * b for a, b in pairs)

    assert near("parseHeaders", "parse headers") == pytest.approx(1)
    assert near("parse headers of mail", "headers") > near("parse headers of mail", "zebra")
    assert set(loaders.embed("")) == {0.0}


def test_lancedb_finds_the_nearest(rows, chunked, tmp_path):
    if importlib.util.find_spec("lancedb") is None:
        pytest.skip("lancedb is not installed")
    program = (
        "import sys, code_loaders as load\n"
        "table = load.into_lancedb(load.rows(sys.argv[1]), sys.argv[2])\n"
        "print(table.count_rows(), *load.search_lancedb(table, 'evict the oldest'))\n"
    )
    # In a process of its own, for its thread stays until the end.
    said = subprocess.run(
        [sys.executable, "-c", program, str(chunked / "chunks.jsonl"), str(tmp_path / "lance")],
        cwd=EXAMPLE.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    count, *ids = said.split()

    assert int(count) == len(rows)
    assert "evictOldest" in texts(rows, ids)[0]


def test_nodes_of_llama_index_have_the_text_and_know_their_neighbours(loaders, rows):
    pytest.importorskip("llama_index.core")
    nodes = loaders.llama_nodes(rows)

    assert [(node.node_id, node.text) for node in nodes] == [
        (row["id"], row["text"]) for row in rows
    ]
    for node, after in itertools.pairwise(nodes):
        if node.metadata["path"] == after.metadata["path"]:
            assert node.next_node.node_id == after.node_id
            assert after.prev_node.node_id == node.node_id
        else:
            assert node.next_node is None
    assert all(
        row["breadcrumb"] in node.get_content("embed")
        for node, row in zip(nodes, rows, strict=True)
    )


def test_documents_of_langchain_have_the_text_and_where_it_stands(loaders, rows):
    pytest.importorskip("langchain_core")
    documents = loaders.langchain_documents(rows)

    assert [(one.id, one.page_content) for one in documents] == [
        (row["id"], row["text"]) for row in rows
    ]
    assert all(
        one.metadata["start_line"] == row["start_line"]
        for one, row in zip(documents, rows, strict=True)
    )
