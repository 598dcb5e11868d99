"""Steer a run from another process: what the run listens to. ``remote`` asks it.

A recorded run listens on a Unix socket in a folder that only its owner can enter; the run's lock
says where. Requests and answers are JSON objects, one to a line:

    {"do": "status", "known": 0, "heard": 0}   {"ok": true, "status": {…}}
    {"do": "where"}                {"ok": true, "status": {…}}, with its folder and process alone
    {"do": "pause"}                as for status
    {"do": "continue"}             the same
    {"do": "workers", "workers": 4}
    {"do": "cancel", "now": false}
    anything else                  {"ok": false, "error": "…", "hint": "…"}

What is asked for is done a moment later, by the run's own thread; the answer, which comes at once,
says how the run was when it was asked.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import selectors
import socket
import stat
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.core.stats import FailureKind, Stats
from treadle.errors import UsageError
from treadle.ledger.rows import row_of

if TYPE_CHECKING:
    from treadle.api.heard import Heard
    from treadle.api.outcomes import Outcomes
    from treadle.ledger.writer import Ledger

REASON = "cancelled from outside"  # what the report of a run says that was cancelled this way

LONGEST_REQUEST = 4096  # bytes
LONGEST_PATH = 100  # bytes; Linux takes 107, macOS 103
CLIENTS = 32  # at once; one more, and the oldest is dropped
PATIENCE = 10.0  # seconds that a client has for a request, and to take its answer
MOST_WORKERS = 10_000
SHOWN = 100  # running items in a status, the longest running first
KINDS = 12  # examples of failures in one status
TEXT = 2000  # characters of a text in a status

NAME = re.compile(r".*-(\d+)-\d+\.sock")  # of a socket; the number is its process
_numbers = itertools.count(1)  # two runs of one process may have the same id, in two places


# ── the run's side ──────────────────────────────────────────────────────────────────────────────


class Control:
    """
    Listens for requests to one run, in a thread of its own, until it is closed.

    Where no socket can be had the run goes on without, and its lock says why.

    Args:
        ledger: Of the run; readers of its lock are told where to ask.
        outcomes: The run itself.
        heard: What it has said lately.
    """

    def __init__(self, ledger: Ledger, outcomes: Outcomes[Any], heard: Heard) -> None:
        self._outcomes = outcomes
        self._heard = heard
        self._place = {
            "folder": str(ledger.folder),
            "pid": os.getpid(),
            "parent": ledger.facts.get("parent"),
            "stage": ledger.facts.get("stage", 0),
        }
        self._owner = os.getpid()
        self._clients: dict[socket.socket, _Client] = {}
        self._closing = False
        self._undo = ExitStack()
        try:
            path = self._open(ledger.id)
            ledger.lock.say(socket=str(path))
        except (OSError, RuntimeError) as error:  # no place, no descriptor, no thread, no disk
            self.close()
            with suppress(OSError):
                ledger.lock.say(control=getattr(error, "strerror", None) or str(error))
        except BaseException:
            self.close()
            raise

    def _open(self, run_id: str) -> Path:
        self._listener, path = _listen(run_id)
        self._undo.callback(path.unlink, missing_ok=True)
        self._undo.callback(self._listener.close)
        self._wake, self._woken = socket.socketpair()
        self._undo.callback(self._wake.close)
        self._undo.callback(self._woken.close)
        self._selector = selectors.DefaultSelector()
        self._undo.callback(self._selector.close)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        thread = threading.Thread(target=self._serve, name="treadle-control", daemon=True)
        thread.start()
        self._undo.callback(self._end, thread)
        return path

    def close(self) -> None:
        """Listen no more. Harmless when repeated."""
        if self._owner == os.getpid():  # in a fork all of it is the driver's
            self._undo.close()

    def _end(self, thread: threading.Thread) -> None:
        self._closing = True
        self._wake.send(b"!")
        thread.join()
        for client in list(self._clients.values()):
            self._drop(client)

    # ── the thread ──────────────────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select(self._until_overdue()):
                if key.fileobj is self._listener:
                    self._admit()
                elif isinstance(key.data, _Client) and key.data.socket in self._clients:
                    self._attend(key.data)
            now = time.monotonic()
            for client in list(self._clients.values()):
                if client.due <= now:
                    self._drop(client)

    def _until_overdue(self) -> float | None:
        if not self._clients:
            return None
        return max(0.0, min(each.due for each in self._clients.values()) - time.monotonic())

    def _admit(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:  # out of descriptors: they may come back, and until then nobody is served
            threading.Event().wait(0.1)
            return
        if not _is_ours(connection):
            connection.close()
            return
        connection.setblocking(False)
        if len(self._clients) >= CLIENTS:
            self._drop(next(iter(self._clients.values())))
        client = self._clients[connection] = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _attend(self, client: _Client) -> None:
        try:
            going_on = client.send() if client.outbox else client.receive()
            while going_on and not client.outbox and (line := client.next_line()) is not None:
                client.outbox += json.dumps(self._answer(line)).encode() + b"\n"
                going_on = client.send()
        except BlockingIOError:
            going_on = True
        except OSError:  # it is gone
            going_on = False
        if not going_on:
            self._drop(client)
            return
        wanted = selectors.EVENT_WRITE if client.outbox else selectors.EVENT_READ
        self._selector.modify(client.socket, wanted, client)

    def _drop(self, client: _Client) -> None:
        self._selector.unregister(client.socket)
        del self._clients[client.socket]
        client.socket.close()

    # ── answers ─────────────────────────────────────────────────────────────────────────────

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = _request_in(line)
            status = self._place if request.get("do") == "where" else self._status(request)
            self._obey(request)
        except UsageError as error:
            return {"ok": False, "error": error.message, "hint": error.hint}
        return {"ok": True, "status": status}

    def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        now = time.monotonic()
        return {
            **self._place,
            **status_of(self._outcomes.stats, now, _number_in(request, "known")),
            **self._heard.told(now, _number_in(request, "heard")),
        }

    def _obey(self, request: dict[str, Any]) -> None:
        do, outcomes = request.get("do"), self._outcomes
        if do not in ("status", "where", "cancel", "pause", "continue", "workers"):
            raise UsageError(
                f"there is no request {str(do)[:40]!r}",
                hint="there are status, where, cancel, pause, continue and workers",
            )
        if do not in ("status", "where") and outcomes.stats.ended is not None:
            raise UsageError(
                "the run has come to its end and is being stored", hint="wait for it to finish"
            )
        match do:
            case "cancel":
                outcomes.cancel(0.0 if request.get("now") is True else None, reason=REASON)
            case "pause":
                outcomes.pause()
            case "continue":
                outcomes.resume()
            case "workers":
                outcomes.resize(_number_of_workers(request.get("workers")))


class _Client:
    """
    One connection.

    Attributes:
        due: Monotonic seconds by which it has sent its next request, or taken its answer.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.outbox = b""
        self.due = time.monotonic() + PATIENCE
        self._inbox = b""

    def receive(self) -> bool:
        """Take in what there is; False when nothing good comes any more."""
        data = self.socket.recv(LONGEST_REQUEST)
        self._inbox += data
        return bool(data)

    def send(self) -> bool:
        """
        Send of the answer what can be sent.

        Raises:
            OSError: It takes nothing right now, or never again.
        """
        sent = self.socket.send(self.outbox)
        self.outbox = self.outbox[sent:]
        if not self.outbox:
            self.due = time.monotonic() + PATIENCE
        return True

    def next_line(self) -> bytes | None:
        """
        Return the next request, or None when it is not whole.

        Raises:
            OSError: It is longer than any request.
        """
        line, end, rest = self._inbox.partition(b"\n")
        if len(line) > LONGEST_REQUEST:
            raise OSError("too long")
        if not end:
            return None
        self._inbox = rest
        return line


