"""The files that become a Parquet file: its parts, what a mark says of them, and their folder.

A Parquet file can be read only when its end is written, and nothing can be added after that. Where
a run must be able to go on after a crash, each row group is therefore a *part*, a whole Parquet
file, and the rows since the last one are in a journal. The parts are joined when the run is at its
end.

The first part is ``NAME.part``; all others, the journal, and what they are joined to, are in the
folder ``NAME.parts``, which is there only as long as it is needed. What a mark speaks of is never
changed, and stays until a later mark was committed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.core.protocols import Mark
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.arrow import fitted, leave_out
from treadle.sinks.columns import KEY
from treadle.sinks.journal import Journal
from treadle.sinks.partfile import check, checksum, entry, sync, sync_folder

_OURS = re.compile(r"(\d{6,})\.(part|journal)")


@dataclass(slots=True)
class Part:
    """
    A whole Parquet file.

    Attributes:
        path: Where it is.
        size: Bytes in it; None as long as it is not sealed.
        crc: Their CRC-32.
        checked: Whether that is known to be so; else it is seen to before the rows are read.
    """

    path: Path
    size: int | None = None
    crc: int = 0
    checked: bool = True

    def seal(self) -> None:
        """Make it safe on disk, and know it again from now on; raises OSError."""
        if self.size is None:
            sync(self.path)
            size = self.path.stat().st_size
            self.crc = checksum(self.path, size) or 0
            self.size = size

    def tables(self) -> Iterator[Any]:
        """
        Read it, lazily.

        Raises:
            UsageError: The file is gone or was changed.
            SinkFailed: The file cannot be read.
        """
        import pyarrow as pa

        if not self.checked and self.size is not None:
            check(self.path, self.size, self.crc, exactly=True)
            self.checked = True
        try:
            with _opened(self.path) as file:
                for batch in file.iter_batches(batch_size=1024):
                    yield pa.Table.from_batches([batch])
        except FileNotFoundError as error:
            raise UsageError(f"{str(self.path)!r} is gone", hint="was it moved?") from error
        except (OSError, pa.ArrowInvalid) as error:
            raise _damaged(self.path, error) from error


@dataclass(frozen=True, slots=True)
class Stored:
    """
    What is on disk at one point of a run.

    Attributes:
        parts: Whole files, in order.
        journal: The rows after them; None if there is one part that has all, or nothing.
    """

    parts: tuple[Part, ...] = ()
    journal: Journal | None = None

    @property
    def files(self) -> frozenset[Path]:
        """All files."""
        paths = [part.path for part in self.parts]
        return frozenset(paths if self.journal is None else [*paths, self.journal.path])

    @property
    def is_whole(self) -> bool:
        """True when one file has all."""
        return self.journal is None and bool(self.parts)

    def mark(self, final: Path) -> Mark:
        """Return what JSON can hold of this, all parts being sealed; *final*: the final file."""
        parts = [_described(part.path, part.size or 0, part.crc, final) for part in self.parts]
        if self.journal is None:
            return parts[0] if parts else _described(PartsFolder(final).first, 0, 0, final)
        last = self.journal
        return _described(last.path, last.size, last.crc, final) | {"parts": parts}

    def tables(self) -> Iterator[Any]:
        """
        Read all rows, lazily, as tables that have the same columns.

        Raises:
            UsageError: A file is gone or was changed.
            SinkFailed: A file cannot be read.
        """
        # The journal comes last in order, and first in knowing the columns. It is small.
        last = None if self.journal is None else self.journal.table()
        for part in self.parts:
            for table in part.tables():
                yield table if last is None else fitted(table, last.schema, rounding=True)
        if last is not None:
            yield last


def _described(path: Path, size: int, crc: int, final: Path) -> Mark:
    return {"file": path.relative_to(final.parent).as_posix(), "size": size, "crc": crc}


def found(mark: Mark, final: Path, *, fully: bool = False) -> Stored:
    """
    Find what *mark* speaks of.

    Args:
        mark: What ``Stored.mark`` has returned.
        final: The file that it belongs to.
        fully: Read it, and do not only look at sizes.

    Raises:
        UsageError: It is gone or was changed.
    """
    path, size, crc = _named(mark, final)
    if "parts" not in mark:
        return Stored((_part(mark, final, fully=fully),) if size else ())
    described = [entry({"part": one}, "part", dict) for one in entry(mark, "parts", list)]
    parts = tuple(_part(one, final, fully=fully) for one in described)
    check(path, size, crc if fully else None)
    return Stored(parts, Journal(path, size, crc))


def _part(described: Mark, final: Path, *, fully: bool) -> Part:
    path, size, crc = _named(described, final)
    try:
        check(path, size, crc if fully else None, exactly=True)
    except UsageError:
        # The run may have put it in place, and died before it could say so.
        if not _is(final, size, crc):
            raise
        path = final
    return Part(path, size, crc, checked=fully)


def _is(path: Path, size: int, crc: int) -> bool:
    try:
        check(path, size, crc, exactly=True)
    except UsageError:
        return False
    return True


def _named(described: Mark, final: Path) -> tuple[Path, int, int]:
    name = entry(described, "file", str)
    path = final.parent / name
    folder = PartsFolder(final)
    if path not in {final, folder.first} and not folder.has(path):
        raise UsageError(
            f"the run was stored into {name!r}, which does not belong to {str(final)!r}",
            hint="give the path that the run was begun with",
        )
    return path, entry(described, "size", int), entry(described, "crc", int)


class PartsFolder:
    """
    Names for the files that become *final*.

    None ends in ``.parquet``, so that who looks for such files finds none that is half of one.

    Args:
        final: The final file.

    Attributes:
        first: The name of the first part, which is beside *final*.
    """

    def __init__(self, final: Path) -> None:
        self.first = final.with_name(final.name + ".part")
        self.path = final.with_name(final.name + ".parts")
        self._number = 0

    def has(self, path: Path) -> bool:
        """Say whether *path* is one of the names that ``new`` gives."""
        return path.parent == self.path and _OURS.fullmatch(path.name) is not None

    def new(self, suffix: str) -> Path:
        """Return a name that no file has; raises OSError when there can be no folder."""
        self.path.mkdir(exist_ok=True)
        self._number += 1
        return self.path / f"{self._number:06d}{suffix}"

    def sweep(self, keep: Collection[Path] = ()) -> None:
        """Remove all files of ours but *keep*, and the folder when it is empty; raises OSError."""
        if not self.path.is_dir():
            return
        ours = [path for path in self.path.iterdir() if self.has(path)]
        for path in ours:
            if path not in keep:
                path.unlink(missing_ok=True)
        self._number = max([self._number, *(int(path.stem) for path in ours)])
        with suppress(OSError):  # it has what is kept, or something that is not ours
            self.path.rmdir()

    def sync(self) -> None:
        """Make all names safe on disk; raises OSError."""
        if self.path.is_dir():
            sync_folder(self.path)
        sync_folder(self.path.parent)


def writer_for(path: Path, schema: Any) -> Any:
    """Begin a Parquet file."""
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema, compression="zstd")


def schema_of(path: Path) -> Any:
    """Return the schema of a Parquet file."""
    import pyarrow.parquet as pq

    return pq.read_schema(path)


def join(parts: Sequence[Part], schema: Any, path: Path, without: Collection[str] = ()) -> int:
    """
    Write *path* with the rows of *parts*, a row group at a time; return how many there are.

    Args:
        parts: Where the rows are.
        schema: It holds what any of the parts holds.
        path: The new file.
        without: Keys of rows to leave out, as text.
    """
    rows = 0
    with writer_for(path, schema) as writer:
        for part in parts:
            with _opened(part.path) as file:
                for i in range(file.num_row_groups):
                    table = leave_out(file.read_row_group(i), without)
                    if table.num_rows:
                        writer.write_table(fitted(table, schema, rounding=True))
                        rows += table.num_rows
    return rows


def has_any(part: Part, keys: Collection[str]) -> bool:
    """Say whether there are rows with one of *keys* in *part*."""
    with _opened(part.path) as file:
        for i in range(file.num_row_groups):
            table = file.read_row_group(i, columns=[KEY])
            if leave_out(table, keys).num_rows < table.num_rows:
                return True
    return False


def has_nothing(part: Part) -> bool:
    """Say whether *part* has neither rows nor columns of values."""
    with _opened(part.path) as file:
        return not file.metadata.num_rows and file.schema_arrow.names == [KEY]


def _opened(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> SinkFailed:
    return SinkFailed(
        f"{str(path)!r} cannot be read back: {error}",
        hint="was it changed since it was written?",
    )
