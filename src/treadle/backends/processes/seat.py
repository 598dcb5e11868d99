"""The driver's side of one worker: its descriptors, its batches, and what it is known to do."""

from __future__ import annotations

import codecs
import os
import pickle
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from treadle.backends.processes.launcher import LAUNCHER
from treadle.backends.processes.nursery import BEGUN, STATUS
from treadle.backends.processes.packing import Packed
from treadle.backends.processes.segments import anonymous_file
from treadle.backends.processes.slot import IDLE, SETTING_UP, SIZE, Slot, tag_and_position
from treadle.backends.processes.wire import CONTROL, Inbox, Kind, Outbox, encode
from treadle.core.call import Call
from treadle.core.item import Item, Key

_LINE = 8192  # characters without a line end that are kept back at most
_ALL = 1 << 20  # more tokens than a worker ever has
NOBODY = -1  # the index of an item that is in no run
_LATE = 0.1  # seconds that an idle worker may take to begin what it was given
_REST = 1 << 20  # characters to read after a death; what its children still write has no end
_BATCHES = 32  # that a worker has at most
TAGS = 255  # tags are bytes; 0 is CONTROL


class Back(NamedTuple):
    """
    Items that came back from a worker, and what is known of each, column by column.

    Attributes:
        items: The items.
        keys: Of each.
        indices: The same.
        attempts: The same.
    """

    items: list[Item]
    keys: list[Key]
    indices: list[int]
    attempts: list[int]


class Batch:
    """
    Items sent to a worker together.

    Attributes:
        items: In the order in which the worker runs them.
        keys, indices, attempts: Of each, as they were sent.
        done: Those before this position have come back.
        end: Those from this position on were taken back.
        given_back: Positions in between that the worker gave back.
    """

    __slots__ = ("attempts", "call", "done", "end", "given_back", "indices", "items", "keys", "tag")

    def __init__(self, tag: int, call: Call, items: list[Item]) -> None:
        self.tag = tag
        self.call = call
        self.items = items
        self.indices = [item.index for item in items]
        self.keys = [item.key for item in items]
        self.attempts = [item.attempt for item in items]
        self.done = 0
        self.end = len(items)
        self.given_back: set[int] = set()

    @property
    def left(self) -> int:
        """How many items the worker still owes."""
        left = self.end - self.done
        if self.given_back:
            left -= sum(self.done <= position < self.end for position in self.given_back)
        return left

    def owed(self) -> list[Item]:
        """Return the items that the worker still owes."""
        return [
            self.items[position]
            for position in range(self.done, self.end)
            if position not in self.given_back
        ]

    def settle(self, positions: int | list[int], count: int) -> Back:
        """Note that *count* items from a position on, or those at *positions*, came back."""
        columns: tuple[list[Any], ...] = (self.items, self.keys, self.indices, self.attempts)
        if isinstance(positions, int):
            self.done = positions + count
            return Back(*[column[positions : self.done] for column in columns])
        self.done = positions[-1] + 1
        return Back(*[[column[position] for position in positions] for column in columns])


