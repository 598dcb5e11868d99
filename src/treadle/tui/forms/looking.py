"""What the values of a form lead to: how many files or rows, and which function.

What takes time is given up after a second: the answer is then what was found by then. Only
regular files are opened: a pipe or a device might never answer, and what is read from it is gone.
"""

from __future__ import annotations

import gzip
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

import treadle
from treadle import TreadleError
from treadle.progress.text import plural
from treadle.tui.forms import functions
from treadle.tui.forms.fields import Fields, Kind
from treadle.tui.forms.offers import Words

_SECONDS = 1.0
_MOST_BYTES = 100_000_000
_PACKED = ".gz"
_PARQUET = (".parquet", ".pq")


def look(
    words: Words, fields: Fields, values: Mapping[str, Any], given_up: Callable[[], bool]
) -> dict[str, str]:
    """
    Say what *values* lead to.

    Args:
        words: The command.
        fields: Its fields.
        values: Those of its values that nothing is wrong with.
        given_up: Returns True once nobody wants to know any more.

    Returns:
        What there is to say, by the names of fields.
    """
    end = time.monotonic() + _SECONDS

    def enough(_count: int) -> bool:
        return given_up() or time.monotonic() > end

    notes = {}
    for field in fields.all:
        value = values.get(field.name)
        if not value:
            continue
        with suppress(TreadleError, OSError, ValueError):  # checking has said it, or the run will
            text = _of_one(words, field.name, field.kind, values, enough)
            if text:
                notes[field.name] = text
    if words == ("map",) and not values.get("into"):
        notes["into"] = "without a file, values are only printed; the run keeps no record"
    return notes


def _of_one(
    words: Words,
    name: str,
    kind: Kind,
    values: Mapping[str, Any],
    enough: Callable[[int], bool],
) -> str:
    value = values[name]
    if kind is Kind.FUNCTION and isinstance(value, str):
        return functions.check(value, values.get("function"))
    if name == "source" and words == ("map",):
        return _of_source(values, enough)
    if name == "raw_root":
        return _counted(treadle.files(value, suffix=".csv").count, enough, "csv file")
    if name == "experiments":
        return _of_rows(value, None, None, enough)
    if name == "into" and Path(value).exists():
        return _of_existing(words, value)
    return ""


def _of_existing(words: Words, value: str) -> str:
    if words == ("code", "chunk"):
        return "is there already, and will be replaced when all is done"
    return "is there already" + ("" if Path(value).is_dir() else ", and will be replaced")


def _of_source(values: Mapping[str, Any], enough: Callable[[int], bool]) -> str:
    source = values["source"]
    encoding = values.get("encoding")
    if values.get("rows"):
        return _of_rows(source[0], values.get("format"), encoding, enough)
    if values.get("lines"):
        with _opened(source[0], enough) as glimpse:
            lines = treadle.lines(cast("IO[bytes]", glimpse), encoding=encoding or "utf-8")
            return _seen(lines, glimpse, "line")
    return _counted(treadle.files(*source).count, enough, "file")


def _of_rows(
    path: str, kind: str | None, encoding: str | None, enough: Callable[[int], bool]
) -> str:
    with _opened(path, enough) as glimpse:
        suffix = Path(path.removesuffix(_PACKED)).suffix.lower()
        if kind == "parquet" or (kind is None and suffix in _PARQUET):
            rows: Any = treadle.rows(path, format=kind)
            return plural(len(rows), "row")  # it knows without being read
        # Of an open file nobody knows the suffix.
        kind = kind or {".ndjson": "jsonl"}.get(suffix, suffix[1:])
        rows = treadle.rows(cast("IO[bytes]", glimpse), format=kind, encoding=encoding or "utf-8")
        return _seen(rows, glimpse, "row")


class _Glimpse:
    """
    A file that ends once enough of it was read, wherever that is: a line may have no end.

    Attributes:
        is_cut: There was more.
    """

    def __init__(self, stream: IO[bytes], name: str, enough: Callable[[int], bool]) -> None:
        self._stream, self._enough = stream, enough
        self.name, self.is_cut = name, False
        self._left = _MOST_BYTES

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; none at its end, or once it was enough."""
        if self.is_cut:
            return b""
        read = self._stream.read(size)
        # The first are always read: there is something to say even of what is given up.
        self._left -= len(read)
        self.is_cut = bool(read) and (self._left <= 0 or self._enough(len(read)))
        return read


@contextmanager
def _opened(path: str, enough: Callable[[int], bool]) -> Iterator[_Glimpse]:
    """
    Open a file if it is a regular one.

    Raises:
        OSError: It is none, or cannot be opened.
    """
    # Opening a pipe for reading waits for who writes; and it may become one at any time.
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(number, "rb") as plain:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(f"{path!r} is no regular file")
        if not path.endswith(_PACKED):
            yield _Glimpse(plain, path, enough)
            return
        with gzip.open(plain) as packed:
            yield _Glimpse(packed, path, enough)  # type: ignore[arg-type]  # it is read from


def _seen(items: Iterable[object], glimpse: _Glimpse, noun: str) -> str:
    number = sum(1 for _ in items)
    return f"{plural(number, noun)}{' and more' if glimpse.is_cut else ''}"


def _counted(
    count: Callable[[Callable[[int], bool]], int], enough: Callable[[int], bool], noun: str
) -> str:
    cut = False

    def until(number: int) -> bool:
        nonlocal cut
        cut = enough(number)
        return cut

    number = count(until)
    return f"{plural(number, noun)}{' and more' if cut else ''}"
