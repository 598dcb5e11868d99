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
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)
