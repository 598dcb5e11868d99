"""A run is begun from a form: filled in by keyboard, checked as one types, started as shown."""

from __future__ import annotations

import threading

import pytest
from textual import events
from textual.screen import Screen
from textual.widgets import Button, Checkbox, Select, Static

from treadle.tui.app import TreadleApp
from treadle.tui.forms.rows import FieldRow
from treadle.tui.remembered import Remembered
from treadle.tui.screens import new
from treadle.tui.screens.new import NewRunScreen
from treadle.tui.screens.plan import PlanScreen


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "parse.py").write_text("def parse(path):\n    return 1\n\ndef clean(path): ...\n")
    (tmp_path / "data").mkdir()
    for number in range(12):
        (tmp_path / "data" / f"{number}.csv").write_text("a\n1\n")
    (tmp_path / "two words.csv").touch()
    (tmp_path / "prompt.txt").write_text("Say {{word}}.")
    (tmp_path / "rows.csv").write_text("word\nyes\nno\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def launched(monkeypatch):
    """What was started, instead of starting it."""
    found = []

    def launch(_app, argv, cwd=None):
        found.append(list(argv))
        return object()

    monkeypatch.setattr(TreadleApp, "launch", launch)
    monkeypatch.setattr(TreadleApp, "get_default_screen", lambda _app: Screen())
    return found


@pytest.fixture
def form(use, until, launched):
    """Open a form and walk through it."""

    def open_form(walk, command=("map",), values=None, size=(80, 24), remembered=None):
        async def through(pilot):
            pilot.app.show_new(command, values)
            await until(pilot, lambda: isinstance(pilot.app.screen, NewRunScreen), "the form")
            await settled(pilot, until)
            await walk(pilot)

        return use(through, size=size, remembered=remembered)

    return open_form


async def put_in(pilot, text):
    """Type *text* where the focus is, all at once: a key takes its time."""
    pilot.app.focused.insert_text_at_cursor(text)
    await pilot.pause()


async def settled(pilot, until):
    screen = pilot.app.screen
    await pilot.pause()
    await until(pilot, lambda: screen._checked and not busy(screen), "a verdict")


def busy(screen):
    return any(each.group == "check" and not each.is_finished for each in screen.workers)


def said(screen, name):
    return str(screen.query_one(f"#field-{name} .said", Static).content)


def line(screen):
    return str(screen.query_one("#line", Static).content)


FULL = {"function": "parse.py:parse", "source": ["data"], "into": "out.csv"}


def row(screen, name):
    return screen.query_one(f"#field-{name}", FieldRow)


@pytest.fixture(autouse=True)
def _in_the_folder(folder):
    """Each test stands in it."""


def test_a_run_is_begun_by_keyboard_alone_and_what_is_typed_is_completed(form, launched, until):
    async def walk(pilot):
        screen = pilot.app.screen
        entry = row(screen, "function").entry
        await pilot.press(*"par")
        await until(pilot, lambda: entry._suggestion == "parse.py:", "a suggestion")
        await pilot.press("right", "p")
        await until(pilot, lambda: entry._suggestion == "parse.py:parse", "a function")
        await pilot.press("right", "enter", *"data", "tab")
        await put_in(pilot, "out.csv")
        await settled(pilot, until)
        assert line(screen) == "$ treadle map parse.py:parse data --into out.csv"
        assert said(screen, "function") == "· parse(path)"
        assert said(screen, "source") == "· 12 files"
        assert not screen.query_one("#start", Button).disabled
        await pilot.press("ctrl+s")
        await until(pilot, lambda: launched, "a start")
        assert not isinstance(pilot.app.screen, NewRunScreen)

    form(walk)
    assert launched == [["map", "parse.py:parse", "data", "--into", "out.csv"]]


def test_what_is_wrong_stands_under_its_field_and_nothing_starts(form, launched, until, text_of):
    async def walk(pilot):
        screen = pilot.app.screen
        assert said(screen, "function").startswith("✗ there is no 'prse' in parse.py; did you mean")
        assert said(screen, "workers").startswith("✗ --workers takes a whole number")
        assert said(screen, "into") == ""
        assert screen.query_one("#start", Button).disabled
        assert "look at FILE_OR_MODULE:FUNCTION, --workers" in text_of(pilot.app)
        screen.query_one("#field-limit Input").focus()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.focused is row(screen, "function").entry, "the field")

    form(walk, values={**FULL, "function": "parse.py:prse", "workers": "none"})
    assert launched == []


