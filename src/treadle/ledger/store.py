"""The database of one run, and what may go wrong with it.

WAL, so that readers never wait for the writer nor it for them; ``synchronous=FULL``, so that what
was committed is there after a power cut. Both were measured: a commit costs one ``fsync``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from treadle.errors import RunFailed, TreadleError, UsageError
from treadle.ledger.format import DATABASE
from treadle.ledger.rows import SCHEMA

CACHE = 16 << 10  # KiB of pages kept in memory: enough for the inner pages of a million keys

_READER: dict[str, Any] = {"timeout": 30, "check_same_thread": False}
_WRITER: dict[str, Any] = {**_READER, "isolation_level": None}


def create(folder: Path) -> sqlite3.Connection:
    """
    Make the database of a new run.

    Raises:
        UsageError: That is not possible there.
    """
    with explained(folder), _closed_on_error(sqlite3.connect(folder / DATABASE, **_WRITER)) as made:
        _set_up(made)
        made.executescript(SCHEMA)
        return made


def open_to_write(folder: Path) -> sqlite3.Connection:
    """
    Open the database of a run to go on with it.

    Raises:
        UsageError: It is not there, damaged, or cannot be written to.
    """
    with explained(folder):
        if not (folder / DATABASE).is_file():
            raise _damaged(folder, "it is missing")
        with _closed_on_error(sqlite3.connect(folder / DATABASE, **_WRITER)) as found:
            _set_up(found)
            _check(found, folder)
            found.execute("UPDATE facts SET value = value WHERE name = ''")  # may we?
            # A record of an older treadle has none, and need not.
            found.execute("CREATE INDEX IF NOT EXISTS attempts_by_key ON attempts (key)")
            return found


def open_to_read(folder: Path) -> sqlite3.Connection:
    """
    Open the database of a run to look at it, also while it goes on.

    Raises:
        UsageError: It is not there, damaged, or cannot be read.
    """
    path = folder / DATABASE
    with explained(folder):
        if not path.is_file():
            raise _damaged(folder, "it is missing")
        try:
            return _open_at(f"{_uri(path)}?mode=ro", folder)
        except sqlite3.OperationalError:
            # On a read-only disk SQLite cannot make the files that WAL needs; nobody writes there.
            return _open_at(f"{_uri(path)}?mode=ro&immutable=1", folder)


def _uri(path: Path) -> str:
    return "file:" + quote(str(path))


def _open_at(uri: str, folder: Path) -> sqlite3.Connection:
    with _closed_on_error(sqlite3.connect(uri, uri=True, **_READER)) as database:
        _check(database, folder)
        return database


def _set_up(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(f"PRAGMA cache_size = -{CACHE}")


def _check(database: sqlite3.Connection, folder: Path) -> None:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not {"items", "facts"} <= tables:
        raise _damaged(folder, "it has no table of items")


@contextmanager
def _closed_on_error(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield database
    except BaseException:
        database.close()
        raise


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """
    Say what it means when the block cannot read the database.

    Raises:
        UsageError: That is so, or what stands in it makes no sense.
    """
    try:
        yield
    except TreadleError:
        raise
    except sqlite3.OperationalError as error:
        raise UsageError(
            f"the ledger of the run {folder.name} cannot be opened: {error}",
            hint="keep runs on a local disk that can be written to: runs_dir= (--runs-dir) or "
            "TREADLE_RUNS_DIR",
        ) from error
    except (sqlite3.Error, ValueError, TypeError, LookupError, RecursionError) as error:
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error


def _damaged(folder: Path, how: str) -> UsageError:
    return UsageError(
        f"the ledger of the run {folder.name} cannot be used: {how}",
        hint=f"restore {str(folder / DATABASE)!r}, or begin a new run",
    )


@contextmanager
def transaction(database: sqlite3.Connection, folder: Path) -> Iterator[None]:
    """
    Make the block one transaction.

    Raises:
        RunFailed: It cannot be committed; nothing of it is in the database.
    """
    try:
        try:
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise RunFailed(
            f"the ledger of the run {folder.name} cannot be written: {error}",
            hint=f"what it holds is safe: make room on the disk, then treadle resume {folder.name}",
        ) from error
