"""Commands started from the UI: processes of their own, with the command line that was shown.

They get a session of their own, so that neither Ctrl-C in our terminal nor its end reaches them;
their stdin is empty, and what they write goes into files.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from treadle import TreadleError
from treadle.tui.remembered import state_dir

TAIL = 1 << 16  # bytes of what a command has written that are looked at
STARTED = "started"  # in the folder of what is kept: a folder for each command
RUNS = "runs"  # in each: the folders of its runs, a line each
_PROCESS = "process.json"
_KEPT = 86400.0  # seconds
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])|[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


class Started:
    """
    A command that runs, or has run.

    Attributes:
        argv: What stands after ``treadle``.
        cwd: Where it was started.
        began: Seconds since the epoch.
    """

    def __init__(self, argv: Sequence[str], cwd: Path) -> None:
        self.argv = tuple(argv)
        self.cwd = cwd
        self.began = time.time()
        place = state_dir() / STARTED
        try:
            place.mkdir(parents=True, exist_ok=True)
            _sweep(place)
            self._folder = Path(tempfile.mkdtemp(dir=place))
            self._process = self._start()
            self._sign()
        except OSError as error:
            raise TreadleError(
                f"{self.line!r} cannot be started: {error.strerror or error}",
                hint=f"is there room, and a right to write, in {str(place)!r}?",
            ) from error

    def _sign(self) -> None:
        """Note whose folder this is; a command of which that cannot be noted does not run."""
        try:
            (self._folder / _PROCESS).write_text(json.dumps(_name(self._process.pid)))
        except OSError:
            self._process.kill()
            self._process.wait()
            raise

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "TREADLE_RUNS_NOTED": str(self._folder / RUNS),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
        }
        with (
            (self._folder / "stdout").open("wb") as out,
            (self._folder / "stderr").open("wb") as err,
        ):
            # -P: as in the command `treadle`, the current folder hides no module of the library.
            return subprocess.Popen(  # noqa: S603  our own interpreter, no shell
                [sys.executable, "-P", "-m", "treadle", *self.argv],
                cwd=self.cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def line(self) -> str:
        """The command as one types it."""
        return shlex.join(["treadle", *self.argv])

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def folders(self) -> list[Path]:
        """Return the records of its runs so far, in the order in which they began."""
        return noted_in(self._folder / RUNS)

    def output(self) -> str:
        """Return the end of what it has written, stdout first, without control characters."""
        return "".join(_tail(self._folder / name) for name in ("stdout", "stderr"))

    def interrupt(self) -> None:
        """Ask it to end, as Ctrl-C does; asked twice, it ends at once."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End it now; its workers end with it. What was recorded is kept."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def wait(self, timeout: float) -> bool:
        """Wait for its end; False when it has not come within *timeout* seconds."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def leave(self) -> None:
        """Let it go on without us."""
        if self._process.poll() is None:
            self._process.returncode = 0  # else the interpreter complains at its end

    def forget(self) -> None:
        """Remove what was kept of its output, once it has ended."""
        if self._process.poll() is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def start(argv: Sequence[str], cwd: Path | None = None) -> Started:
    """
    Start ``treadle`` with *argv*, here or in *cwd*.

    Raises:
        TreadleError: It cannot be started.
    """
    return Started(argv, cwd or Path.cwd())


def noted_in(path: Path) -> list[Path]:
    """Return the folders of runs that a command has noted so far; none where there is no file."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # it has noted none, or was removed meanwhile
        return []
    whole = text[: text.rfind("\n") + 1]  # the last line may be half written
    return list(dict.fromkeys(map(Path, whole.splitlines())))


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            text = file.read(TAIL).decode("utf-8", "replace")
    except OSError:  # removed meanwhile
        return ""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _name(pid: int) -> list[float]:
    """Name a process so that another one with its number is not taken for it."""
    try:
        return [pid, psutil.Process(pid).create_time()]
    except psutil.Error:
        return [pid, 0.0]


def _sweep(place: Path) -> None:
    """Remove what was kept of commands whose process and UI have gone."""
    for folder in place.iterdir():
        try:
            pid, created = json.loads((folder / _PROCESS).read_text())
        except (OSError, ValueError, TypeError):
            pid, created = 0, -1.0  # it is just being started, or was never
        # A UI may still show what its command has written.
        if _name(int(pid)) != [pid, created] and time.time() - folder.stat().st_mtime > _KEPT:
            shutil.rmtree(folder, ignore_errors=True)
