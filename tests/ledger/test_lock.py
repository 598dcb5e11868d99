"""One writer for each run, and everybody may know who that is."""

from __future__ import annotations

import fcntl
import json
import os
import socket

import pytest

from treadle.errors import UsageError
from treadle.ledger import lock
from treadle.ledger.lock import RunLock, holder

HOLD = """
import sys
from pathlib import Path
from treadle.ledger.lock import RunLock
held = RunLock(Path(sys.argv[1]))
held.say(socket="/tmp/s")
print("held", flush=True)
sys.stdin.read()
held.release()
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "260102-030405"
    folder.mkdir()
    return folder


def sign(folder, pid, host=None):
    """Leave the words of a process."""
    (folder / "lock").write_text(json.dumps({"pid": pid, "host": host or socket.gethostname()}))


@pytest.fixture
def dead(other):
    """Return the id of a process that is no more."""
    with other("") as process:
        process.wait()
    return process.pid


def test_a_second_process_is_refused_and_the_first_is_named(folder, other):
    with other(HOLD, folder) as process:
        assert process.stdout.readline() == "held\n"
        assert holder(folder) == {
            "pid": process.pid, "host": socket.gethostname(), "socket": "/tmp/s",
        }  # fmt: skip
        with pytest.raises(UsageError, match=f"process {process.pid} on ") as caught:
            RunLock(folder)
        assert f"treadle cancel {folder.name}" in caught.value.hint


def test_a_second_one_in_this_process_is_refused(folder):
    first = RunLock(folder)
    with pytest.raises(UsageError, match=f"process {os.getpid()}"):
        RunLock(folder)
    first.release()
    RunLock(folder).release()


def test_after_its_end_others_may_write_and_nobody_is_named(folder, other):
    with other(HOLD, folder) as process:
        assert process.stdout.readline() == "held\n"
        process.communicate("", timeout=40)
        assert holder(folder) is None
        mine = RunLock(folder)
        assert holder(folder)["pid"] == os.getpid()
        mine.release()


def test_the_lock_of_a_killed_process_is_nobodys(folder, other):
    with other(HOLD, folder) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
        process.wait()
        assert json.loads((folder / "lock").read_text())["pid"] == process.pid
        assert holder(folder) is None
        RunLock(folder).release()


def test_who_looks_at_the_run_of_a_killed_process_keeps_nobody_from_resuming_it(
    folder, dead, monkeypatch
):
    sign(folder, dead)
    looking = os.open(folder / "lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    waited = []

    def wait(seconds):  # meanwhile, the other one has seen what it wanted to see
        waited.append(seconds)
        fcntl.flock(looking, fcntl.LOCK_UN)

    monkeypatch.setattr(lock._never, "wait", wait)
    RunLock(folder).release()
    assert waited
    os.close(looking)


def test_who_holds_it_without_a_word_is_a_process_all_the_same(folder, monkeypatch):
    monkeypatch.setattr(lock._never, "wait", lambda _: None)
    with (folder / "lock").open("w") as silent:
        fcntl.flock(silent, fcntl.LOCK_EX)
        assert holder(folder) == {}
        with pytest.raises(UsageError, match="by a process"):
            RunLock(folder)


def test_a_folder_without_a_lock_is_held_by_nobody(folder):
    assert holder(folder) is None
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_gone_is_named(tmp_path):
    with pytest.raises(UsageError, match="run gone cannot be written to"):
        RunLock(tmp_path / "gone")


def test_a_full_disk_is_named_and_nothing_stays_open(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lock.os, "pwrite", full)
    with pytest.raises(UsageError, match="No space left on device"):
        RunLock(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"pid": "x"}', "\xff"])
def test_what_stands_in_the_file_does_not_matter_when_nobody_holds_it(folder, text):
    (folder / "lock").write_text(text, encoding="latin-1")
    assert holder(folder) is None
    RunLock(folder).release()


# --- where the file system has no locks ----------------------------------------------------------


@pytest.fixture
def no_locks(monkeypatch):
    def refuse(*_):
        raise OSError(lock.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_living_process_keeps_others_out(folder, other):
    with other("print('here', flush=True); input()") as process:
        assert process.stdout.readline() == "here\n"
        sign(folder, process.pid)
        with pytest.raises(UsageError, match=f"process {process.pid}"):
            RunLock(folder)
        assert holder(folder)["pid"] == process.pid


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_dead_process_of_this_machine_does_not(folder, dead):
    sign(folder, dead)
    assert holder(folder) is None
    RunLock(folder).release()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_one_on_another_machine_may_live_and_the_way_out_is_named(folder, dead):
    sign(folder, dead, host="elsewhere")
    with pytest.raises(UsageError, match=f"process {dead} on elsewhere") as caught:
        RunLock(folder)
    assert f"remove {str(folder / 'lock')!r}" in caught.value.hint
