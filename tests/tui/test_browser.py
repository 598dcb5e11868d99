"""The UI in a browser, end to end: a run is started by keys, watched to its end, and left alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import psutil
import pytest

SOURCE = Path(__file__).parents[2] / "src"
MARK = "TREADLE_TEST_MARK"
PATIENCE = 40.0  # a net, not a delay
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
MINE = """\
import time
from pathlib import Path


def wait(path):
    number = int(path.stem)
    print(f"[b]{number}[/b] [")
    for gate in range(0, number + 1, 20):
        while gate and not Path(f"go-{gate}").exists():
            time.sleep(0.01)
    return number
"""

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.timeout(120),
    pytest.mark.slow,
]


class Served:
    """``treadle ui --web`` in a folder in which nothing was ever done."""

    def __init__(self, folder: Path, place: str) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        environ = {
            **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
            MARK: self.mark,
            "PYTHONPATH": str(SOURCE),
            "TMPDIR": place,
            "XDG_RUNTIME_DIR": place,
            "TREADLE_RUNS_DIR": str(folder / "runs"),
            "TREADLE_STATE_DIR": str(folder / "state"),
        }
        command = [sys.executable, "-m", "treadle", "ui", "--web", "--no-open", "--port", "0"]
        self._said = folder / "said"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        self.address = self._address()

    def _address(self) -> str:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"http://\S+token=\S+", self._said.read_text())):
            assert self._process.poll() is None, self._said.read_text()
            assert time.monotonic() < end, self._said.read_text()
            time.sleep(0.02)
        return found[0]

    def living(self) -> list[psutil.Process]:
        """Return what runs of it, the server included."""
        found = []
        for process in psutil.process_iter():
            try:
                is_mine = process.environ().get(MARK) == self.mark
                if is_mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:  # gone, or somebody else's
                continue
        return found

    def close(self) -> list[str]:
        """End it as Ctrl-C does, and what is left; return what that was."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)
        end = time.monotonic() + PATIENCE
        while self.living() and time.monotonic() < end:
            time.sleep(0.05)
        left = self.living()
        for process in left:
            process.kill()
        return [str(process) for process in left]


@pytest.fixture
def served(tmp_path):
    with tempfile.TemporaryDirectory(prefix="tb") as place:
        server = Served(tmp_path, place)
        yield server
        assert server.close() == []


@pytest.fixture
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


class Window:
    """A window of the browser with the UI in it, as a person sees it."""

    def __init__(self, browser, address: str) -> None:
        self.errors: list[str] = []
        self._received: list[str] = []
        self.page = browser.new_page(viewport={"width": 1000, "height": 600})
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("websocket", self._listen)
        self.page.goto(address)

    def _listen(self, socket) -> None:
        def take(frame: bytes | str) -> None:
            # Its first byte says what follows: D for what goes to the screen.
            if isinstance(frame, bytes):
                self._received.append(frame[1:].decode("utf-8", "replace"))

        socket.on("framereceived", take)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other; what was drawn until now is not waited for any more."""
        self._received.clear()
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(60)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text, delay=20)

    def until(self, *wanted: str) -> None:
        """Wait until all of *wanted* were drawn, since the last such wait."""
        end = time.monotonic() + PATIENCE
        while True:
            drawn = _ESCAPES.sub("", "".join(self._received))
            if all(each in drawn for each in wanted):
                self._received.clear()
                return
            if time.monotonic() > end:
                pytest.fail(f"{wanted} never came:\n{drawn[-4000:]}")
            self.page.wait_for_timeout(50)

    def count(self, total: int, least: int) -> int:
        """Wait until *least* of *total* have settled; return how many it says."""
        end = time.monotonic() + PATIENCE
        while True:
            drawn = _ESCAPES.sub("", "".join(self._received))
            found = re.findall(rf" (\d+)/{total} ", drawn)
            if found and int(found[-1]) >= least:
                return int(found[-1])
            assert time.monotonic() < end, drawn[-4000:]
            self.page.wait_for_timeout(50)


@pytest.mark.walks
def test_a_run_is_started_and_watched_in_a_browser(served, browser, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "data").mkdir()
    for number in range(60):
        (tmp_path / "data" / f"{number:02}.txt").touch()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(served.address.partition("#")[0] + "ws/another-token")

    window = Window(browser, served.address)
    window.until("Nothing has run here yet")
    window.press("n")
    window.until("needed: FILE_OR_MODULE:FUNCTION")
    window.type("mine.py:wait")
    window.until("wait(path)")
    window.press("Tab")
    window.until("SOURCE   ctrl+o browses")  # drawn anew, with the cursor
    window.type("data")
    window.until("$ treadle map mine.py:wait data")
    window.press("Tab")
    window.until("PATH   ctrl+o browses")
    window.type("out.csv")
    window.until("out.csv", "✓ ready")
    window.press("Control+s")
    first = window.count(60, 10)  # not 20: batches are moved between workers
    (tmp_path / "go-20").touch()
    assert window.count(60, 25) > first
    picture = tmp_path / "watching.png"
    window.page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000
    (tmp_path / "go-40").touch()
    window.until(" 60/60 ", "finished")
    window.press("4")
    window.until("60 lines", "[/b] [")
    window.press("q")
    window.page.get_by_text("This session has ended").wait_for()
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 61
    assert window.errors == []
    window.page.close()
