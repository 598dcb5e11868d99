"""One file of results: a row appended for each request that ended, rebuilt in order at the end.

The record of the run is the truth, and this file a view of it. So a row that could not be appended
is not lost, rows need no ``fsync``, and whatever another program did to the file is undone when it
is rebuilt.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import treadle
from treadle.prompts.columns import Columns
from treadle.prompts.rewriting import Rewriting
from treadle.prompts.row_formats import format_of
from treadle.prompts.values import Ask, Ended
from treadle.prompts.whole_file import failed, is_stream

_FLUSH_AT = 1 << 18


class ResultsFile:
    """
    The results of a run in one file, or on stdout. Safe to use from several threads.

    Args:
        path: The file; None for stdout, which only gets the rows of `finish`. So does what is no
            regular file, such as a pipe.
        columns: What stands in it.
        bom: Begin a CSV file with a byte order mark, which Excel needs.
        stdout: Takes the text for stdout; default: ``treadle.cli.put``.
    """

    def __init__(
        self,
        path: Path | None,
        columns: Columns,
        *,
        bom: bool = False,
        stdout: Callable[[str], object] | None = None,
    ) -> None:
        self._path = path
        self._columns = columns
        self._format = format_of("" if path is None else str(path), columns, bom=bom)
        self._bom = bom
        self._stdout = stdout
        self._descriptor: int | None = None
        self._lock = threading.Lock()

    @property
    def path(self) -> Path | None:
        """The file; None for stdout."""
        return self._path

    def begin(self, rows: Iterable[tuple[Ask, Ended]] = ()) -> None:
        """
        Put a file in place that has the names of the columns and *rows*, in one step.

        Args:
            rows: What is known already when a run is resumed.

        Raises:
            SinkFailed: The file cannot be written.
        """
        if self._path is not None and not is_stream(self._path):
            self._write_whole(rows)

    def add(self, rows: Iterable[tuple[Ask, Ended]]) -> None:
        """
        Append *rows* as whole lines, all at once.

        Raises:
            SinkFailed: The file cannot be written. It has only whole lines all the same, and the
                next call tries again.
        """
        path = self._path
        if path is None:
            return
        with self._lock:
            lines = self._format.rows(rows)
            try:
                if self._descriptor is None:
                    if is_stream(path):
                        return
                    self._descriptor = _opened(path, self._format.head())
                _append(self._descriptor, lines)
            except OSError as error:
                raise failed(path, error) from error

    def finish(self, rows: Iterable[tuple[Ask, Ended]]) -> None:
        """
        Write the file anew with *rows* in their order, and put it in place in one step.

        Args:
            rows: All rows, in input order. They are read one by one, and twice when JSON columns
                are discovered, which an iterator cannot be.

        Raises:
            SinkFailed: The file cannot be written; it stays as it was.
            UsageError: *rows* cannot be read twice, and must be.
        """
        discover(self._columns, rows)
        self._write_whole(rows)

    def close(self) -> None:
        """Let go of the file; `add` opens it again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _write_whole(self, rows: Iterable[tuple[Ask, Ended]]) -> None:
        self.close()
        anew = Rewriting(self._path, self._columns, bom=self._bom, stdout=self._stdout)
        try:
            held = 0
            for ask, ended in rows:
                held += anew.add(ask, ended)
                if held > _FLUSH_AT:
                    anew.flush()
                    held = 0
            anew.put()
        except BaseException:
            anew.discard()
            raise


def discover(columns: Columns, rows: Iterable[tuple[Ask, Ended]]) -> None:
    """
    Let *columns* see all rows, if which columns there are depends on them.

    Raises:
        UsageError: *rows* can be read only once.
    """
    if not columns.are_discovered:
        return
    if iter(rows) is rows:
        raise treadle.UsageError(
            "rows are read twice to discover JSON columns, but this is an iterator",
            hint="pass a list, or an object whose __iter__ reads them again",
        )
    for _, ended in rows:
        columns.discover(ended)


def _opened(path: Path, head: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        if not os.fstat(descriptor).st_size:
            _append(descriptor, head)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _append(descriptor: int, content: bytes) -> None:
    """Write all of *content*, or nothing."""
    written = 0
    try:
        while written < len(content):
            written += os.write(descriptor, content[written:] if written else content)
    except OSError:
        if written:  # a full disk has taken a part
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        raise
