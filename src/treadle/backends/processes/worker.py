"""The worker process: claim an item, run it, send what came of it.

Imported by the nursery before it forks, so it stays light. Everything a user's object may do to us
(raise while it is loaded, pickled or shown, exit, close stdout, change directory) is met here.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from treadle.backends.processes import packing
from treadle.backends.processes.nursery import CHANNEL, SLOT, TOKENS
from treadle.backends.processes.outgoing import Outgoing
from treadle.backends.processes.segments import Segment
from treadle.backends.processes.slot import IDLE, POSITION, SETTING_UP, Place, Slot, place_of
from treadle.backends.processes.stdio import open_streams
from treadle.backends.processes.wire import CONTROL, Inbox, Kind, encode
from treadle.core import context
from treadle.core.failures import Description, describe
from treadle.errors import NotPicklable

CLAIM_FOR = 0.0003  # seconds of work to claim at once; meanwhile it is out of the driver's reach
CLAIM_LIMIT = 64  # tokens
SLOWEST_GROUPED = 0.0001  # seconds; longer items are claimed one by one

RETURNED, RAISED, UNPICKLABLE_ARGUMENT, UNPICKLABLE_RESULT = 0, 10, 11, 12
# and between RETURNED and RAISED: packing.HARMLESS, NUMPY, FOREIGN, for values that are pickled


def main() -> None:
    """Work until the driver says so or is gone; does not return."""
    code = 1
    for fd in (CHANNEL, TOKENS, SLOT):  # not for what a call executes, by os.system for one
        os.set_inheritable(fd, False)
    follow(os.getppid())
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
        import traceback  # late: a bug of ours

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


def follow(parent: int) -> None:
    """
    End this process, and all it started, soon after its *parent* has ended.

    The nursery kills its workers when the driver is gone, but who kills the nursery?
    """

    def watch() -> None:
        never = threading.Event()
        while os.getppid() == parent:
            never.wait(0.5)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="treadle-parent-watch", daemon=True).start()


def _settle_in(prepare: dict[str, Any]) -> None:
    """Make this process look like the driver's, apart from its streams and signals."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which decides
    os.environ.clear()
    os.environ.update(prepare["environ"])
    sys.path[:] = prepare["sys_path"]
    sys.argv[:] = prepare["argv"]
    with contextlib.suppress(FileNotFoundError):
        os.chdir(prepare["cwd"])


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
        self._home = _working_directory()
        self._channel = channel
        self._tokens = socket.socket(fileno=TOKENS)
        # A child that a call forks must not take them; it may even come back here, if it raises.
        os.register_at_fork(after_in_child=self._tokens.close)
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

        self._out = Outgoing(channel, self._slot)
        context.provider = self._current
        self._current_item: tuple[Place, context.Current] | None = None
        self._streams = open_streams(self._out.say, self._out.lock)
        if prepare["log_level"] is not None:
            from treadle.backends.processes.logs import forward_logging  # late: see there

            forward_logging(self._out.say, prepare["log_level"])

    def run(self) -> None:
        """Claim and work until told to exit."""
        self._slot.place[0] = IDLE
        self._out.send(encode(Kind.READY, os.getpid()))
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
        if self._max_items is not None:
            count = max(1, min(count, self._max_items - self._done))
        try:
            tokens = self._tokens.recv(count, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._out.flush()
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
                self._out.flush()
                self._forget(body)
                return
            if kind == Kind.EXIT:
                self._exiting = True
                return
            self._register(kind, body, fds)

    def _next_batch(self, tag: int) -> None:
        self._out.flush()
        self._slot.place[0] = SETTING_UP
        self._drop_batch()
        while True:
            kind, body, fds = self._next_frame()
            if kind == Kind.BATCH and body["tag"] == tag:
                break
            self._register(kind, body, fds)
        if body["keys"] is None:  # then keys are positions in the source
            body["keys"] = body["indices"]
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
            self._out.start_cpu_clock()  # what came before is no item's
        else:
            call = self._ready_call(self._batch["call"])
        first = place_of(tag, self._position)
        self._position += count
        if call is None or self._exiting:
            return
        claimed = self._out.claimed
        claimed.extend(range(first, first + count))
        if count > 1:
            self._out.news.set()  # should the first of them be a long one
        began = time.monotonic()
        done = self._run_claimed(call, claimed)
        self._done += done
        if done:
            self._mean = (time.monotonic() - began) / done
        self._tidy_up()

    def _run_claimed(self, call: _Call, claimed: deque[Place]) -> int:
        """Run what is claimed and return how many items that were; others may be given back."""
        out, invoke, payloads = self._out, call.invoke, self._batch["payloads"]
        place_word, since_word = self._slot.place, self._slot.since
        simple = not self._batch["packed"] and call.seed is None
        keep, epoch, monotonic, is_atom = out.keep, self._epoch, time.monotonic, packing.is_atom
        began = monotonic()
        done = 0
        while claimed:
            try:
                place = claimed.popleft()
            except IndexError:  # given back at this very moment
                break
            done += 1
            since_word[0] = began
            place_word[0] = place
            if not simple:
                self._run_item(call, place)
                began = monotonic()
                continue
            try:
                value = invoke(payloads[place & POSITION])
                ended = monotonic()
            except BaseException as error:  # SystemExit and a Rust panic are the item's, not ours
                self._keep_raised(place, error, began)
                ended = monotonic()
            else:
                kind = type(value)
                if kind is int or kind is float or value is None or is_atom(value):
                    took = ended - began
                    ended = keep((place, RETURNED, value, began + epoch, took, None), ended)
                else:
                    self._keep_packed(place, value, began, ended)
                    ended = monotonic()
            began = ended  # one look at the clock per item; what is between them is nanoseconds
        return done

    def _run_item(self, call: _Call, place: Place) -> None:
        """Run an item that must be loaded or seeded first."""
        position = place & POSITION
        payload = self._batch["payloads"][position]
        began = time.monotonic()
        if self._batch["packed"]:
            cpu = time.process_time()
            try:
                payload = self._unpack(payload)
            except BaseException as error:
                failure = _cannot_load(describe(error, skip=2))
                self._keep(place, UNPICKLABLE_ARGUMENT, failure, began, time.monotonic())
                return
            self._out.discount(time.process_time() - cpu)
        if call.seed is not None:
            self._seed(call.seed, position)
        began = time.monotonic()
        try:
            value = call.invoke(payload)
            ended = time.monotonic()
        except BaseException as error:  # as above
            self._keep_raised(place, error, began)
        else:
            if packing.is_atom(value):
                self._keep(place, RETURNED, value, began, ended)
            else:
                self._keep_packed(place, value, began, ended)

    def _unpack(self, payload: tuple[bytes | None, list[tuple[int, int, bool]] | None]) -> Any:
        data, extents = payload
        fd = self._fds.pop(0) if extents is not None else None
        return packing.unpack(data, extents, fd)

    def _seed(self, seed: int, position: int) -> None:
        context.seed_globals(context.item_seed(seed, self._batch["keys"][position]))

    def _keep(self, place: Place, kind: int, value: Any, began: float, ended: float) -> None:
        self._out.keep((place, kind, value, began + self._epoch, ended - began, None), ended)

    def _keep_raised(self, place: Place, error: BaseException, began: float) -> None:
        ended = time.monotonic()
        self._keep(place, RAISED, _describe_raised(error), began, ended)

    def _keep_packed(self, place: Place, value: object, began: float, ended: float) -> None:
        """Queue a result that must be pickled, large buffers aside."""
        segment = None
        try:
            kind, data, buffers = packing.dump_result(value)
            body: bytes | None = data
            if len(data) >= packing.LARGE:
                segment, body = Segment([memoryview(data), *buffers]), None
            elif buffers:
                segment = Segment(buffers)
        except BaseException as error:  # no descriptor or no room left; or a __reduce__ that exits
            self._keep(place, UNPICKLABLE_RESULT, _cannot_send(error), began, ended)
            return
        packed = (body, segment and segment.extents)
        self._out.keep((place, kind, packed, began + self._epoch, ended - began, segment), ended)
        if len(data) >= packing.ATOM_LIMIT:
            self._out.flush()  # Should the process die of its size, this item shall be the one.

    def _ready_call(self, call_id: int) -> _Call | None:
        """Load a call and run its setup, once; None when it cannot be run here."""
        call = self._calls[call_id]
        if isinstance(call, dict):
            self._slot.place[0] = SETTING_UP
            try:
                call = _Call(call)
            except BaseException as error:
                self._out.send(encode(Kind.BROKEN, (call_id, describe(error, skip=1))))
                call = None
            self._calls[call_id] = call
        return call

    def _forget(self, call_id: int) -> None:
        call = self._calls.pop(call_id, None)
        if isinstance(call, _Call) and call.teardown is not None:
            try:
                call.teardown(call.state)
            except BaseException:
                import logging

                logging.getLogger("treadle").exception("teardown raised in %s", self._name)
                self._out.flush()

    def _current(self) -> context.Current | None:
        """What ``treadle.current()`` returns; made on demand, for most calls never ask."""
        place = self._slot.place[0]
        if place < 0:
            return None
        if self._current_item is None or self._current_item[0] != place:
            batch, position = self._batch, place & POSITION
            call = self._calls[batch["call"]]
            assert isinstance(call, _Call)
            key = batch["keys"][position]
            seed = None if call.seed is None else context.item_seed(call.seed, key)
            made = context.Current(
                key,
                batch["indices"][position],
                1 if batch["attempts"] is None else batch["attempts"][position],
                seed,
            )
            self._current_item = (place, made)
        return self._current_item[1]

    # ── between items ───────────────────────────────────────────────────────────────────────

    def _tidy_up(self) -> None:
        """Undo what a call did to its neighbours' surroundings; retire when it is time."""
        with contextlib.suppress(OSError):  # This folder or that one may have been deleted.
            if _working_directory() != self._home:
                os.chdir(self._home)
        self._streams = [stream.revived() for stream in self._streams]
        if (self._max_items is not None and self._done >= self._max_items) or (
            self._max_memory is not None and _resident() > self._max_memory
        ):
            self._retire()

    def _retire(self) -> None:
        self._out.flush()
        self._out.send(encode(Kind.RETIRING, None))
        self._exiting = True

    def _leave(self) -> None:
        """End in an orderly way: tear down, run exit handlers, say nothing more."""
        for call_id in list(self._calls):
            self._forget(call_id)
        self._out.flush()
        atexit._run_exitfuncs()  # noqa: SLF001  os._exit, which ends us, runs none
        self._out.flush()


def _describe_raised(error: BaseException) -> tuple[Any, ...]:
    """An exception as text, then as itself if it can travel, then what loading that may run."""
    text = describe(error, skip=1)
    try:
        kind, data, buffers = packing.dump_result(error)
        loaded = pickle.loads(data, buffers=buffers)
        if buffers or type(loaded).__qualname__ != type(error).__qualname__:
            return (*text, None, 0)
    except BaseException:
        return (*text, None, 0)  # The text says all that can be said.
    return (*text, data, kind)


_CANNOT_SEND_HINT = (
    "large results take a descriptor and shared memory each: "
    "look at `ulimit -n` and at the free memory, and close what the function opens"
)


def _cannot_send(error: BaseException) -> Description:
    """Describe a result that cannot leave this process."""
    kind, message, _, notes, hint, mro = describe(error)
    if isinstance(error, NotPicklable):
        return kind, message, "", notes, hint, mro
    text = f"the result cannot be sent to the driver: {kind}: {message}"
    return kind, text, "", notes, hint or _CANNOT_SEND_HINT, mro


_CANNOT_LOAD_HINT = (
    "its class must be importable in the worker and load from what was pickled; "
    "pass plain values instead"
)


def _cannot_load(why: Description) -> Description:
    """Describe an argument that was pickled but cannot be loaded here."""
    kind, message, trace, notes, _, mro = why
    text = f"the argument cannot be loaded in the worker: {kind}: {message}"
    return kind, text, trace, notes, _CANNOT_LOAD_HINT, mro


def _working_directory() -> str:
    """Where this process is; no folder at all if that has been deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _resident() -> int:
    """Resident memory of this process now, in bytes."""
    import psutil  # late: only runs with a memory limit ask

    rss: int = psutil.Process().memory_info().rss
    return rss
