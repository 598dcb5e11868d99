"""Pages and traces are written whole or not at all, into whatever place is named."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from written import ok

import treadle
from treadle.cli import whole
from treadle.report import page, trace

WRITES = [page.write, trace.write]
posix = pytest.mark.skipif(os.name != "posix", reason="no such files there")


@pytest.fixture
def record(made):
    found = made.with_items(ok(0))
    yield found
    found.close()


@posix
@pytest.mark.parametrize("write", WRITES)
def test_a_pipe_is_written_to_and_stays_a_pipe(record, write, tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(record, pipe, follow=True)
    reader.join(30)
    assert b"data/0.csv" in got[0]
    assert pipe.is_fifo()


@posix
def test_a_link_that_was_named_is_followed_and_one_that_lay_there_is_not(record, tmp_path):
    target, link = tmp_path / "target.html", tmp_path / "link.html"
    link.symlink_to(target)
    for follow in (True, False):
        target.write_text("old")
        page.write(record, link, follow=follow)
        assert link.is_symlink() == follow
        assert (target.read_text(encoding="utf-8") == "old") != follow


@posix
def test_the_run_follows_what_it_was_told_only(tmp_path):
    report = treadle.run(abs, [-1], backend="inline", runs_dir=tmp_path / "runs")
    run = treadle.open(report.run_id, tmp_path / "runs")
    mine, link = tmp_path / "mine", tmp_path / "link"
    mine.write_text("mine")
    link.symlink_to(tmp_path / "page.html")
    (report.folder / "report.html").symlink_to(mine)
    assert run.report(link) == link
    assert link.is_symlink()
    run.report()
    run.close()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("place", ["", "/", ".", "..", "a/.."])
@pytest.mark.parametrize("write", WRITES)
def test_a_folder_is_no_place_for_a_file(record, write, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(treadle.UsageError, match="cannot be written") as caught:
        write(record, Path(place))
    assert "-o FILE" in (caught.value.hint or "")
    assert not [one for one in tmp_path.rglob("*") if one.is_file() and one.suffix == ".part"]


def test_what_fails_leaves_what_was_there_and_nothing_beside_it(tmp_path):
    place = tmp_path / "file"
    place.write_bytes(b"before")
    with pytest.raises(TypeError), whole(place) as file:
        file.writelines([b"after", "no bytes"])
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file", b"before")]
