"""The ``treadle`` command: what was typed → what will happen → what happened.

app        the commands and how errors end
plugins    commands of other packages
helping    how commands show their help
commands   one module each: flags → plan → run
flags      arguments and flags, each declared once
options    what was typed: flags as text, and how to read them
functions  FILE.py:function and package.module:function
selection  --limit and --shuffle
again      what was typed for a run of before
records    what is recorded, and what is damaged
plan       flags resolved into a function, items and arguments
execute    a plan carried out
data       what programs read, on stdout
people     what people read, on stderr
signals    SIGTERM, as Ctrl-C
exits      what the command exits with

The names below are for packages that add a command through the entry point ``treadle.commands``:
a ``typer.Typer`` whose commands raise ``TreadleError`` and return an ``Exit``.
"""

from __future__ import annotations

from collections.abc import Sequence

from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.helping import Command
from treadle.cli.people import hint, problem, say, warn, width
from treadle.cli.signals import terminate_like_ctrl_c

__all__ = [
    "Command",
    "Exit",
    "hint",
    "main",
    "problem",
    "put",
    "say",
    "terminate_like_ctrl_c",
    "warn",
    "width",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the ``treadle`` command.

    Args:
        arguments: What was typed after ``treadle``; default: ``sys.argv``.

    Returns:
        The exit code, one of :class:`Exit`.
    """
    from treadle.cli.app import run

    return run(arguments)
