"""The id of a measurement: made of what was measured, on what and when, not of where its file lies.

Moving or renaming a folder, another kind of line end, another order of the header lines: none of
these changes an id. Two copies of one file have the same.

The formula is that of an earlier program, so that ids in old notes and plots stay good. It takes
the text that Polars writes for the table; tests on real files hold that text in place.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from datetime import datetime

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

CHIP_GROUP = "Chip group name"
CHIP_NUMBER = "Chip number"

_DIGITS = 16
_AT_ONCE = 8192  # rows


def run_id_of(
    procedure: str, parameters: Mapping[str, str], start: datetime | None, table: pl.DataFrame
) -> str:
    """
    Return the id: 16 hex digits.

    Args:
        procedure: Its name.
        parameters: Header values as they are written.
        start: When it began, in UTC, as its header says; None where it does not say.
        table: The columns as they are in the file, with the types that Polars infers.
    """
    data = _sha1_of(table)
    group = parameters.get(CHIP_GROUP, "None")
    number = parameters.get(CHIP_NUMBER, "None")
    began = "" if start is None else f"{start:%Y-%m-%dT%H:%M:%S.%f}"
    text = f"{procedure}|{group}|{number}|{began}|{data}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:_DIGITS]


def _sha1_of(table: pl.DataFrame) -> str:
    """
    Return the SHA-1 of the text that ``table.write_csv()`` returns.

    Of the usual columns, numbers and those that are only ``nan``, the text is put together here:
    to write a few hundred rows, Polars takes far longer for the way than for the text.
    """
    rows = _rows(table)
    made = hashlib.sha1(_header(tuple(table.columns)), usedforsecurity=False)
    if rows is not None:
        made.update(rows)
    else:
        for some in table.iter_slices(_AT_ONCE):  # all of the text takes as much as the table
            made.update(some.write_csv(include_header=False).encode())
    return made.hexdigest()


def _rows(table: pl.DataFrame) -> pa.Buffer | None:
    """Return the rows as Polars would write them; None where a column is not of the usual ones."""
    pieces: list[pa.Array | pa.Scalar] = []
    text = ""
    for n, series in enumerate(table.get_columns()):
        text += "," if n else ""
        if series.dtype == pl.Float64 and not series.null_count():
            numbers = series.cast(pl.String).to_arrow()
            pieces += [pa.scalar(text, numbers.type), numbers]
            text = ""
        elif series.dtype == pl.String and series.min() == "nan" == series.max():
            text += "nan"
        else:
            return None
    if not pieces or not table.height:
        return None
    of_text = pieces[0].type
    ends = [pa.scalar(text + "\n", of_text), pa.scalar("", of_text)]
    # All rows lie one after another in the buffer of the values.
    return pc.binary_join_element_wise(*pieces, *ends).buffers()[2]


@functools.lru_cache
def _header(names: tuple[str, ...]) -> bytes:
    """Return the first line, with the quotes that it may need."""
    return pl.DataFrame(schema=dict.fromkeys(names, pl.String)).write_csv().encode()
