"""The usual displays of a run, for commands with closing words of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from treadle import events
from treadle.cli.people import relay, unheard
from treadle.progress import listener_for


@contextmanager
def displayed(choice: str) -> Iterator[Callable[[events.Event], None]]:
    """
    Show on stderr how a run goes on while the body runs, but not how it ended.

    Args:
        choice: As for ``progress=``: ``"auto"``, ``"live"``, ``"plain"``, ``"json"`` or ``"none"``.

    Yields:
        What ``progress=`` takes.

    Raises:
        UsageError: There is no such display.
    """
    display = listener_for(choice, closing=False)
    show = display or relay

    def follow(event: events.Event) -> None:
        with unheard():
            show(event)

    try:
        yield follow
    finally:
        if display is not None:
            with unheard():
                display.close()
