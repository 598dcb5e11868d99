"""The process that starts and reaps workers, so that the driver never forks and leaves no orphan.

It has one thread, opens nothing of its own, and imports no library that starts threads: forking it
is safe at any time. It shares no stream with the driver, so it does not matter what a terminal UI
has made of ``sys.stderr``. When the driver is gone, however it went, it kills every worker.
"""

from __future__ import annotations

import fcntl
import marshal
import os
import select
import signal
import socket
import struct
import sys

TYPE_CHECKING = False  # ``typing`` would be a third of the time that a nursery takes to start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LENGTH = struct.Struct("<I")
STATUS = struct.Struct("<qq")  # pid, wait status; the status is -1 when the worker has begun
BEGUN = -1

CHANNEL, TOKENS, SLOT = 3, 4, 5  # where a worker finds its descriptors; 1 and 2 are its output
_PARENT_CHECK = 500  # ms; how soon an orphaned nursery notices without pidfds


def main(control_fd: int, driver: int) -> None:
    """Serve the driver with process id *driver* until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nursery = _Nursery(socket.socket(fileno=control_fd), driver)
    try:
        nursery.serve()
    finally:
        nursery.kill_all()


class _Nursery:
    def __init__(self, control: socket.socket, driver: int) -> None:
        self._control = control
        self._driver = driver
        self._children: dict[int, int] = {}  # pid to the pipe that gets its status
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def serve(self) -> None:
        poller = select.poll()
        for fd in (self._control.fileno(), self._wake_read):
            poller.register(fd, select.POLLIN)
        driver_fd = _pidfd(self._driver)
        if driver_fd is not None:
            poller.register(driver_fd, select.POLLIN)
        while os.getppid() == self._driver:
            ready = {fd for fd, _ in poller.poll(None if driver_fd is not None else _PARENT_CHECK)}
            if driver_fd in ready:
                return
            if self._wake_read in ready:
                self._drain_wake_ups()
                self._reap()
            if self._control.fileno() in ready and not self._take_request():
                return

    def kill_all(self) -> None:
        for pid in self._children:
            kill_group(pid)

    def _drain_wake_ups(self) -> None:
        try:
            while os.read(self._wake_read, 512):
                pass
        except BlockingIOError:
            return

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            pipe = self._children.pop(pid, None)
            _signal(os.killpg, pid)  # what the worker's own calls started and left behind
            if pipe is not None:
                tell(pipe, pid, status)
                os.close(pipe)

    def _take_request(self) -> bool:
        """Carry out one request; return False when the driver has closed the connection."""
        data, fds = self._receive()
        if data is None:
            return False
        request: dict[str, Any] = marshal.loads(data)
        if request["do"] == "kill":
            if request["pid"] in self._children:
                kill_group(request["pid"])
            return True
        channel, tokens, slot, output, status = fds
        try:
            pid = self._start(request, (channel, tokens, slot, output))
        except OSError:
            os.close(status)  # The driver reads the end of the pipe: the worker never began.
        else:
            self._children[pid] = status
            tell(status, pid, BEGUN)
        for fd in (channel, tokens, slot, output):
            os.close(fd)
        return True

    def _receive(self) -> tuple[bytes | None, list[int]]:
        head, fds, _, _ = socket.recv_fds(self._control, LENGTH.size, 8)
        while head and len(head) < LENGTH.size:
            more = self._control.recv(LENGTH.size - len(head))
            if not more:
                return None, fds
            head += more
        if not head:
            return None, fds
        (length,) = LENGTH.unpack(head)
        data = bytearray()
        while len(data) < length:
            more = self._control.recv(length - len(data))
            if not more:
                return None, fds
            data += more
        return bytes(data), fds

    def _start(self, request: dict[str, Any], fds: tuple[int, int, int, int]) -> int:
        if request["method"] == "forkserver":
            import treadle.backends.processes.worker  # noqa: F401  once, before the first fork
        pid = os.fork()
        if pid == 0:
            try:
                _become_worker(request, fds)
            finally:
                os._exit(255)
        return pid


def _become_worker(request: dict[str, Any], fds: tuple[int, int, int, int]) -> None:
    """Turn the child of a fork into a worker; does not return."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.setpgid(0, 0)  # a group of its own: killed with everything that its calls start
    arrange_descriptors(fds)
    if request["method"] == "spawn":
        os.execve(request["argv"][0], request["argv"], request["environ"])
    from treadle.backends.processes.worker import main as work

    work()


def arrange_descriptors(fds: tuple[int, int, int, int]) -> None:
    """Put channel, tokens, slot and output where a worker expects them and close all others."""
    channel, tokens, slot, output = (_above(fd) for fd in fds)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    for source, target in ((channel, CHANNEL), (tokens, TOKENS), (slot, SLOT)):
        os.dup2(source, target)
    for name in os.listdir("/dev/fd"):  # what is open, not the million that might be
        if int(name) > SLOT:
            _close(int(name))


def _close(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        return  # the descriptor that listed the folder


def _above(fd: int) -> int:
    """Duplicate *fd* to a number that no target of ours has."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)


def tell(pipe: int, pid: int, status: int) -> None:
    """Write a worker's pid and wait status where the driver reads them."""
    try:
        os.write(pipe, STATUS.pack(pid, status))
    except BrokenPipeError:
        return  # Nobody wants to know any more.


def kill_group(pid: int) -> None:
    """Kill a worker that has not been reaped, and all it started; its group may not exist yet."""
    _signal(os.killpg, pid)
    _signal(os.kill, pid)


def _signal(kill: Callable[[int, int], None], pid: int) -> None:
    try:
        kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # gone already, or (macOS) a zombie


def _pidfd(pid: int) -> int | None:
    """Return a descriptor that becomes readable when *pid* ends, where the platform has them."""
    try:
        return os.pidfd_open(pid) if sys.platform == "linux" else None
    except OSError:
        return None
