"""What the tests of lanes have workers do, and what is learnt from it. Workers import it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import treadle


class Busy(Exception):
    """Come later."""


class NoCredit(Exception):
    """Nothing further will be done for this account."""


def lane_of(value):
    """Return the lane of ``"a1"``: a."""
    return value[0]


def learn(outcome):
    """Tell what an attempt teaches, by what it raised."""
    match outcome.ok or outcome.error:
        case Busy():
            return treadle.Feedback(pause=0.01, charged=False)
        case NoCredit():
            return treadle.Feedback(closed="no credit")
    return None


class Account:
    """Calls that leave a file for each attempt; items of lane a need credit, x are busy once."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def __call__(self, value):
        attempt = treadle.current().attempt
        descriptor, _ = tempfile.mkstemp(prefix=f"{value}-", dir=self.folder)
        os.close(descriptor)
        if value[0] == "x" and attempt == 1:
            raise Busy(value)
        if value[0] == "a" and not (self.folder / "credit").exists():
            raise NoCredit(value)
        return value.upper()


class AccountInLoop(Account):
    """The same, for the event loop."""

    async def __call__(self, value):
        return super().__call__(value)
