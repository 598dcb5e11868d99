"""Time that moves only when it is told to."""

from __future__ import annotations

from treadle.errors import UsageError


class FakeClock:
    """
    Stands in for the ``time`` module wherever treadle takes a clock.

    Args:
        now: Monotonic seconds to begin with.
        epoch: What to add to them to get seconds since the epoch.
    """

    def __init__(self, now: float = 0.0, epoch: float = 1_000_000_000.0) -> None:
        self._now = now
        self._epoch = epoch

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return self._now

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self._now + self._epoch

    def advance(self, seconds: float) -> None:
        """
        Let *seconds* pass.

        Raises:
            UsageError: *seconds* is negative.
        """
        if not seconds >= 0:
            raise UsageError(
                f"time cannot go back, got {seconds!r} seconds",
                hint="advance(0.5) is half a second",
            )
        self._now += seconds

    def advance_to(self, moment: float) -> None:
        """Let time pass until *moment* (monotonic seconds); do nothing if that is over."""
        self._now = max(self._now, moment)
