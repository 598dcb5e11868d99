"""What leaves a worker: results, words, and claims it cannot keep.

Results leave soon after they are there: by the main thread between two items, or by a watching
thread while the main thread is busy with a long one. That thread also gives back what the main
thread has claimed and cannot begin.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import socket
import sys
import threading
import time
from collections import deque
from typing import Any, TypeAlias

from treadle.backends.processes.segments import Segment
from treadle.backends.processes.slot import Place, Slot, tag_and_position
from treadle.backends.processes.wire import Kind, encode

# Seconds that a result may stay in the worker while it is busy with the rest of a batch. A little
# more than a batch takes, so that most leave in one piece: each sending costs the driver a third of
# a millisecond. A worker's death repeats that much work; longer items leave one by one.
FLUSH_AFTER = 0.06
STUCK_AFTER = 0.002  # seconds on one item after which the claims behind it are given back

# place, kind, value, start (seconds since the epoch), duration (seconds), segment of the value
Result: TypeAlias = tuple[Place, int, Any, float, float, Segment | None]


class Outgoing:
    """
    The sending side of a worker's channel.

    Attributes:
        pending: Results that have not left.
        claimed: Places that the main thread has the right to run and has not begun. It takes
            them from the left; the watching thread takes them from the right. Each take is one
            bytecode on a deque, so every place goes to exactly one of the two.
        news: Set to have the watching thread look soon.
        lock: Held while anything leaves. Free in every fork of this process.
    """

    def __init__(self, channel: socket.socket, slot: Slot) -> None:
        self.pending: list[Result] = []
        self.claimed: deque[Place] = deque()
        self.news = threading.Event()
        self.flushed_at = 0.0
        self._channel = channel
        self._slot = slot
        self._messages: list[bytes] = []
        self._cpu_at = time.process_time()
        self._sending = False
        self._watching = False  # news is set; asked for every item, and cheaper than asking news
        # Re-entrant: a finalizer may print while we send.
        self.lock = threading.RLock()
        self._is_fork = False
        os.register_at_fork(
            before=self.lock.acquire,  # so that no thread holds it in the child for ever
            after_in_parent=self.lock.release,
            after_in_child=self._let_go,
        )
        threading.Thread(target=self._watch, name="treadle-watch", daemon=True).start()

    def keep(self, result: Result, ended: float) -> float:
        """
        Queue a result that was ready at *ended*; send if the last ones left a while ago.

        Returns:
            When the next item may begin: *ended*, or after the sending.
        """
        self.pending.append(result)
        if ended - self.flushed_at >= FLUSH_AFTER or result[5] is not None:
            self.flush()
            return self.flushed_at
        if not self._watching:
            self._watching = True
            self.news.set()
        return ended

    def say(self, kind: Kind, body: tuple[Any, ...]) -> None:
        """Send what was printed or logged, with the place of the item that did it."""
        if self._is_fork:
            _write_raw(kind, body)
            return
        with self.lock:
            self._messages.append(encode(kind, (self._slot.place[0], *body)))
            if not self._sending:  # at once: these may be the last words before a crash
                self._send_messages()

    def _let_go(self) -> None:
        """In a process that a call has forked: leave the channel to the worker."""
        self.lock.release()
        self._is_fork = True
        self._channel.close()
        self.claimed.clear()
        self.pending.clear()

    def send(self, frame: bytes) -> None:
        """Send a frame that stands for itself."""
        with self.lock:
            self._send_frame(frame, [])

    def flush(self) -> None:
        """
        Send all results and messages there are; for the main thread, between two calls.

        The driver may be long in reading them. That must not look like a long call: the place
        stays, so that a death of it is this item's, but its time stops.
        """
        self._slot.since[0] = math.inf
        self._flush()

    def start_cpu_clock(self) -> None:
        """Count from now the CPU time that the next results are said to have taken."""
        self._cpu_at = time.process_time()

    def discount(self, spent: float) -> None:
        """Leave out seconds of CPU time that no call has spent."""
        self._cpu_at += spent

    def _flush(self) -> None:
        with self.lock:
            self._send_messages()
            count = len(self.pending)
            if count:
                results = self.pending[:count]
                del self.pending[:count]
                self._send_results(results)
            self.flushed_at = time.monotonic()

    def _send_results(self, results: list[Result]) -> None:
        places, kinds, values, started, durations, segments = zip(*results, strict=True)
        cpu = time.process_time()
        spent, self._cpu_at = cpu - self._cpu_at, cpu
        tag, first = tag_and_position(places[0])
        whole = places[-1] - places[0] == len(places) - 1
        body = (
            tag,
            first if whole else [tag_and_position(place)[1] for place in places],
            bytes(kinds) if any(kinds) else None,
            values,
            started,
            durations,
            spent,
            _peak_memory(),
        )
        fds = [segment.fd for segment in segments if segment is not None]
        self._send_frame(encode(Kind.RESULTS, body, len(fds)), fds)

    def _send_messages(self) -> None:
        self._sending = True
        while self._messages:
            self._channel.sendall(self._messages.pop(0))
        self._sending = False

    def _send_frame(self, frame: bytes, fds: list[int]) -> None:
        self._sending = True
        if fds:
            sent = socket.send_fds(self._channel, [frame], fds)
            frame = frame[sent:]
        if frame:
            self._channel.sendall(frame)
        self._sending = False

    def _watch(self) -> None:
        never = threading.Event()
        while True:
            self.news.wait()
            self.news.clear()
            self._watching = False
            due = self.flushed_at + FLUSH_AFTER - time.monotonic()
            never.wait(due if due > 0 else FLUSH_AFTER)
            try:
                if self._messages or self._is_stale():  # words of a finalizer, while we sent
                    self._flush()
                if self.claimed:
                    self._give_back_if_stuck()
            except ConnectionError:
                os._exit(0)  # The driver is gone.

    def _is_stale(self) -> bool:
        """Tell whether results have waited long enough; look again soon if they have not."""
        if not self.pending:
            return False
        if time.monotonic() - self.flushed_at >= FLUSH_AFTER:
            return True
        self._watching = True
        self.news.set()
        return False

    def _give_back_if_stuck(self) -> None:
        if time.monotonic() - self._slot.since[0] < STUCK_AFTER:
            self.news.set()  # look again
            return
        # Under the lock: what the main thread claims and finishes next, with nothing left here,
        # must not overtake the news, or the driver takes the batch for finished and forgets these.
        with self.lock:
            places = []
            while True:
                try:
                    places.append(self.claimed.pop())
                except IndexError:
                    break
            if places:
                self.send(encode(Kind.UNCLAIMED, places))


def _write_raw(kind: Kind, body: tuple[Any, ...]) -> None:
    """Write what a forked process says to its descriptors, as it would have anywhere else."""
    if kind == Kind.PRINTED:
        stream, text = body
    else:
        stream, text = "stderr", f"{body[0]['msg']}\n"
    with contextlib.suppress(OSError):  # closed by the call
        os.write(1 if stream == "stdout" else 2, text.encode(errors="backslashreplace"))


def _peak_memory() -> int:
    """Highest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
