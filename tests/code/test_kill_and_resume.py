"""A run is killed at any moment, and run again: the output is that of one that was left alone.

``TREADLE_CHAOS_SEED`` repeats one schedule as far as the machine allows.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from treadle.code import chunk_file, run
from treadle.code.discovery import discover
from treadle.code.store import Store
from treadle.code.stored import Stored

sys.path.insert(0, str(Path(__file__).parent))
from trees_on_disk import PYTHON, in_full, plant

SEED = int(os.environ.get("TREADLE_CHAOS_SEED", random.SystemRandom().randrange(1 << 32)))

COMMAND = """
import sys
from treadle.code import run

report = run(sys.argv[1], sys.argv[2], incremental=len(sys.argv) > 3, max_chars=300,
             backend="processes", workers=2)
print(report.unchanged + report.same, report.todo)
"""


def start(root, into, *more):
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(root), str(into), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return [int(word) for word in out.split()]


def killed(process, within):
    """Kill the process after so many seconds; tell whether it was still running."""
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.fixture
def root(tmp_path):
    return plant(
        tmp_path / "tree",
        {f"{number % 7}/{number}.py": PYTHON * (1 + number % 5) for number in range(80)},
    )


def kill_and_run_again(root, into, kills, choice, *more):
    """Kill *kills* runs at random moments; return how many, and what one left alone has made."""
    began = time.monotonic()
    ended(start(root, into.with_name("alone" + into.suffix)))
    takes = time.monotonic() - began
    struck = 0
    for _ in range(kills):
        struck += killed(start(root, into, *more), choice.uniform(0.3, 1.1) * takes)
        if into.exists():
            assert into.read_bytes() == into.with_name("alone" + into.suffix).read_bytes()
        if choice.random() < 0.2:
            plant(root, {f"new{choice.randrange(9)}.py": PYTHON * choice.randrange(1, 9)})
            ended(start(root, into.with_name("alone" + into.suffix)))
            into.unlink(missing_ok=True)
    ended(start(root, into, *more))
    assert {path.name for path in into.parent.iterdir() if path.suffix == ".part"} == set()
    return struck, in_full(root, into.suffix, max_chars=300)


def test_killed_runs_leave_what_they_did_and_the_output_is_as_if_they_had_not_been(root, tmp_path):
    choice = random.Random(SEED)
    into = tmp_path / "chunks.jsonl"
    _, expected = kill_and_run_again(root, into, 2, choice)
    assert into.read_bytes() == expected, f"TREADLE_CHAOS_SEED={SEED}"


def test_what_was_stored_before_a_kill_is_not_done_again(root, tmp_path):
    into = tmp_path / "chunks.jsonl"
    state = tmp_path / ".treadle" / "code" / into.name
    plant(root, {"long.py": PYTHON * 1500})  # which is first, and takes a while
    process = start(root, into)
    wal = state / "files.sqlite-wal"
    while process.poll() is None and not (wal.exists() and wal.stat().st_size > 500_000):
        os.sched_yield()
    killed(process, 0)
    assert not into.exists()
    known, todo = ended(start(root, into))
    assert known > 0
    assert known + todo >= 81
    assert into.read_bytes() == in_full(root, max_chars=300)


class Killed(BaseException):
    """What nobody catches: nothing more is done, as after a kill."""


class Steps:
    """Ends a session at one of the steps, after its last file, by which something is to last."""

    def __init__(self, monkeypatch):
        self._left = None
        for of, name in (
            (os, "fsync"),
            (os, "replace"),
            (Store, "_commit"),
            (Store, "remove"),
            (shutil, "rmtree"),
        ):
            monkeypatch.setattr(of, name, self._counting(getattr(of, name)))
        real = Store.count_into  # which comes after the last file
        monkeypatch.setattr(Store, "count_into", lambda *args: (real(*args), self._begin()))
        self._allowed = None

    def allow(self, steps):
        """Let the next session come so far; None for any number of steps."""
        self._allowed, self._left = steps, None

    def _begin(self):
        self._left = self._allowed

    def _counting(self, step):
        def counting(*args, **options):
            self._take()
            done = step(*args, **options)
            self._take()
            return done

        return counting

    def _take(self):
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Killed


def known_by_output(*roots):
    """Return what becomes of the files of each tree, by the output they make."""
    return {
        in_full(root): {each.path: chunk_file(each.file, root=root) for each in discover([root])}
        for root in roots
    }


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"incremental": True}, id="incremental"),
        pytest.param({}, id="once", marks=pytest.mark.chaos),
    ],
)
def test_killed_at_any_step_what_is_told_of_the_files_is_that_of_the_output(
    tmp_path, monkeypatch, more
):
    changed = {"src/blob.bin": "now = 1\n", "settings.json": "\0" * 50, "new.py": PYTHON}
    before, after = plant(tmp_path / "a"), plant(plant(tmp_path / "b"), changed)
    known = known_by_output(before, after)
    *_, expected = known.values()
    into = tmp_path / "chunks.jsonl"
    options = {"backend": "inline", **more}
    steps = Steps(monkeypatch)

    def told():
        return {file.path: file for file in Stored(into).files()}

    for step in itertools.count():
        run(before, into, **options)
        steps.allow(step)
        with contextlib.suppress(Killed):
            run(after, into, **options)
            break
        steps.allow(None)
        if Stored(into).is_told:
            assert told() == known[into.read_bytes()]
        assert into.read_bytes() in known
        run(after, into, **options)
        assert told() == known[into.read_bytes()] == expected
    assert step > 10


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("more", [(), ("incremental",)], ids=["once", "incremental"])
def test_many_kills(root, tmp_path, suffix, more):
    choice = random.Random(SEED)
    into = tmp_path / f"chunks{suffix}"
    struck, expected = kill_and_run_again(root, into, 60, choice, *more)
    assert into.read_bytes() == expected, f"TREADLE_CHAOS_SEED={SEED}"
    assert struck > 10, f"TREADLE_CHAOS_SEED={SEED}"


MEASURED = """
import json, re, sys
from treadle.code import run

# Not `getrusage`, which counts what the parent had when it forked.
kilobytes = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
report = run(sys.argv[1], sys.argv[2], incremental=True, backend="processes", workers=2)
print(json.dumps({"files": report.files, "ok": report.ok, "todo": report.todo,
                  "seconds": report.elapsed, "megabytes": kilobytes() / 1000}))
"""


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_is_flat_with_a_hundred_thousand_files(tmp_path, record_property):
    """What is held of each file is what discovery has found: no chunk, no text."""
    told = {}
    for count in (10_000, 100_000):
        root = tmp_path / str(count)
        text = PYTHON * 4
        plant(root, {f"{n // 1000}/{n}.py": f"n = {n}\n{text}" for n in range(count)})
        for when in ("new", "unchanged"):
            done = subprocess.run(
                [sys.executable, "-c", MEASURED, str(root), str(tmp_path / f"{count}.jsonl")],
                capture_output=True,
                text=True,
                check=True,
            )
            told[count, when] = json.loads(done.stdout)
            record_property(f"{count} {when}", done.stdout)
            print(count, when, done.stdout.strip())
    assert told[100_000, "new"]["ok"] == 100_000
    assert told[100_000, "unchanged"]["todo"] == 0
    grown = told[100_000, "new"]["megabytes"] - told[10_000, "new"]["megabytes"]
    assert grown < 150, "of output there are 250 MB"