def test_values_are_kept_for_each_command_and_offered_again(form, until, launched):
    remembered = Remembered()

    async def start(pilot):
        await pilot.press("ctrl+s")
        await until(pilot, lambda: launched, "a start")

    form(start, values={**FULL, "ordered": True, "limit": "5"}, remembered=remembered)

    async def again(pilot):
        shown = line(pilot.app.screen)
        assert shown.endswith("map parse.py:parse data --into out.csv --limit 5 --ordered")
        await choose(pilot, until, "lab stage")
        assert line(pilot.app.screen) == "$ treadle lab stage RAW STAGE"

    form(again, remembered=Remembered.load())


def test_keys_go_where_they_are_meant_however_quickly_they_come(form, until, launched):
    async def walk(pilot):
        screen = pilot.app.screen
        function, source = row(screen, "function").entry, row(screen, "source").entry
        assert pilot.app.focused is function
        # Typed as by a busy terminal: nothing is acted on before all of it has come.
        for key in (*"parse.py:parse", "tab", *"data", "tab", *"out.csv", "ctrl+s"):
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: launched, "a start")
        assert (function.value, source.value) == ("parse.py:parse", "data")

    form(walk)
    assert launched == [["map", "parse.py:parse", "data", "--into", "out.csv"]]


def test_a_form_that_is_left_hears_nothing_more(form, until, launched, monkeypatch):
    """Neither by its start nor by Escape: its rows go before it goes."""
    heard, left = [], threading.Event()
    real = new.look

    def look(*arguments):
        left.wait(30)
        return real(*arguments)

    async def walk(pilot):
        screen = pilot.app.screen
        monkeypatch.setattr(new, "look", look)
        monkeypatch.setattr(screen, "_tell", lambda: heard.append(screen in app.screen_stack))
        app = pilot.app
        await pilot.press("x")
        await until(pilot, lambda: heard, "what is wrong")  # and the notes are awaited
        row(screen, "timeout").entry.value = "soon"  # which sets off the timer
        app.pop_screen()
        left.set()
        screen._check()
        await until(pilot, lambda: not screen.is_attached, "the end")
        assert not any(each is False for each in heard)

    form(walk, values=FULL)
    assert launched == []


async def choose(pilot, until, command):
    """Go to the form of another command."""
    screen = pilot.app.screen
    screen.query_one("#command Select", Select).value = command
    await until(pilot, lambda: screen._words == tuple(command.split()), "the other form")
    await until(pilot, lambda: pilot.app.focused is screen.query(FieldRow)[0].entry, "its field")
    await settled(pilot, until)


def test_another_command_is_chosen_and_the_first_form_stays_filled_in(form, until):
    async def walk(pilot):
        screen = pilot.app.screen
        await choose(pilot, until, "lab stage")
        assert line(screen) == "$ treadle lab stage RAW STAGE"
        pair = screen.query_one("#field-force Select", Select)  # it has three states
        for value, expected in (("on", " --force"), ("off", " --no-force"), ("", " STAGE")):
            pair.value = value
            await settled(pilot, until)
            assert line(screen).endswith(expected)
        await choose(pilot, until, "map")
        assert line(screen) == "$ treadle map parse.py:parse data --into out.csv"
        assert row(screen, "source").value == ["data"]

    form(walk, values=FULL)


def test_further_options_are_gone_to_if_wrong_and_searched_and_all_is_reset(form, launched, until):
    async def walk(pilot):
        screen = pilot.app.screen
        await pilot.press("ctrl+s")
        await until(
            pilot,
            lambda: screen.query("#field-rate") and pilot.app.focused is row(screen, "rate").entry,
            "the field that is wrong",
        )
        assert said(screen, "rate").startswith("✗ --rate takes")

        await pilot.press("f3")
        await until(pilot, lambda: pilot.app.focused.has_class("search"), "the search")
        await put_in(pilot, "random")
        await until(pilot, lambda: not row(screen, "grace").display, "fewer of them")
        shown = {each.field.name for each in screen.query("#more FieldRow") if each.display}
        assert shown == {"shuffle", "seed"}
        await pilot.press("tab", "space")
        await settled(pilot, until)
        assert "--shuffle" in line(screen)
        assert screen.query_one("#field-shuffle Checkbox", Checkbox).BUTTON_INNER == "✓"

        await pilot.press("f8")
        await settled(pilot, until)
        assert line(screen) == "$ treadle map FILE_OR_MODULE:FUNCTION SOURCE"

    form(walk, values={**FULL, "rate": "fast"})
    assert launched == []


