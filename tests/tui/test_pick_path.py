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
    """Open a picker, press keys once it shows its folder, and return what came of it."""

    def pick_with(*keys, kind=Kind.PATH, looked=None, start=None, size=(80, 24), **options):
        picked = []

        async def walk(pilot):
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

        use(walk, size=size)
        return picked[0] if picked else None

    return pick_with


KEYS = {"enter", "down", "up", "backspace", "escape", "ctrl+s", "f2", "full_stop", "slash", "tilde"}


def names(dialog):
    return [entry.text for entry in dialog._entries]


def test_typing_finds_and_enter_takes(pick, folder):
    assert pick("dat", "enter", folder / "data", "a10", "enter", kind=Kind.FILE) == ["data/a10.csv"]


def test_names_stand_in_natural_order_folders_first(pick, folder):
    seen = []
    pick(start=folder / "data", looked=lambda _app, dialog: seen.extend(names(dialog)))
    assert seen == ["✓ take this folder", "../", "deep/", "a2.csv", "a10.csv"]


def test_a_folder_is_taken_once_one_is_in_it(pick, folder):
    assert pick("dat", "enter", folder / "data", "enter", kind=Kind.FOLDER) == ["data"]
    assert pick("ctrl+s", kind=Kind.FOLDER) == ["."]


def test_backspace_goes_up_once_nothing_is_left_to_delete(pick, folder):
    picked = pick(
        "x", "backspace", "backspace", folder, "enter", folder / "data", "enter",
        kind=Kind.FOLDER, start=folder / "data",
    )  # fmt: skip
    assert picked == ["data"]  # where one came from was highlighted


def test_several_are_taken_together(pick, folder):
    picked = pick(
        "a2", "enter", "backspace", "backspace", "a10", "enter", "ctrl+s",
        kind=Kind.FILE, several=True, start=folder / "data",
    )  # fmt: skip
    assert picked == ["data/a2.csv", "data/a10.csv"]


def test_what_was_chosen_can_be_left_out_again(pick, folder):
    picked = pick(
        "a2", "enter", "enter", "backspace", "backspace", "a10", "enter", "ctrl+s",
        kind=Kind.FILE, several=True, start=folder / "data",
    )  # fmt: skip
    assert picked == ["data/a10.csv"]


def test_hidden_names_are_shown_when_asked_for(pick, folder):
    seen = []
    pick("f2", start=folder / "data", looked=lambda _app, dialog: seen.extend(names(dialog)))
    assert {".secret/", ".hidden.csv"} <= set(seen)


def test_a_path_that_is_typed_is_gone_to(pick, folder):
    assert pick("data/a2.csv", "enter", kind=Kind.FILE) == ["data/a2.csv"]
    assert pick("data/", folder / "data", "a10", "enter", kind=Kind.FILE) == ["data/a10.csv"]


def test_a_new_name_can_be_given_where_one_is_made(pick, folder):
    assert pick("out.csv", "enter", kind=Kind.PATH, made=True) == ["out.csv"]
    assert pick("new/out.csv", "enter", kind=Kind.FILE, made=True) == ["new/out.csv"]
    assert pick("out.csv", "enter", kind=Kind.FILE) is None


def test_what_is_outside_has_its_whole_path(pick, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "x.csv").touch()
    assert pick("x", "enter", kind=Kind.FILE, start=other) == [str(other / "x.csv")]


def test_a_function_is_picked_in_its_file(pick, folder):
    seen = []
    picked = pick(
        "pars", "enter", "cle", "enter",
        kind=Kind.FUNCTION, looked=lambda _app, dialog: seen.extend(names(dialog)),
    )  # fmt: skip
    assert picked == ["parse.py:clean"]


def test_only_files_of_functions_are_offered_for_a_function(pick, folder):
    seen = []
    pick(kind=Kind.FUNCTION, looked=lambda _app, dialog: seen.extend(names(dialog)))
    assert seen == ["../", "data/", "empty/", "parse.py"]


def test_escape_picks_nothing(pick, folder):
    assert pick("escape") is None


def test_odd_names_are_shown_and_taken_as_they_are(pick, folder, text_of):
    place = folder / "odd"
    place.mkdir()
    for name in ODD:
        (place / name).touch()
    screens = []

    def looked(app, _dialog):
        screens.append(text_of(app))

    picked = pick(
        "enter", "down", "enter", "down", "enter", "down", "enter", "ctrl+s",
        start=place, kind=Kind.FILE, several=True,
    )  # fmt: skip
    assert set(picked) == {f"odd/{name}" for name in ODD}
    pick(start=place, looked=looked)
    assert screens[0].encode()
    for text in ("new\\nline", "[red]no markup[-]", "bytes\\xff", "\\x1b[2J"):
        assert text in screens[0]


def test_a_folder_that_cannot_be_read_is_said(pick, folder, text_of):
    screens = []
    pick(start=folder / "gone", looked=lambda app, _dialog: screens.append(text_of(app)))
    assert "No such file" in screens[0]
    picked = pick("backspace", folder, "ctrl+s", start=folder / "gone", kind=Kind.FOLDER)
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

    pick(start=place, looked=looked)
    assert counts[0] <= SHOWN + 3
    assert screens == [f"… {3000 - SHOWN:,} more: type to find them"]
    assert pick("2999", "enter", start=place, kind=Kind.FILE) == ["many/2999.csv"]


def test_it_fits_a_small_terminal(pick, folder, text_of):
    screens = []

    def looked(app, _dialog):
        assert app.focused is app.screen.query_one(Input)
        screens.append(text_of(app))

    pick(size=(80, 24), looked=looked)
    assert all(word in screens[0] for word in ("take this folder", "data/", "top.txt", "Back"))
