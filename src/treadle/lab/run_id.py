"""The id of a measurement: made of what was measured, on what and when, not of where its file lies.

Moving or renaming a folder, another kind of line end, another order of the header lines: none of
these changes an id. Two copies of one file have the same.

The formula is that of an earlier program, so that ids in old notes and plots stay good. It takes
the text that Polars writes for the table; tests on real files hold that text in place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

import polars as pl

CHIP_GROUP = "Chip group name"
CHIP_NUMBER = "Chip number"

_DIGITS = 16


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
    data = hashlib.sha1(table.write_csv().encode(), usedforsecurity=False).hexdigest()
    group = parameters.get(CHIP_GROUP, "None")
    number = parameters.get(CHIP_NUMBER, "None")
    began = "" if start is None else f"{start:%Y-%m-%dT%H:%M:%S.%f}"
    text = f"{procedure}|{group}|{number}|{began}|{data}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:_DIGITS]
