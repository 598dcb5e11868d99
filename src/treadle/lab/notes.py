"""What is worth telling about a file that was read: notes, which are data and never printed.

``error`` notes are those for which a strict run rejects the file; a ``warning`` is something a
person should look at; ``info`` says what was done with what the file says.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["info", "warning", "error"]

Code = Literal[
    # The file as a whole.
    "BYTE_ORDER_MARK",  # it begins with the three bytes that some editors put there
    "UNDECODABLE",  # bytes that are no UTF-8 were replaced by U+FFFD
    "NO_DATA_LINE",  # `#Data:` is missing; the first plain line was taken for the column line
    "TORN_LINE",  # the last line has no end: half a row, left out
    # The header.
    "ODD_HEADER_LINE",  # a line of the header is no `key: value`, and was left out
    "REPEATED_KEY",  # a key stands twice with two values; the last one counts
    "UNKNOWN_PROCEDURE",  # the schema does not name the procedure
    "MISSING_PARAMETER",  # the schema requires a header value that is not there
    "CONVERTED_VALUE",  # a header value in another scale, `100 mV`, was converted
    "WRONG_UNIT",  # a header value in a unit that cannot be converted was kept as text
    "WRONG_TYPE",  # a header value that is not of the type the schema names was kept as it is
    "NO_CHIP",  # the procedure needs a chip, and its group or number is missing
    "NO_START_TIME",  # the header has no usable start time; another origin was taken
    "START_IN_FUTURE",  # the start time lies more than a day ahead
    # The table.
    "RAGGED_ROWS",  # rows with the wrong number of cells were left out
    "BAD_CELLS",  # cells that are no numbers are null now
    "EMPTY_CELLS",  # empty cells are null
    "OVERFLOW",  # cells that say "out of range" (9.9e37) are null now
    "COMMENT_IN_DATA",  # comment lines between the rows were skipped
    "BLANK_LINES",  # blank lines between the rows were skipped
    "REPEATED_COLUMN_LINE",  # the column line stands again between the rows, and was skipped
    "SECOND_HEADER",  # a second header without rows was skipped
    "RENAMED_COLUMN",  # a column was given another name: that of the schema, or one that is free
    "AMBIGUOUS_COLUMN",  # more than one column could be that of the schema; none was taken for it
    "CONVERTED_COLUMN",  # a column in another scale, `I (mA)`, was converted
    "MISSING_COLUMN",  # a column of the schema is not in the file, and is null
    "UNKNOWN_COLUMN",  # a column that the schema does not name
    "TEXT_COLUMN",  # a column that the schema does not name holds text
]
"""All codes there are; what each means stands beside it in the source."""


class Note(NamedTuple):
    """
    One thing worth telling.

    Attributes:
        level: How grave it is.
        code: Which kind of thing it is, for programs.
        text: What it is, with the value, for people.
    """

    level: Level
    code: Code
    text: str
