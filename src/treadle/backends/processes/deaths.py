"""What the end of a worker means: what ended it, and which item is to blame, if any."""

from __future__ import annotations

import os
import signal
import time

from treadle.backends.processes.memory import MemoryWatch
from treadle.backends.processes.seat import Seat
from treadle.core.item import Item
from treadle.core.outcome import WorkerLost

TOO_HEAVY = "memory limit exceeded"  # why a worker was killed that held more than it may


class Death:
    """
    The end of one worker, everything that it sent having been taken in.

    Attributes:
        exitcode: Its exit code, or None.
        signal: Name of the signal that ended it, or None.
        because: What else is known, or None.
        expected: It ended because we wanted it to.
        guilty: The item that it died of, or None.
    """

    def __init__(self, seat: Seat, watch: MemoryWatch) -> None:
        self._seat = seat
        self.expected = bool(seat.doomed or seat.retiring or seat.closing)
        self.exitcode: int | None = None
        self.signal: str | None = None
        self.because: str | None = None
        self._find_cause(seat, watch)
        self.guilty = _guilty(seat)
        self._was_setting_up = seat.is_setting_up

    def _find_cause(self, seat: Seat, watch: MemoryWatch) -> None:
        status = seat.wait_status
        if seat.doomed == TOO_HEAVY:
            self.signal, self.because = (
                "SIGKILL",
                f"memory limit of {watch.max_worker} bytes exceeded",
            )
        elif status is None:
            self.because = seat.doomed
        elif os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            self.signal = _signal_name(number)
            if number == signal.SIGKILL and not seat.doomed and watch.kernel_killed_some():
                self.because = "out of memory: killed by the kernel"
        else:
            self.exitcode = os.WEXITSTATUS(status)

    @property
    def before_first_item(self) -> bool:
        """True when it never got to work: it could not be started, or died in a setup."""
        never_began = self._seat.pid is None and not self._seat.closing
        unwanted = not self.expected or self._seat.doomed == TOO_HEAVY
        return never_began or (unwanted and self._was_setting_up)

    @property
    def how(self) -> str:
        """What ended it, in a few words."""
        how = self.signal or (
            "unknown cause" if self.exitcode is None else f"exit code {self.exitcode}"
        )
        return f"{how}, {self.because}" if self.because else how

    @property
    def reason(self) -> str:
        """Why it ended, as events say it."""
        if not self.expected:
            return self.how
        return self._seat.doomed or ("recycled" if self._seat.retiring else "closed")

    def outcome(self, item: Item) -> WorkerLost:
        """Settle the guilty item."""
        took = time.monotonic() - self._seat.slot.got_there()
        return WorkerLost(
            item.key,
            item.index,
            item.attempt,
            time.time() - took,
            took,
            None,
            None,
            self._seat.name,
            self.exitcode,
            self.signal,
            self.because,
            self._seat.slot.last_words(),
        )


def _guilty(seat: Seat) -> Item | None:
    running = seat.running()
    if running is None or seat.retiring:
        return None
    if seat.doomed == TOO_HEAVY:
        # The first item of a worker is to blame for all that it holds. A later one may suffer for
        # its predecessors: it gets a fresh worker, where it is the first.
        return None if seat.has_finished_any else running[0]
    return None if seat.doomed else running[0]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