def test_a_function_and_several_sources_are_picked(form, until):
    async def walk(pilot):
        screen = pilot.app.screen
        await pilot.press("ctrl+o")
        await until(pilot, lambda: pilot.app.screen is not screen, "the picker")
        await until(pilot, lambda: pilot.app.screen._entries, "entries")
        await put_in(pilot, "parse")
        await pilot.press("enter")
        await pilot.pause()
        await put_in(pilot, "clean")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen, "the form")
        await pilot.press("tab", "ctrl+o")
        await until(pilot, lambda: pilot.app.screen is not screen, "the picker")
        await until(pilot, lambda: pilot.app.screen._entries, "entries")
        await put_in(pilot, "two")
        await pilot.press("enter", "ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen, "the form")
        await settled(pilot, until)
        assert row(screen, "source").value == ["two words.csv"]
        assert line(screen) == "$ treadle map parse.py:clean 'two words.csv'"

    form(walk)


ODD_NAMES = ["new\nline.csv", b"\xff.csv".decode("utf-8", "surrogateescape")]


def test_several_values_read_as_they_are_written_and_are_run_so(
    form, until, launched, folder, text_of
):
    names = ["two words.csv", "it's", "$HOME", "back\\slash", *ODD_NAMES]
    for name in names:
        (folder / name).touch()
    values = ["data/**/*.csv", *names]

    async def walk(pilot):
        screen = pilot.app.screen
        source = row(screen, "source")
        assert source.value == values
        assert source.entry.value.startswith("data/**/*.csv 'two words.csv' ")
        text_of(pilot.app).encode()  # as a terminal takes it

        source.entry.focus()
        await until(pilot, lambda: pilot.app.focused is source.entry, "the field")
        written = source.entry.value
        await put_in(pilot, " 'two")
        await until(pilot, lambda: "quote" in said(screen, "source"), "what is wrong")
        assert screen.query_one("#start", Button).disabled

        source.entry.value = written
        await settled(pilot, until)
        await pilot.press("ctrl+y")
        await until(pilot, lambda: pilot.app.clipboard, "the copy")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: launched, "a start")

    app = form(walk, values={**FULL, "source": values})
    assert app.clipboard.startswith("treadle map parse.py:parse 'data/**/*.csv' 'two words.csv' ")
    assert launched == [["map", "parse.py:parse", *values, "--into", "out.csv"]]


def test_it_looks_so(form, looks_as, text_of, until):
    async def walk(pilot):
        await looks_as(pilot, "new-80")
        await pilot.resize_terminal(140, 40)
        await until(pilot, lambda: pilot.app.screen.size.width == 140, "the other size")
        await looks_as(pilot, "new-140")

    form(walk, values={**FULL, "timeout": "soon"})


ASK = {"prompt": ["prompt.txt"], "experiments": "rows.csv", "output": "out.csv"}
ASKS = ("prompts", "run")


def test_prompts_are_planned_and_start_without_a_question_where_they_cost_nothing(
    form, until, launched, shows, folder
):
    (folder / "prompt.txt").write_text("Say {{nothing}}.")

    async def walk(pilot):
        await pilot.press("f4")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen), "the plan")
        screen = pilot.app.screen
        await until(pilot, lambda: screen._process is not None, "a process")
        await pilot.press("escape")
        await until(pilot, lambda: screen._process.poll() is not None, "its end")

        await pilot.press("f4")
        await shows(pilot, "✗ problem: 2 rows (1, 2) have no 'nothing'")
        assert not pilot.app.screen._can_start
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewRunScreen), "the form")
        assert launched == []

        (folder / "prompt.txt").write_text("Say {{word}}.")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: launched, "a start")

    form(walk, command=ASKS, values={**ASK, "model": ["mock/[red]"]}, size=(100, 30))
    assert launched[0][:2] == ["prompts", "run"]
    assert "--dry-run" not in launched[0]


def test_prompts_that_cost_are_asked_about_once(form, until, launched, text_of, shows, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    async def walk(pilot):
        await pilot.press("ctrl+s")
        await shows(pilot, "at most")
        text = text_of(pilot.app)
        assert "2 rows, 2 requests to send" in text
        assert "openai/gpt-4o-mini" in text
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewRunScreen), "the form")
        assert launched == []
        await pilot.press("f4")
        await shows(pilot, "at most")
        assert " ".join(ASKS) not in pilot.app.remembered.forms
        await pilot.press("ctrl+s")
        await until(pilot, lambda: launched, "a start")
        assert pilot.app.remembered.values(ASKS)["experiments"] == "rows.csv"

    form(walk, command=ASKS, values={**ASK, "model": ["openai/gpt-4o-mini"]})
    assert len(launched) == 1
