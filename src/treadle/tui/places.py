"""Which folders of runs the UI looks in: the usual one, those it was told, those it saw runs in.

A command that is started from the UI notes where each of its runs is recorded, for as long as it
goes on: so they are found again, also after a UI that was left meanwhile, or killed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from treadle.ledger import format as layout
from treadle.tui.launching import RUNS, STARTED, noted_in
from treadle.tui.remembered import Remembered, state_dir


def roots(runs_dirs: Sequence[Path], remembered: Remembered) -> list[Path]:
    """Return the folders in which runs are looked for."""
    remembered.places = [place for place in remembered.places if not _was_temporary(place)]
    return [layout.runs_dir(), *runs_dirs, *map(Path, remembered.places)]


def of_started() -> list[Path]:
    """Return the folders in which runs of commands are recorded that were started from a UI."""
    found: dict[Path, None] = {}
    for path in state_dir().glob(f"{STARTED}/*/{RUNS}"):
        found.update((folder.parent, None) for folder in noted_in(path))
    return [place for place in found if place.is_dir()]


def note(remembered: Remembered, places: Iterable[Path]) -> bool:
    """Remember *places*; tell whether one of them is new."""
    found = dict.fromkeys(map(os.path.realpath, places))
    new = [place for place in found if place not in remembered.places]
    for place in new:
        remembered.note_place(Path(place))
    return bool(new)


def _was_temporary(place: str) -> bool:
    """Tell a folder of a moment from one on a disk that is not there now."""
    temporary = os.path.realpath(tempfile.gettempdir())
    return place.startswith(f"{temporary}{os.sep}") and not Path(place).is_dir()
