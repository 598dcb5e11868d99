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


def wait(path):
    """Hold up all but the first files until somebody says go."""
    number = int(path.stem)
    while number >= 20 and not Path("go").exists():
        time.sleep(0.01)
    if number % 10 == 7:
        raise ValueError(f"{number} [b]is[/b] bad")
    return number


def say(path):
    """Write on every way there is."""
    line = int(path.stem)
    print(f"RAW-print [red]{line}[/red] [")
    print(f"RAW-stderr {line} \\x1b[31mred\\x1b[2J\\x1b]0;title\\x07", file=sys.stderr)
    os.write(1, f"RAW-fd1 {line}\\n".encode())
    os.write(2, f"RAW-fd2 {line}\\n".encode())
    subprocess.run([sys.executable, "-S", "-c", f"print('RAW-child {line}')"], check=True)
    warnings.warn(f"RAW-warning [{line}]")
    logging.getLogger("mine").warning("RAW-log [/%s]", line)
    return wait(path)
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
    """Files and functions on them, in the folder of the terminal."""
    (terminal.folder / "mine.py").write_text(MINE)
    data = terminal.folder / "data"
    data.mkdir()
    for number in range(40):
        (data / f"{number:02}.txt").touch()
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
    text = terminal.until("✓ finished", "4 iv")
    assert max(map(len, text.splitlines())) > 80
    terminal.resize(80, 24)
    for stage in ("3 metrics", "2 segment", "1 stage"):  # from the last one, which is shown
        terminal.press(",")
        terminal.until(f"▸ ✓ {stage}" if stage != "1 stage" else "▸ ▲ 1 stage")
    terminal.until(f"{total}/{total}")
    terminal.press("2")
    terminal.until(" 40 ", "raised treadle.lab.errors")
    terminal.press("Enter")
    terminal.until("✗ 40 items: raised treadle.lab.errors.NoData")
    terminal.press("Enter")
    terminal.until("attempt 1, the last", "NoData: there are no rows", "Traceback")
    terminal.until("Traceback (most recent call last)", "measurement.py")
    terminal.press("Escape")
    terminal.until("✗ 40 items")
    terminal.press("Escape")
    terminal.until("finished: 480 ok, 40 failed")
    terminal.press("Escape")
    terminal.until("4 runs", "0 live", "520", "segment")
    terminal.press("q")
    terminal.until(PROMPT)
    assert terminal.left() == []
    assert terminal.is_restored()
    assert (terminal.folder / "out" / "stage" / "_manifest").exists()


@pytest.mark.walks
@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_nothing_that_workers_write_reaches_the_screen(terminal, mine, start_method):
    terminal.ui()
    terminal.form("map", "FILE_OR_MODULE:FUNCTION", "SOURCE")
    terminal.fill("mine.py:say", "data", "out.csv")
    terminal.until("$ treadle map mine.py:say data --into out.csv")
    terminal.press("f3")
    terminal.until("search options")
    terminal.type("start-method")
    terminal.until("--start-method How worker processes start", gone="--seed")
    terminal.press("Tab")
    terminal.until("q Quit")
    terminal.open_choice("spawn", "forkserver")
    terminal.type(start_method)
    terminal.press("Enter")
    terminal.until(f"--start-method {start_method}")
    terminal.start()
    terminal.until("● running")
    terminal.held(40, 20)
    # What is drawn of it, in the pane of the command's own output, has its item before it.
    assert not re.search(r"(?<!\] )RAW-", terminal.raw.read_text(errors="replace"))
    terminal.press("4")
    terminal.until("follows the end")
    (mine / "go").touch()
    terminal.until("▲ finished", "40/40")
    for way in ("print", "stderr", "fd1", "fd2", "child", "warning", "log"):
        terminal.press("/")
        terminal.until("words to look for", gone="q Quit")  # letters are no keys any more
        terminal.type(f"RAW-{way}")
        bracketed = {"print": "[red]39[/red] [", "warning": "[39]", "log": "[/39]"}
        terminal.until(f"RAW-{way} {bracketed.get(way, '39')}", f"with 'RAW-{way}'")
        terminal.press("Escape")
        terminal.until("follows the end", gone=f"with 'RAW-{way}'")
    raw = terminal.raw.read_text(errors="replace")
    assert "\x1b]0;title" not in raw
    assert "[red]39[/red] [" in raw
    terminal.press("2")
    terminal.until(" 4 ", "raised ValueError")
    terminal.press("Enter")
    terminal.until("✗ 4 items: raised ValueError")
    terminal.press("Enter")
    terminal.until("ValueError: 7 [b]is[/b] bad", 'raise ValueError(f"{number} [b]is[/b] bad")')
    terminal.press("q")
    terminal.until(PROMPT)
    assert terminal.left() == []
    assert terminal.is_restored()


