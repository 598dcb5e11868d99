"""A block of lines at the bottom of a terminal, and everything else above it.

Every write goes out as one string: block up, what is new, block again. Nobody else's output ever
lands inside the block, because ``sys.stdout`` and ``sys.stderr`` lead here while it stands.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any, TextIO, cast

from treadle.progress.terminal import encodable
from treadle.progress.text import Line, cells

_DOWN = "\x1b[J"  # clear from the cursor to the end of the screen
_REST = "\x1b[K"  # clear from the cursor to the end of the line


class Screen:
    """
    Owns the bottom of a terminal. Safe to use from several threads.

    Args:
        stream: The terminal.
        width: Its columns; None to ask it each time.
    """

    def __init__(self, stream: TextIO, *, width: int | None = None) -> None:
        from rich.console import Console

        self.stream = stream
        self._width = width
        # One of rich's Console: it knows colours, NO_COLOR and the size. force_terminal, because
        # whether this is a terminal was decided before, by the descriptor.
        self._console = Console(
            file=stream, force_terminal=True, width=width, highlight=False, soft_wrap=True
        )
        # One lock for the block and the streams that pass it: two could be taken in either order.
        self.lock = threading.RLock()
        self._block = ""
        self._shown: list[int] = []  # columns of each line that stands on the screen
        self._aside: list[_Aside] = []

    @property
    def width(self) -> int:
        """Columns that can be written to: the last one stays empty, else terminals wrap."""
        return max(self._console.size.width - 1, 1)

    @property
    def height(self) -> int:
        """Rows of the terminal."""
        return max(self._console.size.height, 1)

    def paint(self, lines: Sequence[Line]) -> list[str]:
        """Turn lines into text with the colours that this terminal has."""
        from rich.text import Text

        painted = []
        for line in lines:
            # Text, never markup: a bracket in a key or a message is a bracket.
            text = Text.assemble(
                *[(encodable(part, self.stream), style) for part, style in line.spans]
            )
            with self._console.capture() as capture:
                self._console.print(text, end="", soft_wrap=True)
            painted.append(capture.get())
        return painted

    def show(self, above: Sequence[Line], block: Sequence[Line]) -> None:
        """Write lines above the block, and the block anew."""
        with self.lock:
            news = "".join(f"{line}\n" for line in self.paint(above))
            before = self._lift(clear=bool(news) or not block)
            self._block = f"{_REST}\n".join(self.paint(block))
            self._shown = [cells(line.plain) for line in block]
            after = f"{_REST}{_DOWN}" if block else ""
            self._write(f"{before}{news}{self._block}{after}")

    def pass_on(self, text: str, stream: TextIO) -> None:
        """Write whole lines of somebody else above the block, to *their* stream."""
        with self.lock:
            self._write(self._lift(clear=True))
            stream.write(text)
            stream.flush()
            self._write(self._block)

    def _lift(self, *, clear: bool) -> str:
        """Return what moves the cursor to where the block begins."""
        if not self._shown:
            return ""
        # A terminal made narrower has wrapped the lines that stand on it.
        columns = self._console.size.width
        rows = sum(max(-(-used // columns), 1) for used in self._shown)
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        return f"\r{up}{_DOWN if clear else ''}"

    def _write(self, text: str) -> None:
        if text:
            self.stream.write(text)
            self.stream.flush()

    def guard(self, stream: TextIO) -> TextIO:
        """Return what to write to instead of *stream*, so that its lines pass above the block."""
        # A file or a pipe gets its data untouched; only a terminal can be garbled.
        if isinstance(stream, _Aside) or not _is_tty(stream):
            return stream
        aside = _Aside(stream, self)
        self._aside.append(aside)
        return cast("TextIO", aside)

    def take_streams(self) -> None:
        """Lead ``sys.stdout`` and ``sys.stderr`` past the block where they are terminals."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None:
                setattr(sys, name, self.guard(stream))

    def close(self) -> None:
        """Take the block away and give the streams back. Harmless when repeated."""
        with self.lock:
            for aside in self._aside:
                aside.finish()
            self._aside.clear()
            for name in ("stdout", "stderr"):
                stream = getattr(sys, name)
                if isinstance(stream, _Aside) and stream.screen is self:
                    setattr(sys, name, stream.behind)
            self.show([], [])


def _is_tty(stream: TextIO) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


class _Aside:
    """Stands in for a stream: passes whole lines on, above the block."""

    shared = True  # a second display must not draw a block of its own through this

    def __init__(self, stream: TextIO, screen: Screen) -> None:
        self.behind = stream
        self.screen = screen
        self._held = ""
        self._over = False

    def write(self, text: str) -> int:
        """Write; a line that is not finished waits for its end."""
        with self.screen.lock:
            if self._over:  # somebody kept a reference
                return self.behind.write(text)
            whole, newline, self._held = (self._held + text).rpartition("\n")
            if newline:
                self.screen.pass_on(whole + newline, self.behind)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of *lines*."""
        for line in lines:
            self.write(line)

    def finish(self) -> None:
        """Write what was held, and from now on everything at once."""
        with self.screen.lock:
            self._over = True
            if self._held:
                self.screen.pass_on(self._held + "\n", self.behind)
                self._held = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)
