"""The iterator that ``map`` returns: outcomes as they settle, and a handle on the run."""

from __future__ import annotations

import itertools
import queue
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from treadle.core.outcome import AnyOutcome, FailedOutcome, Outcome
from treadle.core.stats import Stats
from treadle.engine.dispatcher import Dispatcher
from treadle.engine.outlet import Outlet
from treadle.engine.stage import Stage
from treadle.engine.stimuli import Cancel, Continue, Pause
from treadle.errors import CallCancelled, Interrupted

if TYPE_CHECKING:
    from treadle.api.pool import Pool

T = TypeVar("T")


class Outcomes(Generic[T]):
    """
    Outcomes of a run, one by one.

    Iterate over it, or take ``values()``. Leaving it early (``break``, an exception, ``close``)
    ends the run: running calls are stopped. Ctrl-C while it waits is the first of two steps:
    nothing further starts, running items get their grace period, their outcomes are still
    yielded, and then ``Interrupted`` (a ``KeyboardInterrupt``) is raised. A second Ctrl-C kills.

    Attributes:
        stats: Counts of the run so far.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        stage: Stage,
        stats: Stats,
        grace: float,
        owned: Pool | None,
    ) -> None:
        self._dispatcher = dispatcher
        self._stage = stage
        self._grace = grace
        self._interrupted = False
        self._handing_out: Iterator[AnyOutcome] = iter(())
        self.stats = stats
        # Not a method: it must not keep this object alive, and must work without it.
        self._finish = weakref.finalize(self, _abandon, dispatcher, stage, owned)

    def __iter__(self) -> Iterator[Outcome[T]]:
        # A generator: twice as fast as a ``__next__`` for every item.
        while True:
            yield from self._handing_out
            block = self.next_block()
            if block is None:
                return
            self._handing_out = self._hand_out(block)

    def __next__(self) -> Outcome[T]:
        while True:
            for outcome in self._handing_out:
                return outcome
            block = self.next_block()
            if block is None:
                raise StopIteration
            self._handing_out = self._hand_out(block)

    def _hand_out(self, block: list[AnyOutcome]) -> Iterator[AnyOutcome]:
        # Through ``chain``, which has no ``close``: leaving a loop closes what its generator yields
        # from, and the rest of the block would be lost to whoever iterates next.
        return itertools.chain(self._stage.outlet.hand_out(block))

    @property
    def outlet(self) -> Outlet:
        """Where the outcomes come from."""
        return self._stage.outlet

    def next_block(self) -> list[AnyOutcome] | None:
        """
        Wait for the next outcomes that settled together; None at the end.

        They must be counted with ``outlet.hand_out``; most callers want to iterate instead.

        Raises:
            RunFailed: The run could not go on.
            Interrupted: Ctrl-C was pressed, and all that settled has been handed out.
        """
        outlet = self._stage.outlet
        while True:
            try:
                block = self._take()
            except KeyboardInterrupt:
                if self._interrupted:
                    self.kill()
                    self._finish()
                    raise
                self._interrupted = True
                self.cancel()
                continue
            if block is None:
                self._finish()
                if self._interrupted:
                    raise Interrupted
                if outlet.error is not None:
                    raise outlet.error
            return block

    def _take(self) -> list[AnyOutcome] | None:
        outlet = self._stage.outlet
        if self._dispatcher.threaded:
            return outlet.take()
        while True:
            try:
                return outlet.take_now()
            except queue.Empty:
                self._dispatcher.turn()

    def values(self) -> list[T]:
        """
        Return all values in input order.

        Raises:
            BaseException: The error of the first item that fails; the rest is not run.
            CallCancelled: The run was cancelled or reached its deadline: values may be missing.
            RunFailed: The run could not go on.
        """
        found: list[tuple[int, T]] = []
        cancelled: BaseException | None = None
        for outcome in self:
            if outcome.ok:
                found.append((outcome.index, outcome.value))
            elif outcome.kind == "cancelled":
                cancelled = cancelled or outcome.error  # The end of the run says why, if it can.
            else:
                error = outcome.error
                self.close()
                raise error
        if cancelled is None and self.stats.stopped is not None:
            cancelled = CallCancelled(
                f"the run was stopped before the end of its source: {self.stats.stopped}",
                hint="iterate over the outcomes to get what there is",
            )
        if cancelled is not None:
            raise cancelled
        found.sort(key=lambda pair: pair[0])
        return [value for _, value in found]

    def failures(self) -> list[FailedOutcome]:
        """Return the outcomes that are not ``ok``, in input order, once the run has ended."""
        failed: list[FailedOutcome] = [outcome for outcome in self if not outcome.ok]
        return sorted(failed, key=lambda outcome: outcome.index)

    def cancel(self, grace: float | None = None) -> None:
        """Start nothing further; running items get *grace* seconds (default: the run's)."""
        self._post(Cancel("interrupted", self._grace if grace is None else grace))

    def kill(self) -> None:
        """Start nothing further and stop running items now."""
        self._post(Cancel("interrupted", 0.0))

    def pause(self) -> None:
        """Start nothing further until ``resume``; running items go on."""
        self._post(Pause())

    def resume(self) -> None:
        """Go on after ``pause``."""
        self._post(Continue())

    def _post(self, stimulus: Any) -> None:
        self._dispatcher.post(self._stage, stimulus)

    def close(self) -> None:
        """End the run now; outcomes not yet taken are lost."""
        self._finish()

    def __enter__(self) -> Outcomes[T]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _abandon(dispatcher: Dispatcher, stage: Stage, owned: Pool | None) -> None:
    """End a run that nobody listens to any more, and the workers that were made for it."""
    over = stage.machine.ended
    if not over:
        dispatcher.post(stage, Cancel("closed", 0.0))
    if owned is not None:
        owned.close(kill=not over)
    for listener in stage.listeners:
        close = getattr(listener, "close", None)
        if close is not None:
            close()
