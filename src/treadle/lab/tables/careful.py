"""A body in which something is wrong: each fault is named with its line, and the rest is read.

Lines that are no sound rows are cut out first (`treadle.lab.tables.rows`); where that was all, what
is left is read as any clean body. Else the columns are read one at a time as text. Of such a column
Arrow turns the cells into values that are written as usual, and only the others are looked at one
by one. A cell that does not fit its column becomes null. The faults of one kind are one note.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from treadle.lab.errors import BreaksSchema, Damaged
from treadle.lab.layouts import Raw
from treadle.lab.notes import Note
from treadle.lab.tables import clean
from treadle.lab.tables.columns import DTYPES, Column
from treadle.lab.tables.rows import SHOWN, Lines, sound_rows
from treadle.lab.values import FALSE, TRUE

OVERFLOW = 9.9e37
"""What a Keithley source-meter gives for a value beyond its range."""

_INT64 = range(-(2**63), 2**63)
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_BLANK = "^[ \\t]*$"
_AT_ONCE = 8192  # cells as objects of Python


class _Unfit(ValueError):
    """The text of a cell is no value of the column's type."""


class _Usual(NamedTuple):
    """
    Cells that Arrow turns into values just as we would.

    Attributes:
        pattern: How they are written; those of more than 32 characters are not meant.
        type: What they become.
        instead: Such a cell, to stand in the place of others.
    """

    pattern: str
    type: pa.DataType
    instead: str


_USUAL: dict[type[pl.DataType], _Usual] = {
    # Two digits of an exponent: a number that is too large for a float is not read here.
    pl.Float64: _Usual(
        r"^(?:nan|-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?)$",
        pa.float64(),
        "nan",
    ),
    pl.Int64: _Usual("^-?(?:0|[1-9][0-9]{0,17})$", pa.int64(), "0"),
    pl.Boolean: _Usual("^(?:[Tt]rue|[Ff]alse)$", pa.bool_(), "false"),
}


def read(raw: Raw, columns: Sequence[Column]) -> tuple[pl.DataFrame, pl.DataFrame, list[Note]]:
    """
    Return the typed columns, the columns as Polars infers them, and what was wrong.

    Raises:
        NoData: There are no rows.
        Damaged: A second run was appended, or most rows have the wrong number of cells, or most
            cells of a required column hold no value.
        BreaksSchema: A number in an ``int`` column is not whole.
    """
    names = [column.name for column in columns]
    rows = sound_rows(raw, len(names))
    notes = rows.notes
    typed = None
    if rows.body is not raw.body:
        typed = clean.read(rows.body, columns, raw.separator)
        typed = None if typed is None else clean.with_integers(typed, columns)
    if typed is None:
        series = []
        for column in columns:
            cells = clean.texts(rows.body, names, column.name, raw.separator)
            one, about = _column(column, cells, rows.numbers)
            series.append(one)
            notes += about
        typed = pl.DataFrame(series)
    body = rows.body + rows.torn if rows.torn else rows.body
    return typed, clean.infer(body, names, raw.separator), notes


def _column(
    column: Column, cells: pa.ChunkedArray, lines: NDArray[np.int64]
) -> tuple[pl.Series, list[Note]]:
    """Return the values of one column, and what was wrong with its cells."""
    if column.type is None:
        return _further_column(column, cells, lines)
    dtype = DTYPES[column.type]
    if dtype == pl.String:
        return _text_column(column, cells, pc.equal(cells, ""), lines)
    values, is_null, odd = _values(cells, dtype)
    unfit, shown, overflow = Lines(), list[str](), 0
    for n, cell in odd:
        try:
            value = _PARSERS[dtype](cell)
        except _Unfit:
            unfit.add(int(lines[n]))
            if len(shown) < SHOWN:
                shown.append(f"line {lines[n]} {cell[:40]!r}")
        except OverflowError:
            overflow += 1
        except BreaksSchema as error:
            where = f"line {lines[n]}, column {column.name!r}"
            raise BreaksSchema(f"{where}: {error.message}", hint=error.hint) from None
        else:
            if value is not None:
                values[n], is_null[n] = value, False
    empty = _empty(column, pc.match_substring_regex(cells, _BLANK), lines)
    notes = [about_overflow(column.name, overflow)] if overflow else []
    notes += empty.notes
    if unfit.count:
        sound = len(cells) - empty.number - unfit.count
        notes.append(_about_unfit(column, unfit, shown, sound))
    return pl.Series(column.name, pa.array(values, mask=is_null)), notes


def _values(
    cells: pa.ChunkedArray, dtype: type[pl.DataType]
) -> tuple[NDArray[np.generic], NDArray[np.bool_], Iterator[tuple[int, str]]]:
    """Return the values of the usual cells, which cells have none yet, and those to look at."""
    usual = _USUAL[dtype]
    is_usual = pc.and_(
        pc.match_substring_regex(cells, usual.pattern), pc.less_equal(pc.binary_length(cells), 32)
    )
    values = pc.if_else(is_usual, cells, usual.instead).cast(usual.type).to_numpy()
    is_null = pc.invert(is_usual).to_numpy()
    is_odd = pc.invert(pc.or_(is_usual, pc.match_substring_regex(cells, _BLANK)))
    return np.array(values), np.array(is_null), _odd(cells, is_odd)


