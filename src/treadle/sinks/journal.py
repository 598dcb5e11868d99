"""Rows that are safe on disk before they are enough for a row group of Parquet.

A journal is a file that is only ever appended to. Each entry is an Arrow IPC stream of its own, so
it says itself which columns it has, and a later one may have more. Whoever reads it knows from
elsewhere how many bytes count, and their checksum; what comes after them was torn by a crash.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from treadle.errors import UsageError
from treadle.sinks.arrow import key_only
from treadle.sinks.partfile import check
from treadle.sinks.pending import Pending


@dataclass(slots=True)
class Journal:
    """
    The entries in one file.

    Attributes:
        path: The file; the first entry makes it.
        size: Bytes of whole entries.
        crc: Their CRC-32.
    """

    path: Path
    size: int = 0
    crc: int = 0

    def append(self, table: Any) -> None:
        """Add an entry, which is then safe on disk; raises OSError."""
        import pyarrow as pa

        entry = pa.BufferOutputStream()
        with pa.ipc.new_stream(entry, table.schema) as stream:
            stream.write_table(table)
        rest = piece = memoryview(entry.getvalue())
        with FileIO(self.path, "a") as file:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        self.size += len(piece)
        self.crc = zlib.crc32(piece, self.crc)

    def cut(self) -> None:
        """Remove what comes after the last whole entry; raises OSError."""
        os.truncate(self.path, self.size)

    def table(self) -> Any:
        """
        Read all entries into one table, which has the columns of the last one.

        Raises:
            UsageError: The file is gone or was changed.
        """
        import pyarrow as pa

        check(self.path, self.size, self.crc)
        rows, schema = Pending(), key_only()
        try:
            with pa.OSFile(os.fspath(self.path)) as file:
                while file.tell() < self.size:
                    with pa.ipc.open_stream(file) as stream:
                        schema = stream.schema
                        rows.add(stream.read_all(), schema)
        except (OSError, pa.ArrowException) as error:
            raise UsageError(
                f"{str(self.path)!r} cannot be read: {error}",
                hint="was it written by another version of pyarrow?",
            ) from error
        return rows.all(schema)
