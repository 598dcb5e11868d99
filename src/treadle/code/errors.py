"""Why a file could not be read: it fails, with one of these, and the others go on.

treadle.TreadleError
└── CannotRead       it is gone, or the system does not give it
    └── StillChanging    it changed each time that it was read
"""

from __future__ import annotations

import treadle


class CannotRead(treadle.TreadleError):
    """A file cannot be read: it is gone, may not be opened, or the disk fails."""


class StillChanging(CannotRead):
    """A file changes while it is read, so that what was read may never have stood in it."""
