"""Progress in a notebook: one output of the cell, renewed in place.

The output has two forms, and whoever shows the notebook chooses: HTML with colours, and plain text.
What is saved with the notebook is the last state. What calls print goes to the cell's stdout.
"""

from __future__ import annotations

import io
import sys
import uuid
from typing import Any, TextIO

from treadle.core import events
from treadle.core.stats import Stats
from treadle.progress.failures import Failures, says
from treadle.progress.pace import Pace
from treadle.progress.status import counts, notes, position, slowest, state
from treadle.progress.summary import summary
from treadle.progress.text import Line, middle, number, one_line

_EVERY = 0.25  # seconds between two renewals: each is a message to the browser
_BAR = 40
_WIDTH = 110
_KINDS = 12

# Colours that can be read on white and on black alike, for nobody knows which it is.
_COLOURS = {
    "red": (201, 60, 55),
    "green": (46, 139, 87),
    "yellow": (166, 116, 16),
    "cyan": (28, 130, 152),
    "other": (128, 128, 128),
}
_FRAME = '<pre style="margin:0;font-family:var(--jp-code-font-family,monospace)">{code}</pre>'


class Notebook:
    """
    A display for the cells of a notebook.

    Args:
        closing: End with the summary; else with the last state.
    """

    def __init__(self, *, closing: bool = True) -> None:
        self._closing = closing
        self._begin()

    def _begin(self) -> None:
        self._stats = Stats()
        self._failures = Failures()
        self._pace = Pace()
        self._drawn = float("-inf")
        self._id = ""

    def __call__(self, event: events.Event) -> None:
        """Take one event; renew the output if it is a quarter of a second old."""
        if isinstance(event, events.RunStarted):
            self._begin()
        stats = self._stats.after(event)
        self._pace.note(event.at, stats.ok + stats.failed)
        if isinstance(event, events.ItemsSettled):
            for outcome in event.failed:
                self._failures.add(outcome)
        if isinstance(event, events.Printed | events.Logged):
            _print(notes(event))
        if isinstance(event, events.RunEnded):
            self._show(summary(stats, self._failures) if self._closing else self._now(event.at))
        elif stats.began is not None and event.at - self._drawn >= _EVERY:
            self._drawn = event.at
            self._show(self._now(event.at))

    def guard(self, stream: TextIO) -> TextIO:
        """Return *stream*: there is no block in its way."""
        return stream

    def close(self) -> None:
        """Do nothing: the output stays as it is."""

    def _show(self, lines: list[Line]) -> None:
        from IPython import display

        forms = {"text/plain": "\n".join(line.plain for line in lines), "text/html": _html(lines)}
        is_new, self._id = not self._id, self._id or uuid.uuid4().hex
        show: Any = display.display  # it has no types
        show(forms, raw=True, display_id=self._id, update=not is_new)

    def _now(self, at: float) -> list[Line]:
        stats = self._stats
        where = position(stats, self._pace, at)
        name = one_line(stats.name, _BAR)
        lines = [Line(((name, "bold"), *self._bar(), ("  " + "  ".join(where), "")))]
        told = [said for said in (state(stats), *counts(stats)) if said]
        if (found := slowest(stats, at)) is not None:
            told.append(f"slowest {middle(one_line(found[0]), _WIDTH // 2)} {found[1]}")
        lines.append(Line.of(" · ".join(told)))
        for kind in list(self._failures.kinds.values())[:_KINDS]:
            first = kind.first[0]
            said = f"{number(kind.count)} x {one_line(kind.title)}: {one_line(first.key)}"
            said += f": {says(first)}" if says(first) else ""
            lines.append(Line.of(middle(said, _WIDTH), "red"))
        return lines

    def _bar(self) -> tuple[tuple[str, str], ...]:
        total = self._stats.total
        if not total:
            return ()
        full = min(_BAR * self._stats.done // total, _BAR)
        return (("  ", ""), ("━" * full, "green"), ("─" * (_BAR - full), "dim"))


def _print(lines: list[Line]) -> None:
    sys.stdout.write("".join(f"{line.plain}\n" for line in lines))
    sys.stdout.flush()


def _html(lines: list[Line]) -> str:
    from rich.console import Console
    from rich.terminal_theme import TerminalTheme
    from rich.text import Text

    colour = _COLOURS
    theme = TerminalTheme(
        colour["other"],
        colour["other"],
        [colour[name] for name in ("other", "red", "green", "yellow", *["cyan"] * 3, "other")],
    )
    # force_jupyter: else rich would itself put into the cell what is only to be rendered.
    console: Any = Console(
        file=io.StringIO(),
        record=True,
        force_jupyter=False,
        force_terminal=True,
        color_system="standard",
        width=10_000,
        no_color=False,
        highlight=False,
    )
    for line in lines:
        console.print(Text.assemble(*line.spans), soft_wrap=True)
    text: str = console.export_html(theme=theme, code_format=_FRAME, inline_styles=True)
    return text
