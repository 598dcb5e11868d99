"""Inside a running Textual app, where ``sys.stderr`` has no descriptor, all works as usual."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ITEMS = 12
CHAOS = pytest.mark.chaos


@pytest.fixture
def app(terminal, programs, tmp_path, start_method):
    """Start the app in a mode; it uses one of the safe start methods."""

    def start(mode: str):
        return terminal(programs.app("textual_app.py"), mode, start_method, tmp_path)

    return start


def report_of(terminal, folder: Path) -> dict:
    code = terminal.read_to_end()
    shown = terminal.seen.decode(errors="replace")
    assert code == 0, shown[-4000:]
    report = json.loads((folder / "report.json").read_text())
    # What makes nine of ten process engines fail in here.
    assert report["stderr fileno"] == -1
    # A worker's print would tear the picture; it reaches the app as a print event instead.
    assert "RAW-" not in shown
    return report


@pytest.mark.parametrize(
    ("start_method", "mode"),
    [
        ("forkserver", "loop"),
        ("spawn", "thread"),
        pytest.param("forkserver", "thread", marks=CHAOS),
        pytest.param("spawn", "loop", marks=CHAOS),
    ],
)
def test_the_screen_stays_live_while_processes_map(app, mode, tmp_path):
    """
    Every call waits for two further heartbeats of the app, so a frozen app would end no call.
    """
    terminal = app(mode)
    report = report_of(terminal, tmp_path)
    assert report["kinds"] == ["succeeded"] * ITEMS
    assert f"mapped {ITEMS} of {ITEMS}".encode() in terminal.seen
    beats = {int(number) for number in re.findall(rb"heartbeat (\d+)", terminal.seen)}
    assert len(beats) > 2
    printed = "".join(report["printed"])
    for number in range(ITEMS):
        for way in ("print", "stderr", "log", "fd1", "fd2", "child"):
            assert f"RAW-{way}-{number}" in printed


@pytest.mark.parametrize(
    ("start_method", "mode"),
    [
        ("forkserver", "cancel"),
        ("spawn", "leave"),
        pytest.param("forkserver", "leave", marks=CHAOS),
        pytest.param("spawn", "cancel", marks=CHAOS),
    ],
)
def test_a_key_ends_the_map_and_no_process_is_left(app, mode, tmp_path, programs):
    terminal = app(mode)
    terminal.read_until(lambda seen: b"all workers hang" in seen)
    terminal.type("c")
    report = report_of(terminal, tmp_path)
    ending = ["cancelled"] * len(report["kinds"]) if mode == "cancel" else ["task cancelled"]
    assert report["kinds"] == ending
    assert report["kinds"]
    assert report["workers left"] == 0
    assert programs.left() == []


def test_large_arrays_travel_through_shared_memory(app, tmp_path):
    report = report_of(app("arrays"), tmp_path)
    assert report["kinds"] == ["succeeded"] * ITEMS
    assert report["right arrays"] == ITEMS
