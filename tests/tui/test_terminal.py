"""The UI in a real terminal, used by keys alone: runs are started, watched, steered and left."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from terminal_fixtures import PROMPT, Terminal

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux"),
    pytest.mark.timeout(120),
    pytest.mark.slow,
]

MEASUREMENTS = Path(__file__).parents[2] / "examples" / "measurements"
COPIES = 20
MINE = '''\
import logging
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path


def wait(line):
    """Hold up all but the first lines until somebody says go."""
    number = int(line)
    while number >= 20 and not Path("go").exists():
        time.sleep(0.01)
    if number % 10 == 7:
        raise ValueError(f"{number} [b]is[/b] bad")
    return number


def say(line):
    """Write on every way there is."""
    print(f"RAW-print [red]{line}[/red] [")
    print(f"RAW-stderr {line} \\x1b[31mred\\x1b[2J\\x1b]0;title\\x07", file=sys.stderr)
    os.write(1, f"RAW-fd1 {line}\\n".encode())
    os.write(2, f"RAW-fd2 {line}\\n".encode())
    subprocess.run([sys.executable, "-S", "-c", f"print('RAW-child {line}')"], check=True)
    warnings.warn(f"RAW-warning [{line}]")
    logging.getLogger("mine").warning("RAW-log [/%s]", line)
    return wait(line)
'''


@pytest.fixture
def terminal(tmp_path):
    """A terminal in an empty folder, in which nothing was ever done."""
    folder = tmp_path / "here"
    folder.mkdir()
    opened = Terminal(
        folder,
        {"TREADLE_STATE_DIR": str(tmp_path / "state"), "TREADLE_RUNS_DIR": str(tmp_path / "runs")},
    )
    yield opened
    opened.end()


@pytest.fixture
def mine(terminal):
    """Lines and functions on them, in the folder of the terminal."""
    (terminal.folder / "mine.py").write_text(MINE)
    (terminal.folder / "lines.txt").write_text("".join(f"{number}\n" for number in range(40)))
    return terminal.folder


def plant(folder: Path) -> int:
    """Copy the measurements so often that it takes some time to stage them; return how many."""
    count = 0
    for copy in range(COPIES):
        for path in MEASUREMENTS.rglob("*.csv"):
            to = folder / f"copy{copy}" / path.relative_to(MEASUREMENTS)
            to.parent.mkdir(parents=True, exist_ok=True)
            # Else they were the same measurement, which is staged once.
            to.write_bytes(path.read_bytes().replace(b"Information: ", b"Information: %d" % copy))
            count += 1
    return count


def test_a_newcomer_starts_watches_cancels_resumes_and_leaves_a_pipeline(terminal):
    total = plant(terminal.folder / "raw")

    def settled() -> int:
        found = re.search(rf" (\d+)/{total} ", terminal.text())
        return int(found[1]) if found else 0

    terminal.ui()
    terminal.until("Nothing has run here yet", "begins a run")
    terminal.form("lab pipeline", "RAW", "OUT")
    terminal.fill("raw", "out")
    terminal.until("$ treadle lab pipeline raw out")
    terminal.start()
    terminal.until("● running", "2 workers")
    first = terminal.wait(settled, "no item has settled")
    second = terminal.wait(lambda: (now := settled()) > first and now, "the count stands still")
    assert 0 < first < second < total
    terminal.press("x")
    terminal.until("✗ interrupted", "r Resume")
    assert second <= settled() < total
    terminal.press("r")
    terminal.until("● running")
    terminal.resize(120, 40)
    text = terminal.until("✓ finished", "segment")
    assert max(map(len, text.splitlines())) > 80
    terminal.resize(80, 24)
    terminal.press(",")
    terminal.until(f"{total}/{total}")
    terminal.press("2")
    terminal.until(" 40 ", "raised treadle.lab.errors")
    terminal.press("Enter")
    terminal.until("✗ 40 items: raised treadle.lab.errors.NoData")
    terminal.press("Enter")
    terminal.until("attempt 1, the last", "NoData: ", "the instruments did not start")
    terminal.until("Traceback (most recent call last)", "measurement.py")
    for _ in range(3):
        terminal.press("Escape")
    terminal.until("2 runs", "0 live")
    terminal.press("q")
    terminal.until(PROMPT)
    assert terminal.left() == []
    assert terminal.is_restored()
    assert (terminal.folder / "out" / "stage" / "_manifest").exists()


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_nothing_that_workers_write_reaches_the_screen(terminal, mine, start_method):
    terminal.ui()
    terminal.form("map", "FILE_OR_MODULE:FUNCTION", "SOURCE")
    terminal.fill("mine.py:say", "lines.txt", "out.csv")
    terminal.press("Tab")
    terminal.until("--lines")
    terminal.press("Tab", "Space")
    terminal.until("mine.py:say lines.txt --into out.csv --lines")
    terminal.press("f3")
    terminal.until("search options")
    terminal.type("start-method")
    terminal.press("Tab", "Enter")
    terminal.until("spawn", "forkserver")
    terminal.type(start_method)
    terminal.press("Enter")
    terminal.until(f"--start-method {start_method}")
    terminal.start()
    terminal.until("● running", " 18/40 ", "2 failed", "2 items running")
    assert "RAW-" not in terminal.raw.read_text(errors="replace")
    terminal.press("4")
    terminal.until("follows the end")
    terminal.press("/")
    terminal.type("RAW-print")
    terminal.until("RAW-print [red]18[/red] [")
    (mine / "go").touch()
    terminal.press("Escape")
    terminal.until("▲ finished", "40/40")
    for way in ("stderr", "fd1", "fd2", "child", "warning", "log"):
        terminal.press("/")
        terminal.type(f"RAW-{way}")
        bracketed = {"warning": "[39]", "log": "[/39]"}.get(way, "39")
        terminal.until(f"RAW-{way} {bracketed}")
        terminal.press("Escape")
    raw = terminal.raw.read_text(errors="replace")
    assert "\x1b]0;title" not in raw
    assert "[red]39[/red] [" in raw
    terminal.press("2")
    terminal.until(" 4 ", "raised ValueError")
    terminal.press("Enter", "Enter")
    terminal.until("ValueError: 7 [b]is[/b] bad", 'raise ValueError(f"{number} [b]is[/b] bad")')
    terminal.press("q")
    terminal.until(PROMPT)
    assert terminal.left() == []
    assert terminal.is_restored()
