"""A folder with functions and files, and the command run in it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

FUNCTIONS = '''\
"""Functions that a person might map."""

import os
import signal
import threading
import time


def size(path):
    return path.stat().st_size


def parse(path):
    text = path.read_text()
    if text.startswith("bad"):
        raise ValueError(f"no header in [{path.name}]")
    return {"name": path.name, "rows": len(text.splitlines())}


def upper(line):
    return line.upper()


def field(row):
    return row["a"]


def setup():
    return "state"


def with_state(item, state):
    return f"{item} {state}"


async def later(line):
    return line + " later"


def leave(line):
    os._exit(7)


def slow(line):
    time.sleep(60)


def talk(line):
    print("working on", line)
    return line


def unsendable(line):
    return (character for character in line)


class Odd:
    def __repr__(self):
        return "<odd>"


def odd(line):
    return Odd()


def held(line):
    """Stay in the items after the tenth until there is a file called go."""
    if int(line) > 10 and not os.path.exists("go"):
        threading.Event().wait()
    return {"n": int(line)}


def fatal(line):
    """Take this process down in the middle of the 13th item, once."""
    with open("calls", "a") as calls:
        calls.write(line + "\\n")
    if line == "13" and os.path.exists("armed"):
        os.remove("armed")
        os.kill(os.getpid(), signal.SIGKILL)
    return {"n": int(line)}


def flaky(line):
    if not os.path.exists("tried"):
        open("tried", "x").close()
        raise OSError("not yet")
    print("got", line)
    return line


not_a_function = 3
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder: a module called as nothing else is, and three data files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREADLE_RUNS_DIR", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("mine.py").write_text(FUNCTIONS)
    Path("data").mkdir()
    for name, text in (("a.csv", "h\n1\n"), ("b.csv", "bad\n"), ("c10.csv", "h\n1\n2\n")):
        Path("data", name).write_text(text)
    yield tmp_path
    for name in [name for name, module in sys.modules.items() if _is_below(module, tmp_path)]:
        del sys.modules[name]


def _is_below(module, folder):
    return str(getattr(module, "__file__", None) or "").startswith(str(folder))


@pytest.fixture
def treadle_command(folder, capfd):
    """Run the command in this process; return exit code, stdout lines and stderr."""
    from treadle.cli import main

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err or code == 70 or "--verbose" in arguments, err
        return code, out.splitlines(), err

    return run


@pytest.fixture
def numbers(folder):
    """A file with the numbers from 1 to 40, one on each line."""
    Path("numbers.txt").write_text("".join(f"{number}\n" for number in range(1, 41)))
    return "numbers.txt"


@pytest.fixture
def start(folder):
    """Start the command as a person's shell does; return the process."""
    processes = []

    def start(*arguments, **options):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "100"}
        process = subprocess.Popen(
            [sys.executable, "-m", "treadle", *map(str, arguments)],
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            env=environment,
            text=True,
            **options,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()  # harmless once it has ended
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
