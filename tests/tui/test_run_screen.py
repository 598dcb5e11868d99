"""Pilot tests of the screen that watches runs and steers them: real runs, in other processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from textual.screen import Screen
from textual.widgets import TabbedContent

import treadle
from treadle.core.outcome import Succeeded
from treadle.report.tally import Bin
from treadle.tui.app import TreadleApp
from treadle.tui.following import Item, LaneView, Said, Seat, View
from treadle.tui.launching import start
from treadle.tui.screens.run import RunScreen
from treadle.tui.session import Session
from treadle.tui.widgets import watching
from treadle.tui.widgets.watching import Figures, KindOfFailure, Sight, Stage

PATIENCE = 20.0

# Items wait for leave, one by one or all; what has begun is seen.
HELD = """
import time
from pathlib import Path

def work(path):
    number = int(path.name)
    Path(f"begun-{number}").touch()
    print(f"at [red]{number}[/]")
    while not Path(f"let-{number}").exists() and not Path("let-all").exists():
        time.sleep(0.01)
    if number == 3:
        raise ValueError("[bold]three[/]")
    return number
"""


def soon(condition):
    until = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)
    return found


def put_items(place, count):
    (place / "in").mkdir()
    for number in range(count):
        (place / "in" / str(number)).touch()


class Held:
    """A run of another process whose items wait until they are let go."""

    def __init__(self, place):
        self.place = place
        (place / "held.py").write_text(HELD)
        put_items(place, 6)
        words = ["map", "held.py:work", "in", "--workers", "2"]
        words += ["--into", "out.jsonl", "--runs-dir", "runs", "--quiet", "--start-method", "spawn"]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "treadle", *words],
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.folder = soon(lambda: treadle.runs(place / "runs"))[0].folder

    def let(self, what):
        (self.place / f"let-{what}").touch()

    def begun(self):
        return {int(path.name.removeprefix("begun-")) for path in self.place.glob("begun-*")}

    def end(self):
        self.let("all")
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def held(tmp_path):
    run = Held(tmp_path)
    yield run
    run.end()


@pytest.fixture
def watch(use, monkeypatch):
    """Open the UI on the screen of a session."""

    def watch(session, walk, *, size=(80, 24)):
        session = Session.of_run(session) if isinstance(session, Path) else session
        monkeypatch.setattr(TreadleApp, "get_default_screen", lambda _: Screen())

        async def over(pilot):  # as over Home: what another screen takes the place of
            await pilot.app.push_screen(RunScreen(session))
            await walk(pilot)

        return use(over, size=size)

    return watch


def test_a_live_run_is_seen_paused_and_cancelled(held, watch, shows, until, text_of):
    async def walk(pilot):
        await shows(pilot, "0/6")
        await shows(pilot, "2 items running, 2 workers on processes")
        await shows(pilot, "MiB")
        await until(pilot, lambda: text_of(pilot.app).count("process-") == 2, "both workers")
        await pilot.press("4")
        await shows(pilot, "at [red]0[/]")

        await pilot.press("p")
        await shows(pilot, "paused: 2 items may finish, nothing new starts")
        held.let("0")
        held.let("1")
        await shows(pilot, "paused: nothing runs")
        assert held.begun() == {0, 1}
        await pilot.press("p")
        await shows(pilot, "2 items running")
        await until(pilot, lambda: held.begun() == {0, 1, 2, 3}, "two further items")

        await pilot.press("x")
        await shows(pilot, "cancelling (cancelled from outside): 2 items may finish")
        held.let("2")
        held.let("3")
        await shows(pilot, "cancelled from outside: 3 ok, 1 failed, 2 left · r resume")
        assert held.begun() == {0, 1, 2, 3}

    watch(held.folder, walk)


def test_the_number_of_workers_follows_plus_minus_and_the_dialog_and_kill_ends_it_once_confirmed(
    held, watch, shows, until
):
    async def walk(pilot):
        await shows(pilot, "2 items running, 2 workers")
        await pilot.press("plus")
        await shows(pilot, "3 items running, 3 workers")
        await pilot.press("w")
        await shows(pilot, "how many workers? now 3")
        await pilot.press("0", "enter")
        await shows(pilot, "a whole number from 1 to 10,000")
        await pilot.press("backspace", "1", "enter")
        await shows(pilot, ", 1 worker on")
        await until(pilot, lambda: len(held.begun()) == 3, "a further item")

        await pilot.press("k")
        await shows(pilot, "End it now?")
        await pilot.press("escape")
        await shows(pilot, "3 items running")
        await pilot.press("k")
        await shows(pilot, "End it now?")
        await pilot.click("#kill")
        await shows(pilot, "0 ok, 0 failed, 6 left · r resume")
        held.process.wait(PATIENCE)  # though no item was let go

    watch(held.folder, walk)


@pytest.mark.walks
def test_a_driver_killed_while_it_is_watched_has_crashed_and_is_resumed_from_here(
    held, watch, shows, until, text_of
):
    async def walk(pilot):
        await shows(pilot, "2 items running")
        held.let("0")
        await shows(pilot, "1/6")
        os.kill(held.process.pid, signal.SIGKILL)
        held.process.wait()
        await shows(pilot, "crashed: 1 ok, 0 failed, 5 left · r resume")
        held.let("all")
        await pilot.press("r")
        await shows(pilot, "finished: 5 ok, 1 failed · t retry failed · 2 shows failures")
        assert len(pilot.app.screen_stack) == 2  # in the place of the one that was left
        assert "✗" not in text_of(pilot.app).split("\n")[0]
        await until(pilot, lambda: pilot.app.started[0].code == 1, "the end of the command")
        run = treadle.open(held.folder.name, held.folder.parent)
        assert (run.ok, run.failed) == (5, 1)
        run.close()

    watch(held.folder, walk)


KEYS = ["\x1b[31mc", "f\udc80g", "[/]b", "d\te", "h\u202ei", "[red]a"]


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory):
    """A run whose keys, messages and words are anything but plain text."""

    def hostile(key):  # travels by value: workers need not import this module
        print(f"{key} says [/] \x1b[31mred\x1b[0m\tafter")
        raise ValueError(f"[red]no[/] \x1b[2J {key}")

    place = tmp_path_factory.mktemp("hostile")
    report = treadle.run(hostile, KEYS, workers=1, key=str, runs_dir=place)
    return place / report.run_id


def test_nothing_from_outside_is_taken_for_anything_but_text_and_the_log_is_searched(
    hostile_run, watch, shows, text_of, until
):
    async def walk(pilot):
        await shows(pilot, "finished: 0 ok, 6 failed")
        await shows(pilot, "[red]no[/] \\x1b[2J \\x1b[31mc")
        await pilot.press("enter")
        await shows(pilot, "6 items: raised ValueError")
        items = text_of(pilot.app)
        for key in ("[red]a", "[/]b", "\\x1b[31mc", "d\\te", "f\\udc80g", "h\\u202ei"):
            assert key in items
        await pilot.press("escape", "4")
        await shows(pilot, "f\\udc80g says [/] \\x1b[31mred\\x1b[0m")
        assert "\x1b" not in text_of(pilot.app)
        text_of(pilot.app).encode()  # as a terminal takes it

        await shows(pilot, "6 lines")
        await pilot.press("slash", *"[/]b")
        await shows(pilot, "1 line with '[/]b'")
        await until(pilot, lambda: "[/]b" in text_of(pilot.app).split("\n")[-3], "what was typed")
        await pilot.press("enter")
        await until(pilot, lambda: "d\\te" not in text_of(pilot.app), "one line alone")
        await pilot.press("escape")
        await shows(pilot, "6 lines ·")

    watch(hostile_run, walk)


def test_a_command_that_is_not_right_shows_what_it_wrote_and_how_it_ended(tmp_path, watch, shows):
    started = start(["map", "nowhere.py:work", "*.txt"], tmp_path)

    async def walk(pilot):
        await shows(pilot, "the command line is not right; nothing was run (exit code 2)")
        await shows(pilot, "nowhere.py")
        await shows(pilot, "treadle map nowhere.py:work '*.txt'")

    watch(Session.of_started(started), walk)
    started.forget()
    assert started.code == 2


@pytest.mark.walks
def test_a_command_that_was_started_here_is_watched_and_interrupted(tmp_path, watch, shows):
    (tmp_path / "held.py").write_text(HELD)
    put_items(tmp_path, 3)
    words = ["map", "held.py:work", "in", "--into", "out.jsonl"]
    started = start([*words, "--workers", "1", "--runs-dir", "runs"], tmp_path)

    async def walk(pilot):
        await shows(pilot, "1 item running, 1 worker on processes")
        await pilot.press("x")
        await shows(pilot, "cancelling")
        (tmp_path / "let-0").touch()
        await shows(pilot, "interrupted: 1 ok, 0 failed, 2 left · r resume")

    try:
        watch(Session.of_started(started), walk)
    finally:
        (tmp_path / "let-all").touch()
        assert started.wait(PATIENCE)
        started.forget()
    assert started.code == 130


# ── as it looks ─────────────────────────────────────────────────────────────────────────────────


def view_of(**facts):
    usual = {
        "folder": Path("/runs/261121-180000"),
        "id": "261121-180000",
        "name": "stage",
        "function": "lab.staging:stage_one",
        "into": "/out/stage",
        "began": datetime(2026, 11, 21, 18, tzinfo=UTC),
        "parent": None,
        "stage": 0,
        "state": "running",
        "live": True,
        "steerable": "",
        "backend": "processes",
        "workers": 3,
        "pid": 4242,
        "total": 2000,
        "ok": 812,
        "failed": 3,
        "elapsed": 41.0,
        "rate": 19.9,
        "left": 59.0,
        "running": 2,
    }
    return View(**{**usual, **facts})


def seats(count):
    return tuple(
        Seat(
            worker=f"process-{number}",
            pid=number,
            cpu=None if number % 3 == 0 else 97.0,
            memory=number << 20,
            item=None if number % 3 == 0 else Item(f"raw/[red]{number}.csv", number, 1, "", 1.25),
            running=1,
        )
        for number in range(101, 101 + count)
    )


def figures_of(kinds=2, each=3):
    return Figures(
        bins=tuple(Bin(float(start), start % 7 * 5, start % 2) for start in range(40)),
        width=1.0,
        until=41.0,
        kinds=tuple(
            KindOfFailure(f"raised Error{n}", each, "[/] column 'Vg' missing", "look", ("a", "b"))
            for n in range(kinds)
        ),
        slowest=tuple(
            Succeeded(f"raw/{n}.csv", n, 1, 0.0, 3.0 - n / 10, None, None, "process-101", None)
            for n in range(20)
        ),
    )


LANES = (
    LaneView("openai/gpt", 120, 8, 8, 0.0, ""),
    LaneView("local [x]", 3, 0, None, 12.0, ""),
    LaneView("dead", 0, 0, 1, 0.0, "401 [/] no key"),
)


@pytest.fixture
def seen(monkeypatch):
    """Have the screen see what a test has made up."""

    class Made:
        sight = Sight()

        def __init__(self, session=None):
            pass

        def look(self):
            return Made.sight

        def close(self):
            pass

    monkeypatch.setattr("treadle.tui.widgets.watching.Watcher", Made)

    def see(*views, figures=None, said=(), code=None):
        added = figures or figures_of()
        stages = tuple(Stage(None, view, added, {}, said) for view in views)
        Made.sight = Sight(stages, code=code)

    return see


def test_each_pane_fits_a_small_terminal(seen, watch, shows, text_of, looks_as, until):
    said = tuple(
        Said(1_800_000_000.0 + n, "process-101", f"raw/{n}.csv", "stderr", f"[red]line {n}[/]")
        for n in range(3)
    )
    seen(view_of(seats=seats(3), lanes=LANES), said=said)

    async def walk(pilot):
        await shows(pilot, "815/2,000")
        seen(view_of(seats=seats(3), lanes=LANES))  # what is said is told once, as by a real run
        for key, tab in enumerate(
            ["workers", "failures", "slowest", "log", "lanes", "output", "about"], 1
        ):
            if tab == "output":
                continue  # of a command that was started here
            await pilot.press(str(key))
            tabs = pilot.app.screen.query_one(TabbedContent)
            await until(pilot, lambda tab=tab, tabs=tabs: tabs.active == tab, tab)
            if tab == "log":
                await shows(pilot, "[red]line 2[/]")
            else:
                await looks_as(pilot, f"run-{tab}")
            assert len(text_of(pilot.app).split("\n")) == 24

    watch(Path("/runs/261121-180000"), walk)


def test_a_run_of_two_stages_has_a_line_for_each_and_one_is_looked_at(
    seen, watch, shows, text_of, looks_as
):
    first = view_of(
        state="finished",
        live=False,
        ok=1997,
        total=2000,
        left=None,
        elapsed=100.0,
        name="stage /raw",
    )
    second = view_of(name="segment", stage=1, ok=10, failed=0, total=500, seats=seats(2))
    seen(first, second)

    async def walk(pilot):
        await shows(pilot, "10/500")
        await looks_as(pilot, "run-stages")
        await pilot.press("comma")
        await shows(pilot, "finished: 1,997 ok, 3 failed")
        await pilot.press("full_stop")
        await shows(pilot, "2 items running")
        seen(first, view_of(name="segment", stage=1, ok=9, failed=0, live=False, state="finished"))
        await shows(pilot, "finished: 9 ok, 0 failed · o report · 3 failed in another stage")

    watch(Path("/runs/261121-180000"), walk)


def test_a_hundred_workers_and_ten_thousand_failures_of_fifty_kinds(
    seen, watch, shows, until, text_of
):
    seen(view_of(seats=seats(100), failed=10_000), figures=figures_of(50, 200))

    async def walk(pilot):
        await shows(pilot, "Workers 100")
        await pilot.press("2")
        await shows(pilot, "Failures 10,000")
        await pilot.press("end")
        await shows(pilot, "raised Error49")
        await pilot.resize_terminal(60, 14)
        await shows(pilot, "raised Error49")
        await until(pilot, lambda: "815" not in text_of(pilot.app), "less")
        await pilot.resize_terminal(140, 50)
        await shows(pilot, "raised Error20")

    watch(Path("/runs/261121-180000"), walk)


def test_what_cannot_be_steered_says_why(seen, watch, shows, text_of):
    seen(view_of(steerable="it goes on on [host], not here"))

    async def walk(pilot):
        await shows(pilot, "cannot be steered: it goes on on [host], not here")
        await pilot.press("p", "x", "plus")
        await pilot.pause()
        assert "pausing" not in text_of(pilot.app)

    watch(Path("/runs/261121-180000"), walk)


def test_keys_act_on_the_pane_that_is_shown_whatever_was_pressed_or_clicked(
    seen, watch, shows, text_of
):
    seen(view_of(seats=seats(3), failed=10), figures=figures_of(5))

    async def walk(pilot):
        await shows(pilot, "822/2,000")
        await shows(pilot, "←→ Tabs")
        await pilot.press("tab", "tab", "right", "down", "down")
        await shows(pilot, ">       3  raised Error2")
        await pilot.click("#title")
        await pilot.press("down")
        await shows(pilot, ">       3  raised Error3")
        await pilot.click("#--content-tab-slowest")
        await pilot.press("down")
        await shows(pilot, ">     2.9 s  raw/1.csv")
        await pilot.press("4", "slash", "p", "x")  # at once: words, not what steers the run
        await shows(pilot, "no line holds that")
        assert "pausing" not in text_of(pilot.app)
        await pilot.press("escape")
        await pilot.resize_terminal(60, 20)
        await shows(pilot, "q Quit  ? Help")

    watch(Path("/runs/261121-180000"), walk)


def test_while_its_command_still_ends_no_key_is_offered_that_does_nothing(seen, watch, shows):
    seen(view_of(state="interrupted", live=False), code=None)

    class Ending:
        argv, cwd, line, code = ("map", "f.py:f", "in"), Path("/"), "treadle map f.py:f in", None

    async def walk(pilot):
        await shows(pilot, "1,185 left · the command is ending")
        seen(view_of(state="interrupted", live=False), code=130)
        await shows(pilot, "1,185 left · r resume")

    watch(Session.of_started(Ending()), walk)


class Pretended:
    """What a follower says, by folder; ``"silent"`` does not answer until it is let go."""

    looks: ClassVar[list[str]] = []
    closed: ClassVar[list[str]] = []
    let_go = threading.Event()

    def __init__(self, folder):
        self.folder = folder
        self.record = SimpleNamespace(facts={})
        self.tally = SimpleNamespace(
            bins=[Bin(0.0, 812, 3)], width=1.0, began=0.0, kinds=[], slowest=[]
        )

    def look(self):
        self.looks.append(self.folder.name)
        if self.folder.name == "silent":
            self.let_go.wait(PATIENCE)
        live = self.folder.name != "ended"
        return view_of(folder=self.folder, live=live, state="running" if live else "finished")

    def close(self):
        self.closed.append(self.folder.name)


def test_a_stage_that_is_silent_holds_up_no_other_and_one_that_has_ended_is_left_alone(
    tmp_path, monkeypatch
):
    folders = [tmp_path / name for name in ("silent", "ended", "running")]
    for folder in folders:
        folder.mkdir()
        (folder / "lock").touch()
        (folder / "ledger.sqlite").touch()
    monkeypatch.setattr(watching, "Follower", Pretended)
    monkeypatch.setattr(watching, "_missed", lambda *_: ())
    watcher = watching.Watcher(SimpleNamespace(started=None, folders=lambda: folders))
    for _ in range(3):
        assert [each.view.folder.name for each in watcher.look().stages] == ["ended", "running"]
    assert Pretended.looks.count("running") == 3
    assert Pretended.looks.count("ended") == Pretended.closed.count("ended") == 1
    os.utime(folders[1] / "lock", (1, 1))  # a session has signed
    watcher.look()
    assert Pretended.looks.count("ended") == 2
    assert Pretended.looks.count("silent") == 1
    Pretended.let_go.set()
    assert soon(lambda: len(watcher.look().stages) == 3)
    watcher.close()


def test_a_record_that_cannot_be_read_is_told_once(tmp_path, watch, shows):
    folder = tmp_path / "260101-000000"
    folder.mkdir()
    (folder / "run.json").write_text("{[red]")

    async def walk(pilot):
        await shows(pilot, "260101-000000")
        await shows(pilot, "no run so far")

    watch(folder, walk)
    assert watching.Watcher(Session.of_run(folder)).look().troubles
