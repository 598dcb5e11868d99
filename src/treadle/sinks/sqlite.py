"""Writes an SQLite database: a table ``results`` with a column ``key`` and one for each field."""

# ruff: noqa: S608  every name in a statement is our own or quoted

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import string
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, suppress
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome
from treadle.core.protocols import Mark
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.columns import (
    KEY,
    dumps,
    encoded,
    is_scalar_of_numpy,
    plain,
    refusal,
    rows_of,
)
from treadle.sinks.partfile import PartFile, entry, part_of, put_in_place, sync_folder

_Cells: TypeAlias = dict[str, Any]

_ROWID = "_rowid_"
"""The number of a row; SQLite has three names for it, and this is the least likely column."""

_PAGE = 1000
"""Rows read at a time: between two pages a writer may write."""

_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""SQLite tells ``É`` from ``é``, but not ``A`` from ``a``."""

_INT64 = range(-(2**63), 2**63)

_START_ANEW = "put it back as it was, or start anew without resuming"


class Sqlite:
    """
    A database with the rows of each item that succeeded, in the order in which they settle.

    How a value becomes rows stands in ``sinks.columns``: records give a column for each field,
    lists of records and frames several rows with the same key, all else a column ``value``.
    Numbers, text and bytes are stored as they are, truth as 0 and 1, NaN as NULL (SQLite has
    none), whole numbers beyond 64 bits as text, dates as ISO 8601 text, nested values as JSON
    text.

    A field that earlier rows did not have becomes a new column, and is NULL in them. SQLite does
    not tell ``a`` from ``A``: a value with a field that differs from a column only so is refused,
    and so is one that would need more columns than a table can have. All others are stored. The
    file appears when it is whole; until then it is ``NAME.part-2`` or ``NAME.part-3``, beside the
    lock ``NAME.part``. A database that has other tables is never replaced.

    A mark holds the number of the last row, how many there are, and a running checksum of their
    contents; to resume reads all rows once, and so notices what was changed by hand.

    Args:
        path: The file; folders above it are made. An old one stays until the new one is whole.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Only the lock: where the locks of the system are one kind, it would stop SQLite's own.
        self._hold = PartFile(path)
        self._parts = [part_of(self.path, number) for number in (2, 3)]
        self._part = self._parts[0]
        self._database: sqlite3.Connection | None = None
        self._readable: Path | None = self.path
        self._columns: dict[str, str] = {}
        self._widest = 0
        self._tally = _Tally()
        self._marked: str | None = None
        self._broken: SinkFailed | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self._hold.path

    def open(self) -> None:
        """
        Begin the database.

        Raises:
            UsageError: The place cannot be written to, or holds a database with other tables.
        """
        self._hold.hold(anew=True)
        try:
            _check_replaceable(self.path)
            for part in self._parts:
                _remove(part)
            self._begin(self._parts[0], _Tally())
            self._connection.execute(f'CREATE TABLE results ("{KEY}")')
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            self._release()
            raise UsageError(
                f"{str(self._part)!r} cannot be written: {error}",
                hint="choose a place that can be written to",
            ) from error
        except BaseException:
            self._disconnect()
            self._release()
            raise

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """
        Insert the rows of each value; return those that have none.

        Raises:
            SinkFailed: Nothing can be written, such as when the disk is full. None of *outcomes*
                is stored then.
        """
        database = self._connection
        refused: list[tuple[AnyOutcome, SinkFailed]] = []
        rows: list[_Cells] = []
        columns = dict(self._columns)
        for outcome in outcomes:
            if outcome.ok:
                try:
                    rows += self._fitted(outcome.key, outcome.value, columns)
                except Exception as error:  # the value's own code runs here
                    refused.append(refusal(outcome, error))
        try:
            if not database.in_transaction:
                database.execute("BEGIN")
            database.execute("SAVEPOINT batch")
            self._insert(rows, columns)
            database.execute("RELEASE batch")
        except sqlite3.Error as error:
            self._fail(error)
        self._columns = columns
        for row in rows:
            self._tally.add(row)
        self._tally.last = self._last_row(database)
        return refused

    def close(self) -> None:
        """
        Put the database in its place.

        Raises:
            SinkFailed: It cannot be put there.
        """
        if self._database is None:
            return
        self._commit()
        self._disconnect()
        try:
            put_in_place(self._part, self.path)
        except SinkFailed:
            self._readable = self._part
            self._release()
            raise
        self._readable = self.path
        # What an old database had beside it would be taken for the new one's.
        for path in [self.path, *self._parts]:
            _remove(path, beside_only=path == self.path)
        self._release()

    def abandon(self) -> str | None:
        """
        Keep what was written, under another name; the file from before stays as it is.

        Returns:
            The path of what is kept, or None when there is nothing to keep.
        """
        if self._database is not None:
            with suppress(SinkFailed):  # on a full disk, what was committed is kept
                self._commit()
            self._disconnect()
            self._keep()
        return str(self._readable) if self._readable not in {None, self.path} else None

    def _keep(self) -> None:
        self._readable = self._part if self._tally.count else None
        if self._readable is None and self._part.name != self._marked:
            _remove(self._part)
        if self._readable is not None and self._marked is None:
            self._readable = self._part.replace(self._hold.part)
            self._part = self._readable
            self._hold.let_go()
        else:
            self._release()

    def mark(self, *, whole: bool = False) -> Mark:  # noqa: ARG002  it is always in its final form
        """
        Make all rows so far safe on disk; return how to come back to this point.

        Args:
            whole: No difference here.

        Raises:
            SinkFailed: The disk does not take it.
        """
        path = self._part if self._database is not None else self._readable or self._part
        if self._database is not None:
            self._commit()
        if self._marked != path.name:
            try:
                if path.exists():
                    sync_folder(path.parent)
            except OSError as error:
                raise SinkFailed(f"{str(path)!r} cannot be made safe on disk: {error}") from error
        elif self._database is not None:
            # The mark before this one spoke of this file too: no other is needed any more.
            for part in self._parts:
                if part != self._part:
                    _remove(part)
        self._marked = path.name
        return {
            "file": path.name,
            "rows": self._tally.count,
            "last": self._tally.last,
            "crc": self._tally.crc,
        }

    def resume(self, mark: Mark, without: Collection[Key] = ()) -> None:
        """
        Go on after *mark*, without the rows of the items *without*.

        Raises:
            UsageError: What *mark* speaks of is gone or was changed, or another run writes it.
        """
        if not entry(mark, "rows", int) and not self._named(mark).exists():
            self.open()
            return
        self._find(mark)  # before anything is made or locked
        self._hold.hold()
        try:
            self._go_on(self._find(mark), mark, {encoded(str(key)).decode() for key in without})
        except BaseException as error:
            self._disconnect()
            self._release()
            if isinstance(error, sqlite3.Error | OSError):
                raise UsageError(
                    f"{str(self.path)!r} cannot be resumed: {error}", hint=_START_ANEW
                ) from error
            raise

    def _go_on(self, source: Path, mark: Mark, dropped: Collection[str]) -> None:
        last = entry(mark, "last", int)
        found = _counted(source, last)
        if (found.count, found.crc) != (mark["rows"], entry(mark, "crc", int)):
            raise UsageError(
                f"{str(source)!r} was changed since it was written: "
                f"its first {mark['rows']:,} rows are not those of the run",
                hint=_START_ANEW,
            )
        part = source
        if dropped or source == self.path:
            part = next(
                part for part in self._parts if part.name not in {source.name, mark["file"]}
            )
            _remove(part)
            shutil.copyfile(source, part)
        self._begin(part, found)
        self._marked = entry(mark, "file", str)
        database = self._connection
        database.execute("BEGIN")
        database.execute(f"DELETE FROM results WHERE {_ROWID} > ?", [last])
        if dropped:
            database.execute("CREATE TEMP TABLE dropped (key TEXT PRIMARY KEY)")
            database.executemany("INSERT INTO dropped VALUES (?)", [[key] for key in dropped])
            database.execute(
                f'DELETE FROM results WHERE CAST("{KEY}" AS TEXT) IN (SELECT key FROM dropped)'
            )
            database.execute("DROP TABLE dropped")
        database.execute("COMMIT")
        if dropped:
            self._tally = _counted(part, last)
        for other in self._parts:
            if other.name not in {part.name, self._marked}:
                _remove(other)

    def look(self, mark: Mark) -> None:
        """
        Read from now on what *mark* speaks of.

        Raises:
            UsageError: It is gone or was changed.
        """
        if self._database is not None:
            raise UsageError(f"{str(self.path)!r} is still being written")
        rows, last = entry(mark, "rows", int), entry(mark, "last", int)
        found = self._find(mark) if rows or self._named(mark).exists() else None
        self._readable = found if rows else None
        self._tally = _Tally(rows, last, entry(mark, "crc", int))

    def values(self) -> Iterator[dict[str, Any]]:
        """
        Read the table: a dict for each row, lazily, in the order in which they were written.

        Raises:
            UsageError: The file is still being written, or is gone.
            SinkFailed: It was changed.
        """
        if self._database is not None:
            raise UsageError(f"{str(self.path)!r} is still being written")
        return self._read()

    def stored(self) -> Iterator[tuple[Key, dict[str, Any]]]:
        """
        Read the table: for each row its key and a dict of its other fields, lazily.

        Raises:
            UsageError: The file is still being written, or is gone.
            SinkFailed: It was changed.
        """
        for row in self.values():
            yield row.pop(KEY), row

    def _read(self) -> Iterator[dict[str, Any]]:
        if self._readable is None:
            return
        last = self._tally.last if self._tally.count else None
        try:
            with closing(_connect(self._readable)) as database:
                for _, row in _rows(database, last):
                    yield row
        except sqlite3.Error as error:
            raise SinkFailed(
                f"{str(self._readable)!r} cannot be read back: {error}",
                hint="was it changed by hand?",
            ) from error

    def __repr__(self) -> str:
        return f"Sqlite({str(self.path)!r})"

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._broken is not None:
            raise self._broken
        if self._database is None:
            raise SinkFailed(f"{str(self.path)!r} is not open")
        return self._database

    def _begin(self, part: Path, tally: _Tally) -> None:
        self._part, self._tally = part, tally
        self._marked = self._broken = None
        self._database = database = _connect(part, anew=True)
        # One file remains at the end, and a commit is on disk, the name of its journal included.
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA synchronous = EXTRA")
        database.execute("PRAGMA temp_store = MEMORY")
        found = database.execute("SELECT name FROM pragma_table_info('results')")
        self._columns = {name.translate(_FOLD): name for (name,) in found} or {KEY: KEY}
        self._widest = min(
            database.getlimit(sqlite3.SQLITE_LIMIT_COLUMN),
            database.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER),
        )

    def _fitted(self, key: Key, value: Any, columns: dict[str, str]) -> list[_Cells]:
        """Return the rows of *value*, and add the columns that they need to *columns*."""
        rows = [
            {KEY: _cell(key)} | {_clean(name): _cell(field) for name, field in row.items()}
            for row in rows_of(value)
        ]
        wanted = dict(columns)
        for row in rows:
            for name, cell in row.items():
                _check_name(name, wanted.setdefault(name.translate(_FOLD), name))
                if isinstance(cell, str | bytes) and len(cell) > 10**8:
                    self._check_length(cell)
        if len(wanted) > self._widest:
            raise SinkFailed(
                f"it needs {len(wanted):,} columns, and SQLite has {self._widest:,}",
                hint="return fewer fields, or store into .jsonl",
            )
        columns |= wanted
        return rows

    def _check_length(self, cell: str | bytes) -> None:
        longest = self._connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
        length = len(cell.encode()) if isinstance(cell, str) else len(cell)
        if length >= longest:
            raise SinkFailed(f"a field has {length:,} bytes, and SQLite takes {longest:,}")

    def _insert(self, rows: list[_Cells], columns: dict[str, str]) -> None:
        database = self._connection
        for folded, name in columns.items():
            if folded not in self._columns:
                database.execute(f"ALTER TABLE results ADD COLUMN {_quoted(name)}")
        for names, some in groupby(rows, key=tuple):
            listed = ", ".join(map(_quoted, names))
            marks = ", ".join("?" * len(names))
            database.executemany(
                f"INSERT INTO results ({listed}) VALUES ({marks})",
                [tuple(row.values()) for row in some],
            )

    def _fail(self, error: sqlite3.Error) -> None:
        """Take back the batch. Where SQLite took back everything, nothing can be stored now."""
        failed = SinkFailed(
            f"{str(self._part)!r} cannot be written: {error}", hint="is the disk full?"
        )
        try:
            self._connection.execute("ROLLBACK TO batch")
        except sqlite3.Error:
            self._broken = failed
        raise failed from error

    def _commit(self) -> None:
        database = self._connection
        try:
            if database.in_transaction:
                database.execute("COMMIT")
        except sqlite3.Error as error:
            self._broken = SinkFailed(
                f"{str(self._part)!r} cannot be written: {error}", hint="is the disk full?"
            )
            raise self._broken from error

    def _disconnect(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _release(self) -> None:
        """Remove the lock."""
        self._hold.part.unlink(missing_ok=True)
        self._hold.let_go()

    @staticmethod
    def _last_row(database: sqlite3.Connection) -> int:
        (last,) = database.execute(f"SELECT max({_ROWID}) FROM results").fetchone()
        return last or 0

    def _named(self, mark: Mark) -> Path:
        name = entry(mark, "file", str)
        ours = [self.path, self._hold.part, *self._parts]
        path = next((path for path in ours if path.name == name), None)
        if path is None:
            raise UsageError(
                f"the run was stored into {name!r}, which does not belong to {str(self.path)!r}",
                hint="give the path that the run was begun with",
            )
        return path

    def _find(self, mark: Mark) -> Path:
        """Return the file that has what *mark* speaks of, as far as a quick look can tell."""
        rows, last = entry(mark, "rows", int), entry(mark, "last", int)
        named = self._named(mark)
        try:
            _check_last(named, last, exactly=named == self.path)
        except UsageError:
            # The run may have put it in place, and died before it could say so.
            if named == self.path or not self._is_final(rows, last, entry(mark, "crc", int)):
                raise
            return self.path
        return named

    def _is_final(self, rows: int, last: int, crc: int) -> bool:
        try:
            _check_last(self.path, last, exactly=True)
            found = _counted(self.path, last)
        except (UsageError, sqlite3.Error):
            return False
        return (found.count, found.crc) == (rows, crc)


class _Tally:
    """How many rows there are, the number of the last, and a checksum of what is in them."""

    def __init__(self, count: int = 0, last: int = 0, crc: int = 0) -> None:
        self.count = count
        self.last = last
        self.crc = crc

    def add(self, row: _Cells) -> None:
        # NULL is left out, so that a column that comes later changes nothing; the order too.
        # ASCII, as what counts as printable depends on the version of Python.
        cells = sorted((name, cell) for name, cell in row.items() if cell is not None)
        self.crc = zlib.crc32(ascii(cells).encode(), self.crc)
        self.count += 1


def _counted(path: Path, last: int) -> _Tally:
    """Read all rows up to *last*."""
    tally = _Tally()
    with closing(_connect(path)) as database:
        for tally.last, row in _rows(database, last):
            tally.add(row)
    return tally


def _connect(path: Path, *, anew: bool = False) -> sqlite3.Connection:
    """Open *path*, which is made only if *anew*; what a crash has left half done is undone."""
    mode = "rwc" if anew else "rw" if os.access(path, os.W_OK) else "ro"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,  # one thread at a time, but not always the same
    )


