"""How others cut source code: each way with a budget of so many characters, or what it has instead.

``python -m benchmarks.code_peers NAME FILES OUT`` cuts every file of *FILES* (JSON: pairs of path
and language) and writes to *OUT* how long that took, and what became of the text. It runs in a
Python that has the peers and not our libraries: none is imported.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

BUDGET = 1500
Cut: TypeAlias = Callable[[str], list[str]]
"""From the text of a file to the texts of its chunks."""


def cocoindex(language: str) -> Cut:
    """Offsets and budget are in bytes."""
    from cocoindex.ops.text import RecursiveSplitter

    splitter = RecursiveSplitter()
    return lambda text: [chunk.text for chunk in splitter.split(text, BUDGET, language=language)]


def llama_index(language: str) -> Cut:
    from llama_index.core.node_parser import CodeSplitter

    splitter = CodeSplitter(language=language, max_chars=BUDGET)
    return splitter.split_text


def chonkie(language: str) -> Cut:
    from chonkie import CodeChunker

    chunker = CodeChunker(tokenizer="character", chunk_size=BUDGET, language=language)
    return lambda text: [chunk.text for chunk in chunker.chunk(text)]


def semantic_text_splitter(language: str) -> Cut:
    import importlib

    from semantic_text_splitter import CodeSplitter

    grammar = importlib.import_module(f"tree_sitter_{language}").language()
    splitter = CodeSplitter(grammar, BUDGET, trim=False)
    return splitter.chunks


def astchunk(language: str) -> Cut:
    """The budget is in characters that are not white space."""
    from astchunk import ASTChunkBuilder

    builder = ASTChunkBuilder(max_chunk_size=BUDGET, language=language, metadata_template="default")
    return lambda text: [chunk["content"] for chunk in builder.chunkify(text)]


WAYS: dict[str, Callable[[str], Cut]] = {
    "cocoindex": cocoindex,
    "llama_index": llama_index,
    "chonkie": chonkie,
    "semantic-text-splitter": semantic_text_splitter,
    "astchunk": astchunk,
}
DISTRIBUTIONS = {
    "cocoindex": "cocoindex",
    "llama_index": "llama-index-core",
    "chonkie": "chonkie",
    "semantic-text-splitter": "semantic-text-splitter",
    "astchunk": "astchunk",
}


def _visible(text: str) -> int:
    return sum(len(word) for word in text.split())


ONLY = {"astchunk": {"python"}}  # of the languages of the corpora
SIZES: dict[str, Callable[[str], int]] = {
    "cocoindex": lambda text: len(text.encode()),
    "astchunk": _visible,
}
"""What the budget of a peer counts; characters where it is not said."""


def run(name: str, files: list[tuple[str, str]]) -> dict[str, Any]:
    """Cut all the files; only that is timed, and the files are in memory before."""
    texts = [(Path(path).read_bytes().decode(), language) for path, language in files]
    cuts = {language: WAYS[name](language) for language in {language for _, language in files}}
    for language, cut in cuts.items():  # warms up: grammars are loaded, code is compiled
        _attempt(cut, min((text for text, its in texts if its == language and text), key=len))
    results, failed, seconds, cpu = [], 0, 0.0, 0.0
    for text, language in texts:
        began, cpu_began = time.perf_counter(), time.process_time()
        chunks = _attempt(cuts[language], text)
        seconds += time.perf_counter() - began
        cpu += time.process_time() - cpu_began
        failed += chunks is None
        results.append((text, chunks or []))
    facts = {"seconds": seconds, "cpu_seconds": cpu, "failed": failed}
    return facts | judge(results, SIZES.get(name, len))


def _attempt(cut: Cut, text: str) -> list[str] | None:
    try:
        return cut(text)
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return None


def judge(results: Iterable[tuple[str, list[str]]], size: Callable[[str], int]) -> dict[str, Any]:
    """Tell what became of the texts: whether they are all there, and the budget was kept."""
    files = rejoined = characters = visible = kept = chunks = over = largest = 0
    fill: list[float] = []
    for text, parts in results:
        files += 1
        characters += len(text.encode())
        rejoined += "".join(parts) == text
        visible += _visible(text)
        kept += min(_visible(text), sum(map(_visible, parts)))
        sizes = [size(part) for part in parts]
        chunks += len(parts)
        over += sum(each > BUDGET for each in sizes)
        largest = max([largest, *sizes])
        fill.extend(each / BUDGET for each in sizes[:-1])
    return {
        "files": files,
        "bytes": characters,
        "rejoined": rejoined,
        "kept": kept / max(visible, 1),
        "chunks": chunks,
        "over": over,
        "largest": largest,
        "fill": sum(fill) / max(len(fill), 1),
    }


if __name__ == "__main__":
    way, listed, out = sys.argv[1:]
    pairs = json.loads(Path(listed).read_text(encoding="utf-8"))
    Path(out).write_text(json.dumps(run(way, pairs)), encoding="utf-8")
