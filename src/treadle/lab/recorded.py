"""What earlier sessions of a stage have recorded: which items have settled, and as what.

The record is that of `treadle.run`, kept below the root that the stage writes, so that it is found
from wherever the stage is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import treadle
from treadle.lab import errors
from treadle.lab.places import RUNS

_KINDS: tuple[type[errors.Rejected], ...] = (
    *errors.Rejected.__subclasses__(),
    errors.Rejected,  # of a layout of one's own
)
_BY_NAME = {f"{each.__module__}.{each.__qualname__}": each for each in _KINDS}


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    Why an item has failed.

    Attributes:
        reason: In few words.
        message: Exactly.
        hint: What to do about it, or None.
        lasts: It will fail again unless it is changed; else the next session tries it again.
    """

    reason: str
    message: str
    hint: str | None
    lasts: bool


def refusal(outcome: treadle.FailedOutcome) -> Refusal:
    """Say why an item has failed: rejected by us, or by whatever befell it."""
    failure = outcome.failure
    known = next((_BY_NAME[name] for name in failure.mro if name in _BY_NAME), None)
    if outcome.kind == "raised" and known is not None:
        return Refusal(known.reason, failure.message, failure.hint, known.lasts)
    short = failure.type.rpartition(".")[2]
    said = f"{short}: {failure.message}" if outcome.kind == "raised" else failure.message
    return Refusal(outcome.verdict, said or outcome.verdict, failure.hint, lasts=False)


def newest(root: Path, name: str) -> treadle.Run | None:
    """Return the newest run of that name in the record below *root*; None if there is none."""
    found = [run for run in treadle.runs(root / RUNS) if run.name == name]
    return found[-1] if found else None


def newest_of_each(root: Path, prefix: str) -> dict[str, treadle.Run]:
    """Return by name the newest run of each name that begins with *prefix*."""
    runs = treadle.runs(root / RUNS)
    return {run.name: run for run in runs if run.name and run.name.startswith(prefix)}


def stored(run: treadle.Run) -> Iterator[tuple[str, Any]]:
    """
    Yield key and value of what has succeeded in *run*.

    Raises:
        UsageError: The record is damaged.
    """
    return run.stored() if run.ok else iter(())


Report_co = TypeVar("Report_co", covariant=True)


class Session(Protocol[Report_co]):
    """One run of a stage, and the lists that are made of the record afterwards."""

    def run(
        self, pool: treadle.Pool, timeout: float | None, progress: str | treadle.Listener | None
    ) -> None:
        """Do what is new or changed."""

    def close(self) -> Report_co:
        """Make the lists."""


def seen_through(
    session: Session[Report_co],
    pool: treadle.Pool,
    timeout: float | None,
    progress: str | treadle.Listener | None,
) -> Report_co:
    """
    Run *session* and make its lists, whatever ends the run: what has settled is in them.

    Raises:
        RunFailed: The lists cannot be written.
        BaseException: Whatever has ended the run.
    """
    try:
        session.run(pool, timeout, progress)
    except BaseException as error:
        try:
            session.close()
        except Exception as further:
            error.add_note(f"and the lists could not be made: {further}")
        raise
    try:
        return session.close()
    except OSError as error:
        raise treadle.RunFailed(
            f"the lists cannot be written: {error.strerror or error}",
            hint="is the disk full? What is done is kept: the same command goes on",
        ) from error


class Ran:
    """A listener that remembers which items have settled in this session, and the slowest."""

    SLOWEST = 10

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.slowest: list[tuple[str, float]] = []

    def __call__(self, event: treadle.events.Event) -> None:
        """Follow the run."""
        if not isinstance(event, treadle.events.ItemsSettled):
            return
        for outcome in event.outcomes:
            if outcome.kind != "cancelled":
                self.keys.add(str(outcome.key))
                self._time(str(outcome.key), outcome.duration)

    def _time(self, key: str, seconds: float) -> None:
        if len(self.slowest) < self.SLOWEST or seconds > self.slowest[-1][1]:
            self.slowest.append((key, seconds))
            self.slowest.sort(key=lambda pair: -pair[1])
            del self.slowest[self.SLOWEST :]
