"""Finds the sink that is meant by ``into=``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from treadle.core.protocols import Sink
from treadle.errors import UsageError
from treadle.sinks.csvfile import Csv
from treadle.sinks.folder import Folder
from treadle.sinks.jsonl import Jsonl
from treadle.sinks.memory import Memory
from treadle.sinks.parquet import Parquet
from treadle.sinks.sqlite import Sqlite
from treadle.sinks.xlsx import Xlsx

_BY_SUFFIX: dict[str, Callable[[str], Sink]] = {
    ".csv": Csv,
    ".jsonl": Jsonl,
    ".parquet": Parquet,
    ".sqlite": Sqlite,
    ".db": Sqlite,
}
_HINT = "a file that ends in .csv, .jsonl, .parquet, .sqlite or .db, or a folder that ends in '/'"


_EXPORTED: dict[str, Callable[[str], Sink]] = {".xlsx": Xlsx}  # none that a run could go on with


def sink_for(into: Any, *, export: bool = False) -> Sink:
    """
    Return the sink that *into* means.

    Args:
        into: None for memory; a path that ends in ``.csv``, ``.jsonl``, ``.parquet``, ``.sqlite``
            or ``.db``; a path that ends in ``/`` or is a folder; or a sink, which is returned as
            it is.
        export: All values are there: a path may end in ``.xlsx``, too.

    Returns:
        The sink, not yet open.

    Raises:
        UsageError: It is none of these.
        MissingExtra: pyarrow (Parquet) or XlsxWriter is not installed.
    """
    if into is None:
        return Memory()
    if isinstance(into, str | os.PathLike):
        return _at(os.fspath(into), export=export)
    verbs = ("open", "write", "close", "abandon")
    if isinstance(into, type) or not all(callable(getattr(into, verb, None)) for verb in verbs):
        what = f"the class {into.__name__}" if isinstance(into, type) else repr(into)
        raise UsageError(f"cannot store values into {what:.80}", hint=f"give {_HINT}, or a sink")
    sink: Sink = into
    return sink


def _at(path: str | bytes, *, export: bool) -> Sink:
    if not isinstance(path, str) or not path or "\0" in path:
        raise UsageError(f"cannot store values into {path!r}", hint=_HINT)
    if path.endswith(("/", os.sep)) or Path(path).is_dir():
        return Folder(path)
    suffix = Path(path).suffix.lower()
    if suffix in _EXPORTED and not export:
        raise UsageError(
            f"{path!r} can only be made of a run that has its values",
            hint=f"run into another format, then: treadle export RUN --to {path}",
        )
    kind = _BY_SUFFIX.get(suffix) or _EXPORTED.get(suffix)
    if kind is None:
        raise UsageError(
            f"the suffix of {path!r} does not say how to store values there", hint=_HINT
        )
    return kind(path)
