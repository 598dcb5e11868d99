"""A body in which something is wrong, read line by line, so that each fault is named with its line.

One line is one row; there are no line breaks inside quotes. Lines that are no rows (blank, comment,
the column line again) are skipped; rows with the wrong number of cells are left out; a cell that
does not fit its column becomes null. All of it is noted, the faults of one kind in one note.

A last line without line end was cut by a power loss, since the acquisition program ends every line:
its last number may lack digits and look sound, so the line is left out. It still counts in what run
ids are made of, where it has all its cells: an editor may have removed no more than the line end.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from treadle.lab.errors import BreaksSchema, Damaged, NoData
from treadle.lab.layouts import Raw
from treadle.lab.notes import Code, Note
from treadle.lab.tables import clean
from treadle.lab.tables.columns import DTYPES, Column
from treadle.lab.values import FALSE, TRUE

OVERFLOW = 9.9e37
"""What a Keithley source-meter gives for a value beyond its range."""

_SHOWN = 5
_INT64 = range(-(2**63), 2**63)
_SECOND_HEADER = re.compile(r"#\s*procedure\s*:", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")


class _Unfit(ValueError):
    """The text of a cell is no value of the column's type."""


@dataclass(slots=True)
class _Rows:
    """
    What was found in the body.

    Attributes:
        lines: The line in the file of each sound row.
        cells: The cells of each sound row.
        torn: The cells of the last line, where it has no line end.
        ragged: Line and number of cells of each row that was left out.
        skipped: The lines that are no rows, by the code of the note about them.
    """

    lines: list[int] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    torn: list[str] | None = None
    ragged: list[tuple[int, int]] = field(default_factory=list)
    skipped: dict[Code, list[int]] = field(default_factory=dict)


def read(raw: Raw, columns: Sequence[Column]) -> tuple[pl.DataFrame, pl.DataFrame, list[Note]]:
    """
    Return the typed columns, the columns as Polars infers them, and what was wrong.

    Raises:
        NoData: There are no rows.
        Damaged: A second run was appended, or most rows have the wrong number of cells.
        BreaksSchema: A number in an ``int`` column is not whole.
    """
    names = [column.name for column in columns]
    rows, notes = _rows(raw, len(names))
    if len(rows.ragged) > len(rows.cells):
        raise Damaged(
            f"{len(rows.ragged)} of {len(rows.ragged) + len(rows.cells)} rows do not have "
            f"{len(names)} cells as the column line does: {_lines([n for n, _ in rows.ragged])}",
            hint="check the separator and the column line, or remove the damaged rows",
        )
    if not rows.cells:
        raise NoData(
            "there is no row below the column line"
            + (" but one that a power loss cut short" if rows.torn is not None else ""),
            hint="the run was stopped before its first point; remove the file if it is not needed",
        )
    series = []
    for column, cells in zip(columns, zip(*rows.cells, strict=True), strict=True):
        one, about = _column(column, cells, rows.lines)
        series.append(one)
        notes += about
    whole = list(rows.cells)
    if rows.torn is not None and len(rows.torn) == len(names):
        whole.append(rows.torn)
    return pl.DataFrame(series), clean.infer(_text(whole), names, ","), notes


def _rows(raw: Raw, width: int) -> tuple[_Rows, list[Note]]:
    """Tell rows from other lines, and sound rows from ragged ones."""
    rows = _Rows()
    header = [name.strip() for name in raw.columns]
    second_header = 0
    for number, line, is_ended in _numbered(raw.body, raw.first_line):
        if line.startswith("#"):
            if second_header == 0 and _SECOND_HEADER.match(line):
                second_header = number
            rows.skipped.setdefault("COMMENT_IN_DATA", []).append(number)
            continue
        if not line.strip():
            rows.skipped.setdefault("BLANK_LINES", []).append(number)
            continue
        cells = _cells(line, raw.separator)
        if [cell.strip() for cell in cells] == header:
            rows.skipped.setdefault("REPEATED_COLUMN_LINE", []).append(number)
        elif second_header:
            raise Damaged(
                f"there are two runs in one file: the second begins at line {second_header}",
                hint="split it into two files before that line",
            )
        elif not is_ended:
            rows.torn = cells
        elif len(cells) != width:
            rows.ragged.append((number, len(cells)))
        else:
            rows.lines.append(number)
            rows.cells.append(cells)
    notes = _about_lines(rows, width)
    if second_header:
        text = f"a second header without rows begins at line {second_header}; it was skipped"
        notes.append(Note("warning", "SECOND_HEADER", text))
    return rows, notes


def _numbered(body: bytes, first: int) -> Iterator[tuple[int, str, bool]]:
    """Yield number, text and whether it is ended, for each line of *body*."""
    # As bytes: text would also be split at characters such as U+2028.
    for number, line in enumerate(body.splitlines(keepends=True), start=first):
        text = line.decode("utf-8", errors="replace")
        yield number, text.removesuffix("\n"), text.endswith("\n")


def _cells(line: str, separator: str) -> list[str]:
    """Return the cells of one row."""
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error:  # a cell of more than 128 KiB
        return line.split(separator)


