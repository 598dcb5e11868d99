"""What a run of prompts would send and cost, said before anybody agrees to start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from treadle.cli import Exit
from treadle.tui.plain_lines import Lines

_ASKS = ("prompts", "run")


def agreed(lines: Lines, argv: Sequence[str], cwd: Path) -> bool:
    """
    Say the plan of a run of prompts, and ask whether to start it; other commands need none.

    Raises:
        EOFError: Input has ended.
    """
    if tuple(argv[:2]) != _ASKS or "--dry-run" in argv:
        return True
    lines.say("working out what it would send and cost")
    # The same command, which knows best. Options go before a "--", behind which are arguments.
    command = [sys.executable, "-P", "-m", "treadle", *_ASKS, "--dry-run", *argv[2:]]
    planned = subprocess.run(  # noqa: S603  our own interpreter, no shell
        command,
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    for said in (planned.stdout, planned.stderr):
        lines.say(*(line for line in said.decode(errors="replace").splitlines() if line.strip()))
    if planned.returncode not in (Exit.OK, Exit.ITEMS_FAILED):
        lines.say("nothing is started")
        return False
    return lines.agree("Send it?")
