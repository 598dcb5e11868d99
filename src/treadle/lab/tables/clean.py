"""A body in which every cell is sound, read by Polars in one go; anything else is not read here.

Polars is told all types beforehand and is strict, so that a cell that does not fit is an error.
What it would let pass without a word is checked here: a short or an empty line becomes nulls, and
a line break inside quotes makes fewer rows than lines. Numbers come out as Python reads them, bit
for bit.

`inferred` gives the columns as Polars would infer them from the first 10,000 rows, because run ids
are made of that text. Inference takes three times as long as reading known types, so the frame that
was already read is used where its text can be shown to be the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from treadle.lab.tables.columns import DTYPES, Column

_INFERRED_ROWS = 10_000
_IN_NUMBERS = b"0123456789.,-e\n"
_NAN = pl.Series(["nan"])
_EXACT = 2**53
"""The first whole number whose neighbour a float cannot hold."""


def read(body: bytes, columns: Sequence[Column], separator: str) -> pl.DataFrame | None:
    """
    Return the columns of *body*, or None where not every cell is sound.

    Further columns must be numbers here; a column of text makes the answer None.
    """
    types = {column.name: _type_to_read(column) for column in columns}
    # With text alone, a repeated column line would pass for a row.
    is_told_apart = any(dtype != pl.String for dtype in types.values())
    if not is_told_apart or not body.endswith(b"\n") or b"#" in body or b'"' in body:
        return None
    try:
        frame = pl.read_csv(body, has_header=False, schema=types, separator=separator)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != body.count(b"\n") or any(each.null_count() for each in frame.get_columns()):
        return None
    return frame


def _type_to_read(column: Column) -> type[pl.DataType]:
    """Return the type to ask Polars for; it does not take ``2.0`` for an integer."""
    dtype = pl.Float64 if column.type is None else DTYPES[column.type]
    return pl.Float64 if dtype == pl.Int64 else dtype


def with_integers(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame | None:
    """Return *frame* with its ``int`` columns as such, or None where a number is not whole."""
    names = [column.name for column in columns if column.type == "int"]
    for name in names:
        numbers = frame.get_column(name)
        if not ((numbers.abs() < _EXACT) & (numbers.floor() == numbers)).all():
            return None
    return frame.with_columns(pl.col(names).cast(pl.Int64)) if names else frame


def inferred(body: bytes, frame: pl.DataFrame, separator: str) -> pl.DataFrame:
    """
    Return *body* as ``pl.read_csv(..., infer_schema_length=10000)`` types it.

    Args:
        body: The rows, all sound.
        frame: The same rows as `read` returned them.
        separator: What stands between two cells.
    """
    rest = body.translate(None, _IN_NUMBERS + separator.encode())
    nans = len(rest) // 3
    # What follows holds for cells written as Python writes numbers, and for `nan`.
    if rest != b"nan" * nans or (nans and b"-n" in body) or b".e" in body:
        return infer(body, frame.columns, separator)
    first = body[: body.index(b"\n")].split(separator.encode())
    columns: list[pl.Series] = []
    mixed: list[int] = []
    for n, (cell, numbers) in enumerate(zip(first, frame.get_columns(), strict=True)):
        if numbers.dtype != pl.Float64 or cell.removeprefix(b"-").isdigit():
            return infer(body, frame.columns, separator)  # perhaps a column of integers
        if nans and numbers.max() != numbers.max():  # NaN, so that all of them are
            columns.append(_NAN.new_from_index(0, frame.height).alias(numbers.name))
            nans -= frame.height
        else:
            columns.append(numbers)
            mixed.append(n)
    if nans:
        mixed = [n for n in mixed if columns[n].head(_INFERRED_ROWS).is_nan().any()]
        for n, text in zip(mixed, _texts(body, frame.columns, mixed, separator), strict=True):
            columns[n] = text
    return pl.DataFrame(columns)


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
