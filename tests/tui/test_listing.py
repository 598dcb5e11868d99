"""The runs of Home: all of them, soon, and true."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

import treadle
from treadle import UsageError
from treadle.ledger.lock import RunLock
from treadle.tui import places, wording
from treadle.tui.figures import Figures, signature_of
from treadle.tui.listing import FIRST, Listing
from treadle.tui.matching import Search
from treadle.tui.remembered import Remembered
from treadle.tui.resuming import going_on

ENDLESS = """
import sys, threading, treadle
def stay(n):
    threading.Event().wait()
if __name__ == "__main__":
    treadle.run(stay, range(8), backend="threads", workers=2, name="endless", runs_dir=sys.argv[1])
"""


@pytest.fixture(autouse=True)
def no_other_runs(own_sockets, monkeypatch):
    """Runs listen there, or where temporary files are: other tests have live runs, too."""
    monkeypatch.setattr(tempfile, "tempdir", os.environ["XDG_RUNTIME_DIR"])


def all_of(listing):
    return [row for batch in listing.read() for row in batch.rows]


@pytest.fixture
def many(finished, own_runs):
    """Return a maker of copies of a run, with ids of their own."""

    def make(count):
        for number in range(count):
            shutil.copytree(finished, own_runs / f"250101-{number:06}")

    return make


@pytest.fixture
def endless(own_runs, tmp_path):
    """A process that runs and does not end by itself."""
    (tmp_path / "endless.py").write_text(ENDLESS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "endless.py"), str(own_runs)], env=environment
    )
    yield process
    process.kill()
    process.wait()


def live_row(listing, process, patience=2000):
    for _ in range(patience):
        rows = [row for row in listing.look().rows if row.progress is not None]
        if rows:
            return rows[0]
        assert process.poll() is None
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail("the run never answered")


def test_runs_come_newest_first_with_their_figures(finished, stopped, own_runs):
    rows = all_of(Listing([own_runs, own_runs]))
    assert [row.folder.name for row in rows] == [stopped.name, finished.name]
    assert [row.state for row in rows] == ["failure limit", "finished"]
    assert (rows[1].entry.ok, rows[1].entry.failed, rows[1].entry.name) == (18, 2, "halves")


def test_a_screenful_comes_first_and_the_rest_later(many, own_runs):
    many(FIRST + 20)
    first, *others = Listing([own_runs]).read()
    assert len(first.rows) == FIRST
    assert first.to_go == 21
    assert sum(len(batch.rows) for batch in others) == 21
    assert others[-1].to_go == 0


def test_runs_of_several_folders_are_listed_together(finished, own_runs, tmp_path):
    other = treadle.run(str, range(3), backend="inline", runs_dir=tmp_path / "b")
    rows = all_of(Listing([own_runs, tmp_path / "b", tmp_path / "not there"]))
    assert {row.id for row in rows} == {finished.name, other.run_id}


def test_damaged_runs_are_listed_as_such(finished, stopped, own_runs):
    (stopped / "run.json").write_text("{")
    newer = own_runs / "200101-000000"
    shutil.copytree(finished, newer)
    (newer / "run.json").write_text('{"format": 99}')
    states = {row.id: (row.state, row.trouble) for row in all_of(Listing([own_runs]))}
    assert states[stopped.name][0] == "damaged"
    assert "cannot be read" in states[stopped.name][1]
    assert states[newer.name][0] == "unreadable"
    assert "pip install --upgrade treadle" in states[newer.name][1]
    assert states[finished.name] == ("finished", "")


def test_a_run_that_just_begins_is_not_taken_for_damaged(finished, own_runs):
    begun = own_runs / "991231-235959"
    begun.mkdir()
    listing = Listing([own_runs])
    assert [row.id for row in all_of(listing)] == [finished.name]
    for name in ("ledger.sqlite", "run.json"):
        shutil.copy(finished / name, begun / name)
    assert [row.id for row in listing.look().rows] == [begun.name]


def test_what_is_known_is_not_read_again(finished, own_runs, tmp_path, monkeypatch):
    cache = tmp_path / "cache" / "runs.json"
    before = all_of(Listing([own_runs], cache))

    def refuse(folder):
        raise AssertionError(f"{folder} was read")

    monkeypatch.setattr("treadle.tui.listing._entry_of", refuse)
    listing = Listing([own_runs], cache)
    assert all_of(listing) == before
    assert all_of(listing) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1, "runs": [3]}', '{"format": 9}'])
def test_a_damaged_cache_costs_time_only(finished, own_runs, tmp_path, text):
    cache = tmp_path / "runs.json"
    expected = all_of(Listing([own_runs], cache))
    cache.write_text(text)
    assert all_of(Listing([own_runs], cache)) == expected
    assert json.loads(cache.read_text())["runs"].keys() == {str(finished)}


def test_nonsense_in_the_cache_is_not_believed(finished, own_runs, tmp_path):
    cache = tmp_path / "runs.json"
    listing = Listing([own_runs], cache)
    all_of(listing)
    found = json.loads(cache.read_text())
    found["runs"][str(finished)][1]["ok"] = "many"
    cache.write_text(json.dumps(found))
    assert Figures(cache).of(finished, signature_of(finished)) is None
    assert all_of(Listing([own_runs], cache))[0].entry.ok == 18


def test_a_run_that_was_resumed_is_read_again(own_runs, tmp_path):
    cache = tmp_path / "runs.json"
    bad = {4}

    def unsteady(value):
        if value in bad:
            raise ValueError(value)
        return value

    where = {"backend": "inline", "runs_dir": own_runs}
    run = treadle.run(unsteady, range(9), on_error="stop", **where).run_id
    listing = Listing([own_runs], cache)
    assert all_of(listing)[0].entry.ok == 4
    bad.clear()
    treadle.run(unsteady, range(9), resume=run, **where)
    assert all_of(listing)[0].entry.ok == 8
    assert all_of(Listing([own_runs], cache))[0].entry.ok == 8


def test_a_run_whose_lock_is_taken_is_never_taken_from_the_cache(finished, own_runs, tmp_path):
    cache = tmp_path / "runs.json"
    all_of(Listing([own_runs], cache))
    lock = RunLock(finished)
    try:
        assert Figures(cache).of(finished, signature_of(finished)) is None
    finally:
        lock.release()


def test_a_live_run_is_asked_and_seen_to_end(endless, own_runs, tmp_path):
    listing = Listing([own_runs], tmp_path / "runs.json")
    row = live_row(listing, endless)
    assert (row.state, row.progress.done, row.progress.total) == ("running", 0, 8)
    assert row.progress.share == 0.0
    assert row.entry.name == "endless"
    treadle.Remote(treadle.open(row.id, own_runs).record).pause()
    for _ in range(1000):
        found = [each for each in listing.look().rows if each.state == "paused"]
        if found:
            break
    assert found
    with pytest.raises(UsageError, match="goes on"):
        going_on(found[0])
    all_of(listing)
    assert json.loads((tmp_path / "runs.json").read_text())["runs"] == {}
    endless.kill()
    endless.wait()
    assert [each.state for each in listing.look().rows] == ["crashed"]
    assert listing.look().rows == []


def test_live_runs_are_found_wherever_they_are_recorded(endless, own_runs, tmp_path):
    listing = Listing([tmp_path / "elsewhere"])
    assert live_row(listing, endless).folder.parent == own_runs.resolve()


def test_a_run_elsewhere_that_was_seen_to_end_is_read_again_when_it_was_resumed(own_runs, tmp_path):
    bad, go, gone = {4}, threading.Event(), threading.Event()

    def unsteady(value):
        go.wait()
        if value in bad:
            raise ValueError(value)
        return value

    options = {"backend": "threads", "workers": 1, "runs_dir": own_runs}
    listing = Listing([tmp_path / "elsewhere"])
    thread = threading.Thread(
        target=treadle.run, args=(unsteady, range(9)), kwargs={"on_error": "stop", **options}
    )
    thread.start()
    try:
        while not (rows := listing.look().rows):
            assert not gone.wait(0.01)
    finally:
        go.set()
        thread.join()
    run = rows[0].id
    assert [row.state for row in listing.look().rows] == ["failure limit"]
    bad.clear()
    treadle.run(unsteady, range(9), resume=run, **options)
    assert [row.state for row in all_of(listing)] == ["finished"]
    shutil.rmtree(own_runs / run)
    assert [each.name for batch in listing.read() for each in batch.gone] == [run]


def test_runs_of_a_folder_that_is_watched_later_are_found(finished, own_runs, tmp_path):
    listing = Listing([tmp_path / "elsewhere"])
    assert all_of(listing) == []
    listing.watch([own_runs, own_runs])
    assert [row.id for row in listing.look().rows] == [finished.name]
    assert len(listing.roots) == 2


def test_places_are_those_of_started_commands_and_gone_temporary_ones_are_dropped(
    own_runs, state_dir
):
    noted = state_dir / "started" / "x" / "runs"
    noted.parent.mkdir(parents=True)
    noted.write_text(f"{own_runs}/250101-000000\n/was/removed/250101-000000\n/half/wri")
    assert places.of_started() == [own_runs]
    temporary = os.path.realpath(tempfile.gettempdir())
    remembered = Remembered(places=[f"{temporary}/gone", "/not/there/now"])
    assert places.note(remembered, places.of_started())
    assert not places.note(remembered, places.of_started())
    assert places.roots([], remembered)[1:] == [own_runs.resolve(), Path("/not/there/now")]


def test_a_run_with_failures_has_not_the_sign_of_success(finished, own_runs):
    treadle.run(str, range(3), backend="inline", runs_dir=own_runs)
    signs = [wording.state(row) for row in all_of(Listing([own_runs]))]
    assert signs == [("✓ finished", ""), ("▲ finished", "warn")]


def test_runs_that_were_removed_are_gone(finished, stopped, own_runs):
    listing = Listing([own_runs])
    all_of(listing)
    shutil.rmtree(stopped)
    assert [folder for batch in listing.read() for folder in batch.gone] == [stopped.resolve()]
    assert [row.id for row in listing.rows] == [finished.name]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["stopped", "halves"]),
        ("HALVE", ["stopped", "halves"]),  # the function of both
        ("halves", ["halves"]),
        ("state:fin", ["halves"]),
        ("name:stop", ["stopped"]),
        ("failed>1", ["halves"]),
        ("failed>=1 ok<10", ["stopped"]),
        ("calls:halve name:halves failed=2", ["halves"]),
        ("nothing", []),
        ("into:x", []),
        ("id:99999", []),
        ("state:", ["stopped", "halves"]),
        ("[red", []),
    ],
)
def test_what_is_searched_for_is_found(finished, stopped, own_runs, text, found):
    rows = all_of(Listing([own_runs]))
    assert [row.entry.name for row in Search.of(text).among(rows)] == found


@pytest.fixture
def mapped(tmp_path, own_runs, monkeypatch):
    """The row of a run of ``treadle map`` of which half has failed."""
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
    return all_of(Listing([own_runs]))[0]


def test_a_run_of_map_is_resumed_by_its_id(mapped, tmp_path):
    where = ("--runs-dir", str(mapped.folder.parent))
    assert going_on(mapped).argv == ("resume", mapped.id, *where)
    assert going_on(mapped, retry=True).argv == ("retry", mapped.id, *where)
    assert going_on(mapped).cwd == tmp_path
    assert going_on(mapped).line.startswith(f"treadle resume {mapped.id} --runs-dir ")


def noted(row, **facts):
    path = row.folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))
    return row


def test_a_run_of_an_application_is_resumed_by_its_command(mapped, tmp_path):
    typed = "treadle prompts run -p 'my prompt.txt'"
    row = noted(mapped, command={"typed": typed, "cwd": str(tmp_path)})
    command = going_on(row)
    assert command.argv == ("prompts", "run", "-p", "my prompt.txt")
    assert command.line == typed
    noted(row, command={"typed": typed, "cwd": str(tmp_path / "gone")})
    with pytest.raises(UsageError, match="is not there any more"):
        going_on(row)


def test_what_cannot_be_gone_on_with_is_told_with_a_hint(mapped, finished, own_runs):
    row = noted(mapped, command={"map": {"function": "f", "source": ["-"]}})
    with pytest.raises(UsageError, match=r"reads standard input") as raised:
        going_on(row)
    assert f"treadle resume {row.id}" in raised.value.hint
    program = next(row for row in all_of(Listing([own_runs])) if row.id == finished.name)
    noted(program, program="/x/mine.py")
    with pytest.raises(UsageError, match=r"made by /x/mine\.py") as raised:
        going_on(program)
    assert "treadle.run(..., resume=" in raised.value.hint
    noted(program, program="/usr/bin/treadle")
    with pytest.raises(UsageError, match="has not noted which command"):
        going_on(program)


def test_nothing_is_retried_where_nothing_has_failed(own_runs):
    treadle.run(str, range(3), backend="inline", runs_dir=own_runs)
    with pytest.raises(UsageError, match=r"no item of the run .* has failed"):
        going_on(all_of(Listing([own_runs]))[0], retry=True)
