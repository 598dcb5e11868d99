"""``treadle prune`` removes records that nobody needs, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from treadle.ledger.lock import RunLock

HERE = ("--backend", "inline")
RUNS = Path(".treadle/runs")


@pytest.fixture
def three(treadle_command):
    """Three runs with their files; return their ids, oldest first."""
    for number in range(3):
        into = f"out-{number}.jsonl"
        code, _, err = treadle_command("map", "mine.py:size", "data", "--into", into, *HERE)
        assert code == 0, err
    return sorted(os.listdir(RUNS))


def left():
    return sorted(os.listdir(RUNS))


def test_the_newest_are_kept_and_results_are_not_touched(treadle_command, three):
    code, _, err = treadle_command("prune", "--keep", 1, "--yes")
    assert code == 0
    assert f"  {three[0]} finished, 3 ok, 0 failed mine:size -> out-0.jsonl" in err
    assert "removed 2 records" in err
    assert left() == three[2:]
    assert all(Path(f"out-{number}.jsonl").exists() for number in range(3))


def test_what_was_written_to_lately_is_kept(treadle_command, three):
    code, _, err = treadle_command("prune", "--older-than", "30d", "--yes")
    assert code == 3
    assert "error: nothing to remove in " in err
    assert left() == three


def test_nothing_is_removed_where_nobody_can_be_asked(start, treadle_command, three):
    process = start("prune")
    _, err = process.communicate(timeout=50)
    assert process.returncode == 2
    assert three[0] in err
    assert "hint: --yes removes without asking" in err
    assert left() == three


@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_it_asks(folder, three, answer):
    pexpect = pytest.importorskip("pexpect")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable, ["-m", "treadle", "prune"], env=environment, timeout=50, encoding="utf-8"
    )
    child.expect("remove 3 records")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert left() == ([] if answer == "y" else three)


def test_json_says_what_was_removed(treadle_command, three):
    code, out, _ = treadle_command("prune", "--keep", 2, "--yes", "--json")
    assert code == 0
    assert json.loads(out[0]) == {"removed": three[:1], "not_removed": []}
    assert treadle_command("prune", "--keep", 2, "--yes", "--json")[:2] == (
        3,
        ['{"removed": [], "not_removed": []}'],
    )


def test_a_run_that_goes_on_stays(treadle_command, three):
    lock = RunLock(RUNS / three[0])
    try:
        code, _, _ = treadle_command("prune", "--yes")
    finally:
        lock.release()
    assert three[0] in left()
    assert three[2] not in left()
    assert code in (0, 1)


def test_damaged_folders_go_and_those_of_a_newer_treadle_stay(treadle_command, three):
    newer, damaged, young = (RUNS / f"20010{day}-000000" for day in (1, 2, 3))
    for folder in (newer, damaged):
        shutil.copytree(RUNS / three[0], folder)
    (newer / "run.json").write_text('{"format": 99}')
    (damaged / "run.json").write_text("{")
    os.utime(damaged, (0, 0))
    young.mkdir()  # perhaps a run that begins right now
    (RUNS / "notes.txt").write_text("mine")
    code, out, _ = treadle_command("prune", "--keep", 3, "--yes", "--json")
    assert code == 0
    assert json.loads(out[0])["removed"] == [damaged.name]
    assert left() == sorted([newer.name, young.name, *three, "notes.txt"])


def test_a_folder_that_cannot_be_removed_is_told_of(treadle_command, three, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("treadle.cli.pruning.shutil.rmtree", refuse)
    code, _, err = treadle_command("prune", "--keep", 2, "--yes")
    assert code == 1
    assert f"warning: the record {three[0]} cannot be removed: Permission denied" in err
    assert left() == three
