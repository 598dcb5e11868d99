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

For applications only:

settings   what a section of ``treadle.toml`` sets
locking    one process at a time in a folder
libraries  whether the libraries of an extra are there
line       the command line, for the records of what it runs
following  displays, for commands with closing words of their own

The names below are for packages that add a command through the entry point ``treadle.commands``:
a ``typer.Typer`` whose commands raise ``TreadleError`` and return an ``Exit``. They are looked up
when first used: what takes a lock in a worker needs no parser of command lines.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from treadle.cli.data import put
    from treadle.cli.exits import Exit
    from treadle.cli.following import displayed, exported
    from treadle.cli.helping import Command
    from treadle.cli.libraries import check_libraries
    from treadle.cli.line import typed
    from treadle.cli.locking import left_alone, locked
    from treadle.cli.people import hint, problem, say, warn, width
    from treadle.cli.settings import SETTINGS_FILE, Table
    from treadle.cli.signals import terminate_like_ctrl_c
    from treadle.sinks.whole import whole

_HOME_OF = {
    "Command": ".helping",
    "Exit": ".exits",
    "SETTINGS_FILE": ".settings",
    "Table": ".settings",
    "check_libraries": ".libraries",
    "displayed": ".following",
    "exported": ".following",
    "hint": ".people",
    "left_alone": ".locking",
    "locked": ".locking",
    "problem": ".people",
    "put": ".data",
    "say": ".people",
    "terminate_like_ctrl_c": ".signals",
    "typed": ".line",
    "warn": ".people",
    "whole": "treadle.sinks.whole",
    "width": ".people",
}

__all__ = [
    "SETTINGS_FILE",
    "Command",
    "Exit",
    "Table",
    "check_libraries",
    "displayed",
    "exported",
    "hint",
    "left_alone",
    "locked",
    "main",
    "problem",
    "put",
    "say",
    "terminate_like_ctrl_c",
    "typed",
    "warn",
    "whole",
    "width",
]

if not TYPE_CHECKING:  # a type checker would believe that any name exists

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module 'treadle.cli' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOME_OF[name], "treadle.cli"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


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
