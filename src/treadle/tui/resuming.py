"""How a recorded run is gone on with: the command that does it, and where it is typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle import UsageError
from treadle.ledger import format as layout
from treadle.tui.listing import Row

# What begins anew where there is something to go on with.
_ANEW = frozenset({"--fresh", "--force", "-f", "--anew"})
_RETRY = "--retry-errors"


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


def going_on(row: Row, *, retry: bool = False) -> Command:
    """
    Return the command that resumes a run, or runs again what has failed in it.

    Raises:
        UsageError: There is none, or nothing to do.
    """
    if row.is_live:
        raise UsageError(f"the run {row.id} goes on", hint="enter shows it")
    if retry and row.entry is not None and not row.entry.failed:
        raise UsageError(f"no item of the run {row.id} has failed", hint="r resumes what is left")
    return command_for(row.folder, layout.read_facts(row.folder), retry=retry)


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
        raise _by_a_program(folder.name, facts, there)
    if not there.is_dir():
        raise UsageError(
            f"the folder {str(there)!r}, in which {typed} was typed, is not there any more",
            hint="type it in a terminal where its files are now",
        )
    again = [word for word in words[1:] if word not in _ANEW]
    if retry and again[:2] == ["prompts", "run"] and _RETRY not in again:
        again.append(_RETRY)  # the other applications try again what may succeed
    return Command(tuple(again), there)


def _words(typed: object) -> list[str]:
    try:
        return shlex.split(typed) if isinstance(typed, str) else []
    except ValueError:  # not written by us
        return []


def _of_map(folder: Path, noted: Mapping[str, Any], *, retry: bool) -> tuple[str, ...]:
    word = "retry" if retry else "resume"
    argv = (word, folder.name, "--runs-dir", str(folder.parent))
    if "-" in (noted.get("source") or ()):
        line = shlex.join(["treadle", *argv])
        raise UsageError(
            f"the run {folder.name} reads standard input, which it would not get from here",
            hint=f"pipe the same input into it again: … | {line}",
        )
    return argv


def _by_a_program(run: str, facts: Mapping[str, Any], there: Path) -> UsageError:
    program = str(facts.get("program") or "a program")
    if Path(program).parts[-2:] == ("treadle", "__main__.py") or Path(program).name == "treadle":
        return UsageError(
            f"the run {run} has not noted which command it was part of",
            hint=f"type that command again in {str(there)!r}: it does what is missing",
        )
    return UsageError(
        f"the run {run} was made by {program}, not by a command",
        hint=f"call treadle.run(..., resume={run!r}) from that program",
    )
