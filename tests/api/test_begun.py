"""With ``durability="item"``, a run that was killed says what was in flight."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

import treadle
from treadle.api.recording import Recorded
from treadle.errors import RunFailed

KILLED = """
import asyncio, os, signal, sys, threading
import treadle

goes_on = "GOES_ON" in os.environ
four_run, running, safe = threading.Event(), [], []

async def call(number):
    if number >= 6 and not goes_on:
        running.append(number)
        if len(running) == 4:
            four_run.set()
        await asyncio.sleep(60)
    return number

def note(outcomes):
    safe.extend(outcomes)
    if len(safe) == 6 and not goes_on:
        assert four_run.wait(30)
        os.kill(os.getpid(), signal.SIGKILL)

report = treadle.run(call, range(20), workers=4, durability="item", on_commit=note, resume=goes_on,
    runs_dir=os.environ["RUNS"])
print(*sorted(report.values()))
"""


def newest(runs_dir=None):
    """Return what the record of the newest run says."""
    run = treadle.open("latest", runs_dir)
    try:
        return SimpleNamespace(
            state=run.state, ok=run.ok, begun=run.begun(), file=run.folder / "begun"
        )
    finally:
        run.close()


def test_a_killed_run_says_what_was_in_flight_and_resumed_does_it(program, tmp_path):
    killed = program(KILLED, RUNS=str(tmp_path))
    assert killed.returncode == -9, killed.stderr
    run = newest(tmp_path)
    assert (run.state, run.ok, run.begun) == ("crashed", 6, [6, 7, 8, 9])
    done = program(KILLED, RUNS=str(tmp_path), GOES_ON="1")
    assert done.stdout.split() == [str(number) for number in range(20)], done.stderr
    run = newest(tmp_path)
    assert (run.state, run.ok, run.begun) == ("finished", 20, [])
    assert not run.file.exists()


async def hang(number):
    if number == 2:
        raise ValueError("no")
    await asyncio.sleep(60)


def test_what_was_stopped_in_the_middle_has_begun_and_has_no_ending():
    report = treadle.run(hang, range(9), workers=3, durability="item", max_failures=1, grace=0.0)
    assert report.failed == 1
    run = newest()
    assert (run.state, run.begun) == ("failure limit", [0, 1])


def test_what_waits_to_be_tried_again_has_begun():
    treadle.run(
        fail_from_one_on,
        range(4),
        backend="threads",
        workers=1,
        durability="item",
        retry=treadle.Retry(attempts=2, on=OSError, base=1e6, cap=1e6),
        max_failures=1,
        grace=0.0,
    )
    assert newest().begun == [1]


def fail_from_one_on(number):
    if number == 1:
        raise OSError("busy")
    if number == 2:
        raise ValueError("no")


@pytest.mark.parametrize("backend", ["inline", "threads", "processes"])
def test_an_orderly_end_leaves_nothing_behind(backend):
    treadle.run(abs, range(50), backend=backend, durability="item")
    run = newest()
    assert run.begun == []
    assert not run.file.exists()


def test_a_run_that_goes_on_says_what_is_in_flight():
    seen = {}

    def call(number):
        seen[number] = newest().begun

    treadle.run(call, range(3), backend="inline", durability="item")
    assert seen[0] == [0]
    assert all(number in begun for number, begun in seen.items())


def test_without_that_durability_nothing_is_noted():
    seen = []
    treadle.run(lambda _: seen.append(newest().file.exists()), range(3), backend="inline")
    assert seen == [False] * 3
    assert newest().begun == []


def test_where_no_note_can_be_made_the_run_ends_and_nothing_is_called(monkeypatch):
    def full(*_):
        raise RunFailed("the note cannot be written: no space left on device", hint="make room")

    monkeypatch.setattr(Recorded, "begins", full)
    called = []
    with pytest.raises(RunFailed, match=r"^the note cannot be written") as caught:
        treadle.run(called.append, range(9), backend="threads", durability="item")
    assert caught.value.hint == "make room"
    assert called == []
    assert caught.value.report.ok == 0
