"""How a recorded run is gone on with: the command that does it, and where it is typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.errors import UsageError

# What begins anew where there is something to go on with.
_ANEW = frozenset({"--fresh", "--force", "-f", "--anew"})
_RETRY_ERRORS = "--retry-errors"
_RESUME, _RETRY = "resume", "retry"


@dataclass(frozen=True, slots=True)
class Command:
    """
    A command to start.

    Attributes:
        argv: What stands after ``treadle``.
        cwd: The folder that it is started in.
    """

    argv: tuple[str, ...]
    cwd: Path

    @property
    def line(self) -> str:
        """The command as one types it."""
        return shlex.join(["treadle", *self.argv])

    @property
    def line_from_anywhere(self) -> str:
        """The same, for somebody who may be in another folder."""
        # A run of ``treadle map`` knows where its paths led from.
        is_by_id = self.argv[0] in (_RESUME, _RETRY)
        return self.line if is_by_id else f"cd {shlex.quote(str(self.cwd))} && {self.line}"


def command_for(folder: Path, facts: Mapping[str, Any], *, retry: bool = False) -> Command:
    """
    Return the command that resumes a run that has ended, or runs again what has failed in it.

    Args:
        folder: Of the record.
        facts: What its ``run.json`` says.
        retry: The latter.

    Raises:
        UsageError: There is none; only the program that made the run can.
    """
    command = facts.get("command")
    command = command if isinstance(command, Mapping) else {}
    there = Path(str(command.get("cwd") or facts.get("cwd") or Path.cwd()))
    noted, typed = command.get("map"), command.get("typed")
    if isinstance(noted, Mapping):
        argv = _of_map(folder, noted, retry=retry)
        return Command(argv, there if there.is_dir() else Path.cwd())
    words = _words(typed)
    if words[:1] != ["treadle"]:
        raise _by_a_program(folder.name, facts, there, retry=retry)
    if not there.is_dir():
        raise UsageError(
            f"the folder {str(there)!r}, in which {typed} was typed, is not there any more",
            hint="type it in a terminal where its files are now",
        )
    again = [word for word in words[1:] if word not in _ANEW]
    if retry and again[:2] == ["prompts", "run"] and _RETRY_ERRORS not in again:
        again.append(_RETRY_ERRORS)  # the other applications try again what may succeed
    return Command(tuple(again), there)


def _words(typed: object) -> list[str]:
    try:
        return shlex.split(typed) if isinstance(typed, str) else []
    except ValueError:  # not written by us
        return []


def _of_map(folder: Path, noted: Mapping[str, Any], *, retry: bool) -> tuple[str, ...]:
    argv = (_RETRY if retry else _RESUME, folder.name, "--runs-dir", str(folder.parent))
    if "-" in (noted.get("source") or ()):
        line = shlex.join(["treadle", *argv])
        raise UsageError(
            f"the run {folder.name} reads standard input, which it would not get from here",
            hint=f"pipe the same input into it again: … | {line}",
        )
    return argv


def _by_a_program(run: str, facts: Mapping[str, Any], there: Path, *, retry: bool) -> UsageError:
    program = str(facts.get("program") or "a program")
    if Path(program).parts[-2:] == ("treadle", "__main__.py") or Path(program).name == "treadle":
        return UsageError(
            f"the run {run} has not noted which command it was part of",
            hint=f"type that command again in {str(there)!r}: it does what is missing",
        )
    return UsageError(
        f"the run {run} was made by {program}, not by a command",
        hint=f"call treadle.run(..., resume={run!r}{', retry_failed=True' if retry else ''}) from "
        "that program",
    )


def typed_line(facts: Mapping[str, Any]) -> str | None:
    """Return the command that made a run, as one types it; None when no command did."""
    command = facts.get("command")
    if not isinstance(command, Mapping):
        return None
    if isinstance(command.get("typed"), str):
        return str(command["typed"])
    noted = command.get("map")
    if not isinstance(noted, Mapping):
        return None
    source = noted.get("source")
    sources = source if isinstance(source, list) else []
    words = ["treadle", "map", noted.get("function", ""), *sources]
    for name, value in noted.items():
        if name not in ("function", "source", "shuffle_seed"):  # that one was drawn, not typed
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, value]
    return shlex.join(map(str, words))
