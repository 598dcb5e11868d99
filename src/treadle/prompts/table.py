"""Opens the table of an experiment: a file of rows that is read again and again, row by row.

A table is examined once when it is opened, so that what is wrong with it as a whole is said before
anything is sent. From then on its rows come from the file each time, and never stay in memory: a
million of them cost no more than ten.
"""

from __future__ import annotations

import codecs
import io
import itertools
import os
import shutil
import sys
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import treadle
from treadle.prompts.table_formats import CsvFormat, Format, JsonFormat, Row

__all__ = ["Row", "Table", "open_table", "snapshot"]

_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_BLOCK = 1 << 20


def open_table(
    path: str | os.PathLike[str],
    *,
    stdin: IO[Any] | None = None,
    keep_in: Path | None = None,
) -> Table:
    """
    Open a table of CSV or JSONL.

    The suffix tells which: ``.jsonl``, ``.ndjson`` and ``.json`` are JSONL, one object on each
    line, ``.csv`` and ``.tsv`` are CSV; of other names, and of standard input, the first character
    tells.

    Args:
        path: The file; ``"-"`` for standard input.
        stdin: What to read for ``"-"``; None for that of the process.
        keep_in: The folder that standard input is stored in, since it can be read only once. None
            for a temporary file, which goes when the table does.

    Raises:
        UsageError: There is no such file, it is not UTF-8, has NUL bytes, no rows, two columns of
            the same name, or a quote that is never closed.
    """
    if os.fspath(path) != "-":
        return Table(Path(path))
    spooled = _spooled(stdin, keep_in)
    table = Table(spooled, name="standard input")
    if keep_in is None:
        weakref.finalize(table, spooled.unlink, missing_ok=True)
    return table


def snapshot(path: Path, to: Path) -> None:
    """
    Copy the table at *path* to *to*, so that the run reads what stood there when it began.

    *to* appears whole or not at all; what was there is replaced.

    Raises:
        UsageError: It cannot be copied.
    """
    half = to.with_name(to.name + ".half")
    try:
        if to.exists() and to.samefile(path):
            return
        shutil.copyfile(path, half)
        half.replace(to)
    except OSError as error:
        raise treadle.UsageError(
            f"the table {path} cannot be copied to {to}: {error.strerror}",
            hint="is there room, and may this folder be written to?",
        ) from error


class Table:
    """
    The rows of a file, read from it each time.

    Args:
        path: The file.
        name: What to call it in messages; None for its path.

    Attributes:
        path: The file.
        name: What messages call it.
        header: The names of the columns, in their order.
    """

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self.path = path
        self.name = str(path) if name is None else name
        _check_bytes(path, self.name)
        self._format = self._format_of_file()
        with self._text() as text:
            self._format.examine(text, self.name)
        self.header = self._format.header
        self._starts: array[int] | None = None

    def __len__(self) -> int:
        return self._format.count

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows, from the file."""
        with self._text() as text:
            self._format.skip_header(text)
            yield from self._format.rows(text)

    def at(self, numbers: Iterable[int]) -> Iterator[Row]:
        """
        Yield the rows of these numbers (from 1), in that order, from the file.

        The first use reads all of the file once, and keeps eight bytes for each row.
        """
        if self._starts is None:
            self._starts = self._row_starts()
        starts = self._starts
        rows = self._format.rows
        with self.path.open("rb", buffering=0) as file:
            descriptor = file.fileno()
            for number in numbers:
                start = starts[number - 1]
                size = starts[number] - start
                text = os.pread(descriptor, size, start).decode("utf-8")
                yield next(rows(io.StringIO(text, newline=""), number))

    def _format_of_file(self) -> Format:
        suffix = self.path.suffix.lower()
        if suffix in _JSON_SUFFIXES:
            return JsonFormat()
        if suffix == ".tsv":
            return CsvFormat("\t")
        if suffix != ".csv":
            with self._text() as text:
                first = next((line for line in text if not line.isspace()), "")
            if first.lstrip().startswith("{"):
                return JsonFormat()
        return CsvFormat()

    def _text(self) -> io.TextIOWrapper:
        # newline="": what stands in quotes, line ends too, belongs to the cell as it is.
        return self.path.open(encoding="utf-8-sig", newline="")

    def _row_starts(self) -> array[int]:
        """Where each row starts, in bytes, and behind them where the last one ends."""
        starts = array("Q")
        with self._text() as text:
            lines = _Measured(text, _bom_size(self.path))
            self._format.skip_header(lines)
            starts.append(lines.position)
            for _row in self._format.rows(lines):
                starts.append(lines.position)
        return starts


class _Measured(Iterator[str]):
    """Counts the bytes of the lines that were taken."""

    def __init__(self, lines: Iterator[str], position: int) -> None:
        self._lines = lines
        self.position = position

    def __next__(self) -> str:
        line = next(self._lines)
        self.position += len(line) if line.isascii() else len(line.encode())
        return line


def _bom_size(path: Path) -> int:
    with path.open("rb") as file:
        return 3 if file.read(3) == codecs.BOM_UTF8 else 0


def _spooled(stdin: IO[Any] | None, keep_in: Path | None) -> Path:
    """Store standard input as it comes, in a file."""
    source = sys.stdin if stdin is None else stdin
    source = getattr(source, "buffer", source)
    if keep_in is None:
        descriptor, name = tempfile.mkstemp(prefix="treadle-", suffix=".table")
        os.close(descriptor)
        path = Path(name)
    else:
        path = keep_in / "stdin.table"
    with path.open("wb") as file:
        while block := source.read(_BLOCK):
            file.write(block.encode() if isinstance(block, str) else block)
    return path


def _check_bytes(path: Path, name: str) -> None:
    """
    Make sure that all of the file is UTF-8 text.

    Raises:
        UsageError: It is not, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            _check_text(iter(lambda: file.read(_BLOCK), b""), name)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise treadle.UsageError(
            f"the table {name} cannot be read: {error.strerror}",
            hint=f"the current folder is {Path.cwd()}" if missing else None,
        ) from error


def _check_text(blocks: Iterator[bytes], name: str) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, offset = 1, 0
    for number, block in enumerate(itertools.chain(blocks, [b""])):
        if number == 0 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise _wrong_encoding(f"{name} is UTF-16, not UTF-8", "UTF-16")
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            # What was left over from the block before it stands at the beginning of the object.
            offset += error.start - (len(error.object) - len(block))
            byte = error.object[error.start]
            raise _wrong_encoding(
                f"line {line} of {name} is not UTF-8: byte 0x{byte:02x} at offset {offset}"
            ) from error
        nul = block.find(0)
        if nul >= 0:
            line += block.count(b"\n", 0, nul)
            raise treadle.UsageError(
                f"line {line} of {name} has a NUL byte, at offset {offset + nul}",
                hint="this is no text file, or one in UTF-16; save it as UTF-8",
            )
        line += block.count(b"\n")
        offset += len(block)


def _wrong_encoding(message: str, encoding: str = "CP1252") -> treadle.UsageError:
    return treadle.UsageError(
        message,
        hint="save it as UTF-8 (in Excel: 'CSV UTF-8'), or: "
        f"iconv -f {encoding} -t UTF-8 OLD > NEW",
    )
