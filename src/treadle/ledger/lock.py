"""One writer for each run.

The lock is the system's and goes with its process, so a crash leaves nothing to clear away. The
file says who holds it. Where the file system has no locks (some network ones), that is all there
is: a process that lives on this machine holds it; one on another machine may.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from treadle.errors import UsageError
from treadle.ledger.format import LOCK

_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


_never = threading.Event()


class RunLock:
    """
    The right to write a run.

    Args:
        folder: Of the run.

    Raises:
        UsageError: Another process has it, or the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(
                f"the run {folder.name} cannot be written to: {error.strerror or error}",
                hint="copy it to a place where you may write, and name that with --runs-dir",
            ) from error
        try:
            _take_patiently(self._fd, folder)
            self._sign({"pid": os.getpid(), "host": socket.gethostname()})
        except OSError as error:
            os.close(self._fd)
            raise UsageError(
                f"the run {folder.name} cannot be written to: {error.strerror or error}",
                hint="is the disk full?",
            ) from error
        except BaseException:
            os.close(self._fd)
            raise

    def say(self, **facts: Any) -> None:
        """Let readers know, for as long as the lock is held."""
        self._sign({"pid": os.getpid(), "host": socket.gethostname(), **facts})

    def _sign(self, facts: dict[str, Any]) -> None:
        text = json.dumps(facts).encode()
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text, 0)

    def release(self) -> None:
        """Let others write the run."""
        os.ftruncate(self._fd, 0)
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(self._fd, fcntl.LOCK_UN)  # a forked worker may have the descriptor, too
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
        os.close(self._fd)


def holder(folder: Path) -> dict[str, Any] | None:
    """Return what the process that writes the run has said of itself; None if there is none."""
    try:
        fd = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _locked_for_us(fd, shared=True) else _holder(fd) or {}
    finally:
        os.close(fd)


def _take_patiently(fd: int, folder: Path) -> None:
    """Lock; whoever only looks who has the lock holds it for a moment, and does not sign."""
    known: dict[str, Any] = {}
    for _ in range(50):
        if _locked_for_us(fd):
            return
        known = _holder(fd)
        if known and not _is_gone(known):  # else one who was killed has signed, and one looks
            break
        _never.wait(0.01)
    raise _taken(folder, known)


def _locked_for_us(fd: int, *, shared: bool = False) -> bool:
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        else:
            return True
    known = _holder(fd)
    return not known or _is_gone(known)


def _holder(fd: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(fd, 1 << 16, 0) or b"{}")
    except ValueError:  # it is being written at this very moment
        return {}
    return found if isinstance(found, dict) else {}


def _is_gone(known: dict[str, Any]) -> bool:
    return known.get("host") == socket.gethostname() and not _lives(known.get("pid"))


def _lives(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _taken(folder: Path, known: dict[str, Any]) -> UsageError:
    who = f"process {known['pid']} on {known.get('host')}" if known.get("pid") else "a process"
    return UsageError(
        f"the run {folder.name} is being written by {who}",
        hint=f"wait for its end, or: treadle cancel {folder.name}; if that process is no more and "
        f"the file system has no locks, remove {str(folder / LOCK)!r}",
    )
