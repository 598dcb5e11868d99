"""What a run has said lately, for those who ask from outside: its workers, its lanes, its words."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from typing import Any

from treadle.core import events
from treadle.core.item import Key

KEPT = 1000  # lines of what workers print and log
TOLD = 200  # of them in one answer: who asks a few times a second misses none but a flood
TEXT = 2000  # characters of one

_PROCESS = re.compile(r"process-(\d+)")  # what a seat is called once its pid is known


class Heard:
    """
    A listener that keeps what an answer to ``status`` tells beside the counts.

    Filled by the dispatcher's thread and read by the one that answers.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seats: dict[str, float] = {}
        self._lanes: tuple[events.LaneState, ...] = ()
        self._said: deque[list[Any]] = deque(maxlen=KEPT)
        self._count = 0

    def __call__(self, event: events.Event) -> None:
        """Take note of one event."""
        match event:
            case events.ItemsRunning(at=at, running=running):
                with self._lock:  # a stage may find workers there that began before it
                    for each in running:
                        self._seats.setdefault(each.worker, at)
            case events.Printed(worker=worker, key=key, stream=stream, text=text):
                self._say(worker, key, stream, text.rstrip("\n"))
            case events.Logged(worker=worker, key=key, record=record):
                self._say(worker, key, str(record.get("levelname", "log")), _logged(record))
            case events.LanesChanged(lanes=lanes):
                self._lanes = lanes
            case events.WorkerStarted(at=at, worker=worker):
                with self._lock:
                    self._seats[worker] = at
            case events.WorkerEnded(worker=worker, reason=reason):
                with self._lock:
                    self._seats.pop(worker, None)
                self._say(worker, None, "worker", f"ended: {reason}")
            case _:
                pass  # What it changes stands in the counts.

    def _say(self, worker: str, key: Key | None, stream: str, text: str) -> None:
        if key is not None and not isinstance(key, int):
            key = key[:TEXT]
        with self._lock:
            self._count += 1
            line = [self._count, time.time(), worker, key, stream, text[:TEXT]]
            self._said.append(line)

    def told(self, now: float, after: int) -> dict[str, Any]:
        """
        Return it as JSON can hold it.

        Args:
            now: Monotonic seconds.
            after: Number of the last line that is known already.

        Returns:
            ``seats``, ``lanes`` and ``said``; see ``treadle.Remote.status``.
        """
        with self._lock:
            seats = list(self._seats.items())
            said = [line for line in self._said if line[0] > after]
        return {
            "seats": [
                {"worker": worker, "pid": _pid(worker), "since": now - since}
                for worker, since in seats
            ],
            "lanes": [_lane(state, now) for state in self._lanes],
            "said": said[-TOLD:],
        }


def _lane(state: events.LaneState, now: float) -> dict[str, Any]:
    return {
        "key": str(state.key),
        "waiting": state.waiting,
        "in_flight": state.in_flight,
        "limit": state.limit,
        "paused": max(0.0, state.paused_until - now),
        "closed": state.closed,
    }


def _pid(worker: str) -> int | None:
    """Return the process of a worker; None for a thread, or a loop, of the run's own."""
    found = _PROCESS.fullmatch(worker)
    return int(found[1]) if found else None


def _logged(record: dict[str, object]) -> str:
    trace = record.get("exc_text")
    message = str(record.get("msg", ""))
    return f"{message}\n{trace}" if trace else message
