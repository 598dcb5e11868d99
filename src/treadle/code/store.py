"""The files of an output with their chunks, by path: where a run stores, what the next one asks.

A database beside the output (see ``places``). A file is stored with its size and times and with
the *salt* of how it was cut, so a later session knows what it need not do again: after a kill as
well as in an incremental run. As the sink of a run it takes what workers made of each file; one
that is stored again takes the place of what there was.

Whoever has it open has it alone (the lock of the output sees to that), which lets SQLite do
without shared memory.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import treadle
from treadle.code.discovery import Found
from treadle.code.rendering import Facts, Todo, stat_of
from treadle.code.report import Failed, OfLanguage, Report

_FORMAT = 1
_SCHEMA = f"""
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, refused TEXT,
    read_at_ns INTEGER NOT NULL, salt TEXT NOT NULL,
    {", ".join(f'"{name}"' for name in Facts._fields)},
    number INTEGER NOT NULL  -- of the writing that stored it
);
CREATE TABLE lines (id INTEGER PRIMARY KEY, lines BLOB NOT NULL);  -- by the id of the file
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
PRAGMA user_version = {_FORMAT};
"""
_COLUMNS = (
    *("path", "size", "mtime_ns", "ctime_ns", "inode", "refused", "read_at_ns", "salt"),
    *Facts._fields,
    "number",
)
_UPSERT = (
    f"INSERT INTO files ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608  our own words
    f"ON CONFLICT (path) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _COLUMNS[1:])}"
)
_LINES = "INSERT OR REPLACE INTO lines SELECT id, ? FROM files WHERE path = ?"
_SEEN = (
    "UPDATE files SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, refused = ?, "
    "read_at_ns = ?, number = ? WHERE path = ?"
)
_SUFFIXES = ("", "-wal", "-shm", "-journal")  # of the files that SQLite makes
_FAILED = "failed"  # a status beside those of ``FileChunks``

_TICK_NS = 20_000_000
"""Times of files are those of the clock's last tick, which may be so long ago."""

_SECOND = 1_000_000_000


@dataclass(slots=True)
class Compared:
    """
    What is found, beside what is stored.

    Attributes:
        todo: What is to be looked at, largest first.
        unchanged: How many files are as they were.
        removed: Paths that are stored and were not found.
    """

    todo: list[Todo] = field(default_factory=list)
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)