def in_another_terminal(terminal: Terminal, *words: str) -> subprocess.Popen:
    """Start a command, as somebody does elsewhere."""
    return subprocess.Popen(
        [sys.executable, "-m", "treadle", *words, "--progress", "none"],
        cwd=terminal.folder,
        env=terminal.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


WAITING = ("map", "mine.py:wait", "data", "--into", "out.csv", "--workers", "2")


@pytest.mark.walks
def test_a_run_of_another_terminal_that_is_killed_is_resumed(terminal, mine):
    terminal.ui()
    elsewhere = in_another_terminal(terminal, *WAITING)
    try:
        terminal.until("1 live", "running")
        terminal.press("Enter")
        terminal.until("● running")
        terminal.held(40, 20)
    finally:
        elsewhere.send_signal(signal.SIGKILL)
        elsewhere.wait()
    terminal.until("crashed", "r Resume")
    terminal.wait(lambda: terminal.commands("map") == [], "its workers go on")
    (mine / "go").touch()
    terminal.press("r")
    terminal.until("▲ finished", "40/40")
    lines = (mine / "out.csv").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 1 + 36
    terminal.press("q")
    terminal.until(PROMPT)
    assert terminal.left() == []


def test_what_was_started_goes_on_when_the_ui_is_left_and_is_found_again(terminal, mine):
    start_waiting(terminal)
    terminal.press("q")
    terminal.until("Leave? This goes on:", "treadle map mine.py:wait", "Let it go on")
    terminal.press("Escape")
    terminal.until("/40 ", gone="Leave?")
    terminal.press("q")
    terminal.until("Let it go on")
    terminal.press("Right", "Enter")
    terminal.until(PROMPT)
    assert terminal.is_restored()
    assert terminal.commands("ui") == []
    assert len(terminal.commands("map")) == 1
    terminal.press("C-l")
    terminal.ui()
    terminal.until("1 live", "running")
    terminal.press("Enter")
    terminal.until("● running")
    terminal.held(40, 20)
    (mine / "go").touch()
    terminal.until("▲ finished", "40/40")
    terminal.press("q")
    terminal.until(PROMPT)
    assert terminal.left() == []


@pytest.mark.walks
def test_what_was_started_is_cancelled_when_the_ui_is_left_and_that_is_asked_for(terminal, mine):
    start_waiting(terminal)
    terminal.press("q")
    terminal.until("Leave? This goes on:", "Cancel it")
    terminal.press("Right", "Right", "Enter")
    terminal.until("cancelling")
    (mine / "go").touch()  # what runs may finish
    terminal.until(PROMPT)
    assert terminal.left() == []
    assert terminal.is_restored()
    terminal.press("C-l")
    terminal.enter("python -m treadle runs")
    terminal.until("interrupted")


def start_waiting(terminal: Terminal) -> None:
    """Start a run by the form that stands still after 20 items."""
    terminal.ui()
    terminal.form("map", "FILE_OR_MODULE:FUNCTION", "SOURCE")
    terminal.fill("mine.py:wait", "data", "out.csv")
    terminal.until("$ treadle map mine.py:wait data --into out.csv")
    terminal.start()
    terminal.until("● running")
    terminal.held(40, 20)


@pytest.mark.parametrize(
    "ending",
    [
        "the terminal is closed",
        pytest.param("ctrl+c", marks=pytest.mark.walks),
        pytest.param("SIGTERM", marks=pytest.mark.walks),
    ],
)
def test_the_ui_is_ended_from_outside_and_the_run_goes_on(terminal, mine, ending):
    start_waiting(terminal)
    if ending == "ctrl+c":
        terminal.press("C-c")
        terminal.until("Leave? This goes on:")
        terminal.press("Right", "Enter")
        terminal.until(PROMPT)
        assert terminal.is_restored()
    elif ending == "SIGTERM":
        (ui,) = terminal.commands("ui")
        ui.terminate()
        terminal.until(PROMPT)
        assert terminal.is_restored()
    else:
        terminal.close()
    terminal.wait(lambda: not terminal.commands("ui"), "the UI goes on")
    (command,) = terminal.commands("map")
    assert command.is_running()
    (mine / "go").touch()
    assert terminal.left() == []
    assert len((mine / "out.csv").read_text().splitlines()) == 1 + 36


def test_without_colour_nothing_is_coloured(terminal):
    terminal.enter("NO_COLOR=1 python -m treadle ui")
    terminal.until("Nothing has run here yet", "? Help")
    drawn = terminal.raw.read_text("utf-8", "replace")
    shades = set(re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", drawn))
    assert shades
    assert all(red == green == blue for red, green, blue in shades), shades
    terminal.press("q")
    terminal.until(PROMPT)
    assert terminal.left() == []
    assert terminal.is_restored()


def test_where_there_is_no_terminal_the_command_says_what_to_do_instead(terminal):
    terminal.enter("python -m treadle ui < /dev/null; echo code $?")
    terminal.until("the UI needs a terminal, and this is none", "--plain", "code 2")
    assert terminal.left() == []
