"""When a measurement began: from its header, or else from its path, or else from its file.

The header's ``Start time`` counts, that under ``#Metadata:`` before that under ``#Parameters:``.
Where there is none that a clock can have shown (missing, no time, 1970 or before, after 2200), the
run began at local midnight of the date in its path: in the file's name, else in the nearest
folder's. Where there is none either, it began when the file was last written to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final, Literal, NamedTuple

from treadle.lab.notes import Note
from treadle.lab.values import moment
from treadle.lab.zones import zone

Origin = Literal["metadata", "parameters", "path", "mtime"]
"""Where a start time was found."""

START_TIME: Final = "Start time"

_DATE = re.compile(r"(?<![0-9])([0-9]{4})([-_]?)([0-9]{2})\2([0-9]{2})(?![0-9])")
_FIRST_YEAR = 1990  # eight digits are not always a date
_NEVER = datetime(1971, 1, 1, tzinfo=UTC)  # before it: seconds since something else than 1970
_TOO_LATE = datetime(2201, 1, 1, tzinfo=UTC)  # the year 9999 has no next day in another zone
_DAY = timedelta(days=1)


class Start(NamedTuple):
    """
    When a measurement began.

    Attributes:
        time: In UTC.
        origin: Where that was found.
    """

    time: datetime
    origin: Origin

    @property
    def is_in_header(self) -> bool:
        """Whether the file itself says so, wherever it lies."""
        return self.origin in {"metadata", "parameters"}


def start_of(
    parameters: Mapping[str, str],
    metadata: Mapping[str, str],
    path: Path,
    mtime: float,
    local_tz: tzinfo | str | None,
    notes: list[Note],
) -> Start:
    """
    Return when the measurement in *path* began.

    Args:
        parameters: Header values as they are written.
        metadata: Header values as they are written.
        path: Where the file lies.
        mtime: When it was last written to, in seconds since 1970.
        local_tz: The zone in which a date in the path is meant; None: the machine's.
        notes: Takes what there is to say.
    """
    start = _in_header(parameters, metadata)
    if start is None:
        start = _of_file(path, mtime, local_tz)
        notes.append(_about_origin(metadata.get(START_TIME, parameters.get(START_TIME)), start))
    if start.time > datetime.now(UTC) + _DAY:
        text = f"the run began at {start.time:%Y-%m-%d %H:%M} UTC, which is yet to come"
        notes.append(Note("warning", "START_IN_FUTURE", text))
    return start


def _in_header(parameters: Mapping[str, str], metadata: Mapping[str, str]) -> Start | None:
    if (time := _shown(metadata)) is not None:
        return Start(time, "metadata")
    if (time := _shown(parameters)) is not None:
        return Start(time, "parameters")
    return None


def _shown(texts: Mapping[str, str]) -> datetime | None:
    """Return the start time among *texts*, if a clock can have shown it."""
    text = texts.get(START_TIME)
    time = None if text is None else moment(text)
    return time if time is not None and _NEVER <= time < _TOO_LATE else None


def _of_file(path: Path, mtime: float, local_tz: tzinfo | str | None) -> Start:
    for name in (path.name, *(folder.name for folder in path.parents)):
        for year, _, month, day in _DATE.findall(name):
            try:
                midnight = datetime(int(year), int(month), int(day), tzinfo=zone(local_tz))
            except ValueError:
                continue
            if _FIRST_YEAR <= midnight.year < _TOO_LATE.year:
                return Start(midnight.astimezone(UTC), "path")
    # A disk may say any number, and `datetime` does not know all of them.
    seconds = min(max(mtime, 0), _TOO_LATE.timestamp())
    return Start(datetime.fromtimestamp(seconds, UTC), "mtime")


def _about_origin(text: str | None, start: Start) -> Note:
    """Return the note that the header has no usable start time."""
    what = f"has no {START_TIME!r}" if text is None else f"has {START_TIME!r} {text!r:.60}"
    source = "the date in its path" if start.origin == "path" else "the file's modification time"
    text = f"the header {what}; took {source}: {start.time:%Y-%m-%d %H:%M} UTC"
    return Note("warning", "NO_START_TIME", text)
