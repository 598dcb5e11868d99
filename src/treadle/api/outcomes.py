"""The iterator that ``map`` returns: outcomes as they settle, and a handle on the run."""

from __future__ import annotations

import itertools
import queue
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from treadle.core.outcome import AnyOutcome, FailedOutcome, Outcome
from treadle.core.stats import Stats
from treadle.engine.dispatcher import Dispatcher
from treadle.engine.interrupt import two_steps
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
        self._owned = owned
        # Not a method: it must not keep this object alive, and must work without it. Nor may it
        # wait: it can run in any thread, in the middle of anything.
        self._finish = weakref.finalize(self, _abandon, dispatcher, stage, owned, wait=False)

    def __iter__(self) -> Iterator[Outcome[T]]:
        # A generator: twice as fast as a ``__next__`` for every item.
        while True:
            for outcome in self._handing_out:  # noqa: UP028  that would close it together with us
                yield outcome
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

    def _hand_out(self, block: Sequence[AnyOutcome]) -> Iterator[AnyOutcome]:
        # Through ``chain``, which has no ``close``: leaving a loop closes what its generator yields
        # from, and the rest of the block would be lost to whoever iterates next.
        return itertools.chain(self._stage.outlet.hand_out(block))

    @property
    def outlet(self) -> Outlet:
        """Where the outcomes come from."""
        return self._stage.outlet

    def next_block(self, timeout: float | None = None) -> Sequence[AnyOutcome] | None:
        """
        Wait for the next outcomes that settled together; None at the end.

        They must be counted with ``outlet.hand_out``; most callers want to iterate instead.

        Args:
            timeout: Seconds to wait at most, where a dispatcher runs in a thread of its own.

        Raises:
            queue.Empty: Nothing came within *timeout* seconds.
            RunFailed: The run could not go on.
            Interrupted: Ctrl-C was pressed, and all that settled has been handed out.
        """
        if self._dispatcher.threaded:
            # A handler, not ``except KeyboardInterrupt``: that could strike between taking and
            # returning, and what was taken would be lost.
            with two_steps(self._interrupt, self._interrupt):
                block = self.outlet.take(timeout)
        else:
            block = self._turn_until_there()
        if block is None:
            self.close()
            if self._interrupted:
                raise Interrupted
            if self.outlet.error is not None:
                raise self.outlet.error
        return block

    def _interrupt(self) -> None:
        """Ask on the first Ctrl-C, insist on every further one."""
        if self._interrupted:
            self.kill()
        else:
            self._interrupted = True
            self.cancel()

    def _turn_until_there(self) -> Sequence[AnyOutcome] | None:
        """Run the loop here: calls are made in this thread, and Ctrl-C strikes in them."""
        while True:
            try:
                return self.outlet.take_now()
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

    def cancel(self, grace: float | None = None, *, reason: str = "interrupted") -> None:
        """
        Start nothing further, and end when what runs has ended.

        Args:
            grace: Seconds that running items get before they are stopped; default: the run's.
            reason: Why; what ``stats.stopped`` and the report will say.
        """
        self._post(Cancel(reason, self._grace if grace is None else grace))

    def kill(self) -> None:
        """Start nothing further and stop running items now."""
        self._post(Cancel("interrupted", 0.0))

    def pause(self) -> None:
        """Start nothing further until ``resume``; running items go on."""
        self._post(Pause())

    def resume(self) -> None:
        """Go on after ``pause``."""
        self._post(Continue())

    def resize(self, workers: int) -> None:
        """
        Have so many workers from now on; those too many end when their running item has.

        All runs on the pool share its workers.

        Raises:
            UsageError: *workers* is no positive whole number, or the backend is inline.
        """
        self._dispatcher.resize(workers)

    def _post(self, stimulus: Any) -> None:
        self._dispatcher.post(self._stage, stimulus)

    def _repr_html_(self) -> str:
        """Show how the run is, without taking an outcome."""
        from treadle.core import notebook

        stats = self.stats
        settled = f"{stats.ok:,} ok, {stats.failed:,} failed"
        facts = {
            "settled": settled + ("" if stats.total is None else f" of {stats.total:,}"),
            "cancelled": f"{stats.cancelled:,}" if stats.cancelled else None,
            "running": len(stats.running) if stats.ended is None else None,
            "workers": f"{stats.workers} ({stats.backend})" if stats.backend else None,
            "stopped": stats.stopped or stats.cancelling,
        }
        ok = None if stats.ended is None else stats.ok == stats.settled and not stats.stopped
        state = "running" if stats.ended is None else "ended"
        return notebook.shown(f"outcomes of {stats.name or 'a run'}: {state}", facts, ok=ok)

    def close(self) -> None:
        """End the run now; outcomes not yet taken are lost."""
        if self._finish.detach() is not None:
            _abandon(self._dispatcher, self._stage, self._owned, wait=True)

    def __enter__(self) -> Outcomes[T]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _abandon(dispatcher: Dispatcher, stage: Stage, owned: Pool | None, *, wait: bool) -> None:
    """End a run that nobody listens to any more, and the workers that were made for it."""
    over = stage.machine.ended
    if not over:
        dispatcher.post(stage, Cancel("closed", 0.0))
    if owned is not None:
        owned.close(kill=not over, wait=wait)
    for listener in stage.listeners:
        close = getattr(listener, "close", None)
        if close is not None:
            close()
