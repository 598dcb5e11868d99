"""What all screens share: help, the palette, themes, what is remembered, and how it ends."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from textual.screen import Screen
from textual.widgets import Input, Label

from treadle import UsageError
from treadle.tui.app import TreadleApp
from treadle.tui.dialogs.confirm import ConfirmDialog
from treadle.tui.launching import start
from treadle.tui.remembered import Remembered
from treadle.tui.screens.help import HelpScreen

PATIENCE = 60.0


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """A command that runs until it is told to end; with it goes whatever it began."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "import time\ndef wait(line):\n    open('begun', 'w').close()\n    time.sleep(600)\n"
    )
    (tmp_path / "words.txt").write_text("a\n")
    started = start(
        ["map", "mine.py:wait", "words.txt", "--lines", "--into", "x.csv", "--grace", "0"]
    )
    until = time.monotonic() + PATIENCE
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    pid = started.pid
    yield started
    if psutil.pid_exists(pid):
        process = psutil.Process(pid)
        for each in [*process.children(recursive=True), process]:
            each.kill()
        process.wait()


class Telling(Screen):
    """A screen that shows what a thread tells it."""

    def compose(self):
        yield Label(id="told")

    def tell(self, text):
        self.query_one("#told", Label).update(text)
        return text


def test_what_a_thread_has_found_is_shown_unless_its_screen_is_taken_apart(use):
    async def walk(pilot):
        screen = Telling()
        await pilot.app.push_screen(screen)
        tell = partial(asyncio.to_thread, pilot.app.call_from_thread, screen.tell)
        assert await tell("one") == "one"
        removed = pilot.app.pop_screen()
        assert await tell("two") is None
        await removed
        assert await tell("three") is None

    use(walk)


def test_help_names_keys_and_words_and_what_is_typed_into_a_field_is_text(use, shows, until):
    async def walk(pilot):
        await pilot.press("question_mark")
        await shows(pilot, "Keys here")
        await pilot.press("end")
        await shows(pilot, "start nothing further")
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("question_mark")
        await until(pilot, lambda: not isinstance(pilot.app.screen, HelpScreen), "what was before")
        await pilot.press("slash", "q", "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input), "a field")
        await until(pilot, lambda: pilot.app.focused.value == "q?", "text, and no commands")
        await pilot.press("escape", "q")

    assert use(walk, size=(80, 24)).return_code == 0


def test_the_palette_offers_all_screens():
    app = TreadleApp(remembered=Remembered())
    titles = {command.title for command in app.get_system_commands(app.get_default_screen())}
    assert {"New run", "Laboratory", "Prompts", "Code", "Help"} <= titles


def test_the_theme_is_kept_for_the_next_time(use, state_dir):
    async def walk(pilot):
        pilot.app.theme = "nord"
        await pilot.pause()

    use(walk)
    assert json.loads((state_dir / "ui.json").read_text())["theme"] == "nord"

    async def look(pilot):
        await pilot.pause()

    assert use(look, remembered=Remembered.load()).theme == "nord"


def test_what_is_remembered_comes_back_the_newest_place_first(state_dir):
    remembered = Remembered()
    remembered.remember(("lab", "stage"), {"raw_root": "a [b]"})
    for place in ("/one", "/two", "/one"):
        remembered.note_place(Path(place))
    assert remembered.save() is None
    found = Remembered.load()
    assert found.values(["lab", "stage"]) == {"raw_root": "a [b]"}
    assert found.places == ["/one", "/two"]
    assert [each.name for each in state_dir.iterdir()] == ["ui.json"]


def test_a_damaged_memory_is_put_aside_and_said(state_dir, use, shows):
    remembered = Remembered()
    for text in ("{", "[]", '{"forms": 3}', '{"places": 5}', "\x00", "[" * 100_000):
        (state_dir / "ui.json").write_text(text)
        remembered = Remembered.load()
        assert remembered.damaged == state_dir / "ui.json.damaged"
        assert remembered.damaged.read_text() == text

    async def walk(pilot):
        await shows(pilot, "could not be read")

    use(walk, remembered=remembered)


def test_errors_are_said_as_they_are_and_so_is_a_memory_that_cannot_be_written(
    state_dir, use, shows, monkeypatch
):
    monkeypatch.setenv("TREADLE_STATE_DIR", str(state_dir / "file" / "none"))
    (state_dir / "file").touch()

    async def walk(pilot):
        pilot.app.keep()
        await shows(pilot, "cannot be kept")
        pilot.app.complain(UsageError("no [red]run[/] there", hint="make [b]one[/b]"))
        await shows(pilot, "no [red]run[/] there")
        await shows(pilot, "make [b]one[/b]")

    use(walk)


def test_leaving_asks_when_a_command_goes_on_and_can_let_it(use, until, waiting):
    async def walk(pilot):
        pilot.app.started.append(waiting)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.click("#leave")

    assert use(walk).return_code == 0
    assert psutil.pid_exists(waiting.pid)


def test_one_can_stay_or_cancel_what_goes_on(use, until, waiting):
    async def walk(pilot):
        pilot.app.started.append(waiting)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ConfirmDialog))
        assert waiting.code is None
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.click("#cancel")
        await until(pilot, lambda: waiting.code is not None)

    assert use(walk).return_code == 0
    assert waiting.code == 130


def test_without_a_terminal_it_says_what_else_there_is(capsys):
    from treadle.cli import main

    assert main(["ui"]) == 2
    assert "--plain" in capsys.readouterr().err


def test_a_folder_of_runs_that_is_none_is_named(tmp_path, capsys):
    from treadle.cli import main

    assert main(["ui", "--runs-dir", str(tmp_path / "none")]) == 2
    assert "is no folder" in capsys.readouterr().err