def _rows(database: sqlite3.Connection, last: int | None) -> Iterator[tuple[int, _Cells]]:
    at = -1
    until = _INT64[-1] if last is None else last
    while True:
        cursor = database.execute(
            f"SELECT {_ROWID}, * FROM results WHERE {_ROWID} > ? AND {_ROWID} <= ? "
            f"ORDER BY {_ROWID} LIMIT {_PAGE}",
            [at, until],
        )
        names = [column[0] for column in cursor.description[1:]]
        page = cursor.fetchall()
        if not page:
            return
        for number, *cells in page:
            yield number, dict(zip(names, cells, strict=True))
        at = page[-1][0]


def _check_last(path: Path, last: int, *, exactly: bool) -> None:
    if not path.exists():
        raise UsageError(f"{str(path)!r} is gone", hint=_START_ANEW)
    try:
        with closing(_connect(path)) as database:
            (found,) = database.execute(f"SELECT max({_ROWID}) FROM results").fetchone()
    except sqlite3.Error as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}", hint=_START_ANEW) from error
    found = found or 0
    if found < last or (exactly and found > last):
        raise UsageError(
            f"{str(path)!r} was changed since it was written: "
            f"its last row is number {found:,}, and was {last:,}",
            hint=_START_ANEW,
        )


def _check_replaceable(path: Path) -> None:
    """
    Make sure that *path* has nothing but what such a sink has written.

    Raises:
        UsageError: It is a database with other tables.
    """
    if not path.exists():
        return
    try:
        with closing(_connect(path)) as database:
            found = database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'results'"
            ).fetchone()
    except sqlite3.DatabaseError:
        return  # no database: replaced, like any old file
    if found is not None:
        raise UsageError(
            f"{str(path)!r} is a database with other tables, such as {found[0]!r}, "
            "and would be replaced",
            hint="choose another file",
        )


