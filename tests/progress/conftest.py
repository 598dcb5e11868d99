"""A scripted run and a terminal that remembers what a person would see."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import get_character_cell_size

from treadle.core import events
from treadle.core.outcome import (
    Cancelled,
    Failure,
    Raised,
    Succeeded,
    TimedOut,
    WorkerLost,
)


class FakeTerminal(io.StringIO):
    """A terminal with rows, a cursor and wrapping; only what the display uses is understood."""

    encoding = "utf-8"

    def __init__(self, width=80, height=24):
        super().__init__()
        self.width, self.height = width, height
        self.rows = [[]]  # one string per column; "" is the second half of a wide character
        self.row = self.column = 0

    def isatty(self):
        return True

    def fileno(self):
        return 2

    def write(self, text):
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\s\S]", text):
            if part == "\n":
                self._down()
            elif part == "\r":
                self.column = 0
            elif part.startswith("\x1b["):
                self._control(part)
            else:
                self._put(part)
        return super().write(text)

    def _put(self, character):
        assert character.isprintable() or ord(character) > 0x9F, repr(character)
        size = get_character_cell_size(character)
        if self.column + size > self.width:
            self._down()
        row = self.rows[self.row]
        row += [" "] * (self.column - len(row))
        if size == 0 and row:
            row[self.column - 1] += character
        row[self.column : self.column + size] = [character, ""][:size]
        self.column += size

    def _down(self):
        self.column = 0
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])

    def _control(self, part):
        match part[-1]:
            case "A":
                self.row = max(self.row - int(part[2:-1] or 1), 0)
            case "K":
                del self.rows[self.row][self.column :]
            case "J":
                del self.rows[self.row][self.column :]
                del self.rows[self.row + 1 :]
            case "m":
                pass
            case _:
                raise AssertionError(f"the terminal does not know {part!r}")

    def shrink(self, width):
        """Become narrower: what stands there is wrapped, as terminals do."""
        rows = [row[at : at + width] for row in self.rows for at in range(0, len(row), width)]
        self.rows, self.width = rows, width
        self.row, self.column = len(rows) - 1, len(rows[-1])

    @property
    def lines(self):
        """What stands on the screen, without blank lines at the end."""
        shown = ["".join(row).rstrip() for row in self.rows]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def text(self):
        return "\n".join(self.lines)


class Script:
    """Makes the events of a run one by one; the clock moves when it is told to."""

    def __init__(self):
        self.now = 100.0
        self.index = 0

    def _settled(self, key, attempts=1):
        self.index += 1
        return {
            "key": f"item-{self.index}" if key is None else key,
            "index": self.index - 1,
            "attempts": attempts,
            "started": 1.7e9,
            "duration": 0.5,
            "cpu": 0.4,
            "peak_memory": 50_000_000,
            "worker": "process-7",
        }

    def started(self, total=100, name="parse", workers=4):
        return events.RunStarted(
            at=self.now, name=name, total=total, workers=workers, backend="processes"
        )

    def later(self, seconds):
        self.now += seconds
        return self

    def settled(self, *outcomes):
        return events.ItemsSettled(at=self.now, outcomes=outcomes)

    def ok(self, count=1):
        return self.settled(*(Succeeded(**self._settled(None), value=1) for _ in range(count)))

    def raised(self, key=None, type_="ValueError", message="bad header", hint=None, attempts=1):
        failure = Failure(type_, message, traceback=f"Traceback…\n{type_}: {message}\n", hint=hint)
        return Raised(**self._settled(key, attempts), failure=failure, error=ValueError(message))

    def timed_out(self, key=None):
        return TimedOut(**self._settled(key), after=30.0)

    def lost(self, key=None):
        return WorkerLost(**self._settled(key), signal="SIGSEGV")

    def cancelled(self, key=None):
        return Cancelled(**self._settled(key, 0), reason="interrupted")

    def running(self, *keys_and_ages):
        return events.ItemsRunning(
            at=self.now,
            running=tuple(
                events.Running(key, 0, 1, "process-7", self.now - age) for key, age in keys_and_ages
            ),
        )

    def retrying(self, key="k"):
        failure = Failure("OSError", "busy")
        return events.Retrying(at=self.now, key=key, index=0, attempt=1, failure=failure, delay=0.5)

    def printed(self, text, key="data/a.csv"):
        return events.Printed(at=self.now, worker="process-7", key=key, stream="stdout", text=text)

    def logged(self, message, key="data/a.csv"):
        record = {"levelname": "WARNING", "name": "reader", "message": message, "exc_text": None}
        return events.Logged(at=self.now, worker="process-7", key=key, record=record)

    def cancelling(self, reason="interrupted", grace=30.0):
        return events.Cancelling(at=self.now, reason=reason, grace=grace)

    def ended(self, stopped=None):
        return events.RunEnded(at=self.now, stopped=stopped)


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def fake_terminal():
    return FakeTerminal


@pytest.fixture(autouse=True)
def a_terminal_with_colours(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
