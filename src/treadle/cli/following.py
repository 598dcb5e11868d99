"""Who follows a run: the usual displays, for commands with closing words of their own, and others.

The listener of a run is closed with it. What is to hear several runs, or to be closed after its
display, is handed on as a plain function and closed by whoever has made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from treadle import Listener, OpenTelemetry, events
from treadle.cli.people import relay, unheard, warn
from treadle.progress import listener_for


class Display(Protocol):
    """A listener that shows, and ends."""

    def __call__(self, event: events.Event) -> object:
        """Take one event."""

    def close(self) -> None:
        """Give the terminal back. Harmless when repeated."""


_NO_COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT says where the collector is; the run is not affected"


@contextmanager
def exported(*, otel: bool) -> Iterator[tuple[Listener, ...]]:
    """
    Export what is run while the body runs.

    Args:
        otel: ``--otel`` was typed; nothing is done without it.

    Yields:
        What ``listeners=`` takes.

    Raises:
        MissingExtra: A library is not installed.
        UsageError: An ``OTEL_*`` variable asks for what there is not.
    """
    if not otel:
        yield ()
        return
    with OpenTelemetry(complain=lambda text: warn(text, _NO_COLLECTOR)) as exporter:
        yield (exporter.__call__,)


@contextmanager
def displayed(
    choice: str | Display, *, otel: bool = False
) -> Iterator[Callable[[events.Event], None]]:
    """
    Show on stderr how a run goes on while the body runs, but not how it ended.

    Args:
        choice: As for ``progress=``: ``"auto"``, ``"live"``, ``"plain"``, ``"json"`` or ``"none"``;
            or a display of the command's own.
        otel: Export it through OpenTelemetry as well.

    Yields:
        What ``progress=`` takes.

    Raises:
        UsageError: There is no such display.
        MissingExtra: A library for exporting is not installed.
    """
    display = listener_for(choice, closing=False) if isinstance(choice, str) else choice
    show = display or relay

    def follow(event: events.Event) -> None:
        for listener in listeners:
            listener(event)
        with unheard():
            show(event)

    with exported(otel=otel) as listeners:  # warns when the display is gone
        try:
            yield follow
        finally:
            if display is not None:
                with unheard():
                    display.close()