class Seat:
    """
    A worker as the driver sees it.

    Attributes:
        name: ``process-N`` until the pid is known, then ``process-<pid>``.
        pid: Process id; None until it has begun.
        batches: Batches that it has, in order.
        ready: It has said that it is up.
        has_finished_any: It has settled at least one item.
        retiring: It takes no further item and will exit.
        doomed: We have killed it; says why.
        gone: It has exited and was buried.
    """

    def __init__(self, number: int, method: str, prepare: dict[str, Any]) -> None:
        self.name = f"process-{number}"
        self.pid: int | None = None
        self.batches: deque[Batch] = deque()
        self.ready = False
        self.has_finished_any = False
        self.retiring = False
        self.closing = False
        self.doomed: str | None = None
        self.gone = False
        self.wait_status: int | None = None
        self._half_line = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._method = method
        self._calls: set[int] = set()
        self._tag = 0
        self._given_at = 0.0

        with ExitStack() as undo:
            self.channel, channel = socket.socketpair()
            undo.callback(self.channel.close)
            with channel:
                # The worker's end of the tokens stays open here too: taking tokens back is reading
                # them.
                self._grants, self._tokens = socket.socketpair()
                undo.callback(self._grants.close)
                undo.callback(self._tokens.close)
                slot = anonymous_file(SIZE)
                undo.callback(os.close, slot)
                self.output, output = os.pipe()
                undo.callback(os.close, self.output)
                try:
                    request = {"cwd": prepare["cwd"], "environ": prepare["environ"]}
                    fds = (channel.fileno(), self._tokens.fileno(), slot, output)
                    self.status = LAUNCHER.start_worker(method, request, fds)
                finally:
                    os.close(output)
            undo.pop_all()
        self.slot = Slot(slot)
        self.slot.place[0] = SETTING_UP
        self.channel.setblocking(False)
        self._grants.setblocking(False)
        os.set_blocking(self.output, False)
        self.outbox = Outbox(self.channel)
        self.inbox = Inbox(self.channel)
        self.outbox.put(encode(Kind.PREPARE, {**prepare, "name": self.name}))
        self.flush()

    # ── giving ──────────────────────────────────────────────────────────────────────────────

    @property
    def queued(self) -> int:
        """Items that it has and has not brought back."""
        return sum(batch.left for batch in self.batches)

    @property
    def serves(self) -> bool:
        """True while it may be given items."""
        return not (self.retiring or self.closing or self.doomed or self.gone)

    @property
    def is_leaving(self) -> bool:
        """True while it finishes what it has begun, and is given nothing more."""
        return self.closing and bool(self.batches) and not (self.doomed or self.gone)

    @property
    def is_crowded(self) -> bool:
        """True when it has as many batches, of whatever size, as it may have."""
        return len(self.batches) >= _BATCHES

    def wants(self, batch: int, room: int) -> int:
        """
        How many items to give: none while it has more than one batch, else full ones.

        Args:
            batch: Items in a batch.
            room: Items that it may have.
        """
        # Never many small batches: each costs a turn of the driver and has a tag, which is a byte.
        queued = self.queued
        if not self.serves or queued > batch or self.is_crowded:
            return 0
        return max(batch, (room - queued) // batch * batch)

    def give(self, call: Call, frame: bytes, items: list[Item]) -> None:
        """Send items, after the call itself if this worker does not know it."""
        if call.id not in self._calls:
            self._calls.add(call.id)
            self.outbox.put(frame)
        batch = Batch(self._next_tag(), call, items)
        self.batches.append(batch)
        indices, keys, attempts = batch.indices, batch.keys, batch.attempts
        payloads = [item.payload for item in items]
        packed = Packed in set(map(type, payloads))
        segments = (
            tuple(p.segment for p in payloads if type(p) is Packed and p.segment) if packed else ()
        )
        body = {
            "tag": batch.tag,
            "call": call.id,
            "keys": None if keys == indices else keys,
            "indices": _compact(indices),
            "attempts": None if attempts.count(1) == len(items) else attempts,
            "packed": packed,
            "payloads": [_payload(payload) for payload in payloads] if packed else payloads,
        }
        self.outbox.put(encode(Kind.BATCH, body, len(segments)), segments)
        self.flush()
        self._given_at = time.monotonic()
        self._grant(bytes([batch.tag]) * len(items))

    def forget(self, call: Call) -> None:
        """Have the worker tear *call* down, if it knows it."""
        if call.id in self._calls and not self.gone:
            self._calls.discard(call.id)
            self._command(Kind.FORGET, call.id)

    def dismiss(self) -> None:
        """Have the worker end in an orderly way."""
        if not self.closing:
            self.closing = True
            self._command(Kind.EXIT, None)

    def _command(self, kind: Kind, body: object) -> None:
        self.outbox.put(encode(kind, body))
        self.flush()
        self._grant(bytes([CONTROL]))

    def flush(self) -> None:
        """Write what can be written; a dead worker is noticed by its status, not here."""
        try:
            self.outbox.flush()
        except OSError:
            self.outbox.clear()  # Nobody reads it. What the worker said before is still to be read.

    def _grant(self, tokens: bytes) -> None:
        # Never short: our own end of the tokens is open too, and a socket holds more of them than
        # so few batches need.
        self._grants.sendall(tokens)

    def _next_tag(self) -> int:
        self._tag = self._tag % TAGS + 1
        return self._tag

    # ── taking back ─────────────────────────────────────────────────────────────────────────

    def take_back(self, wanted: Callable[[dict[int, int]], dict[int, int]]) -> list[Batch]:
        """
        Take back items that have not begun.

        Args:
            wanted: Gets the number of unbegun items by tag, oldest batch first; returns how many
                of each to take.

        Returns:
            What was taken, as batches of their own.
        """
        try:
            tokens = self._tokens.recv(_ALL, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionError):
            return []
        counts = {batch.tag: tokens.count(batch.tag) for batch in self.batches}
        unbegun = {tag: count for tag, count in counts.items() if count}
        take = wanted(unbegun)
        taken = []
        for batch in list(self.batches):
            count = take.get(batch.tag, 0)
            if not count:
                continue
            taken.append(Batch(batch.tag, batch.call, batch.items[batch.end - count : batch.end]))
            batch.end -= count
            if not batch.left:
                self.batches.remove(batch)
        keep = bytearray()
        for token in tokens:  # the worker counts from the front of a batch, so which go is all one
            if take.get(token, 0) > 0:
                take[token] -= 1
            else:
                keep.append(token)
        if keep:
            self._grant(bytes(keep))
        return taken

    def unclaimed(self, places: list[int]) -> list[Batch]:
        """Note what the worker gave back; return it as batches of their own."""
        returned = []
        for batch in list(self.batches):
            positions = sorted(
                position for tag, position in map(tag_and_position, places) if tag == batch.tag
            )
            if positions:
                batch.given_back.update(positions)
                items = [batch.items[position] for position in positions]
                returned.append(Batch(batch.tag, batch.call, items))
                if not batch.left:
                    self.batches.remove(batch)
        return returned

    def disown(self, call: Call, indices: set[int]) -> bool:
        """
        Put stand-ins in the place of items that were stopped; tell whether it had any of them.

        Whatever is still heard of them belongs to an attempt that is over: it must neither settle
        nor return the attempt that may have begun elsewhere in the meantime.
        """
        found = False
        for batch in self.batches:
            if batch.call is not call:
                continue
            for position in range(batch.done, batch.end):
                item = batch.items[position]
                if item.index in indices:
                    batch.items[position] = Item(NOBODY, item.key, None, item.call)
                    found = True
        return found

    # ── looking ─────────────────────────────────────────────────────────────────────────────

    def running(self) -> tuple[Item, Batch, float] | None:
        """Return the item that the worker is on, its batch, and since when; None between items."""
        place = self.slot.place[0]
        since = self.slot.got_there()
        if place < 0:
            return None
        tag, position = tag_and_position(place)
        for batch in self.batches:
            mine = batch.done <= position < batch.end and position not in batch.given_back
            if batch.tag == tag and mine:
                return batch.items[position], batch, since
        return None

    @property
    def is_setting_up(self) -> bool:
        """True while the worker starts, loads a function or runs a setup."""
        place: int = self.slot.place[0]
        return place == SETTING_UP

    @property
    def is_idle(self) -> bool:
        """True when the worker waits for items and has brought everything back."""
        place: int = self.slot.place[0]
        return place == IDLE and not self.batches

    @property
    def is_late(self) -> bool:
        """True when it has items and, for no good reason, is on none of them: it may be stopped."""
        idle: bool = self.slot.place[0] == IDLE
        return idle and bool(self.batches) and time.monotonic() - self._given_at > _LATE

    def item_at(self, place: int) -> Item | None:
        """Return the item that a message from *place* belongs to."""
        if place >= 0:
            tag, position = tag_and_position(place)
            for batch in self.batches:
                if batch.tag == tag and position < len(batch.items):
                    return batch.items[position]
        return None

    def read_output(self) -> str | None:
        """Return whole lines written to the raw descriptors 1 and 2; None at the end."""
        try:
            data = os.read(self.output, 1 << 16)
        except BlockingIOError:
            return ""
        if not data:
            return None
        text = self._half_line + self._decoder.decode(data)
        cut = len(text) if len(text) > _LINE else text.rfind("\n") + 1
        self._half_line = text[cut:]
        return text[:cut]

    def rest_of_output(self) -> str:
        """Return everything that was written and not read yet."""
        text, self._half_line = self._half_line, ""
        try:
            while len(text) < _REST and (data := os.read(self.output, 1 << 16)):
                text += self._decoder.decode(data)
        except BlockingIOError:
            return text  # A process that the worker started still holds its output.
        return text

    def read_status(self) -> bool:
        """Read the status pipe; return True when the worker has exited."""
        try:
            data = os.read(self.status, STATUS.size)
        except BlockingIOError:
            return False
        if len(data) < STATUS.size:  # the nursery is gone, or could not start the worker
            self.kill("its nursery died", orphaned=True)
            return True
        pid, status = STATUS.unpack(data)
        self.pid = pid
        if status == BEGUN:
            self.name = f"process-{pid}"
            if self.doomed:
                self.kill(self.doomed)
            return False
        self.wait_status = status
        return True

    # ── ending ──────────────────────────────────────────────────────────────────────────────

    def kill(self, why: str, *, orphaned: bool = False) -> None:
        """Kill the worker and everything it started."""
        self.doomed = self.doomed or why
        if self.pid is None or self.wait_status is not None:
            return  # killed as soon as its pid is known; see read_status
        LAUNCHER.kill(self._method, self.pid, orphaned=orphaned)

    def close(self) -> None:
        """Let go of all descriptors."""
        self.gone = True
        self.channel.close()
        self._grants.close()
        self._tokens.close()
        self.inbox.close()
        self.slot.close()
        os.close(self.output)
        os.close(self.status)


def _payload(payload: object) -> tuple[bytes | None, object]:
    if not isinstance(payload, Packed):  # an atom in mixed company
        return pickle.dumps(payload, 5), None
    return payload.data, payload.segment.extents if payload.segment is not None else None


def _compact(indices: list[int]) -> Sequence[int]:
    """Send consecutive numbers as a range."""
    consecutive = range(indices[0], indices[0] + len(indices))
    return (
        consecutive if indices[-1] == consecutive[-1] and indices == list(consecutive) else indices
    )
