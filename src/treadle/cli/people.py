"""What people read: everything here goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from treadle import TreadleError, events
from treadle.progress.status import notes
from treadle.progress.terminal import encodable, is_terminal
from treadle.progress.text import Line, printed_lines


def say(*lines: str) -> None:
    """Write lines as they are."""
    show([Line.of(line) for line in lines])


def relay(event: events.Event) -> None:
    """Follow a run without a display: show what calls print and log, and nothing else."""
    if isinstance(event, events.Printed | events.Logged):
        show(notes(event))


def complain(error: TreadleError) -> None:
    """Write what is wrong and what to do about it."""
    problem(error.message, error.hint)


def problem(message: str, hint: str | None = None) -> None:
    """Write an ``error:`` line and, if there is one, a ``hint:`` line."""
    show([*_labelled("error", "bold red", message), *_labelled("hint", "bold", hint)])


def warn(message: str, hint: str | None = None) -> None:
    """Write a ``warning:`` line and, if there is one, a ``hint:`` line."""
    show([*_labelled("warning", "bold yellow", message), *_labelled("hint", "bold", hint)])


def _labelled(label: str, style: str, text: str | None) -> Iterable[Line]:
    first, *rest = printed_lines(text) if text else [""]
    if text:
        yield Line(((f"{label}:", style), (f" {first}", "")))
        yield from (Line.of(f"  {line}") for line in rest)


def show(lines: Sequence[Line]) -> None:
    """Write lines, in colour on a terminal."""
    stream = sys.stderr
    if stream is None:
        return
    if is_terminal(stream):
        from treadle.progress.screen import Screen

        Screen(stream).show(lines, [])
    else:
        stream.write(encodable("".join(f"{line.plain}\n" for line in lines), stream))
    stream.flush()


def width() -> int | None:
    """Columns of the terminal; None when stderr is none."""
    if sys.stderr is None or not is_terminal(sys.stderr):
        return None
    from treadle.progress.screen import Screen

    return Screen(sys.stderr).width