def _odd(cells: pa.ChunkedArray, is_odd: pa.ChunkedArray) -> Iterator[tuple[int, str]]:
    """Yield place and text of the cells that are odd."""
    places, odd = np.flatnonzero(is_odd.to_numpy()), cells.filter(is_odd)
    for start in range(0, len(places), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        yield from zip(places[some].tolist(), odd[some].to_pylist(), strict=True)


class _Empty(NamedTuple):
    """How many cells are empty, and the note about them if there are any."""

    number: int
    notes: list[Note]


def _empty(column: Column, is_empty: pa.ChunkedArray, lines: NDArray[np.int64]) -> _Empty:
    there = lines[is_empty.to_numpy()]
    if not there.size:
        return _Empty(0, [])
    named = Lines(there.size, there[:SHOWN].tolist())
    text = f"column {column.name!r}: {there.size} empty cell(s), null: {named}"
    return _Empty(there.size, [Note("warning", "EMPTY_CELLS", text)])


def _about_unfit(column: Column, unfit: Lines, shown: Sequence[str], sound: int) -> Note:
    """
    Return the note that cells hold no value.

    Raises:
        Damaged: The column is required, and *sound* cells are fewer.
    """
    assert column.type is not None
    kind = _KINDS[DTYPES[column.type]]
    if column.required and unfit.count > sound:
        raise Damaged(
            f"column {column.name!r} holds more cells that are no {kind} than others: {shown[0]}",
            hint="are these decimal commas? write the file with decimal points",
        )
    text = (
        f"column {column.name!r}: {unfit.count} cell(s) set to null, which hold no "
        f"{kind}: {', '.join(shown)}{unfit.more}"
    )
    return Note("error", "BAD_CELLS", text)


def _text_column(
    column: Column, cells: pa.ChunkedArray, is_empty: pa.ChunkedArray, lines: NDArray[np.int64]
) -> tuple[pl.Series, list[Note]]:
    """Return a column of text, null where it is empty."""
    texts = pc.if_else(is_empty, pa.scalar(None, pa.string()), cells)
    return pl.Series(column.name, texts), _empty(column, is_empty, lines).notes


def _further_column(
    column: Column, cells: pa.ChunkedArray, lines: NDArray[np.int64]
) -> tuple[pl.Series, list[Note]]:
    """Return a column that the schema does not know: numbers where all cells are, else text."""
    is_blank = pc.match_substring_regex(cells, _BLANK)
    values, is_null, odd = _values(cells, pl.Float64)
    for n, cell in odd:
        try:
            values[n], is_null[n] = _number_of(cell), False
        except _Unfit:
            said = f"column {column.name!r} holds text (line {lines[n]}: {cell[:40]!r})"
            about_text = Note("warning", "TEXT_COLUMN", f"{said}, so all of it is text")
            series, notes = _text_column(column, cells, is_blank, lines)
            return series, [*notes, about_text]
    numbers = pl.Series(column.name, pa.array(values, mask=is_null))
    return numbers, _empty(column, is_blank, lines).notes


def _number_of(cell: str) -> float:
    """
    Return the number that *cell* holds; ``nan`` and ``inf`` in any case are numbers.

    Raises:
        _Unfit: It holds none.
    """
    text = cell.strip(" \t")
    # Python alone takes "1_000" and the digits of other scripts for numbers.
    if not text.isascii() or "_" in text:
        raise _Unfit
    try:
        return float(text)
    except ValueError:
        raise _Unfit from None


def _integer_of(cell: str) -> int | None:
    """Return a whole number; None for ``nan``, which is how the program writes no value."""
    if _WHOLE.fullmatch(cell.strip(" \t")):
        number = int(cell)
    else:
        real = _number_of(cell)
        if math.isnan(real):
            return None
        if abs(real) >= OVERFLOW:
            raise OverflowError
        number = int(real)
        if number != real:
            raise _not_int(cell)
    if number not in _INT64:
        raise _not_int(cell)
    return number


def _not_int(cell: str) -> BreaksSchema:
    return BreaksSchema(
        f"{cell.strip()!r} is no whole number, as the schema says",
        hint="declare the column as float in procedures.yml",
    )


def _truth_of(cell: str) -> bool | None:
    """Return true or false; None for ``nan``, which is how the program writes no value."""
    word = cell.strip(" \t").lower()
    if word == "nan":
        return None
    if word not in TRUE | FALSE:
        raise _Unfit
    return word in TRUE


_PARSERS: dict[type[pl.DataType], Callable[[str], float | None]] = {
    pl.Float64: _number_of,
    pl.Int64: _integer_of,
    pl.Boolean: _truth_of,
}
_KINDS: dict[type[pl.DataType], str] = {
    pl.Float64: "number",
    pl.Int64: "number",
    pl.Boolean: "true or false",
}


def about_overflow(name: str, count: int) -> Note:
    """Return the note that *count* values of the column *name* were beyond the range."""
    text = f"column {name!r}: {count} value(s) of 9.9e37 or more, an overflow; set to null"
    return Note("warning", "OVERFLOW", text)
