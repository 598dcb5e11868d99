"""What the UI keeps: two of them lose nothing of each other, and leave nothing else behind."""

from __future__ import annotations

from pathlib import Path

import pytest

import treadle
from treadle.tui import remembered as remembering
from treadle.tui.figures import Figures
from treadle.tui.listing import Listing
from treadle.tui.remembered import Remembered


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("TREADLE_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_two_uis_keep_what_each_of_them_has_been_told(state):
    both = [Remembered.load(), Remembered.load()]
    one, other = both
    one.remember(["map"], {"source": "one"})
    one.note_place(Path("/one"))
    assert one.save() is None
    other.theme = "nord"
    other.note_place(Path("/other"))
    other.note_lab_root(Path("/lab"))
    assert other.save() is None
    one.remember(["lab", "stage"], {"raw": "r"})
    assert one.save() is None
    found = Remembered.load()
    assert found.forms == {"map": {"source": "one"}, "lab stage": {"raw": "r"}}
    assert (found.places, found.lab_roots) == (["/other", "/one"], ["/lab"])
    assert found.theme == one.theme == "nord"
    assert [each.name for each in state.iterdir()] == ["ui.json"]


def test_a_disk_that_is_full_is_said_and_nothing_is_left(state, monkeypatch):
    assert Remembered().save() is None

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    assert remembering.Remembered(theme="nord").save() == "No space left on device"
    assert [each.name for each in state.iterdir()] == ["ui.json"]
    monkeypatch.undo()


def test_figures_of_other_folders_stay_and_those_of_removed_runs_go(tmp_path):
    cache = tmp_path / "runs.json"
    places = [tmp_path / "a", tmp_path / "b"]
    a, b = (treadle.run(abs, [1], backend="inline", runs_dir=place).folder for place in places)
    for place in places:
        list(Listing([place], cache).read())
    assert Figures(cache)._read().keys() == {str(a), str(b)}
    for each in a.iterdir():
        each.unlink()
    a.rmdir()
    newer = treadle.run(abs, [1], backend="inline", runs_dir=places[0]).folder
    list(Listing([places[0]], cache).read())
    assert Figures(cache)._read().keys() == {str(newer), str(b)}
