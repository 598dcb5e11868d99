"""Drive a backend through dispatcher and stage, without the public API."""

from __future__ import annotations

import queue
import random
import time
from typing import TYPE_CHECKING, Any

from treadle.core.call import Call
from treadle.core.policy import Policy
from treadle.engine.dispatcher import Dispatcher
from treadle.engine.machine import Machine
from treadle.engine.outlet import Outlet
from treadle.engine.reader import Reader
from treadle.engine.stage import Stage
from treadle.engine.stimuli import Cancel, Continue, Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from treadle.core.outcome import AnyOutcome
    from treadle.core.protocols import Backend, Listener


class Driven:
    """One run, from the consumer's side."""

    def __init__(self, dispatcher: Dispatcher, stage: Stage) -> None:
        self.dispatcher = dispatcher
        self.stage = stage

    def __iter__(self) -> Iterator[AnyOutcome]:
        outlet = self.stage.outlet
        while (outcomes := self._take()) is not None:
            yield from outlet.hand_out(outcomes)
        if outlet.error is not None:
            raise outlet.error

    def _take(self) -> list[AnyOutcome] | None:
        outlet = self.stage.outlet
        if self.dispatcher.threaded:
            return outlet.take(timeout=30)
        while True:
            try:
                return outlet.take_now()
            except queue.Empty:
                self.dispatcher.turn()

    def cancel(self, grace: float = 30.0, reason: str = "test") -> None:
        self.dispatcher.post(self.stage, Cancel(reason, grace))

    def pause(self) -> None:
        self.dispatcher.post(self.stage, Pause())

    def resume(self) -> None:
        self.dispatcher.post(self.stage, Continue())


def drive(
    dispatcher: Dispatcher,
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    policy: Policy | None = None,
    setup: Callable[[], Any] | None = None,
    teardown: Callable[[Any], Any] | None = None,
    seed: int | None = None,
    key: Callable[[Any, int], str | int] | None = None,
    listeners: Sequence[Listener] = (),
) -> Driven:
    """Begin a run of *function* over *items*."""
    policy = policy or Policy()
    backend: Backend = dispatcher.backend
    call = Call(function, setup=setup, teardown=teardown, seed=seed)
    backend.open_call(call)
    clock = dispatcher.clock
    machine = Machine(
        policy,
        backend.capabilities,
        random=random.Random(0),
        began=clock.monotonic(),
        epoch=clock.time() - clock.monotonic(),
        listening=bool(listeners),
    )
    keyed = (policy.rate and policy.rate.key) or policy.capacity
    reader = Reader(
        items,
        call=call.id,
        pack=backend.pack,
        key=key,
        lane=policy.lane if keyed else None,
        wake=backend.wake,
    )
    stage = Stage(
        call,
        machine,
        reader,
        Outlet(backend.wake),
        listeners=list(listeners),
        paced=policy.rate is not None,
        asks_running=policy.timeout is not None,
    )
    dispatcher.add(stage)
    return Driven(dispatcher, stage)


def soon(condition: Callable[[], bool], patience: float = 30.0) -> bool:
    """Tell whether *condition* comes true; the patience is a net, not a delay."""
    until = time.monotonic() + patience
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True
