"""Watch memory: that of the workers, that of the machine, and what the kernel did about it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from treadle.backends.processes.seat import Seat

LOOK_EVERY = 0.25  # seconds


class MemoryWatch:
    """
    Limits on memory, looked at a few times a second and only if there are any.

    Args:
        max_worker: Bytes that a worker may hold.
        min_free: Bytes that must be free on the machine for anything to start.

    Attributes:
        max_worker: As given.
    """

    def __init__(self, max_worker: int | None, min_free: int | None) -> None:
        self.max_worker = max_worker
        self._min_free = min_free
        self._free_looked_at = 0.0
        self._enough_free = True
        self._weighed_at = 0.0
        self._oom_kills = oom_kills()

    def kernel_killed_some(self) -> bool:
        """Tell whether the kernel has killed anything for want of memory since the last time."""
        before, self._oom_kills = self._oom_kills, oom_kills()
        return before is not None and self._oom_kills is not None and self._oom_kills > before

    @property
    def patience(self) -> float | None:
        """How long the loop may wait before it looks again; None for as long as it likes."""
        return None if self.max_worker is None and self._min_free is None else LOOK_EVERY

    def allows(self, anything_runs: bool) -> bool:
        """Tell whether another item may start. One always may: a run must not stand still."""
        if self._min_free is None or not anything_runs:
            return True
        now = time.monotonic()
        if now - self._free_looked_at >= LOOK_EVERY:
            import psutil  # late: only runs with a limit ask

            self._free_looked_at = now
            self._enough_free = psutil.virtual_memory().available >= self._min_free
        return self._enough_free

    def overweight(self, seats: Sequence[Seat]) -> list[Seat]:
        """Return the busy workers that hold more than they may."""
        now = time.monotonic()
        if self.max_worker is None or now - self._weighed_at < LOOK_EVERY:
            return []
        self._weighed_at = now
        return [
            seat
            for seat in seats
            if seat.batches and seat.serves and _resident(seat.pid) > self.max_worker
        ]


def _resident(pid: int | None) -> int:
    import psutil  # late: only runs with a limit ask

    if pid is None:
        return 0
    try:
        rss: int = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0  # It has just ended, which its status will tell.
    return rss


def oom_kills() -> int | None:
    """
    Return how many processes the kernel has killed for want of memory; None where it does not say.

    Linux counts them in ``/proc/vmstat`` since 4.13 (Documentation/filesystems/proc.rst).
    """
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
