"""The driver's side of the nursery: have workers started and killed.

The nursery is started once per driver and serves all pools, which is why the second pool starts in
milliseconds. Its streams are not the driver's: nothing here touches ``sys.stderr``.
"""

from __future__ import annotations

import atexit
import marshal
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

from treadle.backends.processes.nursery import (
    BEGUN,
    LENGTH,
    arrange_descriptors,
    kill_group,
    tell,
)

_ROOT = str(Path(__file__).resolve().parents[3])
_GOODBYE = 5.0  # seconds that a nursery has to end by itself when the driver does


class _Nursery:
    """A nursery of this process and the connection to it."""

    def __init__(self, method: str) -> None:
        self.process, self.control = _start_nursery(method)

    def request(self, message: dict[str, Any], fds: list[int]) -> None:
        data = marshal.dumps(message)
        socket.send_fds(self.control, [LENGTH.pack(len(data))], fds)
        self.control.sendall(data)

    def end(self, patience: float) -> None:
        self.control.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Launcher:
    """
    The nurseries of this process: one per start method, as few processes need both.

    The one that forks must be a Python like the driver's; the one that spawns does without
    ``site`` and its environment, and is there in half the time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._nurseries: dict[str, _Nursery] = {}

    def start_worker(self, method: str, request: dict[str, Any], fds: tuple[int, ...]) -> int:
        """
        Have a worker started; return the pipe that tells its pid and, later, its exit status.

        Args:
            method: ``"forkserver"``, ``"spawn"`` or ``"fork"``.
            request: ``cwd`` and ``environ`` of the new process.
            fds: Its channel, tokens, slot and output; still open in the caller afterwards.
        """
        status, report = os.pipe()
        if method == "fork":
            _fork_here(fds, report)
        else:
            try:
                message = {"do": "start", "method": method, "argv": _argv(), **request}
                self._request(method, message, [*fds, report])
            finally:
                os.close(report)
        os.set_blocking(status, False)
        return status

    def kill(self, method: str, pid: int, *, orphaned: bool = False) -> None:
        """
        Kill a worker and everything it started; not an error if it is gone.

        Args:
            method: As it was started.
            pid: Its process id.
            orphaned: The nursery that started it is dead; the one there may be now does not know
                it, and the worker itself sees nothing while a call holds the GIL.
        """
        # The nursery reaps, so it alone knows that the number still means this process.
        if orphaned or method == "fork" or not self._ask_to_kill(method, pid):
            kill_group(pid)

    def _ask_to_kill(self, method: str, pid: int) -> bool:
        """Tell whether there was a nursery to ask; none is started for this."""
        with self._lock:
            if self._owner != os.getpid() or method not in self._nurseries:
                return False
            try:
                self._nurseries[method].request({"do": "kill", "pid": pid}, [])
            except OSError:  # dead; the next start finds that out too
                return False
            return True

    def _request(self, method: str, message: dict[str, Any], fds: list[int]) -> None:
        with self._lock:
            if self._owner != os.getpid():  # a fork of the driver has no nurseries
                self._owner, self._nurseries = os.getpid(), {}
            for last_try in (False, True):
                if method not in self._nurseries:
                    self._nurseries[method] = _Nursery(method)
                try:
                    self._nurseries[method].request(message, fds)
                except ConnectionError:
                    self._nurseries.pop(method).end(0.0)  # Somebody killed it: start another one.
                    if last_try:
                        raise
                else:
                    return

    def close(self) -> None:
        """End the nurseries with all their workers."""
        if self._owner != os.getpid():
            return
        with self._lock:
            for nursery in self._nurseries.values():
                nursery.end(_GOODBYE)
            self._nurseries.clear()


LAUNCHER = Launcher()  # closed at exit, after all pools; see ``api.pool``


def _interpreter() -> list[str]:
    """Return the command that starts a Python like this one."""
    return [sys.executable, *subprocess._args_from_interpreter_flags()]  # type: ignore[attr-defined]  # noqa: SLF001


def _argv() -> list[str]:
    code = (
        f"import sys; sys.path.insert(0, {_ROOT!r})\n"
        "from treadle.backends.processes.worker import main; main()"
    )
    return [*_interpreter(), "-c", code]


def _start_nursery(method: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    code = (
        f"import sys; sys.path.insert(0, {_ROOT!r})\n"
        "from treadle.backends.processes.nursery import main; "
        f"main({theirs.fileno()}, {os.getpid()})"
    )
    python = [sys.executable, "-I", "-S"] if method == "spawn" else _interpreter()
    with theirs:
        process = subprocess.Popen(
            [*python, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # out of reach of Ctrl-C and of the terminal's hang-up
        )
    return process, ours


def _fork_here(fds: tuple[int, ...], report: int) -> None:
    """Fork the driver itself (``start_method="fork"``); a thread waits for the child's end."""
    pid = os.fork()
    if pid == 0:
        try:
            _become_worker(fds)
        finally:
            os._exit(255)
    threading.Thread(
        target=_report_exit, args=(pid, report), name="treadle-waiter", daemon=True
    ).start()


def _become_worker(fds: tuple[int, ...]) -> None:
    from treadle.backends.processes.worker import main

    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    _forget_exit_handlers()
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    channel, tokens, slot, output = fds
    arrange_descriptors((channel, tokens, slot, output))
    main()


def _forget_exit_handlers() -> None:
    """Leave the driver's to the driver: they delete its temporary folders and end its servers."""
    atexit._clear()  # noqa: SLF001
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]  # noqa: SLF001
    # The handler that runs these went with the others: have the first new one bring it back.
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]  # noqa: SLF001


def _report_exit(pid: int, report: int) -> None:
    tell(report, pid, BEGUN)
    _, status = os.waitpid(pid, 0)
    tell(report, pid, status)
    os.close(report)
