"""Which records of runs may go, and how one is removed: of the command and of the terminal UI."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from treadle import TreadleError
from treadle.cli.commands.runs import place
from treadle.cli.records import Entry, Survey
from treadle.ledger.lock import RunLock
from treadle.progress.text import number, one_line

# Seconds. A run that begins right now has no run.json yet, and looks damaged.
YOUNG = 60.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A folder to remove, and what is said of it."""

    folder: Path
    says: str


def choose(
    found: Survey, age: float | None, keep: int, now: float, *, only_finished: bool = False
) -> Iterator[Chosen]:
    """
    Yield what may be removed, oldest first; never a run that goes on.

    Args:
        found: What there is.
        age: Only what was not written to for so many seconds; None: whatever its age.
        keep: So many of the newest runs stay.
        now: Seconds since the epoch.
        only_finished: Runs that could be resumed stay, and so does what is damaged.
    """
    spared = {entry.id for entry in found.entries[len(found.entries) - keep :]} if keep else set()
    for entry in found.entries:
        old = age is None or now - entry.touched > age
        wanted = entry.state == "finished" or not only_finished
        if old and wanted and not entry.is_running and entry.id not in spared:
            yield Chosen(entry.folder, _says(entry))
    for folder in () if only_finished else found.damaged:
        with suppress(OSError):  # gone meanwhile
            if now - folder.stat().st_mtime > YOUNG:
                yield Chosen(folder, f"{folder.name}  damaged")


def _says(entry: Entry) -> str:
    into = "with its values" if entry.into is None else f"-> {place(entry.into)}"
    counts = f"{number(entry.ok)} ok, {number(entry.failed)} failed"
    return one_line(f"{entry.id}  {entry.state}, {counts}  {entry.function} {into}")


def remove(folder: Path) -> None:
    """
    Remove the record in *folder*, unless somebody has begun to write there.

    Raises:
        UsageError: Somebody has.
        TreadleError: It cannot be removed.
    """
    lock = RunLock(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise TreadleError(
            f"the record {folder.name} cannot be removed: {error.strerror or error}"
        ) from error
    finally:
        lock.release()
