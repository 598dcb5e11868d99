"""Somebody in front of the UI, in a pseudo-terminal: opens it, presses keys, sees what is drawn.

``python -m benchmarks.ui_watching PLACE`` runs beside a measurement, in a process of its own. It
starts the UI, touches ``PLACE/ready``, opens the run that appears, and goes to and fro between two
panes until the run has ended. What it saw stands in ``PLACE/seen.json``.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from itertools import pairwise
from pathlib import Path

EVERY = 0.5  # seconds between two keys
LIMIT = 300.0
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
# What is drawn when a pane is opened, and not while it is open.
PANES = (("2", "nothing has failed so far"), ("3", "took"), ("1", "memory"))


class Screen:
    """
    The UI in a pseudo-terminal.

    Args:
        arguments: For ``treadle ui``.
        width: Columns.
        height: Lines.
    """

    def __init__(self, *arguments: str, width: int = 120, height: int = 40) -> None:
        self.began = time.perf_counter()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "treadle", "ui", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"},
            start_new_session=True,
        )
        os.close(slave)

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self._master, key.encode())

    def read(self, seconds: float) -> str:
        """Return what is drawn next, without escapes; empty when nothing is within *seconds*."""
        if not select.select([self._master], [], [], seconds)[0]:
            return ""
        try:
            drawn = os.read(self._master, 1 << 16)
        except OSError:  # Linux: the other end was closed
            time.sleep(0.01)
            return ""
        return _ESCAPES.sub("", drawn.decode("utf-8", "replace"))

    def until(self, wanted: str, limit: float = 30.0) -> float:
        """Wait until *wanted* was drawn; return when, in seconds since the start of the UI."""
        drawn, end = "", time.perf_counter() + limit
        while wanted not in drawn:
            if time.perf_counter() > end:
                raise TimeoutError(f"{wanted!r} was not drawn: {drawn[-2000:]}")
            drawn = drawn[-4000:] + self.read(0.05)
        return time.perf_counter() - self.began

    def close(self) -> None:
        """End the UI."""
        self._process.send_signal(signal.SIGTERM)
        while self._process.poll() is None:
            self.read(0.05)
        os.close(self._master)


def watch(screen: Screen) -> dict[str, list[float]]:
    """Go to and fro between panes until the run has ended; return seconds."""
    keys: list[float] = []
    redraws: list[float] = []
    pressed, at, wanted, drawn = 0.0, 0, "", ""
    began = time.perf_counter()
    while "finished" not in drawn and time.perf_counter() - began < LIMIT:
        now = time.perf_counter()
        if wanted == "" and now - pressed > EVERY:
            key, wanted = PANES[at % len(PANES)]
            pressed, at, drawn = now, at + 1, ""
            screen.press(key)
        text = screen.read(0.02)
        now = time.perf_counter()
        drawn = drawn[-8000:] + text
        if wanted and wanted in drawn:
            keys.append(now - pressed)
            wanted = ""
        if "/s" in text:  # the line of the run, with its counts and its rate
            redraws.append(now)
    gaps = [later - earlier for earlier, later in pairwise(redraws)]
    return {"keys": keys, "gaps": gaps}


def main(place: str) -> None:
    """Watch the run that begins once we are ready."""
    screen = Screen()
    try:
        screen.until("Nothing has run here yet")
        Path(place, "ready").touch()
        screen.until("running")
        screen.press("\r")
        screen.until("Workers")
        seen = watch(screen)
    finally:
        screen.close()
    Path(place, "seen.json").write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
