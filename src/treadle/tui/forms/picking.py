"""What a field and a picker of paths tell each other: where to begin, and what was picked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from treadle.tui.forms.fields import Field, Kind


def start_of(values: Sequence[str]) -> Path | None:
    """Return the folder to begin in, for a field that holds *values*; None for the current one."""
    for value in map(_plain_part, values):
        path = Path(value.rpartition(":")[0] if ".py:" in value else value)
        folder = path if path.is_dir() else path.parent
        if folder.is_dir():
            return folder
    return None


def as_typed(field: Field, path: str) -> str:
    """Write a folder that results go into as the commands want it: with a ``/`` at its end."""
    is_folder = field.made and field.kind is Kind.PATH and Path(path).is_dir()
    return f"{path}{os.sep}" if is_folder else path


def _plain_part(text: str) -> str:
    """Return the part of a pattern that is a path: ``data`` of ``data/**/*.csv``."""
    plain = takewhile(lambda part: not any(mark in part for mark in "*?["), Path(text).parts)
    return str(Path(*plain))
