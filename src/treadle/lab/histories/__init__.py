"""What was done to a chip, in order of time, with all that was found of it.

sources    what is known: the manifest, the metrics, the calibrations
summary    a run in a few words
numbering  the number of a run in the history of its chip
table      the history of a chip
listing    which chips there are
columns    which columns, and what stands above them
showing    a table for the terminal, fitted to its width
latex      a table for a publication
exporting  csv, json, xlsx, parquet and the two above; files appear whole
keeping    OUT/history: a Parquet file for each chip, kept up to date
"""

from __future__ import annotations

from treadle.lab.histories.keeping import file_name, write_histories
from treadle.lab.histories.listing import chips
from treadle.lab.histories.numbering import numbered
from treadle.lab.histories.table import History, histories, history

__all__ = [
    "History",
    "chips",
    "file_name",
    "histories",
    "history",
    "numbered",
    "write_histories",
]
