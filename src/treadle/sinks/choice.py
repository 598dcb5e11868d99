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

_BY_SUFFIX: dict[str, Callable[[str], Sink]] = {".csv": Csv, ".jsonl": Jsonl, ".parquet": Parquet}
_HINT = "a file that ends in .csv, .jsonl or .parquet, or a folder that ends in '/'"


def sink_for(into: Any) -> Sink:
    """
    Return the sink that *into* means.

    Args:
        into: None for memory; a path that ends in ``.csv``, ``.jsonl`` or ``.parquet``; a path that
            ends in ``/`` or is a folder; or a sink, which is returned as it is.

    Returns:
        The sink, not yet open.

    Raises:
        UsageError: It is none of these.
        MissingExtra: pyarrow is not installed (Parquet).
    """
    if into is None:
        return Memory()
    if isinstance(into, str | os.PathLike):
        return _at(os.fspath(into))
    verbs = ("open", "write", "close", "abandon")
    if isinstance(into, type) or not all(callable(getattr(into, verb, None)) for verb in verbs):
        what = f"the class {into.__name__}" if isinstance(into, type) else repr(into)
        raise UsageError(f"cannot store values into {what:.80}", hint=f"give {_HINT}, or a sink")
    sink: Sink = into
    return sink


def _at(path: str | bytes) -> Sink:
    if not isinstance(path, str) or not path or "\0" in path:
        raise UsageError(f"cannot store values into {path!r}", hint=_HINT)
    if path.endswith(("/", os.sep)) or Path(path).is_dir():
        return Folder(path)
    kind = _BY_SUFFIX.get(Path(path).suffix.lower())
    if kind is None:
        raise UsageError(
            f"the suffix of {path!r} does not say how to store values there", hint=_HINT
        )
    return kind(path)
