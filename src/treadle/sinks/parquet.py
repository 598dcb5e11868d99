"""Writes Parquet: a column ``key`` and one for each field of the values.

Arrow is imported when the sink is made, never before.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from treadle.core.item import Key
from treadle.core.outcome import AnyOutcome, Succeeded
from treadle.core.protocols import Mark
from treadle.errors import SinkFailed, UsageError
from treadle.sinks.arrow import (
    fitted,
    key_only,
    leave_out,
    require_arrow,
    table_of,
    text_keys,
    united,
)
from treadle.sinks.columns import KEY, VALUE, refusal
from treadle.sinks.journal import Journal
from treadle.sinks.partfile import PartFile, put_in_place, sync_folder
from treadle.sinks.parts import (
    Part,
    PartsFolder,
    Stored,
    found,
    has_any,
    has_nothing,
    join,
    schema_of,
    writer_for,
)
from treadle.sinks.pending import Pending

_MAX_BYTES = 32 << 20
"""Bytes kept in memory before they are written, whatever the number of rows."""

_MAX_JOURNAL = 4 * _MAX_BYTES
"""Bytes of a journal before it is written anew; many small entries say the columns many times."""


class Parquet:
    """
    A Parquet file with the rows of each item that succeeded, in the order in which they settle.

    How a value becomes rows stands in ``sinks.columns``: records give a column for each field,
    lists of records and frames (Arrow, Polars, pandas) several rows with the same key, all else a
    column ``value``. Nested records and lists stay nested.

    The first values decide the types of the columns. Later ones may widen them: null to anything,
    whole numbers to floats (those beyond 2**53 are rounded), decimals to more digits, a column or a
    nested field that was not there before (null in earlier rows). What was written is then
    converted when the file is closed. A value that fits no such rule, such as text in a column of
    numbers, is refused, with both types named; all others are stored. Keys of both kinds become
    text. Times with a zone are stored in UTC.

    Rows are written in groups, so memory is bounded by one group. The file appears when it is
    whole; until then it is ``NAME.part``. After a late change of types, and in a run that can be
    resumed, it is in several parts, of which all but the first are in a folder ``NAME.parts``.

    Args:
        path: The file; folders above it are made. An old one stays until the new one is whole.
        group: Rows in a row group.

    Raises:
        MissingExtra: pyarrow is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], *, group: int = 65_536) -> None:
        require_arrow()
        self._lock = PartFile(path)  # nothing but the lock; Arrow opens the files for itself
        self._folder = PartsFolder(self.path)
        self._group = group
        self._readable = Stored((Part(self.path),))
        self._begin()

    def _begin(self) -> None:
        self._pending = Pending()
        self._schema: Any = None
        self._writer: Any = None
        self._parts: list[Part] = []
        self._journal: Journal | None = None
        # What the last mark speaks of, and that mark if nothing was stored since.
        self._safe = Stored()
        self._mark: Mark | None = None
        self._first_is_free = True
        self._kept: Path | None = None
        self._broken: SinkFailed | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self._lock.path

    def open(self) -> None:
        """
        Begin the file.

        Raises:
            UsageError: The place cannot be written to.
        """
        self._lock.hold(anew=True)
        self._begin()
        try:
            self._folder.sweep()
        except OSError as error:
            self._lock.let_go()
            raise UsageError(
                f"{str(self._folder.path)!r} cannot be written: {error.strerror or error}",
                hint="choose a place that can be written to",
            ) from error

    def resume(self, mark: Mark, without: Collection[Key] = ()) -> None:
        """
        Go on after *mark*; what was written later is taken back.

        Args:
            mark: What ``mark`` has returned, in this process or an earlier one.
            without: Leave out the rows of these items.

        Raises:
            UsageError: What *mark* speaks of was changed or removed, or another run writes it.
        """
        found(mark, self.path)  # before anything is made or locked
        self._lock.hold()
        try:
            stored = found(mark, self.path, fully=True)
            self._begin()
            self._go_on(stored, text_keys(without))
        except BaseException as error:
            self._release()
            if isinstance(error, OSError | SinkFailed):
                failed = error if isinstance(error, SinkFailed) else _unwritable(self.path, error)
                raise UsageError(
                    f"the run cannot be resumed: {failed.message}", hint=failed.hint
                ) from error
            raise

    def look(self, mark: Mark) -> None:
        """
        Make ``values`` and ``stored`` read what *mark* speaks of; nothing is written.

        Raises:
            UsageError: It is not there any more, or this file is being written.
        """
        self._check_not_open()
        self._readable = found(mark, self.path)

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """
        Take the rows of each value; return those whose columns do not fit.

        Raises:
            SinkFailed: Nothing can be written, such as when the disk is full.
        """
        self._check_sound()
        refused: list[tuple[AnyOutcome, SinkFailed]] = []
        self._take([outcome for outcome in outcomes if outcome.ok], refused)
        return refused

    def mark(self, *, whole: bool = False) -> Mark:
        """
        Make everything written so far safe on disk; return how to come back to this point.

        Args:
            whole: Join the parts; after that, ``close`` only gives the file its name.

        Raises:
            SinkFailed: That is not possible, such as when the disk is full.
        """
        if not self._lock.is_open:
            return self._mark_of_closed()
        self._check_sound()
        if self._mark is not None and (self._safe.is_whole or not whole):
            return self._mark
        try:
            # By now the last mark was committed, so nothing needs what came before it.
            self._folder.sweep(self._files())
            if whole:
                self._make_whole()
            else:
                self._end_part()
                self._note()
            for part in self._parts:
                part.seal()
            if not self._stored().files <= self._safe.files:
                self._folder.sync()
        except OSError as error:
            self._fail(error)
        self._safe = self._stored()
        self._mark = self._safe.mark(self.path)
        return self._mark

    def close(self) -> None:
        """
        Write what is pending and put the file in its place.

        Raises:
            SinkFailed: The file cannot be finished; an old one is as it was.
        """
        if not self._lock.is_open:
            return
        self._check_sound()
        whole = self._make_whole()
        # Unless that is what the last mark speaks of, a run may be resumed from other files.
        keep = frozenset() if self._safe == self._stored() else self._safe.files
        try:
            if whole.path == self._folder.first:
                self._folder.sweep(keep)  # while the lock has its name: later it is not ours
            if whole.path != self.path:
                put_in_place(whole.path, self.path)
            if whole.path != self._folder.first:
                self._folder.sweep(keep)
                if self._folder.first not in keep:
                    self._folder.first.unlink(missing_ok=True)
        except OSError as error:
            self._fail(error)
        self._readable = Stored((Part(self.path, whole.size, whole.crc),))
        self._mark = None
        self._lock.let_go()

    def abandon(self) -> str | None:
        """
        Keep what was written as ``NAME.part``; the file from before stays as it is.

        After a mark, what it speaks of is kept as it is. As long as that is a journal only,
        ``NAME.part`` is made all the same, for people to look at.

        Returns:
            The path of what is kept, a folder if there are several parts; None when there is
            nothing to keep: no row, or a full disk, which leaves Parquet that cannot be read.
        """
        if self._lock.is_open:
            marked = self._safe.files
            with suppress(SinkFailed):
                self._end_part()
            self._kept = first = self._keep_first()
            if marked:
                self._readable = self._safe
                self._kept = first or (min(marked) if len(marked) == 1 else self._folder.path)
            else:
                self._readable = Stored(() if first is None else (Part(first),))
                with suppress(OSError):
                    self._folder.sweep()
            self._release(empty=self._kept is None)
        return None if self._kept is None else str(self._kept)

    def _keep_first(self) -> Path | None:
        """Make ``NAME.part`` of all rows, unless there are none, or a mark needs that name."""
        first = self._folder.first
        is_ours = self._first_is_free or not self._safe.files or first in self._stored().files
        if self._safe.parts or self._schema is None or not is_ours:
            return None
        try:
            self._check_sound()
            whole = self._make_whole()
            if whole.path != first:
                put_in_place(whole.path, first)
        except SinkFailed:
            return None
        return first

    def values(self) -> Iterator[dict[str, Any]]:
        """
        Read the file: a dict for each row, lazily, in file order.

        Raises:
            UsageError: The file is still being written.
        """
        self._check_not_open()
        return (row for table in self._readable.tables() for row in table.to_pylist())

    def stored(self) -> Iterator[tuple[Key, Any]]:
        """
        Read the file: the key and the value of each row, lazily, in file order.

        A value is a dict of the fields, or what stands in the column ``value`` if there is no
        other.

        Raises:
            UsageError: The file is still being written.
        """
        self._check_not_open()
        return _keyed(self._readable)

    def __repr__(self) -> str:
        return f"Parquet({str(self.path)!r})"

    # --- the lock ---

    def _release(self, *, empty: bool = False) -> None:
        """Unlock, and remove what was there to be locked only, or holds nothing (*empty*)."""
        first = self._folder.first
        if empty or (first.exists() and not first.stat().st_size):
            first.unlink(missing_ok=True)
        self._lock.let_go()

    def _check_not_open(self) -> None:
        if self._lock.is_open:
            raise UsageError(f"{str(self.path)!r} is still being written")

    def _check_sound(self) -> None:
        if not self._lock.is_open:
            raise SinkFailed(f"{str(self.path)!r} is not open")
        if self._broken is not None:
            raise self._broken

    # --- rows, until they are in a part ---

    def _take(
        self, outcomes: list[Succeeded[Any]], refused: list[tuple[AnyOutcome, SinkFailed]]
    ) -> None:
        """Take all at once, which is fast; one by one where that fails, to find which it is."""
        if not outcomes:
            return
        try:
            table = table_of(outcomes)
            schema = table.schema if self._schema is None else united(self._schema, table.schema)
            table = fitted(table, schema)
        except Exception as error:  # the values' own code runs here
            if len(outcomes) == 1:
                refused.append(refusal(outcomes[0], error))
            else:
                for outcome in outcomes:
                    self._take([outcome], refused)
            return
        if table.num_rows or table.num_columns > 1:  # else there was nothing but empty lists
            self._schema = schema
            self._mark = None
        if table.num_rows:
            self._append(table)

    def _append(self, table: Any) -> None:
        self._pending.add(table, self._schema)
        if self._pending.rows >= self._group or self._pending.size >= _MAX_BYTES:
            self._flush()

    def _flush(self) -> None:
        """Write what is pending to the part that is open."""
        if not self._pending.rows:
            return
        table = self._pending.all(self._schema)
        try:
            if self._writer is None or self._writer.schema != self._schema:
                self._end_part()
                self._begin_part(self._schema)
            self._writer.write_table(table, row_group_size=self._group)
        except OSError as error:
            self._fail(error)
        self._pending = Pending()
        self._journal = None

    def _note(self) -> None:
        """Add what is pending, and not yet there, to the journal."""
        if self._schema is None:
            return
        if self._journal is None or self._journal.size > _MAX_JOURNAL:
            self._journal = Journal(self._folder.new(".journal"))
            self._pending.forget()
        self._journal.append(self._pending.new(self._schema))
        self._pending.note()

    def _begin_part(self, schema: Any) -> None:
        path = self._folder.first if self._first_is_free else self._folder.new(".part")
        self._first_is_free = False
        self._writer = writer_for(path, schema)
        self._parts.append(Part(path))

    def _end_part(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                self._fail(error)

    def _make_whole(self) -> Part:
        """Bring everything into one part, and return that."""
        self._flush()
        self._end_part()
        schema = key_only() if self._schema is None else self._schema
        try:
            if not self._parts:
                self._begin_part(schema)
                self._end_part()
            if len(self._parts) > 1 or schema_of(self._parts[0].path) != schema:
                whole = Part(self._folder.new(".part"))
                join(self._parts, schema, whole.path)
                self._parts = [whole]
        except OSError as error:
            self._fail(error)
        self._journal = None
        return self._parts[0]

    def _fail(self, error: OSError) -> NoReturn:
        self._broken = _unwritable(self.path, error)
        raise self._broken from error

    # --- what is on disk ---

    def _stored(self) -> Stored:
        journal = None if self._journal is None else replace(self._journal)
        return Stored(tuple(self._parts), journal)

    def _files(self) -> frozenset[Path]:
        """Return what is needed: by the last mark, or by the next one."""
        return self._safe.files | self._stored().files

    def _go_on(self, stored: Stored, without: Collection[str]) -> None:
        """Have all of *stored* but the rows of *without*, and nothing else."""
        self._safe = stored
        self._folder.sweep(stored.files)
        self._first_is_free = self._folder.first not in stored.files
        if self._first_is_free:
            self._lock.cut(0, 0)
        # A file of no items does not decide what the keys of the next ones are.
        self._parts = [part for part in stored.parts if not has_nothing(part)]
        if stored.journal is None:
            self._schema = schema_of(self._parts[0].path) if self._parts else None
        else:
            self._go_on_with(stored.journal, without)
        if without:
            self._parts = [part for old in self._parts for part in self._freed(old, without)]
        if self._stored() == stored:
            self._mark = stored.mark(self.path)

    def _go_on_with(self, journal: Journal, without: Collection[str]) -> None:
        journal.cut()
        rows = journal.table()
        left = leave_out(rows, without)
        self._schema = rows.schema
        self._pending.add(left, self._schema)
        if left.num_rows == rows.num_rows:
            self._pending.note()
            self._journal = journal

    def _freed(self, old: Part, without: Collection[str]) -> list[Part]:
        """Write *old* again under another name, if that is needed to leave out rows."""
        if not has_any(old, without):
            return [old]
        new = Part(self._folder.new(".part"))
        if join([old], schema_of(old.path), new.path, without):
            return [new]
        new.path.unlink()
        return []

    def _mark_of_closed(self) -> Mark:
        if not self._readable.is_whole or self._readable.files != {self.path}:
            raise SinkFailed(f"{str(self.path)!r} is not open")
        try:
            self._readable.parts[0].seal()
            sync_folder(self.path.parent)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return self._readable.mark(self.path)


def _unwritable(path: Path, error: OSError) -> SinkFailed:
    return SinkFailed(
        f"{str(path)!r} cannot be written: {error.strerror or error}", hint="is the disk full?"
    )


def _keyed(stored: Stored) -> Iterator[tuple[Key, Any]]:
    for table in stored.tables():
        bare = table.schema.names == [KEY, VALUE]
        for row in table.to_pylist():
            key = row.pop(KEY)
            yield key, row[VALUE] if bare else row
