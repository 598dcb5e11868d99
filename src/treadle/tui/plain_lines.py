"""Lines out, lines in: what a conversation without a screen is made of."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Sequence

from treadle import TreadleError
from treadle.progress.terminal import encodable
from treadle.progress.text import clean


class Lines:
    """
    Writes lines to stdout, and reads lines from stdin.

    Not with ``input``: it may edit the line, which moves the cursor, and it cannot be waited for.
    """

    def __init__(self) -> None:
        self._read = b""
        self._is_ended = False

    def say(self, *lines: str) -> None:
        """Write lines, without what would do something to the terminal."""
        text = "".join(f"{clean(part)}\n" for line in lines for part in line.split("\n"))
        sys.stdout.write(encodable(text, sys.stdout))
        sys.stdout.flush()

    def complain(self, error: TreadleError) -> None:
        """Say what is wrong, and what to do about it."""
        self.say(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []))

    def ask(self, question: str) -> str:
        """
        Ask, and return the answer; empty when only Enter was pressed.

        Raises:
            EOFError: Input has ended.
        """
        self.say(f"{question}:")
        while b"\n" not in self._read:
            self._take(None)
        return self._next()

    def choose(self, title: str, offers: Sequence[str], *, back: str = "go back") -> int | None:
        """
        Ask for one of several; None to go *back*.

        Raises:
            EOFError: Input has ended, or shall: ``q`` was typed.
        """
        self.say(title, *(f"{place}: {offer}" for place, offer in enumerate(offers, 1)))
        while True:
            answer = self.ask(f"number, or Enter to {back}")
            if not answer:
                return None
            if answer == "q":
                raise EOFError
            if answer == "?":
                self.say(
                    f"type the number before one of the offers; Enter alone is to {back}",
                    "q leaves Treadle: what was started goes on",
                )
                continue
            if answer.isdecimal() and 1 <= int(answer) <= len(offers):
                return int(answer) - 1
            self.say(f"{answer!r} is no number from 1 to {len(offers)}; ? explains")

    def agree(self, question: str) -> bool:
        """
        Ask for yes or no; Enter is no.

        Raises:
            EOFError: Input has ended.
        """
        return self.ask(f"{question} (y for yes, Enter for no)").lower() in ("y", "yes")

    def wait(self, seconds: float) -> bool:
        """
        Wait so long, or until a line is typed; tell whether that was so.

        Raises:
            EOFError: Input has ended.
        """
        until = time.monotonic() + seconds
        while b"\n" not in self._read:
            left = until - time.monotonic()
            if left <= 0:
                return False
            self._take(left)
        self._next()
        return True

    def _next(self) -> str:
        line, _, self._read = self._read.partition(b"\n")
        return line.decode(errors="replace").strip()

    def _take(self, seconds: float | None) -> None:
        """Read what is there within *seconds*; None waits for it."""
        if self._is_ended or sys.stdin is None:
            raise EOFError
        source = sys.stdin.fileno()
        if not select.select([source], [], [], seconds)[0]:
            return
        data = os.read(source, 1 << 16)
        if not data:
            self._is_ended = True
            if not self._read:
                raise EOFError
            data = b"\n"  # the last line has no end of its own
        self._read += data
