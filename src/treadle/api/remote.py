"""Ask and steer a run that goes on in another process, through the socket of its ``control``."""

from __future__ import annotations

import json
import selectors
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.api.control import NAME, folders
from treadle.errors import NotRunning, TreadleError, UsageError

if TYPE_CHECKING:
    from treadle.ledger.reader import Record

LONGEST_ANSWER = 1 << 22  # bytes
ANSWERED_WITHIN = 5.0  # seconds that we wait
ASKED_ALL_WITHIN = 0.5  # ... where all runs are asked at once
BEGINNING = 2.0  # seconds in which a run that has just begun says where it listens


class Remote:
    """
    A run that goes on in another process of this machine.

    Args:
        record: Its record.

    Raises:
        NotRunning: It does not go on.
        UsageError: It goes on elsewhere, or cannot be steered.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._pid, self._path = _whereabouts(record)

    def status(
        self, known: int = 0, heard: int = 0, *, within: float | None = None
    ) -> dict[str, Any]:
        """
        Return how it is.

        ``folder``, ``pid``, ``parent`` and ``stage`` say which run it is, and ``name`` to
        ``examples`` where it stands, as ``status_of`` has it. ``seats`` are the workers that are
        there, with ``pid`` (None where it is a thread of the run's process) and ``since``, the
        seconds that they have been. ``lanes`` have ``key``, ``waiting``, ``in_flight``, ``limit``,
        ``paused`` (seconds to go) and ``closed`` (why, or empty). ``said`` is what workers have
        printed and logged: lists of number, time (seconds since the epoch), worker, key or None,
        stream or level, and text; the newest 200 of them.

        Args:
            known: Kinds of failure whose example the caller has.
            heard: Number of the last line of ``said`` that the caller has.
            within: Seconds to wait for the answer; default: 5.

        Raises:
            NotRunning: It has ended.
            TreadleError: It does not answer.
        """
        return self._ask(within, do="status", known=known, heard=heard)

    def cancel(self, *, now: bool = False) -> dict[str, Any]:
        """
        Have it start nothing further and end: when what runs has ended, or *now*.

        It can be resumed. Its report says ``stopped="cancelled from outside"``.

        Raises:
            NotRunning: It has ended.
            UsageError: It is at its end, and being stored.
            TreadleError: It does not answer.
        """
        return self._ask(do="cancel", now=now)

    def pause(self) -> dict[str, Any]:
        """
        Have it start nothing further until ``resume``; running items go on.

        Raises:
            NotRunning, UsageError, TreadleError: As for ``cancel``.
        """
        return self._ask(do="pause")

    def resume(self) -> dict[str, Any]:
        """
        Have it go on after ``pause``.

        Raises:
            NotRunning, UsageError, TreadleError: As for ``cancel``.
        """
        return self._ask(do="continue")

    def resize(self, workers: int) -> dict[str, Any]:
        """
        Have so many workers; those too many end when their running item has.

        Raises:
            UsageError: It runs inline, or that is no number of workers.
            NotRunning, TreadleError: As for ``cancel``.
        """
        return self._ask(do="workers", workers=workers)

    def _ask(self, within: float | None = None, **request: Any) -> dict[str, Any]:
        line = json.dumps(request).encode() + b"\n"
        try:
            answer = json.loads(_exchange(self._path, line, within or ANSWERED_WITHIN))
        except (OSError, ValueError) as error:
            if self._record.holder is None:
                raise _not_running(self._record) from error
            raise TreadleError(
                f"process {self._pid}, which runs {self._record.id}, does not answer: "
                f"{str(error) or type(error).__name__}",
                hint=f"it may be stopped or very busy: try again; kill -INT {self._pid} ends it",
            ) from error
        if not answer.get("ok"):
            raise UsageError(str(answer.get("error")), hint=answer.get("hint"))
        status: dict[str, Any] = answer["status"]
        return status


def listening() -> list[Path]:
    """
    Return the records of this user's runs that go on on this machine and answer, oldest first.

    All are asked at once, so that one that does not answer holds up no other.

    Raises:
        OSError: The folders of their sockets cannot be read.
    """
    paths = [path for folder in folders() for path in folder.glob("*.sock")]
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for path in paths:
            if NAME.fullmatch(path.name) and (asked := _asked_where(path)) is not None:
                selector.register(stack.enter_context(asked), selectors.EVENT_READ, bytearray())
        found = _answers(selector)
    return sorted(found, key=lambda place: place.name)


def _asked_where(path: Path) -> socket.socket | None:
    """Ask who listens there which run it is; None when nobody does."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        connection.connect(str(path))
        connection.sendall(b'{"do": "where"}\n')
    except OSError:  # it is gone, or has too many callers
        connection.close()
        return None
    return connection


def _answers(selector: selectors.BaseSelector) -> set[Path]:
    """Take in what is answered, as long as anything may come."""
    found = set()
    until = time.monotonic() + ASKED_ALL_WITHIN
    while selector.get_map() and (left := until - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            inbox: bytearray = key.data
            try:
                data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]  # a socket
            except OSError:
                data = b""
            inbox += data
            if not data or inbox.endswith(b"\n") or len(inbox) > LONGEST_ANSWER:
                selector.unregister(key.fileobj)
                if (place := _place_in(bytes(inbox))) is not None:
                    found.add(place)
    return found


def _place_in(answer: bytes) -> Path | None:
    try:
        return Path(json.loads(answer)["status"]["folder"])
    except (ValueError, LookupError, TypeError):  # half of it, or that of an older treadle
        return None


def _exchange(path: str, request: bytes, within: float) -> bytes:
    """
    Send one line and return the one that comes back.

    Raises:
        OSError: None comes back.
    """
    until = time.monotonic() + within
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(within)
        connection.connect(path)
        connection.sendall(request)
        answer = b""
        while not answer.endswith(b"\n"):
            connection.settimeout(max(0.001, until - time.monotonic()))
            data = connection.recv(1 << 16)
            if not data or len(answer) > LONGEST_ANSWER:
                raise ConnectionError("it hung up")
            answer += data
    return answer


def _whereabouts(record: Record) -> tuple[object, str]:
    """Return the process that runs *record*, and the path of its socket."""
    holder = record.holder
    until = time.monotonic() + BEGINNING
    pause = threading.Event()
    while holder is not None and not holder.keys() & {"socket", "control"}:
        if time.monotonic() > until:
            break
        pause.wait(0.02)  # it has begun a moment ago
        holder = record.holder
    if holder is None:
        raise _not_running(record)
    pid, host = holder.get("pid"), holder.get("host")
    if host != socket.gethostname():
        raise UsageError(
            f"the run {record.id} goes on in process {pid} on {host}, not on this machine",
            hint=f"log in to {host} and ask there",
        )
    path = holder.get("socket")
    if not isinstance(path, str) or not hasattr(socket, "AF_UNIX"):
        why = holder.get("control") or "it does not say where it listens"
        raise UsageError(
            f"the run {record.id}, in process {pid}, cannot be steered from here: {why}",
            hint=f"Ctrl-C in its own terminal, or kill -INT {pid}, ends it in an orderly way",
        )
    return pid, path


def _not_running(record: Record) -> NotRunning:
    state = record.state
    done = state == "finished"
    word = {"finished": "it has finished", "crashed": "it has crashed"}.get(
        state, f"it was stopped: {state}"
    )
    return NotRunning(
        f"the run {record.id} is not running; {word}",
        hint=f"treadle show {record.id}" if done else f"treadle resume {record.id} goes on with it",
    )
