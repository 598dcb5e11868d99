"""Show a run to people and programs while it happens: displays are folds over its events.

    live        a bar at the bottom of a terminal
    notebook    an output of a Jupyter cell, renewed in place
    plain       a line now and then, for logs and pipes
    json_lines  one JSON object per line, for programs
    summary     the closing words, shared by all of them and by the command line

A display is a listener: called with each event, it returns at once and reads no clock but the
events' own. Displays write to stderr; stdout is for data.
"""

from __future__ import annotations

import sys
from typing import Protocol, TextIO

from treadle.core.events import Event
from treadle.errors import UsageError
from treadle.progress.terminal import in_notebook, is_terminal

CHOICES = ("auto", "live", "plain", "json", "none")


class Display(Protocol):
    """A listener that shows."""

    def __call__(self, event: Event) -> None:
        """Take one event."""

    def guard(self, stream: TextIO) -> TextIO:
        """Return what to write to instead of *stream*, so that it does not tear the display."""

    def close(self) -> None:
        """Give the terminal back. Harmless when repeated."""


def listener_for(
    choice: str, *, stream: TextIO | None = None, closing: bool = True
) -> Display | None:
    """
    Return the display called *choice*, or None when nothing is to be shown.

    Args:
        choice: ``"live"``, ``"plain"``, ``"json"``, ``"none"``, or ``"auto"``: live where the
            stream is a terminal that can move its cursor, in the cell in a notebook, else plain.
            ``"live"`` also turns into plain where the cursor cannot be moved.
        stream: Where to write; default: ``sys.stderr`` as it is now.
        closing: Write the summary when the run ends; ``json`` always ends with its last event.

    Raises:
        UsageError: There is no such display.
    """
    if choice not in CHOICES:
        raise UsageError(
            f"no progress display called {choice!r}", hint=f"choose one of: {', '.join(CHOICES)}"
        )
    if stream is None and choice in {"auto", "live"} and in_notebook():
        from treadle.progress.notebook import Notebook

        return Notebook(closing=closing)
    stream = sys.stderr if stream is None else stream
    if choice == "none" or stream is None:  # None: an application without a console
        return None
    if choice == "json":
        from treadle.progress.json_lines import JsonLines

        return JsonLines(stream)
    if choice != "plain" and is_terminal(stream):
        from treadle.progress.live import Live

        return Live(stream, closing=closing)
    from treadle.progress.plain import Plain

    return Plain(stream, closing=closing)
