"""One process at a time works in a folder, and nobody is led elsewhere by a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import treadle
from treadle.cli import locked
from treadle.cli.locking import left_alone


def hold(folder):
    return locked(folder, "writing into 'x'", hint="wait for its end")


def told(folder):
    """Return all that is in a folder, with what the files have in them."""
    return {
        path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }


def test_the_lock_keeps_its_holder_until_that_has_ended_well(tmp_path):
    folder = tmp_path / "deep" / "folder"
    with hold(folder) as was_ended:
        assert was_ended
        assert (folder / "lock").read_text() == str(os.getpid())
        with pytest.raises(treadle.UsageError, match=f"process {os.getpid()} is already writing"):
            hold(folder).__enter__()
    with pytest.raises(ZeroDivisionError), hold(folder):
        raise ZeroDivisionError
    with hold(folder) as was_ended:
        assert not was_ended


@pytest.mark.parametrize("place", [".treadle", ".treadle/a", ".treadle/a/b", ".treadle/a/b/lock"])
@pytest.mark.parametrize("relative", [False, True])
def test_links_that_came_with_a_tree_lead_nowhere(tmp_path, monkeypatch, place, relative):
    elsewhere, tree = tmp_path / "elsewhere", tmp_path / "tree"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("precious")
    link = tree / place
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere / "file" if link.name == "lock" else elsewhere)
    before = told(elsewhere)
    monkeypatch.chdir(tree)
    root = Path() if relative else tree
    with pytest.raises(treadle.UsageError, match=f"{place}' is a link") as caught:
        hold(root / ".treadle" / "a" / "b").__enter__()
    assert "remove it" in caught.value.hint
    assert told(elsewhere) == before


def test_a_link_above_what_is_ours_is_the_choice_of_who_made_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with hold(tmp_path / "link" / ".treadle" / "a"):
        assert (tmp_path / "real" / ".treadle" / "a" / "lock").exists()


def test_who_only_reads_changes_nothing_and_is_told_as_well(tmp_path):
    with left_alone(tmp_path / "nowhere", "reading", hint="wait"):
        assert told(tmp_path) == {}
    with hold(tmp_path):
        before = told(tmp_path)
        with pytest.raises(treadle.UsageError, match="is already reading"):
            left_alone(tmp_path, "reading", hint="wait").__enter__()
        assert told(tmp_path) == before
    before = told(tmp_path)
    with left_alone(tmp_path, "reading", hint="wait"):
        assert told(tmp_path) == before
        with pytest.raises(treadle.UsageError, match="another process is already writing"):
            hold(tmp_path).__enter__()
