"""Programs of their own, as users write them, and proof that nothing of them is left.

Every program is started with a mark in its environment, which everything that it starts inherits;
what still carries the mark after the program has ended is an orphan.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
APPS = HERE / "apps"
MARK = "TREADLE_TEST_MARK"

# A net under busy machines, not a measure: what ends by itself does so in a fraction of it.
PATIENCE = 40.0
ORPHANS_GONE = 30.0  # seconds, a net as well: on a quiet machine a worker notices within 2

sys.path.insert(0, str(APPS))  # ``mapped`` is importable here and, by the path sent, in workers


def eventually(seen: Callable[[], object], patience: float = PATIENCE) -> bool:
    """Wait until *seen* returns something true; tell whether it did."""
    until = time.monotonic() + patience
    while not seen():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


class Programs:
    """Starts Python programs in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self._started: list[subprocess.Popen] = []
        self.environ = {
            **os.environ,
            MARK: self.mark,
            "PYTHONPATH": os.pathsep.join([str(SOURCE), str(APPS)]),
            "PYTHONUNBUFFERED": "1",
            "PYTHON_BASIC_REPL": "1",
        }

    def start(self, *arguments: object, **options) -> subprocess.Popen:
        """Start ``python *arguments*`` with pipes for its streams."""
        options = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "cwd": self.folder,
            "env": self.environ,
        } | options
        process = subprocess.Popen([sys.executable, *map(str, arguments)], **options)
        self._started.append(process)
        return process

    def run(self, *arguments: object, text: str = "") -> subprocess.CompletedProcess:
        """Run ``python *arguments*`` with *text* as its standard input, to its end."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(text, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"the program did not end\nstdout:\n{out}\nstderr:\n{err}")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def app(self, name: str) -> Path:
        """Return the path of a program of ours."""
        return APPS / name

    def write(self, name: str, text: str) -> Path:
        """Write a program or module."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def living(self) -> list[psutil.Process]:
        """Return what carries our mark and has not ended."""
        found = []
        for process in psutil.process_iter():
            try:
                if (
                    process.environ().get(MARK) == self.mark
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def left(self) -> list[str]:
        """Return what is left of programs that should have ended, once it has had time to end."""
        eventually(lambda: not self.living(), ORPHANS_GONE)
        return [f"{process.pid} {process.cmdline()}" for process in self.living()]

    def close(self) -> list[str]:
        """End what is left, and say what it was."""
        left = self.left()
        for process in self.living():
            process.kill()
        for process in self._started:
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None and not stream.closed:
                    stream.close()
        return left


@pytest.fixture
def programs(tmp_path) -> Iterator[Programs]:
    started = Programs(tmp_path)
    yield started
    left = started.close()
    assert not left, "the program left processes behind"


class Terminal:
    """A program in a pseudo-terminal of 80 x 24, as a person sees it."""

    def __init__(self, programs: Programs, *arguments: object) -> None:
        self._master, slave = pty.openpty()
        # Import late: the three lines that need it are here.
        import fcntl
        import struct
        import termios

        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environ = {**programs.environ, "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "NO_COLOR", "CI"):
            environ.pop(name, None)
        self.process = programs.start(
            *arguments, stdin=slave, stdout=slave, stderr=slave, env=environ, text=False,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = b""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def read(self, seconds: float) -> bool:
        """Take in what appears within *seconds*; return False when the terminal was closed."""
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # Linux: the other end was closed
            return False
        self.seen += data
        return bool(data)

    def read_until(self, shown: Callable[[bytes], object]) -> None:
        """Take in what appears until *shown* says it is enough."""
        until = time.monotonic() + PATIENCE
        while not shown(self.seen):
            assert time.monotonic() < until, f"not shown: {self.seen[-4000:]!r}"
            assert self.read(0.05), f"ended before it was shown: {self.seen[-4000:]!r}"

    def read_to_end(self) -> int:
        """Take in everything until the program ends; return its exit code."""
        until = time.monotonic() + PATIENCE
        while self.read(0.05):
            if self.process.poll() is not None and not self._more():
                break
            assert time.monotonic() < until, f"did not end: {self.seen[-4000:]!r}"
        return self.process.wait(PATIENCE)

    def _more(self) -> bool:
        before = len(self.seen)
        return self.read(0) and len(self.seen) > before

    def close(self) -> None:
        os.close(self._master)


@pytest.fixture
def terminal(programs) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(*arguments: object) -> Terminal:
        opened.append(Terminal(programs, *arguments))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


@pytest.fixture(params=["forkserver", "spawn"])
def start_method(request) -> str:
    """Each start method that is safe."""
    return request.param
