"""Source trees to semantic chunks, the same bytes on every executor.

    roots ──▶ discovery ──▶ files ──▶ chunking, one file each, on workers ──▶ outcomes, or a file

finding them       discovery (git, ignored, vendored)
one file           reading (bytes, encodings), languages (which one), grammars (what nodes mean),
                   trees (what a syntax tree says), budget (what fits), cutting (where),
                   describing (what is said of a chunk); chunking puts them together
all of them        mapping (outcomes), running (into a file, incrementally; store, outputs)
what comes out     values (the words), schema; contents (an output, to look at)
for the eye        page, cli

Built on Treadle's public names alone, as any other package could be.
"""

from __future__ import annotations

import importlib

from treadle.code.extra import check_extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from treadle.code.budget import Budget
    from treadle.code.chunking import chunk_file, chunk_text
    from treadle.code.errors import CannotRead, StillChanging
    from treadle.code.languages.model import Grammar, Language
    from treadle.code.languages.registry import known_languages, language
    from treadle.code.mapping import chunk, chunks_by_path
    from treadle.code.options import Options
    from treadle.code.running import Report, run
    from treadle.code.schema import json_schema
    from treadle.code.values import KINDS, REASONS, Chunk, FileChunks

_HOMES = {
    "treadle.code.budget": ("Budget",),
    "treadle.code.chunking": ("chunk_file", "chunk_text"),
    "treadle.code.errors": ("CannotRead", "StillChanging"),
    "treadle.code.languages.model": ("Grammar", "Language"),
    "treadle.code.languages.registry": ("known_languages", "language"),
    "treadle.code.mapping": ("chunk", "chunks_by_path"),
    "treadle.code.options": ("Options",),
    "treadle.code.running": ("Report", "run"),
    "treadle.code.schema": ("json_schema",),
    "treadle.code.values": ("KINDS", "REASONS", "Chunk", "FileChunks"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "KINDS",
    "REASONS",
    "Budget",
    "CannotRead",
    "Chunk",
    "FileChunks",
    "Grammar",
    "Language",
    "Options",
    "Report",
    "StillChanging",
    "chunk",
    "chunk_file",
    "chunk_text",
    "chunks_by_path",
    "json_schema",
    "known_languages",
    "language",
    "run",
]

if not TYPE_CHECKING:  # a type checker would believe that any name exists

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module 'treadle.code' has no attribute {name!r}")
        check_extra()
        return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