def _remove(path: Path, *, beside_only: bool = False) -> None:
    """Remove a database and what it may have beside it, or only the latter."""
    for suffix in ("-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    if not beside_only:
        path.unlink(missing_ok=True)


def _check_name(name: str, column: str) -> None:
    if "\0" in name:
        raise SinkFailed(f"SQLite takes no such name of a column: {name!r:.60}")
    if name.translate(_FOLD) == _ROWID:
        raise SinkFailed(f"{name!r} is SQLite's own name of a column", hint="rename the field")
    if name != column:
        raise SinkFailed(
            f"the field {name!r} and the column {column!r} have one name in SQLite",
            hint="rename one of them",
        )


def _cell(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if is_scalar_of_numpy(value) and isinstance(value.item(), float):
        value = value.item()
    if isinstance(value, float) and not isinstance(value, Enum):
        flat: Any = float(value)
    else:
        flat = value if type(value) in {str, int} else plain(value)
    if isinstance(flat, float):
        return None if math.isnan(flat) else flat + 0.0  # SQLite may lose the sign of -0.0
    if isinstance(flat, bool | int):
        return int(flat) if flat in _INT64 else str(flat)
    if flat is None or isinstance(flat, str):
        return flat if flat is None else _clean(flat)
    return _clean(dumps(flat))


def _clean(text: str) -> str:
    return text if text.isascii() else encoded(text).decode()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
