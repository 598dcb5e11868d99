"""SIGTERM, which a scheduler or a container sends, ends a command as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminate_like_ctrl_c() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C while the body runs; only the main thread may ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, frame: FrameType | None) -> None:
        # Not raise_signal: a shell starts background commands with SIGINT ignored.
        handler = signal.getsignal(signal.SIGINT)
        (handler if callable(handler) else signal.default_int_handler)(signal.SIGINT, frame)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with _two_steps_possible():
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _two_steps_possible() -> Iterator[None]:
    """
    Let a run have its handler where Ctrl-C is ignored, without Ctrl-C having an effect.

    So a shell starts what it puts into the background. A run takes its two steps only where the
    handler is the usual one: without it, SIGTERM would end requests that are under way. Blocked,
    the signal of a Ctrl-C waits in vain.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN or not hasattr(
        signal, "pthread_sigmask"
    ):
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # which drops one that waits
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
