"""The command that goes on with a run, or runs again what has failed in it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treadle.tui.launching import Started

Command = tuple[tuple[str, ...], Path]
"""What stands after ``treadle``, and where it is to be started."""


def resuming(folder: Path, facts: Mapping[str, Any], started: Started | None) -> Command | None:
    """Return what goes on with a run; None where only the program that made it can."""
    noted = facts.get("command")
    command: Mapping[str, Any] = noted if isinstance(noted, Mapping) else {}
    if command.get("map"):
        return _of_map("resume", folder, command)
    if started is not None:  # an application: begun again, it does what is missing
        return started.argv, started.cwd
    typed = command.get("typed")
    words = shlex.split(typed) if isinstance(typed, str) else []
    place = Path(str(command.get("cwd") or "."))
    if words[:1] != ["treadle"] or not place.is_dir():
        return None
    return tuple(words[1:]), place


def retrying(folder: Path, facts: Mapping[str, Any]) -> Command | None:
    """Return what runs again what has failed; None where there is no such command."""
    noted = facts.get("command")
    if isinstance(noted, Mapping) and noted.get("map"):
        return _of_map("retry", folder, noted)
    return None


def _of_map(verb: str, folder: Path, command: Mapping[str, Any]) -> Command:
    place = Path(str(command.get("cwd") or "."))
    where = place if place.is_dir() else Path.cwd()
    return (verb, folder.name, "--runs-dir", str(folder.parent)), where
