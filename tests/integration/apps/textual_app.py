"""A Textual app that maps in worker processes while its screen stays live.

Usage: textual_app.py MODE START_METHOD FOLDER. What it saw goes into FOLDER/report.json.

    loop     ``treadle.amap`` in the app's event loop
    thread   ``treadle.map`` in a thread of the app
    cancel   ``treadle.map`` in a thread; key c kills the run
    leave    ``treadle.amap`` in the loop; key c cancels the asyncio task that consumes it
    arrays   large NumPy arrays there and back
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import psutil
from textual.app import App, ComposeResult
from textual.widgets import Label

import treadle

MODE, START_METHOD, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
ITEMS = 12
WORKERS = 2


def heartbeat_file(number: int) -> Path:
    return FOLDER / f"beat-{number}"


def work(number: int) -> int:
    """Print in every way there is, then wait until the app's heart has gone on beating."""
    print(f"RAW-print-{number}")
    print(f"RAW-stderr-{number}", file=sys.stderr)
    logging.getLogger("work").warning("RAW-log-%s", number)
    os.write(1, f"RAW-fd1-{number}\n".encode())
    os.write(2, f"RAW-fd2-{number}\n".encode())
    subprocess.run(["echo", f"RAW-child-{number}"], check=True)
    beat = max((int(path.name[5:]) for path in FOLDER.glob("beat-*")), default=0)
    until = time.monotonic() + 60
    while not heartbeat_file(beat + 2).exists():
        if time.monotonic() > until:
            raise TimeoutError("the app's heart stood still while we worked")
        time.sleep(0.005)
    return number * number


def hang(number: int) -> None:
    (FOLDER / f"hangs-{number}").touch()
    time.sleep(600)


def flip(array):
    return array[::-1].copy()


class Mapper(App):
    BINDINGS: ClassVar = [("c", "stop", "Stop")]

    def __init__(self) -> None:
        super().__init__()
        self.beats = 0
        self.report: dict[str, object] = {"printed": [], "kinds": [], "shown": []}
        self.outcomes = None
        self.consumer = None

    def compose(self) -> ComposeResult:
        yield Label("heartbeat 0", id="heartbeat")
        yield Label("mapped 0", id="progress")

    def on_mount(self) -> None:
        self.report["stderr fileno"] = sys.stderr.fileno()
        self.begin_capture_print(self)
        self.set_interval(0.02, self.beat)
        if MODE in ("thread", "cancel"):
            self.run_worker(self.map_in_thread, thread=True)
        else:
            self.consumer = asyncio.create_task(self.map_in_loop())

    def beat(self) -> None:
        self.beats += 1
        self.query_one("#heartbeat", Label).update(f"heartbeat {self.beats}")
        heartbeat_file(self.beats).touch()
        if len(list(FOLDER.glob("hangs-*"))) == WORKERS:
            self.query_one("#progress", Label).update("all workers hang")

    def on_print(self, event) -> None:
        self.report["printed"].append(event.text)

    def options(self) -> dict:
        return {"workers": WORKERS, "start_method": START_METHOD, "backend": "processes"}

    def map_in_thread(self) -> None:
        try:
            function = hang if MODE == "cancel" else work
            self.outcomes = treadle.map(function, range(ITEMS), **self.options())
            for outcome in self.outcomes:
                self.call_from_thread(self.took, outcome)
        finally:
            self.call_from_thread(self.leave)

    async def map_in_loop(self) -> None:
        try:
            if MODE == "arrays":
                await self.map_arrays()
                return
            function = hang if MODE == "leave" else work
            async for outcome in treadle.amap(function, range(ITEMS), **self.options()):
                self.took(outcome)
        except asyncio.CancelledError:
            self.report["kinds"].append("task cancelled")
        finally:
            self.leave()

    async def map_arrays(self) -> None:
        import numpy as np

        size = 1 << 18  # 2 MiB each, which is above what goes through the pipe
        arrays = [np.arange(size, dtype=float) + number for number in range(ITEMS)]
        right = 0
        async for outcome in treadle.amap(flip, arrays, **self.options()):
            self.took(outcome)
            right += bool((outcome.value == arrays[outcome.index][::-1]).all())
        self.report["right arrays"] = right

    def took(self, outcome) -> None:
        self.report["kinds"].append(outcome.kind)
        text = f"mapped {len(self.report['kinds'])} of {ITEMS}"
        self.query_one("#progress", Label).update(text)

    def action_stop(self) -> None:
        if MODE == "cancel":
            self.outcomes.kill()
        else:
            self.consumer.cancel()

    def leave(self) -> None:
        mine = psutil.Process().children()
        self.report["workers left"] = sum(len(child.children()) for child in mine)
        # One more turn, so that the last label is on the screen before it is taken down.
        self.set_timer(0.1, self.exit)


if __name__ == "__main__":
    app = Mapper()
    app.run()
    app.report["beats"] = app.beats
    (FOLDER / "report.json").write_text(json.dumps(app.report))
