"""The worker process: claim an item, run it, send what came of it.

Imported by the nursery before it forks, so it stays light. Everything a user's object may do to us
(raise while it is loaded, pickled or shown, exit, close stdout, change directory) is met here.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import logging
import os
import pickle
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeAlias

from treadle.backends.processes import packing
from treadle.backends.processes.nursery import CHANNEL, SLOT, TOKENS
from treadle.backends.processes.segments import Segment
from treadle.backends.processes.slot import IDLE, SETTING_UP, Slot, place_of
from treadle.backends.processes.stdio import forward_logging, open_streams
from treadle.backends.processes.wire import CONTROL, Inbox, Kind, encode
from treadle.core import context
from treadle.core.failures import failure_from
from treadle.core.outcome import Failure
from treadle.errors import NotPicklable

FLUSH_AFTER = 0.001  # seconds that a result may stay in the worker
CLAIM_FOR = 0.0003  # seconds of work to claim at once; more would be out of the driver's reach
CLAIM_LIMIT = 64  # tokens
SLOWEST_GROUPED = 0.0001  # seconds; longer items are claimed one by one

RETURNED, RAISED, UNPICKLABLE_ARGUMENT, UNPICKLABLE_RESULT = 0, 10, 11, 12
# and between RETURNED and RAISED: packing.HARMLESS, NUMPY, FOREIGN, for values that are pickled


def main() -> None:
    """Work until the driver says so or is gone; does not return."""
    code = 1
    try:
        channel = socket.socket(fileno=CHANNEL)
        inbox = Inbox(channel)
        ((_, prepare, _), *frames) = _receive(inbox)
        _settle_in(prepare)
        Worker(prepare, channel, inbox, frames).run()
        code = 0
    except ConnectionError:
        code = 0  # The driver is gone, and with it all interest in what we do.
    except BaseException:
        os.write(2, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(code)


def _receive(inbox: Inbox) -> list[tuple[int, Any, list[int]]]:
    """
    Wait for frames.

    Raises:
        ConnectionResetError: The driver is gone.
    """
    while not (frames := inbox.frames()):
        inbox.receive()
        if inbox.closed:
            raise ConnectionResetError
    return frames


def follow_driver(driver: int) -> None:
    """End this process, and all it started, soon after the process *driver* has ended."""

    def watch() -> None:
        alone = threading.Event()
        while os.getppid() == driver:
            alone.wait(0.5)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="treadle-driver-watch", daemon=True).start()


def _settle_in(prepare: dict[str, Any]) -> None:
    """Make this process look like the driver's, apart from its streams and signals."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which decides
    os.environ.clear()
    os.environ.update(prepare["environ"])
    sys.path[:] = prepare["sys_path"]
    sys.argv[:] = prepare["argv"]
    with contextlib.suppress(FileNotFoundError):
        os.chdir(prepare["cwd"])


# kind, value, start (seconds since the epoch), duration (seconds), segment of the value
_Result: TypeAlias = tuple[int, Any, float, float, Segment | None]


class _Call:
    """A call as this worker has it."""

    __slots__ = ("function", "invoke", "seed", "state", "teardown")

    def __init__(self, body: dict[str, Any]) -> None:
        self.seed: int | None = body["seed"]
        self.function = pickle.loads(body["function"])
        setup = pickle.loads(body["setup"])
        self.teardown = pickle.loads(body["teardown"])
        if self.seed is not None:
            with contextlib.suppress(ImportError):
                import numpy  # noqa: F401, ICN001  seeded only if it is there before the first item
        self.state = setup() if setup is not None else None
        self.invoke: Callable[[Any], Any] = self.function
        if setup is not None:
            function, state = self.function, self.state
            self.invoke = lambda value: function(value, state)


