"""Where values go: one writer for each run, whose file is whole or not there.

memory    a list, in input order
kept      the same in a file, for a run that can be resumed
csvfile   CSV: one row for each value, columns from its fields
jsonl     one JSON object on each line
parquet   Parquet, columns from the fields of the values
sqlite    a database with one table, columns from the fields of the values
xlsx      an Excel workbook; export only
folder    one file for each value, named after its key
choice    which of them is meant by ``into=``
columns   how a value becomes rows, JSON or text; shared by all
parts     the files that become a Parquet file, and what a mark says of them
journal   rows of Parquet that are safe before there are enough for a row group
pending   rows of Parquet that are in memory
partfile  a file beside the final one, which it replaces when it is whole; marks and locks
whole     any other file that is written whole or not at all: pages, traces, what a UI keeps
"""

from treadle.sinks.choice import sink_for
from treadle.sinks.csvfile import Csv
from treadle.sinks.folder import Folder
from treadle.sinks.jsonl import Jsonl
from treadle.sinks.kept import Kept
from treadle.sinks.memory import Memory
from treadle.sinks.parquet import Parquet
from treadle.sinks.sqlite import Sqlite

__all__ = ["Csv", "Folder", "Jsonl", "Kept", "Memory", "Parquet", "Sqlite", "sink_for"]
