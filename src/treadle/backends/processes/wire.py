"""Frames on a worker's channel: a header, a body of plain pickled data, and sometimes a descriptor.

Frame bodies hold builtin values only, so reading one never runs anybody's code; what users made
travels inside as bytes.
"""

from __future__ import annotations

import array
import enum
import os
import pickle
import socket
import struct
from collections import deque
from typing import Any

_HEADER = struct.Struct("<IBBxx")  # length of the body, kind, number of descriptors
_FDS_AT_ONCE = 4
_ANCILLARY = socket.CMSG_SPACE(_FDS_AT_ONCE * array.array("i").itemsize)
_READ_SIZE = 1 << 18


class Kind(enum.IntEnum):
    """What a frame is about."""

    CALL = 1  # driver: a function and what goes with it
    BATCH = 2  # driver: items
    FORGET = 3  # driver: tear a call down
    EXIT = 4  # driver: end in an orderly way
    PREPARE = 5  # driver: the first frame: what to look like
    READY = 10  # worker: up and listening
    RESULTS = 11  # worker: items that ended
    PRINTED = 12  # worker: text written to sys.stdout or sys.stderr
    LOGGED = 13  # worker: a logging record
    BROKEN = 14  # worker: a call that cannot be run here at all
    RETIRING = 15  # worker: takes no further item, will exit
    UNCLAIMED = 16  # worker: claimed items that a long one keeps it from beginning


CONTROL = 0  # the token that announces FORGET and EXIT; all others are tags of batches


def encode(kind: Kind, body: Any, fds: int = 0) -> bytes:
    """Make the bytes of a frame."""
    data = pickle.dumps(body, 5)
    return _HEADER.pack(len(data), kind, fds) + data


class Outbox:
    """Frames on their way into a non-blocking socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._frames: deque[tuple[memoryview, tuple[Any, ...]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._frames)

    def put(self, frame: bytes, keep: tuple[Any, ...] = ()) -> None:
        """Queue a frame; *keep* are the segments whose descriptors go with it."""
        self._frames.append((memoryview(frame), keep))

    def clear(self) -> None:
        """Drop all frames."""
        self._frames.clear()

    def flush(self) -> None:
        """
        Write as much as the socket takes.

        Raises:
            OSError: The other end is gone.
        """
        while self._frames:
            frame, segments = self._frames[0]
            try:
                if segments:
                    sent = socket.send_fds(self._sock, [frame], [s.fd for s in segments])
                else:
                    sent = self._sock.send(frame)
            except BlockingIOError:
                return
            if sent == len(frame):
                self._frames.popleft()
            else:
                self._frames[0] = (frame[sent:], ())  # the descriptors went with the first byte


class Inbox:
    """Frames that arrive on a socket, put together from whatever pieces they come in."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._data = bytearray()
        self._fds: deque[int] = deque()
        self.closed = False

    def receive(self) -> None:
        """
        Read what is there; block only if the socket does. ``closed`` tells the other end is gone.

        Raises:
            BlockingIOError: Nothing is there now.
        """
        try:
            data, ancillary, _, _ = self._sock.recvmsg(_READ_SIZE, _ANCILLARY)
        except ConnectionError:
            data, ancillary = b"", []
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
                self._fds.extend(fds)
        if data:
            self._data += data
        else:
            self.closed = True

    def frames(self) -> list[tuple[int, Any, list[int]]]:
        """Return the complete frames as ``(kind, body, descriptors)``; a torn one stays behind."""
        found = []
        start = 0
        view = self._data
        while len(view) - start >= _HEADER.size:
            length, kind, count = _HEADER.unpack_from(view, start)
            end = start + _HEADER.size + length
            if end > len(view):
                break
            with memoryview(view) as whole:
                body = pickle.loads(whole[start + _HEADER.size : end])
            found.append((kind, body, [self._fds.popleft() for _ in range(count)]))
            start = end
        if start:
            del self._data[:start]
        return found

    def close(self) -> None:
        """Close descriptors that belong to frames which never came whole."""
        while self._fds:
            os.close(self._fds.popleft())
