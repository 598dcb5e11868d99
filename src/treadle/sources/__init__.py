"""Where items come from: iterables that know a stable key for each of their values.

    files     paths, from folders, glob patterns and names
    lines     lines of text, from a file or standard input
    rows      rows of CSV, JSONL and Parquet

Any other iterable is a source as it is; the keys of its values are then their positions.
"""

from treadle.sources.badrow import BadRow, BadRowError
from treadle.sources.paths import Files, files
from treadle.sources.tables import Rows, rows
from treadle.sources.text import Lines, lines

__all__ = ["BadRow", "BadRowError", "Files", "Lines", "Rows", "files", "lines", "rows"]
