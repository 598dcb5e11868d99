"""Home: what a newcomer sees, how runs are found, and what the keys do with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from textual.widgets import Button, Input, Static

import treadle
from treadle.cli.records import Entry
from treadle.ledger.lock import RunLock
from treadle.tui import app as app_module
from treadle.tui.app import TreadleApp
from treadle.tui.dialogs.prune import PruneDialog, Wanted, chosen_of
from treadle.tui.listing import Batch, Listing, Row, by_age
from treadle.tui.remembered import Remembered
from treadle.tui.screens import home as home_module
from treadle.tui.screens import home_columns
from treadle.tui.widgets.grid import Grid

WHERE_RUNS_ARE = "/home/me/project/.treadle/runs"


class Asked(TreadleApp):
    """The app, but other screens are only asked for."""

    CSS_PATH = Path(app_module.__file__).parent / TreadleApp.CSS_PATH

    def __init__(self, runs_dirs=(), remembered=None):
        super().__init__(list(runs_dirs), remembered or Remembered())
        self.asked = []
        self.complaints = []

    def show_run(self, folder):
        self.asked.append(("run", folder.name))

    def show_new(self, command=None, values=None):
        self.asked.append(("new",))

    def show_lab(self, root=None):
        self.asked.append(("lab",))

    def show_prompts(self, path=None):
        self.asked.append(("prompts",))

    def show_code(self, path=None):
        self.asked.append(("code",))

    def launch(self, argv, cwd=None):
        self.asked.append(("launch", tuple(argv), cwd))

    def make_report(self, folder):
        self.asked.append(("report", folder.name))

    def complain(self, error, hint=None):
        self.complaints.append(error if isinstance(error, str) else str(error))


@pytest.fixture(autouse=True)
def no_other_runs(own_sockets, monkeypatch):
    """Runs listen there, or where temporary files are: other tests have live runs, too."""
    monkeypatch.setattr(tempfile, "tempdir", os.environ["XDG_RUNTIME_DIR"])


@pytest.fixture
def home(use, until):
    """Use Home, once it has read all runs; return the app."""

    def through(walk, *, size=(100, 30), app=None):
        app = app or Asked()

        async def walk_on(pilot):
            await until(pilot, lambda: app.screen._has_read, "all runs")
            await walk(pilot)

        use(walk_on, size=size, app=app)
        return app

    return through


def names(app):
    """Return the names of the runs that are listed, from the top."""
    return [row.entry.name if row.entry else row.state for row in app.screen._shown]


def under_cursor(app):
    return app.screen._row().id


@pytest.fixture
def three(own_runs, finished, stopped):
    """Ids of three runs, oldest first."""
    last = treadle.run(abs, range(5), backend="inline", name="whole", runs_dir=own_runs)
    return [finished.name, stopped.name, last.run_id]


def test_a_newcomer_is_told_what_to_do(home, text_of, looks_as, own_runs, until):
    async def walk(pilot):
        await looks_as(pilot, "home-empty", **{WHERE_RUNS_ARE: str(own_runs)[:74]})
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: "o Report  q Quit  ? Help" in text_of(pilot.app), "the ways out")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "/ Find  q Quit  ? Help" in text_of(pilot.app), "all keys")

    home(walk, size=(80, 24))


def test_live_runs_are_on_top_the_newest_first_with_all_there_is_to_know(
    home, text_of, looks_as, until, monkeypatch
):
    rows = sample_rows()
    monkeypatch.setattr(Listing, "read", lambda _: iter([Batch(rows)]))
    monkeypatch.setattr(Listing, "look", lambda _: Batch())
    monkeypatch.setitem(home_columns.CELLS, "began", lambda row: "5 min ago")

    async def walk(pilot):
        assert names(pilot.app) == [
            "[b]held[/b]", "nightly", "nightly", None, "nightly", "damaged",
        ]  # fmt: skip
        await looks_as(pilot, "home")
        await pilot.resize_terminal(200, 20)
        await until(pilot, lambda: pilot.app.screen.size.width == 200, "the other size")
        await looks_as(pilot, "home-wide")

    home(walk, size=(80, 24))


def sample_rows():
    from datetime import UTC, datetime

    from treadle.tui.listing import Progress

    def entry(number, state, *, ok, failed, total=400, name="nightly", **more):
        folder = Path(f"/data/runs/26010{number}-120000")
        facts = {
            "id": folder.name,
            "name": name,
            "function": "parse.py:parse",
            "into": "/data/results.parquet",
            "began": datetime(2026, 1, number, 12, tzinfo=UTC).astimezone(),
            "state": state,
            "elapsed": 83.0,
            "total": total,
            "ok": ok,
            "failed": failed,
            "left": total - ok - failed,
            "throughput": (ok + failed) / 83.0,
            "folder": folder,
            "touched": 0.0,
        }
        return Row(folder=folder, id=folder.name, entry=Entry(**facts), **more)

    going = Progress(130, 400, 9.5, 28.0, "running")
    held = Progress(10, None, 0.0, None, "paused")
    broken = Path("/data/runs/260101-120000")
    return [
        entry(2, "running", ok=120, failed=10, progress=going),
        entry(3, "running", ok=10, failed=0, name="[b]held[/b]", progress=held),
        entry(6, "finished", ok=400, failed=0),
        entry(5, "crashed", ok=30, failed=1, name=None),
        entry(4, "cancelled from outside", ok=30, failed=1),
        Row(folder=broken, id=broken.name, trouble="it has no table of items", is_damaged=True),
    ]


def test_search_filters_while_one_types_and_columns_sort_by_key_and_by_click(
    home, three, until, shows
):
    async def walk(pilot):
        app = pilot.app

        async def listed(*wanted):
            await until(pilot, lambda: names(app) == list(wanted), f"{wanted}")

        await listed("whole", "stopped", "halves")
        # n, r and t are keys of Home: typed here, they are letters
        await pilot.press("slash", *"failed")
        await listed()
        await shows(pilot, "no run matches")
        await pilot.press("greater_than_sign", "1")
        await listed("halves")
        await shows(pilot, "1 of 3 runs")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, Grid), "the keys in the table")
        await pilot.press("escape")
        await listed("whole", "stopped", "halves")
        assert app.asked == []

        await pilot.press("s")
        await shows(pilot, "ITEMS ↓")
        await listed("halves", "whole", "stopped")
        await pilot.press("S")
        await shows(pilot, "ITEMS ↑")
        await listed("stopped", "whole", "halves")
        await pilot.click(Grid, offset=(4, 0))
        await shows(pilot, "STATE ↑")
        await pilot.click(Grid, offset=(4, 0))
        await shows(pilot, "STATE ↓")

    home(walk)


def test_the_selection_stays_on_its_run(home, three, own_runs, until):
    async def walk(pilot):
        app = pilot.app
        await pilot.press("down")
        await until(pilot, lambda: under_cursor(app) == three[1], "the cursor on the second")
        run = treadle.run(abs, range(2), backend="inline", name="new", runs_dir=own_runs).run_id
        await until(pilot, lambda: len(names(app)) == 4, "the new run")
        assert names(app)[0] == "new"
        assert under_cursor(app) == three[1]
        shutil.rmtree(own_runs / run)
        await pilot.press("f5")
        await until(pilot, lambda: len(names(app)) == 3, "the end of the new run")
        assert under_cursor(app) == three[1]

    home(walk)


def test_new_runs_appear_by_themselves_and_are_followed(home, own_runs, until, shows):
    go = threading.Event()

    def wait(item):
        if item > 3:
            go.wait()
        return item

    options = {"backend": "threads", "workers": 2, "name": "slow", "runs_dir": own_runs}
    thread = threading.Thread(target=treadle.run, args=(wait, range(8)), kwargs=options)

    async def walk(pilot):
        app = pilot.app
        thread.start()
        await shows(pilot, "50 %")
        await shows(pilot, "● running")
        await shows(pilot, "1 live")
        await pilot.press("r")
        await until(pilot, lambda: app.complaints, "a complaint")
        assert "goes on" in app.complaints[0]
        go.set()
        await shows(pilot, "✓ finished")
        await shows(pilot, "0 live")

    try:
        home(walk)
    finally:
        go.set()
        thread.join()


def test_however_often_it_is_asked_for_runs_are_read_once_at_a_time(home, until, monkeypatch):
    at_once, most, done = 0, 0, 0
    go = threading.Event()

    def read(_):
        nonlocal at_once, most, done
        at_once += 1
        most = max(most, at_once)
        go.wait()
        yield Batch()
        at_once -= 1
        done += 1

    async def walk(pilot):
        go.clear()
        await pilot.press(*["f5"] * 6)
        go.set()
        await until(pilot, lambda: done == 3, "the first, the next, and one for those meanwhile")

    monkeypatch.setattr(Listing, "read", read)
    go.set()
    home(walk)
    assert most == 1


def test_runs_of_what_was_started_here_are_there_again(use, until, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(home_module, "LOOK_EVERY", 1000.0)  # as if it were left at once
    Path("mine.py").write_text("def third(line):\n    return {'n': 3 // int(line)}\n")
    Path("lines.txt").write_text("1\n")
    command = "map mine.py:third lines.txt --lines --into out.jsonl --backend inline --runs-dir"

    async def start(pilot):
        started = pilot.app.launch([*command.split(), str(tmp_path / "elsewhere")])
        await until(pilot, lambda: started.code is not None, "its end")

    async def look(pilot):
        await until(pilot, lambda: pilot.app.screen._has_read, "all runs")
        assert [row.folder.parent for row in pilot.app.screen._shown] == [tmp_path / "elsewhere"]

    use(start, app=TreadleApp())
    assert Remembered.load().places == [str(tmp_path / "elsewhere")]
    use(look, app=TreadleApp())


def test_keys_lead_on_and_folders_with_runs_are_remembered(home, three, own_runs, until):
    wanted = [("new",), ("lab",), ("prompts",), ("code",), ("run", three[2]), ("report", three[1])]

    async def walk(pilot):
        await pilot.press("n", "l", "m", "c", "enter", "down", "o", "home", "r", "t")
        await until(pilot, lambda: len(pilot.app.complaints) == 2, "what cannot be resumed")
        await until(pilot, lambda: pilot.app.remembered.places, "a place")

    app = home(walk)
    assert app.asked == wanted
    assert "not by a command" in app.complaints[0]
    assert "resume=" in app.complaints[0]
    assert "no item of the run" in app.complaints[1]
    assert app.remembered.places == [str(own_runs.resolve())]
    assert Remembered.load().places == [str(own_runs.resolve())]


def test_resume_and_retry_start_the_command(home, tmp_path, own_runs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("def third(line):\n    return {'n': 3 // int(line)}\n")
    Path("lines.txt").write_text("0\n1\n")
    command = "map mine.py:third lines.txt --lines --into out.jsonl --backend inline"
    subprocess.run(
        [sys.executable, "-m", "treadle", *command.split()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        capture_output=True,
    )

    async def walk(pilot):
        await pilot.press("r", "t")

    asked = home(walk).asked
    assert [(kind, argv[0]) for kind, argv, _ in asked] == [
        ("launch", "resume"),
        ("launch", "retry"),
    ]
    assert asked[0][1][2:] == ("--runs-dir", str(own_runs.resolve()))
    assert asked[0][2] == tmp_path


def test_a_damaged_run_says_what_is_wrong_with_it(home, three, own_runs, text_of):
    (own_runs / three[2] / "run.json").write_text("{")

    async def walk(pilot):
        assert "✗ damaged" in text_of(pilot.app)
        assert "1 unreadable" in text_of(pilot.app)
        await pilot.press("enter")

    app = home(walk)
    assert app.asked == []
    assert "cannot be read" in app.complaints[0]


def test_runs_of_remembered_folders_are_listed(home, three, tmp_path):
    treadle.run(abs, range(2), backend="inline", name="elsewhere", runs_dir=tmp_path / "other")

    async def walk(pilot):
        assert sorted(names(pilot.app)) == ["elsewhere", "halves", "stopped", "whole"]

    home(walk, app=Asked(remembered=Remembered(places=[str(tmp_path / "other")])))


# ── prune ───────────────────────────────────────────────────────────────────────────────────────


async def answer(pilot, age="", keep=""):
    """Fill in the dialog."""
    screen = pilot.app.screen
    screen.query_one("#age", Input).value = age
    screen.query_one("#keep", Input).value = keep
    await pilot.pause()
    return screen


def test_prune_says_what_would_go_and_asks_twice(home, three, own_runs, until, shows):
    async def walk(pilot):
        app = pilot.app
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, PruneDialog))
        await shows(pilot, "nothing would be removed")  # by default, what is old
        screen = await answer(pilot, keep="1")
        await shows(pilot, "2 records of 3, ")
        await shows(pilot, f"{three[0]} finished, 18 ok, 2 failed")
        button = screen.query_one("#remove", Button)
        button.press()
        await until(pilot, lambda: str(button.label) == "Really remove 2 records?", "a question")
        assert len(os.listdir(own_runs)) == 3
        button.press()
        await until(pilot, lambda: not isinstance(app.screen, PruneDialog), "the end of it")
        await until(pilot, lambda: names(app) == ["whole"], "one run")

    home(walk, size=(80, 24))
    assert os.listdir(own_runs) == [three[2]]


def test_after_a_change_prune_asks_again_and_it_says_what_it_does_not_understand(
    home, three, own_runs, until
):
    async def walk(pilot):
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PruneDialog))
        screen = await answer(pilot, age="long")
        assert "takes a span of time, got 'long'" in str(screen.query_one("#found", Static).content)
        assert screen.query_one("#remove", Button).disabled
        await answer(pilot)
        button = screen.query_one("#remove", Button)
        button.press()
        await pilot.pause()
        await answer(pilot, keep="2")
        assert str(button.label) == "Remove 1"
        button.press()
        await pilot.press("escape")

    home(walk)
    assert len(os.listdir(own_runs)) == 3


def test_a_run_that_goes_on_is_never_removed(home, three, own_runs, until):
    async def walk(pilot):
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PruneDialog))
        screen = await answer(pilot)
        lock = RunLock(own_runs / three[1])  # it was resumed while somebody looked at the dialog
        try:
            button = screen.query_one("#remove", Button)
            button.press()
            await pilot.pause()
            button.press()
            await until(pilot, lambda: pilot.app.screen is not screen, "the end of it")
        finally:
            lock.release()

    home(walk)
    assert os.listdir(own_runs) == [three[1]]


def test_prune_chooses_as_the_command_does(three, own_runs, tmp_path):
    treadle.run(abs, range(2), backend="inline", runs_dir=tmp_path / "b")
    newer = own_runs / "200101-000000"
    shutil.copytree(own_runs / three[0], newer)
    (newer / "run.json").write_text(json.dumps({"format": 99}))
    listing = Listing([own_runs, tmp_path / "b"])
    rows = sorted((row for batch in listing.read() for row in batch.rows), key=by_age)

    def chosen(place=None, age=None, keep=0, *, only_finished=False):
        wanted = Wanted(place, age, keep, only_finished)
        return [one.folder.name for one in chosen_of(rows, wanted, time.time())]

    assert chosen(own_runs.resolve()) == three
    assert len(chosen()) == 4
    assert chosen(own_runs.resolve(), keep=2) == three[:1]
    assert chosen(keep=1) == three[:2]
    assert chosen(age=3600.0) == []
    assert chosen(own_runs.resolve(), only_finished=True) == [three[0], three[2]]
