"""The driver's side of the nursery: have workers started and killed.

The nursery is started once per driver and serves all pools, which is why the second pool starts in
milliseconds. Its streams are not the driver's: nothing here touches ``sys.stderr``.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from treadle.backends.processes.nursery import BEGUN, LENGTH, arrange_descriptors, tell

_ROOT = str(Path(__file__).resolve().parents[3])
_GOODBYE = 5.0  # seconds that a nursery has to end by itself when the driver does


class Launcher:
    """A connection to the nursery of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start_worker(self, method: str, request: dict[str, Any], fds: tuple[int, ...]) -> int:
        """
        Have a worker started; return the pipe that tells its pid and, later, its exit status.

        Args:
            method: ``"forkserver"``, ``"spawn"`` or ``"fork"``.
            request: ``cwd`` and ``environ`` of the new process.
            fds: Its channel, tokens, slot and output; still open in the caller afterwards.
        """
        status, report = os.pipe()
        try:
            if method == "fork":
                _fork_here(fds, report)
            else:
                message = {"do": "start", "method": method, "argv": _argv(), **request}
                self._send(pickle.dumps(message), [*fds, report])
        finally:
            if method != "fork":
                os.close(report)
        os.set_blocking(status, False)
        return status

    def kill(self, pid: int) -> None:
        """Kill a worker and everything it started."""
        # The nursery reaps, so it alone knows that the number still means this process.
        self._send(pickle.dumps({"do": "kill", "pid": pid}), [])

    def _send(self, data: bytes, fds: list[int]) -> None:
        with self._lock:
            for last_try in (False, True):
                try:
                    control = self._connect()
                    socket.send_fds(control, [LENGTH.pack(len(data))], fds)
                    control.sendall(data)
                except ConnectionError:
                    self._disconnect()  # Somebody killed the nursery: start another one.
                    if last_try:
                        raise
                else:
                    return

    def _connect(self) -> socket.socket:
        if self._control is None or self._owner != os.getpid():
            self._owner = os.getpid()
            self._nursery, self._control = _start_nursery()
        return self._control

    def _disconnect(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._nursery is not None:
            self._nursery.kill()
            self._nursery.wait()
        self._control = self._nursery = None

    def close(self) -> None:
        """End the nursery with all its workers."""
        if self._owner != os.getpid():
            return
        with self._lock:
            if self._control is not None:
                self._control.close()
            if self._nursery is not None:
                try:
                    self._nursery.wait(_GOODBYE)
                except subprocess.TimeoutExpired:
                    self._nursery.kill()
                    self._nursery.wait()
            self._control = self._nursery = None


LAUNCHER = Launcher()
atexit.register(LAUNCHER.close)


def _interpreter() -> list[str]:
    """Return the command that starts a Python like this one."""
    return [sys.executable, *subprocess._args_from_interpreter_flags()]  # type: ignore[attr-defined]  # noqa: SLF001


def _argv() -> list[str]:
    code = (
        f"import sys; sys.path.insert(0, {_ROOT!r})\n"
        "from treadle.backends.processes.worker import main; main()"
    )
    return [*_interpreter(), "-c", code]


def _start_nursery() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    code = (
        f"import sys; sys.path.insert(0, {_ROOT!r})\n"
        "from treadle.backends.processes.nursery import main; "
        f"main({theirs.fileno()}, {os.getpid()})"
    )
    with theirs:
        process = subprocess.Popen(
            [*_interpreter(), "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # out of reach of Ctrl-C and of the terminal's hang-up
        )
    return process, ours


def _fork_here(fds: tuple[int, ...], report: int) -> None:
    """Fork the driver itself (``start_method="fork"``); a thread waits for the child's end."""
    driver = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _become_worker(fds, driver)
        finally:
            os._exit(255)
    threading.Thread(
        target=_report_exit, args=(pid, report), name="treadle-waiter", daemon=True
    ).start()


def _become_worker(fds: tuple[int, ...], driver: int) -> None:
    from treadle.backends.processes.worker import main

    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    channel, tokens, slot, output = fds
    arrange_descriptors((channel, tokens, slot, output))
    main()


def _report_exit(pid: int, report: int) -> None:
    tell(report, pid, BEGUN)
    _, status = os.waitpid(pid, 0)
    tell(report, pid, status)
    os.close(report)