def _about_lines(rows: _Rows, width: int) -> list[Note]:
    """Return the notes about whole lines."""
    notes = [
        Note("info", code, f"{_WHAT_WAS_SKIPPED[code]} among the rows: {_lines(numbers)}")
        for code, numbers in rows.skipped.items()
    ]
    if rows.ragged:
        numbers = [number for number, _ in rows.ragged]
        number, count = rows.ragged[0]
        text = (
            f"{len(numbers)} row(s) left out, which do not have {width} cells: "
            f"{_lines(numbers)} (line {number} has {count})"
        )
        notes.append(Note("error", "RAGGED_ROWS", text))
    if rows.torn is not None:
        text = "the last line has no line end, as after a power loss; it was left out"
        notes.append(Note("warning", "TORN_LINE", text))
    return notes


_WHAT_WAS_SKIPPED: dict[Code, str] = {
    "BLANK_LINES": "blank line(s)",
    "COMMENT_IN_DATA": "comment line(s)",
    "REPEATED_COLUMN_LINE": "the column line again",
}


def _column(
    column: Column, cells: Sequence[str], lines: Sequence[int]
) -> tuple[pl.Series, list[Note]]:
    """Return the values of one column, and what was wrong with its cells."""
    if column.type is None:
        return _further_column(column, cells, lines)
    dtype = DTYPES[column.type]
    parse = _PARSERS[dtype]
    values: list[object] = []
    empty: list[int] = []
    unfit: list[tuple[int, str]] = []
    overflow = 0
    for line, cell in zip(lines, cells, strict=True):
        value: object = None
        if not (cell if dtype == pl.String else cell.strip(" \t")):
            empty.append(line)
        else:
            try:
                value = parse(cell)
            except _Unfit:
                unfit.append((line, cell))
            except OverflowError:
                overflow += 1
            except BreaksSchema as error:
                where = f"line {line}, column {column.name!r}"
                raise BreaksSchema(f"{where}: {error.message}", hint=error.hint) from None
        values.append(value)
    notes = []
    if overflow:
        notes.append(about_overflow(column.name, overflow))
    if empty:
        notes.append(_about_empty(column, empty))
    if column.required and len(unfit) > len(cells) - len(empty) - len(unfit):
        raise Damaged(
            f"column {column.name!r} holds more cells that are no {_KINDS[dtype]} than others: "
            f"line {unfit[0][0]} {unfit[0][1][:40]!r}",
            hint="are these decimal commas? write the file with decimal points",
        )
    if unfit:
        shown = ", ".join(f"line {line} {cell[:40]!r}" for line, cell in unfit[:_SHOWN])
        text = (
            f"column {column.name!r}: {len(unfit)} cell(s) set to null, which hold no "
            f"{_KINDS[dtype]}: {shown}{_more(len(unfit))}"
        )
        notes.append(Note("error", "BAD_CELLS", text))
    return pl.Series(column.name, values, dtype=dtype), notes


def _further_column(
    column: Column, cells: Sequence[str], lines: Sequence[int]
) -> tuple[pl.Series, list[Note]]:
    """Return a column that the schema does not know: numbers where all cells are, else text."""
    empty = [line for line, cell in zip(lines, cells, strict=True) if not cell.strip(" \t")]
    notes = [_about_empty(column, empty)] if empty else []
    try:
        numbers = [_number_of(cell) if cell.strip(" \t") else None for cell in cells]
    except _Unfit:
        at, cell = next(_not_numbers(cells, lines))
        text = f"column {column.name!r} holds text (line {at}: {cell[:40]!r}), so all of it is text"
        notes.append(Note("warning", "TEXT_COLUMN", text))
        texts = [cell if cell.strip(" \t") else None for cell in cells]
        return pl.Series(column.name, texts, dtype=pl.String), notes
    return pl.Series(column.name, numbers, dtype=pl.Float64), notes


def _not_numbers(cells: Sequence[str], lines: Sequence[int]) -> Iterator[tuple[int, str]]:
    for line, cell in zip(lines, cells, strict=True):
        if cell.strip(" \t"):
            try:
                _number_of(cell)
            except _Unfit:
                yield line, cell


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
        f"{cell.strip()!r} is no whole number of 64 bits, as the schema says",
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


def _text_of(cell: str) -> str:
    return cell


_PARSERS: dict[type[pl.DataType], Callable[[str], object]] = {
    pl.Float64: _number_of,
    pl.Int64: _integer_of,
    pl.Boolean: _truth_of,
    pl.String: _text_of,
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


def _about_empty(column: Column, lines: Sequence[int]) -> Note:
    text = f"column {column.name!r}: {len(lines)} empty cell(s), null: {_lines(lines)}"
    return Note("warning", "EMPTY_CELLS", text)


def _lines(numbers: Sequence[int]) -> str:
    """Return the first few *numbers* of lines as text."""
    shown = ", ".join(str(number) for number in numbers[:_SHOWN])
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{_more(len(numbers))}"


def _more(count: int) -> str:
    return f" and {count - _SHOWN} more" if count > _SHOWN else ""


def _text(rows: Sequence[Sequence[str]]) -> bytes:
    """Return *rows* as the body of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