class Worker:
    """The state of this process."""

    def __init__(
        self,
        prepare: dict[str, Any],
        channel: socket.socket,
        inbox: Inbox,
        frames: list[tuple[int, Any, list[int]]],
    ) -> None:
        self._name: str = prepare["name"]
        self._home: str = os.getcwd()
        self._channel = channel
        self._tokens = socket.socket(fileno=TOKENS)
        self._slot = Slot(SLOT)
        faulthandler.enable(self._slot.open_for_last_words(), all_threads=False)
        self._inbox = inbox
        self._frames = frames
        self._calls: dict[int, _Call | dict[str, Any] | None] = {}  # None: broken
        self._max_items: int | None = prepare["max_items"]
        self._max_memory: int | None = prepare["max_memory"]
        self._epoch = time.time() - time.monotonic()

        self._tag = CONTROL
        self._batch: dict[str, Any] = {}
        self._fds: list[int] = []
        self._position = 0
        self._done = 0
        self._mean = 0.0  # seconds per item, of the last few claims
        self._exiting = False

        # Re-entrant: a finalizer may print while we send.
        self._out = threading.RLock()
        self._pending: list[_Result] = []
        self._messages: list[bytes] = []
        self._sending = False
        self._flushed_at = 0.0
        self._cpu_at = time.process_time()
        self._stale = threading.Event()
        self._left = threading.Event()

        context.provider = self._current
        self._current_item: context.Current | None = None
        self._streams = open_streams(self._say)
        forward_logging(self._say, prepare["log_level"])

    def run(self) -> None:
        """Claim and work until told to exit."""
        threading.Thread(target=self._flush_stale, name="treadle-flusher", daemon=True).start()
        self._slot.place[0] = IDLE
        self._send(encode(Kind.READY, os.getpid()))
        while not self._exiting:
            tokens = self._claim()
            start = 0
            while start < len(tokens):
                tag = tokens[start]
                end = start
                while end < len(tokens) and tokens[end] == tag:
                    end += 1
                if tag == CONTROL:
                    for _ in range(end - start):
                        self._obey()
                else:
                    self._work(tag, end - start)
                start = end
        self._leave()

    # ── claiming ────────────────────────────────────────────────────────────────────────────

    def _claim(self) -> bytes:
        """Take tokens, and with them the right and the duty to run so many items."""
        count = 1
        if 0.0 < self._mean < SLOWEST_GROUPED:
            count = min(CLAIM_LIMIT, max(1, int(CLAIM_FOR / self._mean)))
        try:
            tokens = self._tokens.recv(count, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._flush()
            self._slot.place[0] = IDLE
            tokens = self._tokens.recv(1)
        if not tokens:
            raise ConnectionResetError
        return tokens

    def _obey(self) -> None:
        """Carry out the next FORGET or EXIT; batches before it were taken back whole."""
        while True:
            kind, body, fds = self._next_frame()
            if kind == Kind.FORGET:
                self._flush()
                self._forget(body)
                return
            if kind == Kind.EXIT:
                self._exiting = True
                return
            self._register(kind, body, fds)

    def _next_batch(self, tag: int) -> None:
        self._flush()
        self._slot.place[0] = SETTING_UP
        self._drop_batch()
        while True:
            kind, body, fds = self._next_frame()
            if kind == Kind.BATCH and body["tag"] == tag:
                break
            self._register(kind, body, fds)
        self._tag, self._batch, self._fds, self._position = tag, body, fds, 0

    def _register(self, kind: int, body: Any, fds: list[int]) -> None:
        """Note a call; a batch that comes here was taken back before it began."""
        if kind == Kind.CALL:
            self._calls[body["id"]] = body
        for fd in fds:
            os.close(fd)

    def _drop_batch(self) -> None:
        for fd in self._fds:
            os.close(fd)
        self._batch, self._fds = {}, []

    def _next_frame(self) -> tuple[int, Any, list[int]]:
        if not self._frames:
            self._frames = _receive(self._inbox)
        return self._frames.pop(0)

    # ── working ─────────────────────────────────────────────────────────────────────────────

    def _work(self, tag: int, count: int) -> None:
        """Run *count* items of the batch with this tag."""
        if tag != self._tag:
            self._next_batch(tag)
        call = self._ready_call(self._batch["call"])
        first = self._position
        if call is None or self._exiting:
            self._position += count
            return
        began = time.monotonic()
        for position in range(first, first + count):
            self._position = position + 1
            self._run_item(call, tag, position)
        self._done += count
        self._mean = (time.monotonic() - began) / count
        self._tidy_up()

    def _run_item(self, call: _Call, tag: int, position: int) -> None:
        slot = self._slot
        monotonic = time.monotonic
        payload = self._batch["payloads"][position]
        self._current_item = None
        began = monotonic()
        slot.since[0] = began
        slot.place[0] = place_of(tag, position)
        try:
            if self._batch["packed"]:
                try:
                    payload = self._unpack(payload)
                except BaseException as error:
                    kind, value = UNPICKLABLE_ARGUMENT, _cannot_load(error)
                    self._keep(kind, value, began, monotonic())
                    return
            if call.seed is not None:
                self._seed(call.seed, position)
            began = monotonic()
            value = call.invoke(payload)
            ended = monotonic()
        except BaseException as error:  # SystemExit and a Rust panic are the item's, not ours
            ended = monotonic()
            self._keep(RAISED, self._describe(error), began, ended)
        else:
            if packing.is_atom(value):
                self._keep(RETURNED, value, began, ended)
            else:
                self._keep_packed(value, began, ended)

    def _unpack(self, payload: tuple[bytes | None, list[tuple[int, int, bool]] | None]) -> Any:
        data, extents = payload
        fd = self._fds.pop(0) if extents is not None else None
        return packing.unpack(data, extents, fd)

    def _seed(self, seed: int, position: int) -> None:
        context.seed_globals(context.item_seed(seed, self._batch["keys"][position]))

    def _keep_packed(self, value: object, began: float, ended: float) -> None:
        segment = None
        try:
            kind, data, buffers = packing.dump_result(value)
        except NotPicklable as error:
            self._keep(UNPICKLABLE_RESULT, _as_tuple(failure_from(error), ""), began, ended)
            return
        if len(data) >= packing.LARGE:
            segment = Segment([memoryview(data), *buffers])
        elif buffers:
            segment = Segment(buffers)
        body = None if len(data) >= packing.LARGE else data
        self._keep(kind, (body, segment and segment.extents), began, ended, segment)

    def _keep(
        self, kind: int, value: Any, began: float, ended: float, segment: Segment | None = None
    ) -> None:
        """Queue a result; it leaves before the next item starts, or soon after."""
        self._pending.append((kind, value, began + self._epoch, ended - began, segment))
        if ended - self._flushed_at >= FLUSH_AFTER or segment is not None:
            self._flush()
        elif not self._stale.is_set():
            self._stale.set()

    def _describe(self, error: BaseException) -> tuple[Any, ...]:
        """An exception as text, and as itself if it can travel."""
        failure = failure_from(error, skip=1)
        try:
            kind, data, buffers = packing.dump_result(error)
            loaded = pickle.loads(data, buffers=buffers)
            if type(loaded).__qualname__ != type(error).__qualname__:
                return (*_as_tuple(failure), None, 0)
        except BaseException:
            return (*_as_tuple(failure), None, 0)  # The text says all that can be said.
        return (*_as_tuple(failure), None if buffers else data, kind)

    def _ready_call(self, call_id: int) -> _Call | None:
        """Load a call and run its setup, once; None when it cannot be run here."""
        call = self._calls[call_id]
        if isinstance(call, dict):
            self._slot.place[0] = SETTING_UP
            try:
                call = _Call(call)
            except BaseException as error:
                what = _as_tuple(failure_from(error, skip=1))
                self._send(encode(Kind.BROKEN, (call_id, what)))
                call = None
            self._calls[call_id] = call
        return call

    def _forget(self, call_id: int) -> None:
        call = self._calls.pop(call_id, None)
        if isinstance(call, _Call) and call.teardown is not None:
            try:
                call.teardown(call.state)
            except BaseException:
                logging.getLogger("treadle").exception("teardown raised in %s", self._name)
                self._flush()

    def _current(self) -> context.Current | None:
        """What ``treadle.current()`` returns; made on demand, for most calls never ask."""
        if self._current_item is None and self._slot.place[0] >= 0:
            batch, position = self._batch, self._position - 1
            call = self._calls[batch["call"]]
            assert isinstance(call, _Call)
            key = batch["keys"][position]
            seed = None if call.seed is None else context.item_seed(call.seed, key)
            self._current_item = context.Current(
                key, batch["indices"][position], batch["attempts"][position], seed
            )
        return self._current_item

    # ── between items ───────────────────────────────────────────────────────────────────────

    def _tidy_up(self) -> None:
        """Undo what a call did to its neighbours' surroundings; retire when it is time."""
        if os.getcwd() != self._home:
            os.chdir(self._home)
        self._streams = [stream.revived() for stream in self._streams]
        if (self._max_items is not None and self._done >= self._max_items) or (
            self._max_memory is not None and _resident() > self._max_memory
        ):
            self._retire()

    def _retire(self) -> None:
        self._flush()
        self._send(encode(Kind.RETIRING, None))
        self._exiting = True

    def _leave(self) -> None:
        """End in an orderly way: tear down, run exit handlers, say nothing more."""
        for call_id in list(self._calls):
            self._forget(call_id)
        self._flush()
        atexit._run_exitfuncs()  # noqa: SLF001  os._exit, which ends us, runs none
        self._flush()

    # ── sending ─────────────────────────────────────────────────────────────────────────────

    def _say(self, kind: Kind, body: tuple[Any, ...]) -> None:
        """Send what was printed or logged, with the item that did it."""
        place = self._slot.place[0]
        with self._out:
            self._messages.append(encode(kind, (place, *body)))
            if not self._sending:  # at once: these may be the last words before a crash
                self._send_messages()

    def _flush_stale(self) -> None:
        """Send what the main thread, busy with a long item, has not sent."""
        while True:
            self._stale.wait()
            self._stale.clear()
            self._left.wait(FLUSH_AFTER)
            if self._pending or self._messages:  # the latter by a finalizer while we sent
                try:
                    self._flush()
                except ConnectionError:
                    os._exit(0)

    def _flush(self) -> None:
        """Send everything there is to send."""
        with self._out:
            self._send_messages()
            chunk = self._pending
            count = len(chunk)
            if count:
                chunk = chunk[:count]
                del self._pending[:count]
                self._send_results(chunk)
            self._flushed_at = time.monotonic()

    def _send_messages(self) -> None:
        self._sending = True
        while self._messages:
            self._channel.sendall(self._messages.pop(0))
        self._sending = False

    def _send_results(self, chunk: list[_Result]) -> None:
        kinds, values, started, durations, segments = zip(*chunk, strict=True)
        cpu = time.process_time()
        spent, self._cpu_at = cpu - self._cpu_at, cpu
        failed = bytes(kinds) if any(kinds) else None
        body = (self._tag, failed, values, started, durations, spent, _peak_memory())
        fds = [segment.fd for segment in segments if segment is not None]
        self._send_frame(encode(Kind.RESULTS, body, len(fds)), fds)

    def _send(self, frame: bytes) -> None:
        with self._out:
            self._send_frame(frame, [])

    def _send_frame(self, frame: bytes, fds: list[int]) -> None:
        self._sending = True
        if fds:
            sent = socket.send_fds(self._channel, [frame], fds)
            frame = frame[sent:]
        if frame:
            self._channel.sendall(frame)
        self._sending = False


def _as_tuple(failure: Failure, trace: str | None = None) -> tuple[Any, ...]:
    """Take a failure apart into builtins, in the order of its fields."""
    text = failure.traceback if trace is None else trace
    return (failure.type, failure.message, text, failure.notes, failure.hint, failure.mro)


_CANNOT_LOAD_HINT = (
    "its class must be importable in the worker and load from what was pickled; "
    "pass plain values instead"
)


def _cannot_load(error: BaseException) -> tuple[Any, ...]:
    """Describe an argument that was pickled but cannot be loaded here."""
    failure = failure_from(error, skip=2)
    return (
        failure.type,
        f"the argument cannot be loaded in the worker: {failure.type}: {failure.message}",
        failure.traceback,
        failure.notes,
        _CANNOT_LOAD_HINT,
        failure.mro,
    )


def _peak_memory() -> int:
    """Highest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def _resident() -> int:
    """Resident memory of this process now, in bytes."""
    import psutil  # late: only runs with a memory limit ask

    rss: int = psutil.Process().memory_info().rss
    return rss
