"""Chunks of `treadle code` in what people search them with: short functions to copy.

    treadle code chunk src --into chunks.jsonl

Each takes the rows of such a file (`rows("chunks.jsonl")`), or the file itself. None needs a
network: `embed` stands in for a model that makes vectors; put yours in its place.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

WORD = re.compile(r"[^\W_]+")


def rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """Read the chunks of a JSONL file, one by one."""
    with Path(path).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def words(text: str) -> str:
    """Take names apart, so that `parse_row` and `parseRow` are found by "row"."""
    return " ".join(WORD.findall(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text))).lower()


# --- SQLite: in the standard library -------------------------------------------------------------


def into_sqlite(chunks: Iterable[dict[str, Any]], path: str | Path) -> sqlite3.Connection:
    """Make a full-text index of the chunks."""
    index = sqlite3.connect(path)
    index.execute("CREATE VIRTUAL TABLE chunks USING fts5(id UNINDEXED, path, name, words)")
    index.executemany(
        "INSERT INTO chunks VALUES (?, ?, ?, ?)",
        (
            (one["id"], words(one["path"]), words(one["qualified_name"] or ""), words(one["text"]))
            for one in chunks
        ),
    )
    index.commit()
    return index


def search_sqlite(index: sqlite3.Connection, wanted: str, limit: int = 10) -> list[str]:
    """Return the ids of the chunks that fit best; a word in the name counts ten times."""
    found = index.execute(
        "SELECT id FROM chunks WHERE chunks MATCH ? ORDER BY bm25(chunks, 0, 2, 10, 1) LIMIT ?",
        (" OR ".join(f'"{word}"' for word in words(wanted).split()), limit),
    )
    return [chunk for (chunk,) in found]


# --- DuckDB: ranked by BM25 in SQL, without its extension fts, which it would have to download ---

BM25 = r"""
CREATE TABLE postings AS
    SELECT id, word, count(*) AS times
    FROM (
        SELECT id, unnest(regexp_extract_all(
            lower(regexp_replace(breadcrumb || ' ' || text, '([a-z0-9])([A-Z])', '\1 \2', 'g')),
            '[^\W_]+')) AS word
        FROM chunks
    )
    GROUP BY id, word;
CREATE TABLE lengths AS SELECT id, sum(times) AS length FROM postings GROUP BY id;
CREATE MACRO search(wanted) AS TABLE
    WITH
        asked AS (SELECT DISTINCT unnest(regexp_extract_all(lower(wanted), '[^\W_]+')) AS word),
        found AS (FROM postings SEMI JOIN asked USING (word)),
        rare AS (SELECT word, count(*) AS df FROM found GROUP BY word),
        whole AS (SELECT count(*) AS n, avg(length) AS mean FROM lengths)
    SELECT
        id,
        sum(ln(1 + (n - df + 0.5) / (df + 0.5))
            * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length / mean))) AS score
    FROM found JOIN rare USING (word) JOIN lengths USING (id), whole
    GROUP BY id;
"""


def into_duckdb(parquet: str | Path, database: str = ":memory:") -> Any:
    """Make a full-text index of a Parquet file of chunks; `FROM search('words')` asks it."""
    import duckdb

    index = duckdb.connect(database)
    index.execute("CREATE TABLE chunks AS FROM read_parquet(?)", [str(parquet)])
    index.execute(BM25)
    return index


def search_duckdb(index: Any, wanted: str, limit: int = 10) -> list[str]:
    """Return the ids of the chunks that fit best."""
    asked = "SELECT id FROM search(?) ORDER BY score DESC, id LIMIT ?"
    return [chunk for (chunk,) in index.execute(asked, [wanted, limit]).fetchall()]


# --- LanceDB: by vectors -------------------------------------------------------------------------


def embed(text: str, size: int = 512) -> list[float]:
    """Make a vector of the words in a text: the offline stand-in for a model."""
    vector = [0.0] * size
    for word in words(text).split():
        place = zlib.crc32(word.encode())
        vector[place % size] += 1.0 if place & 0x10000 else -1.0
    length = math.sqrt(sum(number * number for number in vector)) or 1.0
    return [number / length for number in vector]


def into_lancedb(chunks: Iterable[dict[str, Any]], folder: str | Path) -> Any:
    """Make a table of the chunks with a vector each."""
    import lancedb

    # What a vector is made of: where it stands and what it is called, then the text.
    data = [
        {"id": one["id"], "path": one["path"], "text": one["text"], "start_line": one["start_line"]}
        | {"vector": embed(f"{one['breadcrumb']}\n{one['docstring'] or ''}\n{one['text']}")}
        for one in chunks
    ]
    return lancedb.connect(str(folder)).create_table("chunks", data=data, mode="overwrite")


def search_lancedb(table: Any, wanted: str, limit: int = 10) -> list[str]:
    """Return the ids of the chunks that are nearest."""
    found = table.search(embed(wanted)).metric("cosine").limit(limit).to_list()
    return [one["id"] for one in found]


# --- LlamaIndex, LangChain -----------------------------------------------------------------------

_KEPT = ("path", "language", "kind", "qualified_name", "start_line", "end_line", "breadcrumb")


def llama_nodes(chunks: Iterable[dict[str, Any]]) -> list[Any]:
    """Return the chunks as nodes of LlamaIndex, each linked to the one before and after it."""
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

    nodes: list[Any] = []
    for one in chunks:
        node = TextNode(
            id_=one["id"],
            text=one["text"],
            metadata={name: one[name] for name in _KEPT},
            # A model that makes vectors reads the breadcrumb; the rest is for filters and people.
            excluded_embed_metadata_keys=[name for name in _KEPT if name != "breadcrumb"],
        )
        if nodes and nodes[-1].metadata["path"] == one["path"]:
            before = nodes[-1]
            node.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=before.node_id)
            before.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=node.node_id)
        nodes.append(node)
    return nodes


def langchain_documents(chunks: Iterable[dict[str, Any]]) -> list[Any]:
    """Return the chunks as documents of LangChain."""
    from langchain_core.documents import Document

    return [
        Document(
            id=one["id"],
            page_content=one["text"],
            metadata={name: one[name] for name in _KEPT},
        )
        for one in chunks
    ]
