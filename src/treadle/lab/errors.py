"""Why a raw file cannot be staged: one exception for each reason.

    treadle.TreadleError
    ├── Rejected             a raw file that cannot be staged; ``reason`` says why, in few words
    │   ├── NotAMeasurement  it has no ``#Procedure`` line
    │   ├── CannotOpen       the disk or the system does not give it: tried again the next time
    │   ├── Unreadable       it is no text
    │   ├── NoData           it has no column line, or no rows below it
    │   ├── Damaged          its rows cannot be trusted
    │   ├── StillGrowing     it changed while it was read: left for the next time
    │   ├── BreaksSchema     it is sound, but not what ``procedures.yml`` asks for
    │   └── NoSweep          a staged one that cannot be segmented: it lacks the swept column
    └── UsageError
        └── SchemaError      ``procedures.yml`` itself is wrong

A rejected file is a result like any other: it is recorded with its reason, and the others go on.
"""

from __future__ import annotations

from typing import ClassVar

import treadle


class Rejected(treadle.TreadleError):
    """
    A raw file that cannot be staged.

    Attributes:
        reason: Why, as the manifest and the summary of a run name it.
        lasts: It will be rejected again unless it is changed; else the next session tries again.
    """

    reason: ClassVar[str] = "rejected"
    lasts: ClassVar[bool] = True


class NotAMeasurement(Rejected):
    """The file has no ``#Procedure`` line: an index, a time line, the work of another program."""

    reason: ClassVar[str] = "not a measurement"


class CannotOpen(Rejected):
    """The file cannot be opened or read: no permission, a disk that does not answer."""

    reason: ClassVar[str] = "cannot be opened"
    lasts: ClassVar[bool] = False


class Unreadable(Rejected):
    """What the file holds is no text that can be read."""

    reason: ClassVar[str] = "unreadable"


class NoData(Rejected):
    """The file has no column line, or no rows below it."""

    reason: ClassVar[str] = "no data"


class Damaged(Rejected):
    """The rows cannot be trusted: two runs in one file, a column twice, more bad rows than good."""

    reason: ClassVar[str] = "damaged"


class StillGrowing(Rejected):
    """The file changed while it was read; the instrument is probably still writing it."""

    reason: ClassVar[str] = "still growing"
    lasts: ClassVar[bool] = False


class BreaksSchema(Rejected):
    """The file can be read, but is not what ``procedures.yml`` asks for."""

    reason: ClassVar[str] = "breaks the schema"


class NoSweep(Rejected):
    """The measurement lacks the column that the schema says is swept."""

    reason: ClassVar[str] = "no swept column"


class SchemaError(treadle.UsageError):
    """A ``procedures.yml`` is wrong; the message names the file and the line."""
