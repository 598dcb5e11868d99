"""The figures of ended runs, kept from one start of the UI to the next.

A file in the UI's own folder, and nothing that matters: what is damaged or out of date is read
again from the records. A run that goes on is never in it, and one that was touched since is not
taken from it: all files that a session writes are compared, its lock among them.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from treadle.cli.records import Entry
from treadle.ledger import format as layout
from treadle.sinks.whole import whole

Signature: TypeAlias = tuple[int, ...]
"""Sizes and times of the files of a record: of another one, something has been written."""

_FORMAT = 1
_WAL = f"{layout.DATABASE}-wal"
_MOST = 100_000  # runs: the file stays below some 50 MB


def signature_of(folder: Path) -> Signature:
    """Return what the files of the record in *folder* look like now."""
    found: list[int] = []
    for name in (layout.RUN, layout.DATABASE, _WAL, layout.LOCK):
        try:
            seen = os.stat(f"{folder}/{name}")  # noqa: PTH116  a Path for each of 40,000 takes longer
        except OSError:
            found += (0, 0)
            continue
        # Whoever reads makes an empty log where there is none.
        is_no_log = name == _WAL and not seen.st_size
        found += (0, 0) if is_no_log else (seen.st_size, seen.st_mtime_ns)
    return tuple(found)


class Figures:
    """
    What is known of ended runs.

    Args:
        path: Of the file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept: dict[str, Any] | None = None

    def of(self, folder: Path, signature: Signature) -> Entry | None:
        """Return the figures of the run in *folder*, if it is as it was when they were noted."""
        if self._kept is None:
            self._kept = self._read()
        try:
            noted, fields = self._kept[str(folder)]
            return _entry(folder, fields) if tuple(noted) == signature else None
        except (KeyError, TypeError, ValueError):  # not there, or damaged
            return None

    def keep(self, entries: Iterable[tuple[Signature, Entry]]) -> None:
        """
        Keep these, and what is there of runs in other folders: another UI may have noted them.

        Raises:
            OSError: They cannot be written.
        """
        if self._path is None:
            return
        mine: dict[str, Any] = {
            str(entry.folder): (signature, _fields(entry)) for signature, entry in entries
        }
        roots = {os.path.dirname(folder) for folder in mine}  # noqa: PTH120  as above, for each run
        others = {
            folder: noted
            for folder, noted in self._read().items()
            if os.path.dirname(folder) not in roots  # noqa: PTH120  likewise
        }
        kept = dict(itertools.islice({**mine, **others}.items(), _MOST))
        text = json.dumps({"format": _FORMAT, "runs": kept})
        with whole(self._path) as file:
            file.write(text.encode("ascii"))

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            found = json.loads(self._path.read_bytes())
            runs = found["runs"] if found["format"] == _FORMAT else {}
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return {}
        return runs if isinstance(runs, dict) else {}


def _fields(entry: Entry) -> dict[str, Any]:
    fields = asdict(entry)
    del fields["folder"], fields["id"]
    return {**fields, "began": entry.began.isoformat()}


def _entry(folder: Path, fields: Mapping[str, Any]) -> Entry:
    """Make the figures of what was kept; any type may have been put there by hand."""
    return Entry(
        id=folder.name,
        folder=folder,
        name=_text(fields["name"]),
        function=str(fields["function"]),
        into=_text(fields["into"]),
        began=datetime.fromisoformat(fields["began"]),
        state=str(fields["state"]),
        elapsed=float(fields["elapsed"]),
        total=_number(fields["total"]),
        ok=int(fields["ok"]),
        failed=int(fields["failed"]),
        left=_number(fields["left"]),
        throughput=float(fields["throughput"]),
        touched=float(fields["touched"]),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
