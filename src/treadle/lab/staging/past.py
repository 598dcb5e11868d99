"""What earlier sessions of a staging have left, and what of it must be done again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import treadle
from treadle.lab import places
from treadle.lab.recorded import Refusal, refusal, stored


@dataclass(slots=True)
class Past:
    """
    What earlier sessions have left.

    Attributes:
        runs: By key, the measurement that a file held.
        parts: The Parquet files of all of them.
        refusals: By key, why a file was rejected.
        redo: Keys of files to do again: what they gave is lost, or they did not fail for good.
    """

    runs: dict[str, str] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    redo: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, run: treadle.Run | None, root: Path) -> Past:
        """Read what *run* has recorded; nothing where there is none."""
        past = cls()
        if run is None:
            return past
        lost: set[str] = set()
        there: set[str] = set()  # measurements; of several files that hold one, one has written it
        for key, staged in stored(run):
            past.runs[key] = staged["run_id"]
            past.parts.add(staged["part"])
            if places.has(root, staged["part"], staged["size"]):
                there.add(staged["run_id"])
            else:
                lost.add(key)
        past.redo = {key for key in lost if past.runs[key] not in there}
        for outcome in run.failures():
            why = past.refusals[str(outcome.key)] = refusal(outcome)
            if not why.lasts:
                past.redo.add(str(outcome.key))
        run.close()
        return past
