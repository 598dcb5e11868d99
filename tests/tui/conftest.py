"""What tests of the UI share: a state of its own, recorded runs, and the screen as text."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from textual import pilot
from textual._wait import wait_for_idle

import treadle
from treadle.api import remote
from treadle.tui import following
from treadle.tui.app import TreadleApp
from treadle.tui.remembered import Remembered

GOLDEN = Path(__file__).parent / "golden"
PATIENCE = 25.0  # a net, not a delay
OFTEN = 0.05  # seconds between two looks at a screen, which is drawn for each


@pytest.fixture(autouse=True)
def state_dir(tmp_path_factory, monkeypatch):
    """Where the UI keeps things, in this test alone; it was never used."""
    place = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("TREADLE_STATE_DIR", str(place))
    return place


@pytest.fixture(autouse=True)
def as_on_a_usual_terminal(monkeypatch):
    for name in ("NO_COLOR", "DISPLAY", "WAYLAND_DISPLAY", "TEXTUAL_DRIVER", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    # Frames of an animation would come between a key and what it does.
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


@pytest.fixture(autouse=True)
def keys_do_not_wait_for_idle_processes(monkeypatch):
    """
    After each key Pilot waits up to a second for a process that does next to nothing.

    Ours watches runs; tests wait for what they want to see.
    """
    monkeypatch.setattr(pilot, "wait_for_idle", lambda least=0.02: wait_for_idle(least, 0.1))


@pytest.fixture(autouse=True)
def widgets_that_are_taken_away_answer_nobody(monkeypatch):
    """
    Before and after each key Pilot asks all widgets, and waits for their answers.

    One that is taken away meanwhile, with its screen, never gives one, and Pilot would fail after
    half a minute. Tests wait for what they want to see.
    """
    asked = pilot.Pilot._wait_for_screen

    async def wait_for_screen(self, timeout=2.0):  # noqa: ASYNC109  as it is there
        with suppress(pilot.WaitForScreenTimeout):
            return await asked(self, timeout)
        return True

    monkeypatch.setattr(pilot.Pilot, "_wait_for_screen", wait_for_screen)


@pytest.fixture(autouse=True)
def runs_may_take_their_time(monkeypatch):
    """A run that has not answered at once is shown without what it does; on a busy machine, too."""
    monkeypatch.setattr(following, "_ANSWERED_WITHIN", 3.0)


@pytest.fixture(autouse=True)
def seldom_collected():
    """The collector would go through all there is of Textual again and again."""
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    yield
    gc.set_threshold(*usual)


@pytest.fixture(autouse=True)
def own_sockets(monkeypatch):
    """Where runs listen, so that those of other tests are not seen; paths of sockets are short."""
    with tempfile.TemporaryDirectory(prefix="tu") as place:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        # Else those in the folder for temporary files, too, which all tests have in common.
        monkeypatch.setattr(remote, "folders", lambda: iter([Path(place) / "treadle"]))
        yield


def halve(value):
    if value % 10 == 7:
        raise ValueError(f"[red]{value}[/] is odd, and no tag")
    return value / 2


@pytest.fixture
def finished(own_runs):
    """The folder of a run of 20 items, two of which failed."""
    report = treadle.run(halve, range(20), backend="inline", name="halves", runs_dir=own_runs)
    return own_runs / report.run_id


@pytest.fixture
def stopped(own_runs):
    """The folder of a run that ended at its first failure."""
    report = treadle.run(
        halve, range(5, 20), backend="inline", name="stopped", on_error="stop", runs_dir=own_runs
    )
    return own_runs / report.run_id


def text_of(app):
    """Return what stands on the screen, line by line."""
    # There is no public way; an SVG of the screen holds the same text.
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def until(pilot, condition, what=""):
    """Wait until *condition* holds of the app."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"never came: {what or condition}\n{text_of(pilot.app)}")
        await asyncio.sleep(OFTEN)
    await pilot.pause()


async def shows(pilot, text):
    """Wait until *text* stands on the screen."""
    await until(pilot, lambda: text in text_of(pilot.app), repr(text))


def use(walk, *, size=(100, 30), runs_dirs=(), remembered=None, app=None):
    """Run the UI, in no terminal, while ``walk(pilot)`` uses it; return the app."""
    app = app or TreadleApp(list(runs_dirs), remembered or Remembered())

    async def through():
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            await walk(pilot)

    asyncio.run(through())
    return app


_MOVING = (
    (re.compile(r"\d{6}-\d{6}[b-z]*"), "YYMMDD-HHMMSS"),
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "YYYY-MM-DD"),
    (re.compile(r"\d{2}:\d{2}:\d{2}"), "HH:MM:SS"),
)


async def looks_as(pilot, name, **called):
    """
    Wait until the screen is as in ``golden/NAME.txt``; ``UPDATE_GOLDEN=1`` writes that anew.

    Ids and times are made equal; what else differs each time is *called*, by the word for it.
    """
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        await asyncio.sleep(1.0)  # nothing tells that all is drawn
        path.parent.mkdir(exist_ok=True)
        path.write_text(_steady(pilot.app, called), encoding="utf-8")
    wanted = path.read_text(encoding="utf-8")
    end = time.monotonic() + PATIENCE
    while (text := _steady(pilot.app, called)) != wanted and time.monotonic() < end:
        await asyncio.sleep(OFTEN)
        await pilot.pause()
    assert text == wanted


def _steady(app, called):
    text = text_of(app)
    for word, moving in called.items():
        text = text.replace(moving, word)
    for pattern, word in _MOVING:
        text = pattern.sub(
            lambda found, word=word: word[: len(found[0])].ljust(len(found[0])), text
        )
    return text + "\n"


# Tests are no package, so that nothing here can be imported: what they call is a fixture.


@pytest.fixture(name="use")
def _use():
    return use


@pytest.fixture(name="shows")
def _shows():
    return shows


@pytest.fixture(name="until")
def _until():
    return until


@pytest.fixture(name="text_of")
def _text_of():
    return text_of


@pytest.fixture(name="looks_as")
def _looks_as():
    return looks_as
