"""``run(into=…)``: what was finished before is safe, and the counts are those of the file."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

import treadle
from treadle.sinks import Jsonl

INLINE = {"backend": "inline"}


def row(value):
    return {"x": value}


def fails(value):
    raise ValueError(value)


def fails_from_five(value):
    if value >= 5:
        raise ValueError(value)
    return row(value)


@pytest.fixture(params=["out.csv", "out.jsonl", "out.parquet"])
def into(request, tmp_path):
    """Return a path with a good file from an earlier run."""
    path = tmp_path / request.param
    treadle.run(row, range(100), into=path, **INLINE)
    return path


def test_a_run_in_which_all_items_fail_leaves_the_file_from_before(into):
    before = into.read_bytes()
    report = treadle.run(fails, range(3), into=into, **INLINE)
    assert (report.ok, report.failed, report.kept) == (0, 3, None)
    assert into.read_bytes() == before
    assert list(report.values()) == []
    assert [path.name for path in into.parent.iterdir()] == [into.name]


def test_a_run_that_stops_early_keeps_what_it_stored_beside_the_file_from_before(into):
    before = into.read_bytes()
    report = treadle.run(fails_from_five, itertools.count(), into=into, max_failures=1, **INLINE)
    assert (report.ok, report.failed, report.stopped) == (5, 1, "failure limit")
    assert into.read_bytes() == before
    assert report.kept == f"{into}.part"
    assert Path(report.kept).exists()
    assert len(list(report.values())) == 5
    assert report.kept in str(report)


def test_a_run_that_fails_has_its_report_and_says_where_things_are(into):
    before = into.read_bytes()

    def source():
        yield from range(3)
        raise OSError("gone")

    with pytest.raises(treadle.SourceFailed) as caught:
        treadle.run(row, source(), into=into, **INLINE)
    assert caught.value.report.ok == 3
    assert "gone" in caught.value.report.stopped
    assert caught.value.report.kept == f"{into}.part"
    assert caught.value.__notes__ == [f"what was stored is in {str(into) + '.part'!r}"]
    assert into.read_bytes() == before


def test_the_run_after_one_that_stopped_early_is_whole_again(into):
    treadle.run(fails_from_five, range(9), into=into, max_failures=1, **INLINE)
    with pytest.raises(treadle.UsageError, match=r"is not finished .*would be lost"):
        treadle.run(row, range(2), into=into, **INLINE)
    report = treadle.run(row, range(2), into=into, anew=True, **INLINE)
    assert (report.ok, report.kept) == (2, None)
    assert len(list(report.values())) == 2
    assert [path.name for path in into.parent.iterdir()] == [into.name]


def test_on_a_full_disk_only_what_is_in_the_file_counts(tmp_path, monkeypatch):
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    written = []

    def write(self, outcomes, real=Jsonl.write):
        if len(written) >= 2:
            raise treadle.SinkFailed("no space left", hint="is the disk full?")
        written.append(len(outcomes))
        return real(self, outcomes)

    monkeypatch.setattr(Jsonl, "write", write)
    with pytest.raises(treadle.SinkFailed, match="no space left") as caught:
        treadle.run(row, itertools.count(), into=path, **INLINE)
    report = caught.value.report
    lines = Path(f"{path}.part").read_text().splitlines()
    assert report.ok == sum(written) == len(lines)
    assert report.stopped == "no space left"
    assert report.failed > 0
    assert path.read_text() == "old"


def test_a_second_run_into_the_same_file_is_refused_and_the_first_goes_on(into):
    def second(value):
        if value == 1:
            with pytest.raises(treadle.UsageError, match="another run"):
                treadle.run(row, range(3), into=into, **INLINE)
        return row(value)

    report = treadle.run(second, range(4), into=into, **INLINE)
    assert (report.ok, report.failed) == (4, 0)
    assert len(list(report.values())) == 4


def test_a_run_that_cannot_begin_lets_the_file_go(into):
    before = into.read_bytes()
    with pytest.raises(treadle.UsageError):
        treadle.run("no function", [1], into=into, **INLINE)
    assert into.read_bytes() == before
    assert treadle.run(row, range(2), into=into, **INLINE).ok == 2


# --- sources that are targets --------------------------------------------------------------------


@pytest.mark.parametrize("source", [treadle.rows, treadle.files])
def test_the_file_that_is_read_is_not_written(tmp_path, source):
    path = tmp_path / "t.csv"
    path.write_text("id\n1\n2\n")
    with pytest.raises(treadle.UsageError, match="written over"):
        treadle.run(row, source(path), into=path, **INLINE)
    assert path.read_text() == "id\n1\n2\n"
    assert [each.name for each in tmp_path.iterdir()] == ["t.csv"]


def test_a_link_to_the_file_that_is_read_is_not_written_through(tmp_path):
    path, link = tmp_path / "t.jsonl", tmp_path / "link.jsonl"
    path.write_text('{"id": 1}\n')
    link.symlink_to(path)
    with pytest.raises(treadle.UsageError, match="written over"):
        treadle.run(row, treadle.lines(path), into=link, **INLINE)
    assert json.loads(path.read_text()) == {"id": 1}


@pytest.mark.parametrize("target", ["out.csv", "deep/out.jsonl", "out/"])
def test_results_of_the_run_before_are_no_items_of_the_next(tmp_path, target):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.txt", "deep/b.txt"):
        (folder / name).write_text(name)
    (folder / "out.csv.part").write_text("left by a crash")
    into = f"{folder}/{target}"
    counts = []
    for _ in range(2):
        source = treadle.files(folder, suffix=(".txt", ".csv", ".jsonl"))
        report = treadle.run(str, source, into=into, **INLINE)
        counts.append((report.ok, report.failed))
    assert counts == [(2, 0), (2, 0)]


def test_files_are_not_written_into_the_folder_they_come_from(tmp_path):
    (tmp_path / "a.txt").write_text("precious")
    with pytest.raises(treadle.UsageError, match="written over"):
        treadle.run(str, treadle.files(tmp_path), into=f"{tmp_path}/", **INLINE)
    assert (tmp_path / "a.txt").read_text() == "precious"
