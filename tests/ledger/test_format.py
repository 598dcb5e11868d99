"""Ids and names of runs, and what ``run.json`` says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import UsageError
from treadle.ledger import format as layout

NOON = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def make(tmp_path):
    """Make a run without anything but its ``run.json``."""

    def run(now=NOON, **facts):
        folder = layout.make_folder(tmp_path / "runs", now)
        layout.write_facts(folder, facts)
        return folder

    return run


@pytest.fixture
def root(tmp_path):
    return tmp_path / "runs"


# --- ids -----------------------------------------------------------------------------------------


def test_an_id_is_the_time_and_those_of_one_second_get_letters(make):
    names = [make().name for _ in range(60)]
    assert names[:3] == ["261105-120000", "261105-120000b", "261105-120000c"]
    assert names == sorted(names)
    assert len(set(names)) == 60


def test_ids_grow_when_the_clock_is_set_back(make):
    names = [make(NOON).name, make(NOON - timedelta(hours=3)).name, make(NOON).name]
    assert names == sorted(set(names))
    later = make(NOON + timedelta(seconds=1)).name
    assert later == "261105-120001"
    assert later > names[-1]


@given(st.lists(st.integers(-3600, 3600), min_size=1, max_size=40))
def test_whatever_the_clock_does_the_newest_run_has_the_greatest_id(tmp_path_factory, jumps):
    root = tmp_path_factory.mktemp("clock")
    made = [layout.make_folder(root, NOON + timedelta(seconds=jump)).name for jump in jumps]
    assert made == sorted(set(made))


def test_two_who_make_a_folder_at_once_get_two(make, monkeypatch, root):
    first = make()
    real = layout.Path.iterdir

    def blind(self):  # as it was before the other one made its folder
        monkeypatch.setattr(layout.Path, "iterdir", real)
        return iter(())

    monkeypatch.setattr(layout.Path, "iterdir", blind)
    second = layout.make_folder(root, NOON)
    assert second.is_dir()
    assert second != first


def test_runs_are_listed_oldest_first_and_other_things_are_not(make, root):
    made = [make(NOON + timedelta(seconds=n)) for n in (2, 0, 1)]
    (root / "notes").mkdir()
    (root / "261105-110000").mkdir()  # begun, and killed before it was a run
    (root / "261105-130000").write_text("a file")
    assert layout.folders(root) == made


def test_where_there_is_no_folder_there_are_no_runs(root):
    assert layout.folders(root) == []


def test_a_place_that_cannot_hold_runs_is_named(tmp_path):
    place = tmp_path / "file"
    place.touch()
    with pytest.raises(UsageError, match="file") as caught:
        layout.make_folder(place, NOON)
    assert "durability='none'" in caught.value.hint
    with pytest.raises(UsageError, match="cannot be read"):
        layout.folders(place)


def test_the_place_of_runs_is_said_by_the_caller_the_environment_or_the_default(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TREADLE_RUNS_DIR", "elsewhere")
    assert layout.runs_dir("here") == tmp_path / "here"
    assert layout.runs_dir() == tmp_path / "elsewhere"
    monkeypatch.delenv("TREADLE_RUNS_DIR")
    assert layout.runs_dir() == tmp_path / ".treadle" / "runs"


# --- which run is meant --------------------------------------------------------------------------


def test_a_run_is_found_by_id_prefix_name_and_latest(make, root):
    first = make(NOON, name="parse")
    second = make(NOON + timedelta(days=1), name="parse")
    third = make(NOON + timedelta(days=2))
    assert layout.find(first.name, root) == first
    assert layout.find("261106", root) == second
    assert layout.find("parse", root) == second
    assert layout.find("latest", root) == third


def test_an_id_that_continues_another_does_not_hide_it(make, root):
    first, second = make(), make()
    assert second.name.startswith(first.name)
    assert layout.find(first.name, root) == first


def test_a_beginning_of_several_runs_is_refused_and_they_are_named(make, root):
    first, second = make(), make()
    with pytest.raises(UsageError, match="2 runs") as caught:
        layout.find("2611", root)
    assert first.name in caught.value.hint
    assert second.name in caught.value.hint


@pytest.mark.parametrize("text", ["", "nothing", "../all", "%", "latest "])
def test_what_names_no_run_is_refused_and_the_newest_named(make, root, text):
    newest = make()
    with pytest.raises(UsageError, match="no run") as caught:
        layout.find(text, root)
    assert newest.name in caught.value.hint


def test_latest_of_no_runs_is_refused(root):
    with pytest.raises(UsageError, match="no run 'latest'"):
        layout.find("latest", root)


def test_a_damaged_run_does_not_hide_the_others(make, root):
    good = make(name="mine")
    (make(NOON + timedelta(days=1)) / layout.RUN).write_text("{")
    assert layout.find("mine", root) == good


# --- run.json ------------------------------------------------------------------------------------


def test_facts_come_back(make):
    folder = make(name="älter \udcff", command={"argv": ["map", "--x", "1"]}, total=None)
    facts = layout.read_facts(folder)
    assert facts["name"] == "älter \udcff"
    assert facts["command"] == {"argv": ["map", "--x", "1"]}
    assert facts["format"] == layout.FORMAT
    assert [each.name for each in folder.iterdir()] == [layout.RUN]


def test_a_newer_format_is_refused_and_the_cure_named(make):
    folder = make()
    (folder / layout.RUN).write_text(json.dumps({"format": layout.FORMAT + 1}))
    with pytest.raises(UsageError, match=f"format {layout.FORMAT + 1}") as caught:
        layout.read_facts(folder)
    assert folder.name in caught.value.message
    assert "upgrade" in caught.value.hint


def test_what_is_not_known_is_kept(make):
    folder = make(colour="green")
    assert layout.read_facts(folder)["colour"] == "green"


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "7", '{"name": 1}', '{"format": "1"}', '{"format": null}', "\0",
     '{"format": [1]}', "[" * 100_000, "\ufeff{}", '"format"'],
)  # fmt: skip
def test_damaged_facts_are_named_as_such(make, text):
    folder = make()
    (folder / layout.RUN).write_text(text)
    with pytest.raises(UsageError, match="cannot be read") as caught:
        layout.read_facts(folder)
    assert str(folder) in caught.value.message


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    (folder / layout.RUN).write_bytes(data)
    try:
        facts = layout.read_facts(folder)
    except UsageError as error:
        facts = {"format": 0, "said": str(error)}
    assert facts["format"] <= layout.FORMAT
    assert folder.name in facts.get("said", folder.name)


def test_a_disk_that_takes_no_facts_is_named_and_leaves_those_there_are(make, monkeypatch):
    folder = make(name="old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layout.os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        layout.write_facts(folder, {"name": "new"})
    assert layout.read_facts(folder)["name"] == "old"
