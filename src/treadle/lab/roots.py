"""Which folder holds what of one laboratory: the stage root, and what was made of it beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import treadle
from treadle.lab.places import ANALYSED, MANIFEST, MEASURED, SEGMENTED, read_json

NAMES: Final = ("stage", "segment", "metrics", "iv", "history")
"""The folders of a pipeline, in the order in which they are made."""


@dataclass(frozen=True, slots=True)
class Roots:
    """
    The folders of one laboratory; all paths are absolute.

    Attributes:
        out: The folder that holds the others.
        stage: Where the measurements are.
        segment: Where the segments of its sweeps are; None: not made yet.
        metrics: Where its metrics are; None: not made yet.
        iv: Where what was made of its IV sweeps is; None: not made yet.
    """

    out: Path
    stage: Path
    segment: Path | None
    metrics: Path | None
    iv: Path | None


def roots(given: str | os.PathLike[str]) -> Roots:
    """
    Find what is there.

    Args:
        given: The OUT of a pipeline; or a stage root, what was made of which is looked for in the
            folders ``segment``, ``metrics`` and ``iv`` beside it.

    Raises:
        UsageError: It is neither.
    """
    path = Path(given).resolve()
    stage = next((each for each in (path / NAMES[0], path) if _is_stage(each)), None)
    if stage is None:
        is_there = "holds no staged measurements" if path.is_dir() else "does not exist"
        raise treadle.UsageError(
            f"{str(path)!r} {is_there}", hint="treadle lab pipeline RAW OUT makes such a folder"
        )
    out = stage.parent
    return Roots(
        out,
        stage,
        _made_of(stage, out / "segment", SEGMENTED),
        _made_of(stage, out / "metrics", MEASURED),
        _made_of(stage, out / "iv", ANALYSED),
    )


def _is_stage(path: Path) -> bool:
    return (path / MANIFEST).is_file() and not (path / SEGMENTED).is_file()


def _made_of(stage: Path, root: Path, notes: str) -> Path | None:
    return root if (root / notes).is_file() and is_made_of(stage, root, notes) else None


def is_made_of(stage: Path, root: Path, notes: str) -> bool:
    """
    Tell whether *root* was made of *stage*, or of one that has moved; or is still to be made.

    Args:
        stage: A stage root.
        root: What was made of one.
        notes: Where that is noted in it.
    """
    said = read_json(root / notes)
    if "beside" in said and (root / said["beside"]).resolve() == stage:
        return True
    elsewhere = Path(said.get("stage_root", stage))
    return elsewhere == stage or not _is_stage(elsewhere)
