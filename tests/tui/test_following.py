"""A run is followed by its record and its socket, whoever runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import treadle
from treadle.tui import following
from treadle.tui.following import Follower
from treadle.tui.session import Session

PATIENCE = 30.0

HELD = """
import os, sys, time, treadle
from pathlib import Path

def work(number):
    Path(f"begun-{number}").touch()
    print(f"at [red]{number}")
    while number >= 2 and not Path("go on").exists():
        time.sleep(0.01)
    if number == 1:
        raise ValueError("one")
    return number

if __name__ == "__main__":
    try:
        treadle.run(work, range(6), workers=2, runs_dir="runs", start_method="spawn")
    except KeyboardInterrupt:
        sys.exit(130)
"""


def soon(condition):
    """Wait until *condition* comes true, and return what it is then."""
    until = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)
    return found


@pytest.fixture
def held(tmp_path):
    """A run of another process that waits at its third item until the file ``go on`` is there."""
    (tmp_path / "held.py").write_text(HELD)
    with subprocess.Popen([sys.executable, "held.py"], cwd=tmp_path) as process:
        try:
            run = soon(lambda: treadle.runs(tmp_path / "runs"))[0]
            soon((tmp_path / "begun-3").exists)
            yield run.folder, process
        finally:
            (tmp_path / "go on").touch()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def follower(held):
    follower = Follower(held[0])
    yield follower
    follower.close()


def test_a_run_of_another_process_is_seen_as_it_is(follower, held):
    view = soon(lambda: (seen := follower.look()).settled == 2 and len(seen.items) == 2 and seen)
    assert (view.live, view.state, view.steerable, view.pid) == (True, "running", "", held[1].pid)
    assert (view.ok, view.failed, view.total) == (1, 1, 6)
    assert sorted(item.key for item in view.items) == [2, 3]
    soon(lambda: follower.look() and follower.tally.kinds)
    assert [kind.title for kind in follower.tally.kinds] == ["raised ValueError"]
    assert follower.item(1).failure.message == "one"
    assert follower.messages(1)[0].text == "at [red]1"


def test_workers_have_a_process_an_item_and_memory(follower):
    soon(lambda: len(follower.look().seats) == 2)

    def both_at_work():
        view = follower.look()
        busy = {seat.item.key for seat in view.seats if seat.item and seat.cpu is not None}
        return busy == {2, 3} and view

    view = soon(both_at_work)
    assert len(view.seats) == 2
    assert all(seat.memory > 1 << 20 and seat.cpu >= 0 for seat in view.seats)


def test_what_workers_say_is_told_once(follower):
    told = []

    def all_of_it():
        told.extend(said.text for said in follower.look().said)
        return len(told) >= 4

    soon(all_of_it)
    assert sorted(told) == [f"at [red]{number}" for number in range(4)]
    assert follower.look().said == ()


def test_it_is_paused_resized_and_goes_on_from_here(follower, held):
    follower.pause()
    soon(lambda: follower.look().paused)
    follower.resize(3)
    soon(lambda: follower.look().workers == 3)
    follower.go_on()
    soon(lambda: not follower.look().paused)
    (held[0].parents[1] / "go on").touch()
    view = soon(lambda: not (seen := follower.look()).live and seen)
    assert (view.state, view.ok, view.failed, view.steerable) == (
        "finished", 5, 1, "it does not run",
    )  # fmt: skip


def test_a_run_that_is_killed_is_crashed_at_the_next_look(follower, held):
    assert follower.look().live
    held[1].send_signal(signal.SIGKILL)
    held[1].wait(PATIENCE)
    view = follower.look()
    assert (view.live, view.state) == (False, "crashed")
    with pytest.raises(treadle.NotRunning, match="crashed"):
        follower.pause()


def test_a_cancelled_run_keeps_what_has_settled(follower):
    soon(lambda: follower.look().settled == 2)
    follower.cancel(now=True)
    view = soon(lambda: not (seen := follower.look()).live and seen)
    assert (view.state, view.settled) == ("cancelled from outside", 2)


def test_an_old_run_is_seen_from_its_record(finished):
    follower = Follower(finished)
    view = follower.look()
    follower.close()
    assert (view.name, view.state, view.live, view.ok, view.failed) == (
        "halves", "finished", False, 18, 2,
    )  # fmt: skip
    assert (view.total, view.seats, view.said) == (20, (), ())


def test_counts_are_those_of_all_sessions(tmp_path, own_runs):
    def picky(number):
        if number == 4 and not (tmp_path / "mended").exists():
            raise treadle.UsageError("not yet")
        return number

    first = treadle.run(picky, range(8), backend="inline", on_error="stop", runs_dir=own_runs)
    (tmp_path / "mended").touch()
    seen = []

    def look(event):
        if isinstance(event, treadle.events.ItemsSettled):
            seen.append(event)

    treadle.run(
        picky, range(8), backend="inline", resume=first.run_id, runs_dir=own_runs, listeners=(look,)
    )
    follower = Follower(own_runs / first.run_id)
    view = follower.look()
    follower.close()
    assert seen
    assert (view.ok, view.failed, view.state) == (7, 1, "finished")


def test_a_session_of_a_run_has_the_later_stages_of_its_pool(own_runs):
    with treadle.Pool(backend="inline") as pool:
        first = pool.run(str, range(3), runs_dir=own_runs)
        second = pool.run(len, first.values(), runs_dir=own_runs)
    treadle.run(str, range(3), backend="inline", runs_dir=own_runs)  # another one, later
    session = Session.of_run(own_runs / first.run_id)
    assert [each.name for each in session.folders()] == [first.run_id, second.run_id]


def test_a_record_that_is_no_longer_there_is_said(tmp_path):
    with pytest.raises(treadle.UsageError, match="cannot be read"):
        Follower(tmp_path / "260101-000000")
    assert Session.of_run(Path(tmp_path / "260101-000000")).folders()


def test_a_run_that_does_not_answer_holds_up_no_look_for_long_and_repeats_nothing(
    follower, held, monkeypatch
):
    soon(lambda: len(follower.look().seats) == 2)
    told = [said.text for said in follower.look().said]
    monkeypatch.setattr(following, "_ANSWERED_WITHIN", 0.2)
    os.kill(held[1].pid, signal.SIGSTOP)
    soon(lambda: psutil.Process(held[1].pid).status() == psutil.STATUS_STOPPED)
    try:
        view = follower.look()
        assert (view.live, view.seats) == (True, ())
        assert "does not answer" in view.steerable
        assert follower.look().steerable == view.steerable  # not asked again so soon
    finally:
        os.kill(held[1].pid, signal.SIGCONT)

    def later():
        seen = follower.look()
        told.extend(said.text for said in seen.said)
        return not seen.steerable

    soon(later)
    assert len(told) == len(set(told))


def test_stages_are_those_of_the_pool_and_not_all_of_the_process(tmp_path, own_runs):
    begun, go_on = threading.Event(), threading.Event()

    def wait(number):
        begun.set()
        assert go_on.wait(PATIENCE)
        return number

    def other():
        treadle.run(wait, [1], backend="threads", runs_dir=tmp_path / "other")

    beside = threading.Thread(target=other)
    beside.start()
    try:
        assert begun.wait(PATIENCE)
        report = treadle.run(str, [1], backend="inline", runs_dir=own_runs)
        session = Session.of_run(own_runs / report.run_id)
        session.folders()
        session._pids.add(os.getpid())  # as it was while the run went on
        session._looked = 0.0
        assert session.folders() == [own_runs / report.run_id]
    finally:
        go_on.set()
        beside.join()


def test_runs_that_a_call_makes_are_its_own_affair(tmp_path, monkeypatch, own_runs):
    monkeypatch.setenv("TREADLE_RUNS_NOTED", str(tmp_path / "noted"))

    def nested(number):
        treadle.run(str, range(number), backend="inline", runs_dir=tmp_path / "inner")
        return number

    report = treadle.run(nested, [2], backend="inline", runs_dir=own_runs)
    assert (tmp_path / "noted").read_text().splitlines() == [str(own_runs / report.run_id)]
