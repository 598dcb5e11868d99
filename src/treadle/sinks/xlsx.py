"""Writes an Excel workbook with one sheet: what ``export`` makes of a run, and no run goes on with.

Rows wait in an unnamed file until all columns are known, for the sheet is written from its top, and
its first row names them. So memory does not grow with the number of rows.
"""

from __future__ import annotations

import math
import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import IO, Any

from treadle.core.outcome import AnyOutcome
from treadle.errors import MissingExtra, SinkFailed
from treadle.sinks.columns import KEY, Row, native, refusal, rows_of, text
from treadle.sinks.partfile import claim, make_folder, part_of, put_in_place, release, target

# "Excel specifications and limits", Microsoft; the first row has the names of the columns.
ROWS = 1_048_576
COLUMNS = 16_384
CHARACTERS = 32_767  # in a cell, in units of UTF-16
EXACT = 10**15  # Excel keeps 15 digits of a number

_ELSE = "a .csv, .parquet or .sqlite file has no such limit"
_FIRST_YEAR = 1900  # of Excel's calendar


class Xlsx:
    """
    A workbook with a row for each row of the values, and ``key`` as its first column.

    Numbers, truth, dates and times without a zone become cells of that kind. What Excel has no
    exact form for becomes text: whole numbers of more than 15 digits, NaN, times with a zone, dates
    before 1900; nested values become JSON. Text is text, never a formula. The file appears when it
    is whole.

    Args:
        path: The file; folders above it are made.

    Raises:
        MissingExtra: XlsxWriter is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import xlsxwriter  # noqa: F401  here, so that it is missed before anything is read
        except ImportError as error:
            raise MissingExtra("XlsxWriter", "xlsx", purpose="writing .xlsx files") from error
        self.path = target(path)
        self._part = part_of(self.path)
        self._lock: Any = None
        self._rows: IO[bytes] | None = None
        self._columns: dict[str, int] = {}
        self._count = 0

    def open(self) -> None:
        """
        Get ready.

        Raises:
            UsageError: The place cannot be written to.
        """
        make_folder(self.path.parent)
        self._lock = claim(self._part, self.path)
        self._rows = tempfile.TemporaryFile()  # noqa: SIM115  closed by close and abandon
        self._columns = {KEY: 0}
        self._count = 0

    def write(self, outcomes: Sequence[AnyOutcome]) -> list[tuple[AnyOutcome, SinkFailed]]:
        """
        Take the rows of each value; return those that do not fit.

        Raises:
            SinkFailed: There are too many of them, or the disk is full.
        """
        assert self._rows is not None, "open comes first"
        refused = []
        for outcome in outcomes:
            if outcome.ok:
                try:
                    rows = [_cells({KEY: outcome.key, **row}) for row in rows_of(outcome.value)]
                    self._check_width(rows)
                except Exception as error:  # the value's own code runs here
                    refused.append(refusal(outcome, error))
                else:
                    self._take(rows)
        return refused

    def _check_width(self, rows: list[Row]) -> None:
        names = self._columns.keys() | {name for row in rows for name in row}
        if len(names) > COLUMNS:
            raise SinkFailed(f"a sheet of Excel has {COLUMNS:,} columns at most", hint=_ELSE)
        for name in names - self._columns.keys():
            _check_length(name)

    def _take(self, rows: list[Row]) -> None:
        assert self._rows is not None
        if self._count + len(rows) >= ROWS:
            raise SinkFailed(
                f"a sheet of Excel has {ROWS:,} rows at most, with that of the names", hint=_ELSE
            )
        for row in rows:
            for name in row:
                self._columns.setdefault(name, len(self._columns))
            try:
                pickle.dump(row, self._rows, 5)
            except OSError as error:
                raise _full(error) from error
        self._count += len(rows)

    def close(self) -> None:
        """
        Write the workbook and put it in its place.

        Raises:
            SinkFailed: The disk does not take it.
        """
        if self._rows is None:
            return
        from xlsxwriter.exceptions import XlsxWriterException

        try:
            # A folder of its own for what XlsxWriter leaves when it fails.
            with tempfile.TemporaryDirectory() as folder:
                self._write_workbook(folder)
        except (OSError, XlsxWriterException) as error:
            raise _full(error) from error
        put_in_place(self._part, self.path)
        self._let_go()

    def _write_workbook(self, folder: str) -> None:
        import xlsxwriter

        book = xlsxwriter.Workbook(
            str(self._part), {"constant_memory": True, "tmpdir": folder, "use_zip64": True}
        )
        sheet = book.add_worksheet("results")
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        forms = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"}),
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        for name, column in self._columns.items():
            sheet.write_string(0, column, _sound(name), bold)
        for number, row in enumerate(self._stored(), start=1):
            for name, value in row.items():
                _write_cell(sheet, number, self._columns[name], value, forms)
        book.close()

    def _stored(self) -> Iterator[Row]:
        assert self._rows is not None
        self._rows.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._rows)

    def abandon(self) -> None:
        """End without a file; there is nothing to keep."""
        if self._rows is not None:
            self._part.unlink(missing_ok=True)
            self._let_go()

    def _let_go(self) -> None:
        assert self._rows is not None
        self._rows.close()
        self._rows = None
        release(self._lock)

    def values(self) -> list[Any]:
        """Return nothing: a workbook is for people, and is not read back."""
        return []

    def __repr__(self) -> str:
        return f"Xlsx({str(self.path)!r})"


def _cells(row: Row) -> Row:
    return {name: cell for name, value in row.items() if (cell := _cell(value)) is not None}


def _cell(value: Any) -> Any:
    """Return what a cell holds: a number, truth, a date or text; None for an empty one."""
    flat = native(value)
    if flat is None or isinstance(flat, bool):
        return flat
    if isinstance(flat, int) and abs(flat) < EXACT:
        return flat
    if isinstance(flat, float) and math.isfinite(flat):
        return flat
    if isinstance(value, datetime) and value.tzinfo is None and value.year >= _FIRST_YEAR:
        return value
    if isinstance(value, date) and not isinstance(value, datetime) and value.year >= _FIRST_YEAR:
        return value
    written = text(value)
    if written is None:
        return None
    _check_length(written)
    return _sound(written)


def _check_length(written: str) -> None:
    long = len(written) > CHARACTERS // 2  # no character is more than two units
    if long and len(written.encode("utf-16-le", "surrogatepass")) // 2 > CHARACTERS:
        raise SinkFailed(
            f"a cell of Excel holds {CHARACTERS:,} characters at most, and this text has "
            f"{len(written):,}: {written[:40]!r}…",
            hint=_ELSE,
        )


def _sound(written: str) -> str:
    r"""Write a lone surrogate (an undecodable file name) as ``\udcxx``, as in the other files."""
    return written.encode("utf-8", "backslashreplace").decode("utf-8")


def _write_cell(
    sheet: Any, row: int, column: int, value: Any, forms: Mapping[type[date], Any]
) -> None:
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value)
    elif isinstance(value, date):
        kind = datetime if isinstance(value, datetime) else date
        sheet.write_datetime(row, column, value, forms[kind])
    else:
        sheet.write_string(row, column, value)


def _full(error: Exception) -> SinkFailed:
    return SinkFailed(f"the workbook cannot be written: {error}", hint="is the disk full?")