class Store:
    """
    The database; a :class:`treadle.DurableSink`.

    Args:
        path: The file; folders above it are made. What is no such database, or one of another
            format, is begun anew: all that it holds can be made again.
        salt: Returns what decides, beside the file itself, how files of a language are cut.

    Attributes:
        same: How many files were looked at and held what they had held.
    """

    def __init__(self, path: Path, salt: Callable[[str], str]) -> None:
        self._path = path
        self._salt = salt
        self._database: sqlite3.Connection | None = None
        self._cursors: set[sqlite3.Cursor] = set()
        self._is_read_only = False
        self._number = 0
        self.same = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    # ── a sink ──────────────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        """
        Open the database, or make it. Harmless when it is open.

        Raises:
            SinkFailed: It cannot be opened.
        """
        if self._database is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._remove_links()
            try:
                self._connect()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # no database, or a damaged one
                self.remove()
                self._connect()
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            raise self._failed(error) from error

    def open_as_it_is(self) -> bool:
        """
        Open the database to be read, and change nothing on the disk.

        Returns:
            Whether there is one that can be read.
        """
        of_other_sessions = self._file("-wal").exists()
        options = "mode=ro" if of_other_sessions else "mode=ro&immutable=1"
        uri = f"{self._path.absolute().as_uri()}?{options}"
        try:
            self._database = sqlite3.connect(uri, uri=True, isolation_level=None)
            self._is_read_only = True
            tables = self._tables()
        except sqlite3.Error:
            tables = 0
        if not tables:
            self._disconnect()
        return tables > 0

    def _tables(self) -> int:
        """Return how many tables there are, after checking that they are of our format."""
        (form,) = self._connection.execute("PRAGMA user_version").fetchone()
        (tables,) = self._connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if tables and form != _FORMAT:
            raise sqlite3.DatabaseError(f"format {form}")
        return int(tables)

    def _connect(self) -> None:
        self._database = database = sqlite3.connect(self._path, isolation_level=None)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        tables = self._tables()
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA cache_size = -16000")
        if not tables:
            database.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        (number,) = database.execute("SELECT COALESCE(MAX(number), 0) FROM files").fetchone()
        self._number = int(number)

    def write(
        self, outcomes: Sequence[treadle.AnyOutcome]
    ) -> list[tuple[treadle.AnyOutcome, treadle.SinkFailed]]:
        """
        Take what became of files: their chunks, or that they failed. None is refused.

        Raises:
            SinkFailed: Nothing can be stored, such as when the disk is full; of *outcomes* nothing
                was.
        """
        number = self._number + 1
        seen, cut, made, failed = [], [], [], []
        for outcome in outcomes:
            path = str(outcome.key)
            if outcome.ok:
                stat, read_at, facts, lines = outcome.value
                if facts is None:
                    seen.append((*stat, read_at, number, path))
                else:
                    cut.append((path, *stat, read_at, self._salt(facts[0]), *facts, number))
                    made.append((lines, path))
            elif outcome.kind != "cancelled":
                failed.append(self._failure(path, outcome, number))
        differs = self._differ(cut, made) or any(self._has_chunks(row[0]) for row in failed)
        with self._changing() as database:
            database.executemany(_SEEN, seen)
            if differs:
                self._forget_output()
            database.executemany(_UPSERT, [*cut, *failed])
            database.executemany(_LINES, [*made, *((b"", row[0]) for row in failed)])
        self._number = number
        self.same += len(seen)
        return []

    @staticmethod
    def _failure(path: str, outcome: treadle.FailedOutcome, number: int) -> tuple[Any, ...]:
        facts = Facts(
            language="",
            status=_FAILED,
            reason=outcome.failure.message,
            detail=outcome.failure.hint,
            method=None,
            encoding="",
            newline="",
            bytes=0,
            hash="",
            grammar=None,
            errors=0,
            chunks=0,
            tokens=0,
            counts="",
        )
        return (path, 0, 0, 0, 0, "", 0, "", *facts, number)

    def _has_chunks(self, path: str) -> bool:
        query = "SELECT 1 FROM files WHERE path = ? AND status <> ?"
        return self._connection.execute(query, (path, _FAILED)).fetchone() is not None

    def _differ(self, cut: list[tuple[Any, ...]], made: list[tuple[bytes, str]]) -> bool:
        """Tell whether files are not what they were when the output was written."""
        if not any(self._read("SELECT 1 FROM facts WHERE name = 'output'")):
            return True  # it is not right anyway
        names = ", ".join(Facts._fields)
        query = f"SELECT {names}, lines FROM files JOIN lines USING (id) WHERE path = ?"  # noqa: S608
        return any(
            next(self._read(query, (path,)), None) != (*row[-1 - len(Facts._fields) : -1], lines)
            for row, (lines, path) in zip(cut, made, strict=True)
        )

    def close(self) -> None:
        """
        Let go of the database; what was written is safe. Harmless when repeated.

        Raises:
            SinkFailed: It cannot be written.
        """
        if self._database is not None:
            try:
                self._commit()
            finally:
                self._disconnect()

    def abandon(self) -> str | None:
        """
        Let go of the database as it was when it was last marked.

        Returns:
            Its path: what is stored need not be done again.
        """
        if self._database is None:
            return None
        self._disconnect()
        return str(self._path)

    def mark(self, *, whole: bool = False) -> treadle.Mark:  # noqa: ARG002  it always is
        """
        Make all that was written safe on disk; return how to come back to this point.

        The same when it is closed: then all is safe.

        Args:
            whole: No difference here.

        Raises:
            SinkFailed: The disk does not take it.
        """
        self._commit()
        return {"number": self._number}

    def resume(self, mark: treadle.Mark, without: Collection[str | int] = ()) -> None:
        """
        Open the database; what was stored after *mark* is taken out, and so is *without*.

        Raises:
            UsageError: It is gone.
            SinkFailed: It cannot be written.
        """
        self.look(mark)
        later = "SELECT id FROM files WHERE number > ?"
        with self._changing() as database:
            self._forget_output()
            self._take_out([str(key) for key in without])
            database.execute(f"DELETE FROM lines WHERE id IN ({later})", (mark["number"],))  # noqa: S608
            database.execute("DELETE FROM files WHERE number > ?", (mark["number"],))
        self._commit()
        self._number = int(mark["number"])

    def look(self, mark: treadle.Mark) -> None:  # noqa: ARG002  the newest is the only one there is
        """
        Open the database to be read.

        Raises:
            UsageError: It is gone.
        """
        if not self._path.exists():
            raise treadle.UsageError(
                f"{str(self._path)!r} is gone", hint="without resuming, the run starts anew"
            )
        self.open()

    def stored(self) -> Iterator[tuple[str, bytes]]:
        """Yield each path and the lines of its chunks, in order of the paths."""
        query = "SELECT path, lines FROM files JOIN lines USING (id) ORDER BY path"
        yield from self._read(query)

    def values(self) -> Iterator[bytes]:
        """Yield the lines of each file, in order of the paths."""
        return (lines for _, lines in self.stored())

    def __repr__(self) -> str:
        return f"Store({str(self._path)!r})"

    # ── what a session asks and tells ───────────────────────────────────────────────────────────

    def compare(self, found: Iterable[Found]) -> Compared:
        """
        Tell which files are not as they were stored.

        Args:
            found: The files, in order of their paths.
        """
        query = (
            "SELECT path, size, mtime_ns, ctime_ns, inode, refused, read_at_ns, salt, language, "
            "hash, status, reason FROM files ORDER BY path"
        )
        rows = self._read(query)
        compared = Compared()
        row = next(rows, None)
        for each in found:
            while row is not None and row[0] < each.path:
                compared.removed.append(row[0])
                row = next(rows, None)
            if row is None or row[0] != each.path:
                compared.todo.append(Todo(each, ""))
                continue
            _, *stat, read_at, salt, language, digest, status, reason = row
            # A parser may have given up because the machine was busy, or the timeout was short.
            again = status == _FAILED or reason == "parser-gave-up"
            if again or salt != self._salt(language):
                compared.todo.append(Todo(each, ""))
            elif tuple(stat) != stat_of(each) or _may_hide_a_change(stat, read_at):
                same_reason = stat[-1] == (each.reason or "")
                compared.todo.append(Todo(each, digest if same_reason else ""))
            else:
                compared.unchanged += 1
            row = next(rows, None)
        while row is not None:
            compared.removed.append(row[0])
            row = next(rows, None)
        compared.todo.sort(key=_largest_first)
        return compared

    def remove_files(self, paths: Sequence[str]) -> None:
        """
        Forget files.

        Raises:
            SinkFailed: The disk does not take it.
        """
        if paths:
            with self._changing():
                self._forget_output()
                self._take_out(paths)
            self._commit()

    def clear(self) -> None:
        """
        Forget all files.

        Raises:
            SinkFailed: The database cannot be made anew.
        """
        self._disconnect()
        try:
            self.remove()
        except OSError as error:
            raise self._failed(error) from error
        self.open()

    def remove(self) -> None:
        """Remove the database from the disk; it must not be open in another place."""
        self._disconnect()
        for suffix in _SUFFIXES:
            self._file(suffix).unlink(missing_ok=True)

    def _remove_links(self) -> None:
        """Remove links that somebody has planted where SQLite would follow them."""
        for suffix in _SUFFIXES:
            if self._file(suffix).is_symlink():
                self._file(suffix).unlink()

    def _file(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def fact(self, name: str) -> Any:
        """Return what was noted under *name*; None when nothing was."""
        for (value,) in self._read("SELECT value FROM facts WHERE name = ?", (name,)):
            return json.loads(value)
        return None

    def note(self, **facts: Any) -> None:
        """
        Note values that JSON can hold.

        Raises:
            SinkFailed: The disk does not take it.
        """
        with self._changing() as database:
            database.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                [(name, json.dumps(value)) for name, value in facts.items()],
            )
        self._commit()

    def files(self) -> Iterator[tuple[str, Facts]]:
        """Yield path and facts of each file that has not failed, in order of the paths."""
        query = (
            f"SELECT path, {', '.join(Facts._fields)} FROM files "  # noqa: S608  our own words
            "WHERE status <> ? ORDER BY path"
        )
        for path, *facts in self._read(query, (_FAILED,)):
            yield path, Facts(*facts)

    def count_into(self, report: Report) -> None:
        """Count all files that are stored."""
        filled, of = 0.0, 0
        languages: dict[str, list[int]] = {}
        kinds: Counter[str] = Counter()
        methods: Counter[str] = Counter()
        query = (
            "SELECT path, language, status, reason, detail, bytes, errors, chunks, tokens, counts "
            "FROM files ORDER BY path"
        )
        for (
            path,
            language,
            status,
            reason,
            detail,
            size,
            errors,
            chunks,
            tokens,
            counts,
        ) in self._read(query):
            if status == _FAILED:
                report.failed.append(Failed(path, reason, detail))
                continue
            report.ok += status == "ok"
            if status == "degraded":
                report.degraded[reason] += 1
            elif status == "skipped":
                report.skipped[reason] += 1
                report.skipped_bytes += size
                continue
            report.chunks += chunks
            report.tokens += tokens
            report.bytes += size
            report.errors += errors > 0
            entry = languages.setdefault(language, [0, 0, 0])
            entry[0] += 1
            entry[1] += size
            entry[2] += chunks
            if chunks:
                told = json.loads(counts)
                kinds.update(told["kinds"])
                methods.update(told["methods"])
                filled += told["fill"][0]
                of += told["fill"][1]
        report.by_language = {name: OfLanguage(*languages[name]) for name in sorted(languages)}
        report.by_kind = Counter(dict(sorted(kinds.items())))
        report.by_method = Counter(dict(sorted(methods.items())))
        report.fill = filled / of if of else None

    # ── the database ────────────────────────────────────────────────────────────────────────────

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._database is not None, "it is not open"
        return self._database

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """
        Do all of the body, or nothing; `_commit` makes it safe.

        Raises:
            SinkFailed: Nothing was done.
        """
        database = self._connection
        try:
            if not database.in_transaction:
                database.execute("BEGIN")
            database.execute("SAVEPOINT change")
            yield database
            database.execute("RELEASE change")
        except sqlite3.Error as error:
            if database.in_transaction:  # a full disk may have ended it
                database.execute("ROLLBACK TO change")
            raise self._failed(error) from error

    def _commit(self) -> None:
        try:
            if self._database is not None and self._database.in_transaction:
                self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _disconnect(self) -> None:
        if self._database is not None:
            for cursor in self._cursors:  # one that is open would keep the file, and its lock
                cursor.close()
            self._cursors.clear()
            self._database.close()
            self._database = None
            if self._is_read_only:  # SQLite could not remove it
                self._file("-shm").unlink(missing_ok=True)
                self._is_read_only = False

    def _take_out(self, paths: Sequence[str]) -> None:
        rows = [(path,) for path in paths]
        of = "SELECT id FROM files WHERE path = ?"
        self._connection.executemany(f"DELETE FROM lines WHERE id = ({of})", rows)  # noqa: S608
        self._connection.executemany("DELETE FROM files WHERE path = ?", rows)

    def _forget_output(self) -> None:
        """The output is not what is stored any more."""
        self._connection.execute("DELETE FROM facts WHERE name = 'output'")

    def _read(self, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        try:
            cursor = self._connection.execute(query, values)
            self._cursors.add(cursor)
            try:
                # Not from the cursor itself: its `close` would be called, and complain when the
                # database is closed already.
                yield from iter(cursor.fetchone, None)
            finally:
                if cursor in self._cursors:
                    self._cursors.remove(cursor)
                    cursor.close()
        except sqlite3.DatabaseError as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> treadle.SinkFailed:
        why = getattr(error, "strerror", None) or error
        return treadle.SinkFailed(
            f"{str(self._path)!r} cannot be written: {why}",
            hint="make room, or let it be written to, and run the same command again: "
            "it goes on from there",
        )


def _largest_first(todo: Todo) -> tuple[int, str]:
    """So that at the end no worker is alone with a large file."""
    return (-todo.found.size, todo.found.path)


def _may_hide_a_change(stat: Sequence[Any], read_at: int) -> bool:
    """
    Tell whether a file may have been changed after it was read without looking different.

    That is so when it was read within the tick of the clock in which it was changed.
    """
    _, mtime, ctime, *_ = stat
    # Nobody can set the time of change; on Windows it is that of creation.
    changed = mtime if sys.platform == "win32" else ctime or mtime
    whole = mtime % _SECOND == 0 and ctime % _SECOND == 0  # all that this file system stores
    return bool(read_at - changed < (2 * _SECOND if whole else _TICK_NS))
