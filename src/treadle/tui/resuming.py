"""Whether the run of a row of Home can be gone on with, and the command that does it."""

from __future__ import annotations

from treadle import UsageError
from treadle.ledger import format as layout
from treadle.report.again import Command, command_for
from treadle.tui.listing import Row


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
