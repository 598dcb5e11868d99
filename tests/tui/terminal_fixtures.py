"""A real terminal, which tmux is: the keys go in as from a keyboard, the screen is read as text.

What runs in it carries a mark in its environment, which everything that it starts inherits: what
still carries the mark at the end is an orphan.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

SOURCE = Path(__file__).parents[2] / "src"
MARK = "TREADLE_TEST_MARK"
PROMPT = "at-the-prompt"
PATIENCE = 40.0  # a net under busy machines, not a measure
ORPHANS_GONE = 30.0  # seconds, a net as well: on a quiet machine a worker notices within 2
_OF_THE_TERMINAL = ("tmux: server", "tmux", "bash", "cat")
NOT_TO_BE_SEEN = (
    "CI", "COLUMNS", "DISPLAY", "LINES", "NO_COLOR", "TEXTUAL_DRIVER", "TMUX", "WAYLAND_DISPLAY",
)  # fmt: skip


class Terminal:
    """
    A shell in a terminal of its own.

    Args:
        folder: Where the shell is.
        environ: Added to the environment.
        width: Columns.
        height: Lines.
    """

    def __init__(
        self, folder: Path, environ: dict[str, str], width: int = 80, height: int = 24
    ) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        # Paths of sockets are short: both tmux and every run have one.
        self._place = tempfile.mkdtemp(prefix="tt")
        self.environ = {
            **{name: value for name, value in os.environ.items() if name not in NOT_TO_BE_SEEN},
            MARK: self.mark,
            "COLORTERM": "truecolor",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(SOURCE),
            "TMPDIR": self._place,
            "TMUX_TMPDIR": self._place,
            "XDG_RUNTIME_DIR": self._place,
            "HISTFILE": "",
            "LC_ALL": "C.UTF-8",
            **environ,
        }
        self.raw = Path(self._place, "raw")
        rc = Path(self._place, "rc")
        rc.write_text(f"PS1='{PROMPT} '\n")
        shell = f"exec bash --rcfile {rc} -i"
        self._tmux("new-session", "-d", "-x", str(width), "-y", str(height), shell)
        self._tmux("set", "-g", "remain-on-exit", "on")
        # Every byte that is written to the terminal, as it is written.
        self._tmux("pipe-pane", f"exec cat > {self.raw}")
        self.until(PROMPT)

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", "t", "-f", "/dev/null", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    # ── using it ────────────────────────────────────────────────────────────────────────────

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names: ``Enter``, ``BTab``, ``C-s``, ``x``."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type *text* as it is."""
        self._tmux("send-keys", "-l", text)

    def enter(self, line: str) -> None:
        """Type a line for the shell."""
        self.type(line)
        self.press("Enter")

    def ui(self, *arguments: str) -> None:
        """Start the UI, and wait until it is there."""
        self.enter(" ".join(["python -m treadle ui", *arguments]))
        self.until("? Help", gone="reading …")

    def form(self, command: str, *needed: str) -> None:
        """Open the form of *command* from Home; wait until it asks for what is *needed*."""
        self.press("n")
        self.until("New run map", "needed: ", gone="q Quit")
        if command == "map":
            return  # the first of them, and the first of its fields has the keys
        self.press("BTab", "Enter")
        self.until("code chunk", "prompts run")
        self.type(command)
        self.press("Enter")
        # Where letters go into no field, the footer offers to quit.
        self.until(f"New run {command}", f"needed: {', '.join(needed)}", gone="q Quit")

    def fill(self, *texts: str) -> None:
        """Fill in this field of a form and the next ones; without one, the next ones."""
        for number, text in enumerate(texts):
            before = self._place_of_keys()
            if number or before[1]:
                self.press("Tab")
                self.wait(lambda before=before: self._place_of_keys() != before, "Tab did nothing")
            self.type(text)
            self.until(f" {text} ")

    def start(self) -> None:
        """Start what the form says."""
        self.until("✓ ready")
        self.press("C-s")
        self.until("Workers", "Failures", "Log", "Output")

    def open_choice(self, *offered: str) -> None:
        """Open the choice that the keys are coming to; a key that comes before them is lost."""
        pressed = 0.0

        def seen() -> bool:
            nonlocal pressed
            is_open = all(each in self.text() for each in offered)
            if not is_open and time.monotonic() - pressed > 2:
                self.press("Enter")
                pressed = time.monotonic()
            return is_open

        self.wait(seen, f"{offered} are not offered")

    def _place_of_keys(self) -> tuple[str, bool]:
        """Return where the cursor is, and whether letters are keys: then it is where it was."""
        return self._tmux("display", "-p", "#{cursor_x},#{cursor_y}"), "q Quit" in self.text()

    def resize(self, width: int, height: int) -> None:
        """Have another size."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def close(self) -> None:
        """End it as closing its window does: what runs in it is hung up on."""
        self._tmux("set", "-g", "remain-on-exit", "off")
        self._tmux("set", "-g", "exit-empty", "off")
        self._tmux("kill-pane")

    # ── what is seen ────────────────────────────────────────────────────────────────────────

    def text(self) -> str:
        """Return what stands on the screen."""
        return self._tmux("capture-pane", "-p")

    def until(self, *wanted: str, gone: str = "") -> str:
        """
        Wait until all of *wanted* stand on the screen, and *gone* does not; return the screen.

        Where a line is broken does not matter.
        """

        def seen() -> str:
            text = self.text()
            flat = " ".join(text.split())
            is_there = all(each in text or each in flat for each in wanted)
            return text if is_there and not (gone and gone in text) else ""

        return self.wait(seen, f"{wanted} never came" + (f", or {gone!r} never went" * bool(gone)))

    def wait(self, seen, what: str):
        """Wait until *seen* returns something true; return it."""
        end = time.monotonic() + PATIENCE
        while not (found := seen()):
            if time.monotonic() > end:
                pytest.fail(f"{what}\n{self.text()}")
            time.sleep(0.03)
        return found

    def held(self, total: int, most: int) -> None:
        """Wait until two items run, and of *total* about *most* have settled: batches are moved."""

        def seen() -> bool:
            text = self.text()
            found = re.search(rf" (\d+)/{total} ", text)
            return bool(found and most // 2 <= int(found[1]) <= most and "2 items running" in text)

        self.wait(seen, f"no two items run after about {most} of {total}")

    def state(self) -> dict[str, str]:
        """Return the modes of the terminal."""
        names = ("alternate_on", "cursor_flag", "mouse_any_flag", "mouse_sgr_flag", "keypad_flag")
        form = " ".join(f"{name}=#{{{name}}}" for name in names)
        return dict(pair.split("=") for pair in self._tmux("display", "-p", form).split())

    def is_restored(self) -> bool:
        """Tell whether a shell is there that one can use, with nothing left of a UI."""
        modes = dict.fromkeys(self.state(), "0") | {"cursor_flag": "1"}
        self.wait(lambda: self.state() == modes, f"modes were left on: {self.state()}")
        self.press("C-l")
        self.type(r"stty -a | grep -oE -- '-?(icanon|echo)\b' | tr '\n' +; echo it-$((40 + 2))")
        self.press("Enter")
        text = self.until("icanon+echo+it-42")  # no minus before: both are on
        return "stty -a" in text  # it was echoed

    # ── what runs ───────────────────────────────────────────────────────────────────────────

    def processes(self) -> list[psutil.Process]:
        """Return what runs with our mark, beside the terminal itself."""
        found = []
        for process in psutil.process_iter():
            try:
                if (
                    process.environ().get(MARK) == self.mark
                    and process.status() != psutil.STATUS_ZOMBIE
                    and process.name() not in _OF_THE_TERMINAL
                ):
                    found.append(process)
            except psutil.Error:  # gone, or somebody else's
                continue
        return found

    def commands(self, word: str) -> list[psutil.Process]:
        """Return the processes that run the command ``treadle WORD``."""
        found = []
        for process in self.processes():
            try:
                line = process.cmdline()
            except psutil.Error:
                continue
            if "treadle" in line and line[line.index("treadle") + 1 :][:1] == [word]:
                found.append(process)
        return found

    def left(self) -> list[str]:
        """Return what is left, once it has had time to end."""
        end = time.monotonic() + ORPHANS_GONE
        while (there := self.processes()) and time.monotonic() < end:
            time.sleep(0.05)
        left = []
        for each in there:
            with suppress(psutil.NoSuchProcess):  # it has just ended
                left.append(f"{each.pid} {' '.join(each.cmdline())}")
        return left

    def end(self) -> None:
        """End the terminal and all that runs in it."""
        subprocess.run(
            ["tmux", "-L", "t", "kill-server"], env=self.environ, capture_output=True, check=False
        )
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):  # it has just ended by itself
                process.kill()
        psutil.wait_procs(self.processes(), timeout=5)
        shutil.rmtree(self._place, ignore_errors=True)
