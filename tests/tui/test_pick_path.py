"""The picker finds files and folders by keyboard, whatever they are called."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.screen import Screen
from textual.widgets import Input, OptionList

from treadle.tui.app import TreadleApp
from treadle.tui.dialogs.pick_path import SHOWN, PickPath
from treadle.tui.forms.fields import Kind

ODD = [
    "new\nline",
    "[red]no markup[-]",
    b"bytes\xff".decode("utf-8", "surrogateescape"),
    "\x1b[2J",
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("data/deep", "data/.secret", "empty"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("data/a2.csv", "data/a10.csv", "data/.hidden.csv", "top.txt"):
        (tmp_path / name).touch()
    (tmp_path / "parse.py").write_text("def parse(path): ...\ndef clean(path): ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(TreadleApp, "get_default_screen", lambda _app: Screen())
    return tmp_path


@pytest.fixture
def pick(use, until):
    """
    Return what opens a picker, presses keys once it shows its folder, and returns what came of it.

    ``pick.each`` opens several, one after the other: an app takes long to start.
    """

    async def one(pilot, *keys, kind=Kind.PATH, looked=None, start=None, **options):
        picked = []
        dialog = PickPath("which", kind, start=start, **options)
        pilot.app.push_screen(dialog, picked.append)
        await until(pilot, lambda: dialog._entries or dialog._found.problem, "entries")
        for key in keys:
            if isinstance(key, Path):
                await until(pilot, lambda key=key: dialog._found.folder == key, str(key))
            elif len(key) > 1 and key not in KEYS:
                dialog.query_one(Input).insert_text_at_cursor(key)
            else:
                await pilot.press(key)
            await pilot.pause()
        if looked is not None:
            looked(pilot.app, dialog)
        if pilot.app.screen is dialog:
            dialog.dismiss(None)
        await until(pilot, lambda: picked, "what was picked")
        return picked[0]

    def each(*wanted):
        came = []

        async def walk(pilot):
            for keys, options in wanted:
                came.append(await one(pilot, *keys, **options))

        use(walk, size=(80, 24))
        return came

    def pick(*keys, **options):
        return each((keys, options))[0]

    pick.each = each
    return pick


KEYS = {"enter", "down", "up", "backspace", "escape", "ctrl+s", "f2", "full_stop", "slash", "tilde"}


def names(dialog):
    return [entry.text for entry in dialog._entries]


def test_typing_finds_and_enter_takes_and_escape_picks_nothing(pick, folder):
    data, file = folder / "data", {"kind": Kind.FILE}
    assert pick.each(
        (["dat", "enter", data, "a10", "enter"], file),
        (["escape"], file),
        (["data/a2.csv", "enter"], file),  # a path that is typed is gone to
        (["data/", data, "a10", "enter"], file),
    ) == [["data/a10.csv"], None, ["data/a2.csv"], ["data/a10.csv"]]


def test_names_stand_in_natural_order_folders_first_and_hidden_ones_if_asked_for(pick, folder):
    seen = []
    in_data = {
        "start": folder / "data",
        "looked": lambda _app, dialog: seen.append(names(dialog)),
    }
    pick.each(([], in_data), (["f2"], in_data))
    assert seen[0] == ["✓ take this folder", "../", "deep/", "a2.csv", "a10.csv"]
    assert {".secret/", ".hidden.csv"} <= set(seen[1])


def test_a_folder_is_taken_once_one_is_in_it(pick, folder):
    data, kind = folder / "data", {"kind": Kind.FOLDER}
    assert pick.each((["dat", "enter", data, "enter"], kind), (["ctrl+s"], kind)) == [
        ["data"],
        ["."],
    ]


def test_backspace_goes_up_once_nothing_is_left_to_delete(pick, folder):
    picked = pick(
        "x", "backspace", "backspace", folder, "enter", folder / "data", "enter",
        kind=Kind.FOLDER, start=folder / "data",
    )  # fmt: skip
    assert picked == ["data"]  # where one came from was highlighted


def test_several_are_taken_together_and_can_be_left_out_again(pick, folder):
    options = {"kind": Kind.FILE, "several": True, "start": folder / "data"}
    rest = ["backspace", "backspace", "a10", "enter", "ctrl+s"]
    both, one = pick.each(
        (["a2", "enter", *rest], options),
        (["a2", "enter", "enter", *rest], options),
    )
    assert both == ["data/a2.csv", "data/a10.csv"]
    assert one == ["data/a10.csv"]


def test_a_new_name_can_be_given_where_one_is_made(pick, folder):
    assert pick.each(
        (["out.csv", "enter"], {"kind": Kind.PATH, "made": True}),
        (["new/out.csv", "enter"], {"kind": Kind.FILE, "made": True}),
        (["out.csv", "enter"], {"kind": Kind.FILE}),
    ) == [["out.csv"], ["new/out.csv"], None]


def test_what_is_outside_has_its_whole_path(pick, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "x.csv").touch()
    assert pick("x", "enter", kind=Kind.FILE, start=other) == [str(other / "x.csv")]


def test_a_function_is_picked_in_one_of_the_files_that_may_have_some(pick, folder):
    seen = []
    looks = {"kind": Kind.FUNCTION, "looked": lambda _app, dialog: seen.append(names(dialog))}
    picked = pick.each(([], looks), (["pars", "enter", "cle", "enter"], {"kind": Kind.FUNCTION}))
    assert seen == [["../", "data/", "empty/", "parse.py"]]
    assert picked == [None, ["parse.py:clean"]]


def test_odd_names_are_shown_and_taken_as_they_are(pick, folder, text_of):
    place = folder / "odd"
    place.mkdir()
    for name in ODD:
        (place / name).touch()
    screens = []

    def looked(app, _dialog):
        screens.append(text_of(app))

    keys = ["enter", "down", "enter", "down", "enter", "down", "enter", "ctrl+s"]
    picked, _ = pick.each(
        (keys, {"start": place, "kind": Kind.FILE, "several": True}),
        ([], {"start": place, "looked": looked}),
    )
    assert set(picked) == {f"odd/{name}" for name in ODD}
    assert screens[0].encode()
    for text in ("new\\nline", "[red]no markup[-]", "bytes\\xff", "\\x1b[2J"):
        assert text in screens[0]


def test_a_folder_that_cannot_be_read_is_said(pick, folder, text_of):
    screens = []
    gone = {"start": folder / "gone"}
    _, picked = pick.each(
        ([], {**gone, "looked": lambda app, _dialog: screens.append(text_of(app))}),
        (["backspace", folder, "ctrl+s"], {**gone, "kind": Kind.FOLDER}),
    )
    assert "No such file" in screens[0]
    assert picked is not None


def test_thousands_of_names_are_searched_and_some_shown(pick, folder, text_of):
    place = folder / "many"
    place.mkdir()
    for number in range(3000):
        (place / f"{number}.csv").touch()
    counts, screens = [], []

    def looked(app, dialog):
        counts.append(app.screen.query_one(OptionList).option_count)
        screens.append(dialog._entries[-1].text)

    _, picked = pick.each(
        ([], {"start": place, "looked": looked}),
        (["2999", "enter"], {"start": place, "kind": Kind.FILE}),
    )
    assert counts[0] <= SHOWN + 3
    assert screens == [f"… {3000 - SHOWN:,} more: type to find them"]
    assert picked == ["many/2999.csv"]


def test_it_fits_a_small_terminal(pick, folder, text_of):
    screens = []

    def looked(app, _dialog):
        assert app.focused is app.screen.query_one(Input)
        screens.append(text_of(app))

    pick(looked=looked)
    assert all(word in screens[0] for word in ("take this folder", "data/", "top.txt", "Back"))
