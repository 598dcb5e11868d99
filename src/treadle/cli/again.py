"""What was typed for a run, noted in its record: what ``treadle map`` writes, and ``resume`` reads.

Only what belongs to the run is noted: how one session shows itself, and until when it may last, is
the business of that session.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from treadle import Run, UsageError
from treadle.cli import functions
from treadle.cli.options import MapOptions

_OF_ONE_SESSION = {
    "deadline",
    "resume",
    "anew",
    "runs_dir",
    "json",
    "progress",
    "otel",
    "quiet",
    "verbose",
}
_DEFAULTS = {field.name: field.default for field in fields(MapOptions)}


def command_of(typed: MapOptions) -> dict[str, Any]:
    """Return what the record shall say of *typed*, as JSON can hold it."""
    noted = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(typed).items()
        if name not in _OF_ONE_SESSION and value != _DEFAULTS[name]
    }
    return {"map": noted, "cwd": str(Path.cwd())}


def typed_for(run: Run) -> MapOptions:
    """
    Return what was typed for *run*; paths lead from here to where they led from there.

    Raises:
        UsageError: No command made it, or one of a newer treadle.
    """
    command = run.record.facts.get("command")
    command = command if isinstance(command, Mapping) else {}
    noted = command.get("map")
    if not isinstance(noted, Mapping) or not {"function", "source"} <= noted.keys():
        program = run.record.facts.get("program") or "a program"
        typed = command.get("typed")
        raise UsageError(
            f"the run {run.id} was made by {typed or program}, not by treadle map",
            hint=f"cd {command.get('cwd', '.')} && {typed}"
            if typed
            else f"call treadle.run(..., resume={run.id!r}) from that program",
        )
    if unknown := sorted(set(noted) - set(_DEFAULTS)):
        raise UsageError(
            f"the run {run.id} was made with an option that this treadle does not have: "
            + ", ".join(unknown),
            hint="a newer treadle has made it: pip install --upgrade treadle",
        )
    typed = MapOptions(**{**noted, "source": tuple(noted["source"])})
    return _from_here(typed, str(command.get("cwd") or run.record.facts.get("cwd") or Path.cwd()))


def _from_here(typed: MapOptions, there: str) -> MapOptions:
    if os.path.realpath(there) == os.path.realpath(Path.cwd()):
        return typed
    functions.look_in(there)
    return replace(
        typed,
        function=functions.seen_from(there, typed.function),
        source=tuple(one if one == "-" else os.path.join(there, one) for one in typed.source),  # noqa: PTH118
        into=typed.into and os.path.join(there, typed.into),  # noqa: PTH118  a '/' at its end stays
        setup=typed.setup and functions.seen_from(there, typed.setup),
        teardown=typed.teardown and functions.seen_from(there, typed.teardown),
    )
