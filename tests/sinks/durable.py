"""The sinks that a later run can go on with: what the tests of all of them need to know.

A new durable sink gets a line in ``SINKS``, and is then held to all that stands in
``test_durable.py``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.core.outcome import Succeeded
from treadle.sinks import Csv, Folder, Jsonl, Kept, Parquet, Sqlite


@dataclass(frozen=True)
class Durable:
    """
    One kind of durable sink.

    Attributes:
        make: Makes one that stores into a path.
        name: The name of its file in a folder.
        read: Makes of what ``stored`` gives for a row the fields that were stored.
        tail: What a torn write may leave at the end of a file changes nothing. (Where a format
            has a journal of its own for that, no such bytes come about.)
    """

    make: Callable[[Path], Any]
    name: str
    read: Callable[[Any], dict[str, Any]] = dict
    tail: bool = True

    def at(self, folder: Path) -> Any:
        """Make the sink that stores into *folder*."""
        return self.make(folder / self.name)

    def rows(self, sink: Any) -> list[tuple[str, dict[str, str]]]:
        """Return what is stored: keys as text, fields as text, and no empty ones."""
        return [(str(key), shown(self.read(value))) for key, value in sink.stored()]


def shown(fields: dict[str, Any]) -> dict[str, str]:
    """Return the fields as text; those that are empty left out."""
    return {name: str(field) for name, field in fields.items() if field not in ("", None)}


def from_file(path: Path) -> dict[str, Any]:
    """Read the JSON of one value."""
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


SINKS = {
    "Csv": Durable(Csv, "results.csv"),
    "Jsonl": Durable(Jsonl, "results.jsonl"),
    "Kept": Durable(Kept, "values.pickles"),
    "Sqlite": Durable(Sqlite, "results.sqlite", tail=False),
    "Folder": Durable(Folder, "results", from_file),
    "Parquet": Durable(lambda path: Parquet(path, group=2), "results.parquet", tail=False),
}


def crash(sink: Any, folder: Path) -> None:
    """Leave in *folder* what is there right now, as the end of the process would."""
    copy = folder.with_name(folder.name + "-copy")
    shutil.copytree(folder, copy)
    sink.abandon()  # lets go of its files, which are not looked at again
    shutil.rmtree(folder)
    copy.rename(folder)


def outcome(key: Any, value: Any, index: int = 0) -> Succeeded[Any]:
    """Make the outcome of an item that succeeded."""
    return Succeeded(key, index, 1, 0.0, 0.0, None, None, None, value)
