"""One run on a dispatcher: its machine, its reader, its outlet and its listeners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from treadle.core.call import Call
from treadle.core.events import Event
from treadle.core.failures import is_ctrl_c, shown, warn_of
from treadle.core.item import Item
from treadle.core.protocols import Listener
from treadle.engine.machine import Machine
from treadle.engine.outlet import Outlet
from treadle.engine.reader import Reader


@dataclass(eq=False, slots=True)
class Stage:
    """
    Everything that belongs to one run.

    Attributes:
        call: What is run.
        machine: What decides.
        reader: Where items come from; None when items are pushed (the executor).
        outlet: Where outcomes go.
        listeners: Who is told.
        left_out: Values that were left out, as far as the listeners know.
        paced: Items start one by one under a rate limit, so none may wait behind another.
        stores_first: What has settled keeps its place until the consumer has stored it, so that at
            no time more can be lost than may be in flight.
        on_start: Called with items about to start; returns those that shall not (the executor
            marks futures as running, and finds some cancelled; a ledger notes what begins).
    """

    call: Call
    machine: Machine
    reader: Reader | None
    outlet: Outlet
    listeners: list[Listener] = field(default_factory=list)
    paced: bool = False
    stores_first: bool = False
    asks_running: bool = False
    snapshot_due: float = 0.0
    left_out: int = 0
    on_start: Callable[[Sequence[Item]], list[Item]] | None = None

    def tell(self, event: Event) -> None:
        """Tell every listener; one that raises is reported and not told again."""
        for listener in list(self.listeners):
            try:
                listener(event)
            except BaseException as error:
                if is_ctrl_c(error):
                    raise  # the caller's, whose thread this is
                # By identity: its ``__eq__`` is the user's, too.
                self.listeners[:] = [each for each in self.listeners if each is not listener]
                warn_of(f"listener {shown(listener)}", error, "; it gets no further events")
