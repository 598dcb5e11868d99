"""The files that chunks are written to, one module for each format.

jsonl     a line of JSON for each chunk
csvfile   a row for each, lists as JSON
parquet   typed columns

Each has ``write(blocks, stream)``, which gets the lines of file after file as they are stored, and
``rows(path)``, which reads them again, as ``rows_from(path, place)`` does from one of them on. What
is written depends on the lines alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Protocol

import treadle

SUFFIXES = (".jsonl", ".csv", ".parquet")
"""Of the files that chunks are written to, one for each format."""


class Format(Protocol):
    """What a module of a format has."""

    def write(self, blocks: Iterable[bytes], stream: BinaryIO) -> None:
        """Write the rows of *blocks*, each of them lines of JSON."""

    def rows(self, path: Path) -> Iterator[dict[str, Any]]:
        """
        Yield the rows of a file, as JSON has them.

        Raises:
            OSError: It cannot be read.
            ValueError: It is no file of this format, or has other columns.
        """

    def rows_from(self, path: Path, place: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """
        Yield the rows from *place* on, each with its own place; 0 is that of the first.

        Raises:
            OSError, ValueError: As `rows`.
        """


def format_of(path: str, *, is_stream: bool = False) -> Format:
    """
    Return the format that the suffix of a path means; for a stream without one, JSONL.

    Args:
        path: The path.
        is_stream: It is standard output, a pipe or a device.

    Raises:
        UsageError: It means none.
        MissingExtra: pyarrow (Parquet) is not installed.
    """
    suffix = Path(path).suffix.lower()
    if is_stream and suffix not in SUFFIXES:
        suffix = ".jsonl"
    module: ModuleType
    match suffix:
        case ".jsonl":
            from treadle.code.outputs import jsonl as module
        case ".csv":
            from treadle.code.outputs import csvfile as module
        case ".parquet":
            from treadle.cli import check_libraries
            from treadle.code.outputs import parquet as module

            check_libraries({"pyarrow": "pyarrow"}, "parquet", purpose="a Parquet file")
        case _:
            raise treadle.UsageError(
                f"the suffix of {path!r} does not say how to write chunks",
                hint=f"name a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
            )
    return module
