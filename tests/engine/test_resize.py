"""Workers come and go while items run: whatever the order, every item settles exactly once."""

from __future__ import annotations

import queue

import pytest
from driving import drive
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.events import WorkersChanged
from treadle.engine.dispatcher import Dispatcher
from treadle.errors import UsageError
from treadle.testing import Dies, FakeClock, Raises, Returns, ScriptedBackend

steps = st.one_of(
    st.floats(0.01, 5.0).map(lambda after: Returns(after=after)),
    st.floats(0.01, 5.0).map(lambda after: Raises(ValueError("bad"), after=after)),
    st.floats(0.01, 5.0).map(lambda after: Dies("SIGSEGV", after=after)),
)


class Turned:
    """A run on fake time, one turn of its dispatcher after the other."""

    def __init__(self, script, workers):
        self.backend = ScriptedBackend(
            FakeClock(), {key: [step] for key, step in enumerate(script)}, workers=workers
        )
        self.dispatcher = Dispatcher(self.backend, clock=self.backend.clock, threaded=False)
        self.heard = []
        self.run = drive(
            self.dispatcher, lambda value: value, range(len(script)), listeners=[self.heard.append]
        )
        self.settled = []

    def turn(self):
        self.dispatcher.turn()
        outlet = self.run.stage.outlet
        try:
            while (outcomes := outlet.take_now()) is not None:
                self.settled += outlet.hand_out(outcomes)
        except queue.Empty:
            return

    @property
    def running(self):
        return {item.index for item, _ in self.backend.running()}


@given(
    script=st.lists(steps, max_size=25),
    workers=st.integers(1, 4),
    resizes=st.lists(st.none() | st.integers(1, 5), max_size=40),
)
def test_every_item_settles_once_and_no_more_run_than_there_are_workers(script, workers, resizes):
    turned = Turned(script, workers)
    asked = [workers]
    while not turned.run.stage.machine.ended:
        number = resizes.pop(0) if resizes else None
        if number is not None:
            turned.dispatcher.resize(number)
            asked.append(number)
        before = turned.running
        turned.turn()
        assert len(turned.running) <= max(asked)
        assert len(turned.running - before) <= asked[-1]
    turned.dispatcher.close()
    assert sorted(outcome.index for outcome in turned.settled) == list(range(len(script)))
    assert all(outcome.attempts == 1 for outcome in turned.settled)
    told = [event.workers for event in turned.heard if isinstance(event, WorkersChanged)]
    assert told == asked[1 : 1 + len(told)]


@pytest.mark.parametrize("workers", [0, -3, 1.0, "2", None, True])
def test_what_is_no_number_of_workers_is_refused(workers):
    turned = Turned([Returns()], 2)
    with pytest.raises(UsageError, match="workers must be"):
        turned.dispatcher.resize(workers)
    while not turned.run.stage.machine.ended:
        turned.turn()
    turned.dispatcher.close()
    assert turned.backend.workers == 2