def _request_in(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise UsageError("a request is a JSON object", hint='such as {"do": "status"}')
    return request


def _number_in(request: dict[str, Any], name: str) -> int:
    number = request.get(name)
    return number if isinstance(number, int) and number >= 0 else 0


def _number_of_workers(number: object) -> int:
    if type(number) is not int or not 1 <= number <= MOST_WORKERS:
        raise UsageError(
            f"workers must be a whole number from 1 to {MOST_WORKERS}, got {str(number)[:40]}",
            hint="for example 4",
        )
    return number


def status_of(stats: Stats, now: float, known: int = 0) -> dict[str, Any]:
    """
    Return how a run is, as JSON can hold it.

    ``failures`` counts the failures of each kind, in order of first appearance; ``examples`` has
    the first failure of each kind after the first *known* kinds, as ``ledger.rows.row_of`` has it.
    """
    running = sorted(stats.running, key=lambda item: item.since)
    kinds = list(stats.kinds.values())
    return {
        "name": stats.name,
        "backend": stats.backend,
        "workers": stats.workers,
        "total": stats.total,
        "read": stats.read,
        "left_out": stats.left_out,
        "settled": stats.settled,
        "succeeded": stats.ok,
        "failed": stats.failed,
        "cancelled": stats.cancelled,
        "retried": stats.retried,
        "elapsed": stats.elapsed(now),
        "rate": stats.rate(now),
        "paused": stats.paused,
        "cancelling": stats.cancelling,
        "ended": stats.ended is not None,
        "stopped": stats.stopped,
        "running": len(running),
        "items": [
            {
                "key": item.key if isinstance(item.key, int) else item.key[:TEXT],
                "index": item.index,
                "attempt": item.attempt,
                "worker": item.worker,
                "seconds": now - item.since,
            }
            for item in running[:SHOWN]
        ],
        "failures": [kind.count for kind in kinds],
        "examples": [_example(kind) for kind in kinds[known : known + KINDS]],
    }


def _example(kind: FailureKind) -> list[Any]:
    *facts, failure = row_of(kind.example)
    details = {name: _shortened(value) for name, value in json.loads(failure).items()}
    return [*(_shortened(fact) for fact in facts), json.dumps(details)]


def _shortened(value: object) -> object:
    if isinstance(value, list):
        return [_shortened(each) for each in value[:SHOWN]]
    return value[:TEXT] if isinstance(value, str) else value


# ── the place ───────────────────────────────────────────────────────────────────────────────────


def _listen(run_id: str) -> tuple[socket.socket, Path]:
    """
    Open a socket that only this user can reach.

    Raises:
        OSError: There is no place for one.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(f"this system, {sys.platform}, has no Unix sockets")
    refused = OSError("there is no folder for its socket")
    for folder in folders():
        path = folder / f"{run_id}-{os.getpid()}-{next(_numbers)}.sock"
        try:
            _make_private(folder)
            _sweep(folder)
            return _bound(path), path
        except OSError as error:
            refused = error
    raise refused


def folders() -> Iterator[Path]:
    """Yield where sockets of this user's runs are, the first choice first."""
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "treadle"
    yield Path(tempfile.gettempdir()) / f"treadle-{os.geteuid()}"


def _make_private(folder: Path) -> None:
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if not private or found.st_uid != os.geteuid():
        raise OSError(f"{str(folder)!r} is not a folder that is yours alone (mode 0700)")


def _bound(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise OSError(f"the path {str(path)!r} is too long for a socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(CLIENTS)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _sweep(folder: Path) -> None:
    """Remove the sockets of processes that ended without a word."""
    for path in folder.iterdir():
        name = NAME.fullmatch(path.name)
        # Both: a process of another container has no pid here, and one that has just begun does
        # not listen yet.
        if name and not _lives(int(name[1])) and _refuses(path):
            path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _refuses(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:  # somebody listens, or the file is gone
            return False
    return False


def _is_ours(connection: socket.socket) -> bool:
    """Tell whether the peer is the same user; elsewhere than on Linux the folder sees to it."""
    if sys.platform != "linux":
        return True
    size = struct.calcsize("3i")
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    except OSError:  # it is gone again
        return False
    _, user, _ = struct.unpack("3i", found)
    return bool(user == os.geteuid())
