"""Commands that the UI starts: processes of their own, with their output and their runs."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

import treadle
from treadle.tui.launching import start

PATIENCE = 60.0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREADLE_RUNS_DIR")
    (tmp_path / "mine.py").write_text(
        "import os, time\n"
        "def upper(line):\n"
        "    return line.upper()\n"
        "def wait(line):\n"
        "    open('begun', 'w').close()\n"
        "    time.sleep(600)\n"
    )
    (tmp_path / "words.txt").write_text("a\nb\n")
    return tmp_path


@pytest.fixture
def launch(folder):
    """Start commands; none outlives the test."""
    started = []

    def launch(*argv, cwd=None):
        started.append(start(argv, cwd))
        return started[-1]

    yield launch
    for each in started:
        each.kill()
        assert each.wait(PATIENCE)
        each.forget()


def test_a_command_has_its_line_its_output_its_code_and_its_runs(launch, folder):
    argv = ("map", "mine.py:upper", "words.txt", "--lines", "--into", "out dir/x.jsonl")
    (folder / "out dir").mkdir()
    started = launch(*argv)
    assert started.wait(PATIENCE)
    assert (started.code, started.line) == (
        0, "treadle map mine.py:upper words.txt --lines --into 'out dir/x.jsonl'",
    )  # fmt: skip
    (run,) = treadle.runs(folder / ".treadle" / "runs")
    assert started.folders() == [run.folder]
    assert "2 ok" in started.output()


def test_what_it_prints_and_complains_of_is_kept_without_control_characters(launch):
    bad = launch("map", "mine.py:none", "words.txt", "--lines")
    assert bad.wait(PATIENCE)
    assert (bad.code, bad.folders()) == (2, [])
    assert "error: " in bad.output()
    assert "\x1b" not in bad.output()
    good = launch("map", "mine.py:upper", "words.txt", "--lines", "--ordered")
    assert good.wait(PATIENCE)
    assert good.output().startswith("A\nB\n")


def test_it_is_a_process_of_its_own_session_and_an_interrupt_ends_it_in_order(launch, folder):
    started = launch(
        "map", "mine.py:wait", "words.txt", "--lines", "--into", "x.csv", "--grace", "0.1"
    )
    until = time.monotonic() + PATIENCE
    while not (folder / "begun").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    process = psutil.Process(started.pid)
    assert started.code is None
    assert process.cmdline()[-len(started.argv) :] == list(started.argv)
    started.interrupt()
    assert started.wait(PATIENCE)
    assert started.code == 130
    run = treadle.open("latest", folder / ".treadle" / "runs")
    assert run.state == "interrupted"
    run.close()


def test_a_file_in_the_folder_hides_no_module_of_the_library(launch, folder):
    (folder / "sqlite3.py").write_text("raise SystemExit('hidden')\n")
    started = launch("runs")
    assert started.wait(PATIENCE)
    assert "hidden" not in started.output()


def test_a_place_that_cannot_be_written_is_said(launch, folder, monkeypatch):
    (folder / "file").touch()
    monkeypatch.setenv("TREADLE_STATE_DIR", str(folder / "file" / "none"))
    with pytest.raises(treadle.TreadleError, match="cannot be started"):
        launch("runs")


def test_what_was_kept_of_a_command_goes_when_it_is_forgotten(launch, state_dir):
    started = launch("runs")
    assert started.wait(PATIENCE)
    kept = state_dir / "started"
    assert list(kept.iterdir())
    started.forget()
    assert list(kept.iterdir()) == []
    assert Path(kept).is_dir()
