"""A body in which every cell is sound, read by Arrow in one go; anything else is not read here.

Arrow is told all types beforehand and is strict: a cell that does not fit, a row that is too short
or too long, and a blank line are errors. What it would let pass without a word is looked for here:
a byte order mark, ``nan(1)``, an empty text. Numbers come out as Python reads them, bit for bit.

`inferred` gives the columns as Polars would infer them from the first 10,000 rows, because run ids
are made of that text. Inference takes far longer than reading known types, so the columns that
were already read are used where their text can be shown to be the same.

On a body of a few hundred rows a single query of Polars costs as much as all the rest, so there is
none on the usual way: only methods of a Series, and numpy on what it holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv

from treadle.lab.tables.columns import DTYPES, Column

_INFERRED_ROWS = 10_000
_BLOCK = 1 << 30  # of bytes: a body is one block
_SMALL_BLOCK = 1 << 22  # of bytes, where speed matters less than memory
_BOM = b"\xef\xbb\xbf"
_NAN = pl.Series(["nan"])
_EXACT = 2**53
"""The first whole number whose neighbour a float cannot hold."""

# In numbers as Python writes them, and in `nan`, there are none of these.
_UNUSUAL = (b"+", b" ", b"\t", b"E", b"N", b"A", b"I", b"i")

_ARROW: dict[type[pl.DataType], pa.DataType] = {
    pl.Float64: pa.float64(),
    pl.Int64: pa.float64(),  # as integers Arrow takes "0x10", but not "2.0"
    pl.Boolean: pa.bool_(),
    pl.String: pa.string(),
}


def read(body: bytes, columns: Sequence[Column], separator: str) -> pl.DataFrame | None:
    """
    Return the columns of *body*, or None where not every cell is sound.

    Further columns must be numbers here; a column of text makes the answer None. Columns of
    integers are floats as yet.
    """
    types = [pl.Float64 if each.type is None else DTYPES[each.type] for each in columns]
    # With text alone, a repeated column line would pass for a row.
    if all(each == pl.String for each in types) or not body.endswith(b"\n"):
        return None
    if body.startswith(_BOM) or b"(" in body:
        return None
    has_text = pl.String in types
    if has_text and (b"#" in body or b'"' in body):
        return None
    names = [column.name for column in columns]
    try:
        table = csv.read_csv(
            pa.py_buffer(body),
            read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
            parse_options=csv.ParseOptions(
                delimiter=separator, quote_char=False, ignore_empty_lines=False
            ),
            convert_options=csv.ConvertOptions(
                column_types={name: _ARROW[each] for name, each in zip(names, types, strict=True)},
                null_values=[],
                true_values=["true", "True"],
                false_values=["false", "False"],
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowCancelled):  # a signal cancels, even one that asks to go on
        return None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return None if has_text and _has_empty_text(frame) else frame


def _has_empty_text(frame: pl.DataFrame) -> bool:
    """Tell whether a text is empty; no other is less."""
    return any(each.min() == "" for each in frame.get_columns() if each.dtype == pl.String)


def texts(body: bytes, names: Sequence[str], wanted: str, separator: str) -> pa.ChunkedArray:
    """Return the cells of the column *wanted* as they are written; quotes may stand around them."""
    if body.startswith(_BOM):
        body = _BOM + body  # Arrow skips one
    try:
        return _column_of(body, names, wanted, separator, _SMALL_BLOCK)
    except pa.ArrowInvalid:  # a row that is longer
        return _column_of(body, names, wanted, separator, _BLOCK)


def _column_of(
    body: bytes, names: Sequence[str], wanted: str, separator: str, block_size: int
) -> pa.ChunkedArray:
    return csv.read_csv(
        pa.py_buffer(body),
        read_options=csv.ReadOptions(use_threads=False, block_size=block_size, column_names=names),
        parse_options=csv.ParseOptions(
            delimiter=separator,
            quote_char='"' if b'"' in body else False,
            ignore_empty_lines=False,
        ),
        convert_options=csv.ConvertOptions(
            column_types={wanted: pa.string()}, include_columns=[wanted], null_values=[]
        ),
    ).column(0)


def with_integers(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame | None:
    """Return *frame* with its ``int`` columns as such, or None where a number is not whole."""
    if all(column.type != "int" for column in columns):
        return frame
    whole: list[pl.Series] = []
    for column, series in zip(columns, frame.get_columns(), strict=True):
        if column.type != "int":
            whole.append(series)
            continue
        numbers = series.to_numpy()
        if not ((np.abs(numbers) < _EXACT) & (np.floor(numbers) == numbers)).all():
            return None
        whole.append(series.cast(pl.Int64))
    return pl.DataFrame(whole)


def inferred(body: bytes, frame: pl.DataFrame, separator: str) -> pl.DataFrame:
    """
    Return *body* as ``pl.read_csv(..., infer_schema_length=10000)`` types it.

    Args:
        body: The rows, all sound.
        frame: The same rows as `read` returned them.
        separator: What stands between two cells.
    """
    # What follows holds for cells written as Python writes numbers, and for `nan`.
    if not _is_usual(body, separator.encode()):
        return infer(body, frame.columns, separator)
    first = body[: body.index(b"\n")].split(separator.encode())
    columns: list[pl.Series] = []
    mixed: list[int] = []
    for n, (cell, numbers) in enumerate(zip(first, frame.get_columns(), strict=True)):
        if numbers.dtype != pl.Float64 or cell.removeprefix(b"-").isdigit():
            return infer(body, frame.columns, separator)  # perhaps a column of integers
        if numbers.max() != numbers.max():  # NaN, so that all of them are
            columns.append(_NAN.new_from_index(0, frame.height).alias(numbers.name))
            continue
        columns.append(numbers)
        if np.isnan(numbers.to_numpy()[:_INFERRED_ROWS]).any():
            mixed.append(n)
    for n, text in zip(mixed, _texts(body, frame.columns, mixed, separator), strict=True):
        columns[n] = text
    return pl.DataFrame(columns)


def _is_usual(body: bytes, separator: bytes) -> bool:
    """Tell whether every number in *body* is written as Python does, and NaN as ``nan``."""
    if any(each in body for each in _UNUSUAL if each != separator):
        return False
    # Looking for two bytes in a row, `in` is three times as slow as this.
    octets = np.frombuffer(body, np.uint8)
    before, after = octets[:-1], octets[1:]
    has_bare_point = ((before == ord(".")) & (after == ord("e"))).any()
    return not has_bare_point and not ((before == ord("-")) & (after == ord("n"))).any()


def _texts(
    body: bytes, names: Sequence[str], wanted: Sequence[int], separator: str
) -> list[pl.Series]:
    """Return the columns at the places *wanted* as they are written."""
    if not wanted:
        return []
    schema = dict.fromkeys(names, pl.String)
    return pl.read_csv(
        body, has_header=False, schema=schema, separator=separator, columns=wanted
    ).get_columns()


def infer(body: bytes, names: Sequence[str], separator: str) -> pl.DataFrame:
    """Return *body* with the types that Polars infers, or all text where it infers wrongly."""
    try:
        frame = pl.read_csv(
            body,
            has_header=False,
            new_columns=names,
            infer_schema_length=_INFERRED_ROWS,
            separator=separator,
        )
    except pl.exceptions.PolarsError:
        schema = dict.fromkeys(names, pl.String)
        frame = pl.read_csv(
            body, has_header=False, schema=schema, separator=separator, encoding="utf8-lossy"
        )
    return frame
