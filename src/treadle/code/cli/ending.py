"""What the commands that go through trees exit with: one rule for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.cli import Exit

if TYPE_CHECKING:
    from treadle.code.report import Report


def exit_of(report: Report) -> Exit:
    """Return what a command exits with that has come to *report*, or would come to it."""
    if report.failed or report.problems or report.stopped:
        return Exit.ITEMS_FAILED
    return Exit.OK if report.files else Exit.NOTHING
