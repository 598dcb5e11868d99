"""One process at a time, and nothing left behind by those that did nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import treadle
from treadle.prompts.lock import only_one


def test_a_second_one_is_told_who_is_running_it(tmp_path):
    with (
        only_one(tmp_path / "place", "results.csv"),
        pytest.raises(treadle.UsageError, match=f"process {os.getpid()} .* results.csv"),
        only_one(tmp_path / "place", "results.csv"),
    ):
        pass


def test_folders_that_were_made_for_nothing_go_again(tmp_path):
    (tmp_path / "kept").mkdir()
    with only_one(tmp_path / "kept" / "deep" / "place", "results.csv"):
        assert (tmp_path / "kept" / "deep" / "place" / "lock").is_file()
    assert not list((tmp_path / "kept").iterdir())


def test_a_folder_that_has_something_stays(tmp_path):
    with only_one(tmp_path / "place", "results.csv"):
        (tmp_path / "place" / "note").touch()
    assert {path.name for path in (tmp_path / "place").iterdir()} == {"lock", "note"}
    with only_one(tmp_path / "place", "results.csv"):
        (tmp_path / "place" / "note").unlink()
    assert not (tmp_path / "place").exists()


def test_a_folder_above_that_others_use_meanwhile_stays(tmp_path):
    with only_one(tmp_path / "all" / "one", "one.csv"):
        (tmp_path / "all" / "other").mkdir()
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["other"]


def test_a_lock_whose_file_has_gone_is_no_lock(tmp_path, monkeypatch):
    """As when another process has opened it just before its holder tidied up."""
    place, opened = tmp_path / "place", os.open

    def too_late(path, *arguments):
        descriptor = opened(path, *arguments)
        monkeypatch.undo()
        (place / "lock").unlink()
        place.rmdir()
        return descriptor

    monkeypatch.setattr(os, "open", too_late)
    with (
        only_one(place, "results.csv"),
        pytest.raises(treadle.UsageError, match="already running"),
        only_one(place, "results.csv"),
    ):
        pass
    assert not place.exists()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a place where nobody can write")
def test_a_folder_that_cannot_be_made_is_named():
    with (
        pytest.raises(treadle.UsageError, match="'/proc/none/place' cannot be written to"),
        only_one(Path("/proc/none/place"), "results.csv"),
    ):
        pass
