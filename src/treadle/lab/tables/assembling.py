"""One table of the same shape for every run of a procedure, from the rows of one file.

The columns of the schema come first, in its order and with its types, null where the file has none;
then the further columns, in the order of the file. Whatever was read by either path gets the same
treatment here: an overflow becomes null, another scale is converted, names are those of the schema.

A column of type ``int`` is Int64 in every file. A number in it that is not whole refuses the file
instead of losing its fraction, and the error says to declare the column as float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from treadle.lab.errors import BreaksSchema, Damaged, NoData
from treadle.lab.layouts import Raw
from treadle.lab.notes import Note
from treadle.lab.quantities import times_ten_to
from treadle.lab.schema.spec import Procedure
from treadle.lab.tables import careful, clean
from treadle.lab.tables.columns import DTYPES, Column, matched


@dataclass(slots=True)
class Table:
    """
    The rows of one measurement.

    Attributes:
        frame: The columns as they are staged.
        raw_frame: The columns as in the file, with the types that Polars infers from the first
            10,000 rows; run ids are made of its text.
        notes: What was wrong, and what was done about it.
    """

    frame: pl.DataFrame
    raw_frame: pl.DataFrame
    notes: list[Note]


def table_of(raw: Raw, procedure: Procedure | None, *, only_schema_columns: bool = False) -> Table:
    """
    Return the rows of *raw* as typed columns.

    Args:
        raw: What the layout found in the file.
        procedure: What the schema knows; None takes every column for a number, or else for text.
        only_schema_columns: Leave out the columns that the schema does not know.

    Raises:
        NoData: There is no column or no row.
        Damaged: Column names are not unique, a second run was appended, or most rows have the
            wrong number of cells.
        BreaksSchema: A required column is missing, or a number in an ``int`` column is not whole.
    """
    names, notes = _names(raw)
    columns, about_columns = matched(names, procedure)
    notes += about_columns
    frame = clean.read(raw.body, columns, raw.separator)
    typed = None if frame is None else clean.with_integers(frame, columns)
    if frame is None or typed is None:
        typed, raw_frame, about_rows = careful.read(raw, columns)
        notes += about_rows
    else:
        raw_frame = clean.inferred(raw.body, frame, raw.separator)
    notes += _about_further(columns, procedure, are_kept=not only_schema_columns)
    staged = _staged(typed, columns, procedure, notes, only_schema_columns=only_schema_columns)
    return Table(staged, raw_frame, notes)


def _names(raw: Raw) -> tuple[list[str], list[Note]]:
    """
    Return the names of the columns, all different.

    Raises:
        NoData: There are none.
        Damaged: A name is there twice.
    """
    if not raw.columns:
        raise NoData("there is no column line", hint="the run was stopped before its first point")
    names = [name if name.strip() else f"column_{n}" for n, name in enumerate(raw.columns, 1)]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Damaged(
            f"column name {', '.join(map(repr, twice))} stands more than once in the column line",
            hint="give each column a name of its own in the file",
        )
    notes = [
        Note("warning", "RENAMED_COLUMN", f"column {n} has no name; it is called {name!r}")
        for n, (name, written) in enumerate(zip(names, raw.columns, strict=True), 1)
        if name != written
    ]
    return names, notes


def _about_further(
    columns: Sequence[Column], procedure: Procedure | None, *, are_kept: bool
) -> list[Note]:
    """Return the notes about the columns that the schema does not know."""
    further = [column for column in columns if column.type is None]
    notes: list[Note] = []
    if procedure is not None and further:
        done = "kept" if are_kept else "left out"
        names = ", ".join(repr(column.name) for column in further)
        notes.append(Note("info", "UNKNOWN_COLUMN", f"{done}, not in the schema: {names}"))
    if procedure is None or are_kept:
        notes += [
            Note(
                "warning",
                "RENAMED_COLUMN",
                f"column {column.name!r} is called {column.target!r}: "
                "staged files have a column of that name already",
            )
            for column in further
            if column.target != column.name
        ]
    return notes


def _staged(
    typed: pl.DataFrame,
    columns: Sequence[Column],
    procedure: Procedure | None,
    notes: list[Note],
    *,
    only_schema_columns: bool,
) -> pl.DataFrame:
    """Return the columns in their final order, and add to *notes* what was done to their values."""
    known: dict[str, pl.Series] = {}
    further: list[pl.Series] = []
    for column, series in zip(columns, typed, strict=True):
        sound, overflows = _without_overflow(series)
        if overflows:
            notes.append(careful.about_overflow(column.name, overflows))
        if column.type is None:
            further.append(sound.alias(column.target))
        else:
            known[column.target] = _scaled(sound, column.exponent).alias(column.target)
    if only_schema_columns and procedure is not None:
        if not known:
            raise BreaksSchema(
                f"no column of {procedure.name} is in the file, so nothing would be left of it",
                hint="correct the columns of the procedure in procedures.yml",
            )
        further = []
    return pl.DataFrame([*_in_order(known, procedure, typed.height), *further])


def _in_order(
    known: dict[str, pl.Series], procedure: Procedure | None, height: int
) -> Iterator[pl.Series]:
    """Yield the columns of the schema in its order; one that the file has not is null."""
    for name, field in procedure.data.items() if procedure is not None else ():
        if name in known:
            yield known[name]
        else:
            yield pl.Series(name, [None], dtype=DTYPES[field.type]).new_from_index(0, height)


def _without_overflow(series: pl.Series) -> tuple[pl.Series, int]:
    """Return *series* with null for every overflow, and how many there were."""
    if series.dtype != pl.Float64:
        return series, 0
    highest, lowest = series.max(), series.min()  # these pass over NaN
    assert isinstance(highest, float | None)
    assert isinstance(lowest, float | None)
    if highest is None or lowest is None:
        return series, 0
    if not (highest >= careful.OVERFLOW or lowest <= -careful.OVERFLOW):
        return series, 0
    # Polars orders NaN above every number.
    is_beyond = (series.abs() >= careful.OVERFLOW) & series.is_not_nan()
    return series.set(is_beyond, None), int(is_beyond.sum())


def _scaled(numbers: pl.Series, exponent: int) -> pl.Series:
    """Return *numbers* times ten to the power *exponent*."""
    if exponent == 0:
        return numbers
    # Polars multiplies by the reciprocal where it is to divide: 3.1 / 1000 is not 0.0031 there.
    scaled = [None if x is None else times_ten_to(repr(x), exponent) for x in numbers]
    return pl.Series(numbers.name, scaled, dtype=pl.Float64)
