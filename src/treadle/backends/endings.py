"""What a call leaves behind in this process: an outcome, and the state of its setup.

Shared by the backends that run calls in the caller's own process, where exceptions are kept as
they are instead of travelling.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from treadle.core.call import Call, is_async, name_of
from treadle.core.context import Current, item_seed
from treadle.core.events import Running
from treadle.core.failures import drop_our_frame, failure_from, in_words, warn_of
from treadle.core.item import Item
from treadle.core.outcome import AnyOutcome, Raised, Succeeded
from treadle.errors import SetupFailed, UsageError


@dataclass(eq=False, slots=True)
class Work:
    """
    One attempt, from the moment it is given to the backend.

    Attributes:
        call: What to run.
        item: What to run it on.
        attempt: Which attempt; the item's own counter may move on while this one is abandoned.
        worker: Name of the worker that took it; None while it is queued.
        since: When the call itself began, in monotonic seconds; None before.
        at: The same in seconds since the epoch.
        dropped: Nobody wants to hear of it any more.
    """

    call: Call
    item: Item
    attempt: int
    worker: str | None = None
    since: float | None = None
    at: float = 0.0
    dropped: bool = False

    def begin(self) -> Current:
        """Note the time, and return what the call may know of itself."""
        item, seed = self.item, self.call.seed
        current = Current(
            item.key, item.index, self.attempt, None if seed is None else item_seed(seed, item.key)
        )
        self.at = time.time()
        self.since = time.monotonic()
        return current

    def returned(self, value: Any, cpu: float | None) -> AnyOutcome:
        """Make the outcome of a call that returned *value*."""
        assert self.since is not None
        item = self.item
        duration = time.monotonic() - self.since
        return Succeeded(
            item.key, item.index, self.attempt, self.at, duration, cpu, None, self.worker, value
        )

    def raised(self, error: BaseException, cpu: float | None) -> AnyOutcome:
        """
        Make the outcome of a call that raised *error*.

        Our own frame, the topmost, is taken off the traceback: what is left is the user's, and it
        keeps nothing of ours alive.
        """
        assert self.since is not None
        item = self.item
        duration = time.monotonic() - self.since
        drop_our_frame(error)
        facts = (item.key, item.index, self.attempt, self.at, duration, cpu, None, self.worker)
        return Raised(*facts, failure_from(error), error)

    def broken_off(self, error: BaseException) -> AnyOutcome:
        """Make the outcome when *error* came from our own code around the call: the last resort."""
        item = self.item
        facts = (item.key, item.index, self.attempt, self.at, 0.0, None, None, self.worker)
        return Raised(*facts, failure_from(error), error)

    def running(self) -> Running | None:
        """Describe it while it runs; None before."""
        since, worker = self.since, self.worker
        if since is None or worker is None:
            return None
        return Running(self.item.key, self.item.index, self.attempt, worker, since)


def refuse_async(call: Call, backend: str) -> None:
    """
    Refuse functions that only an event loop can run.

    Raises:
        UsageError: The function, its setup or its teardown is an ``async def``.
    """
    for role, function in (
        ("the function", call.function),
        ("setup=", call.setup),
        ("teardown=", call.teardown),
    ):
        if function is not None and is_async(function):
            raise UsageError(
                f"{role} is an async function ({name_of(function)}), "
                f"which backend={backend!r} cannot run",
                hint='backend="coroutines" runs it on an event loop',
            )


def setup_failed(call: Call, error: BaseException) -> SetupFailed:
    """Say that *call* cannot be run because its setup raised *error*."""
    failed = SetupFailed(
        f"setup= of {call.name} raised {in_words(error)}",
        hint="it runs once in each worker before the first item, and its result is the state",
    )
    failed.__cause__ = error
    return failed


def set_up(call: Call) -> Any:
    """
    Make the state of one worker.

    Raises:
        SetupFailed: The setup raised, whatever it raised.
    """
    assert call.setup is not None
    try:
        return call.setup()
    except BaseException as error:
        raise setup_failed(call, error) from error


def tear_down(call: Call, state: Any) -> None:
    """Hand the state of one worker to the teardown. If that raises, warn: its run is over."""
    if call.teardown is None:
        return
    try:
        call.teardown(state)
    except BaseException as error:
        warn_of_teardown(call, error)


def warn_of_teardown(call: Call, error: BaseException) -> None:
    """Tell that a teardown raised, where no outcome can tell it any more."""
    warn_of(f"teardown= of {call.name}", error)
