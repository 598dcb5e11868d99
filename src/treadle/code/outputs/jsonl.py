"""Chunks as JSONL: an object on each line, in UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO


def write(blocks: Iterable[bytes], stream: BinaryIO) -> None:
    """Write lines as they are."""
    stream.writelines(blocks)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file."""
    return (row for _, row in rows_from(path))


def rows_from(path: Path, place: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows that begin at *place*, a byte, or after it, each with where it begins."""
    with path.open("rb") as file:
        file.seek(place)
        for line in file:
            yield place, json.loads(line)
            place += len(line)
