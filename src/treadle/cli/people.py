"""What people read: everything here goes to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

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


def hint(text: str) -> None:
    """Write a ``hint:`` line."""
    show([*_labelled("hint", "bold", text)])


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
    with unheard():
        if is_terminal(stream):
            from treadle.progress.screen import Screen

            Screen(stream).show(lines, [])
        else:
            stream.write(encodable("".join(f"{line.plain}\n" for line in lines), stream))
        stream.flush()


@contextmanager
def unheard() -> Iterator[None]:
    """Go on without stderr once it cannot be written (full, hung up): data needs none."""
    try:
        yield
    except OSError:
        let_go(sys.__stderr__, 2)


def let_go(stream: TextIO | None, descriptor: int) -> None:
    """
    Point a standard stream that cannot be written to nowhere.

    The interpreter flushes what is left in it at exit, and would complain.
    """
    with suppress(AttributeError, ValueError):  # None, or an object without a descriptor
        descriptor = stream.fileno()  # type: ignore[union-attr]  # as said
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def width() -> int | None:
    """Columns of the terminal; None when stderr is none."""
    if sys.stderr is None or not is_terminal(sys.stderr):
        return None
    from treadle.progress.screen import Screen

    return Screen(sys.stderr).width
