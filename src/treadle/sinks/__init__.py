"""Where values go: one writer for each run, whose file is whole or not there.

memory    a list, in input order
csvfile   CSV: one row for each value, columns from its fields
jsonl     one JSON object on each line
parquet   Parquet, columns from the fields of the values
folder    one file for each value, named after its key
choice    which of them is meant by ``into=``
columns   how a value becomes rows, JSON or text; shared by all
partfile  a file beside the final one, which it replaces when it is whole
"""

from treadle.sinks.choice import sink_for
from treadle.sinks.csvfile import Csv
from treadle.sinks.folder import Folder
from treadle.sinks.jsonl import Jsonl
from treadle.sinks.memory import Memory
from treadle.sinks.parquet import Parquet

__all__ = ["Csv", "Folder", "Jsonl", "Memory", "Parquet", "sink_for"]
