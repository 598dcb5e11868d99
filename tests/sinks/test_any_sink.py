"""What every sink promises, whatever it writes."""

from __future__ import annotations

import errno
import os
import sys
from io import FileIO
from pathlib import Path

import pytest

from treadle.errors import MissingExtra, SinkFailed, UsageError
from treadle.sinks import Csv, Folder, Jsonl, Kept, Memory, Parquet, Sqlite, sink_for

FILES = [Csv, Jsonl, Parquet, Sqlite]


def path_for(kind, folder):
    return folder / f"results.{kind.__name__.lower()}"


@pytest.fixture(
    params=[Memory, Kept, Csv, Jsonl, Parquet, Sqlite, Folder], ids=lambda kind: kind.__name__
)
def sink(request, tmp_path):
    if request.param is Memory:
        return Memory()
    return request.param(path_for(request.param, tmp_path))


@pytest.fixture(params=FILES, ids=lambda kind: kind.__name__)
def file_sink(request, tmp_path):
    return request.param(path_for(request.param, tmp_path))


def test_only_values_of_items_that_succeeded_are_stored(sink, succeeded, raised):
    sink.open()
    assert sink.write([raised, succeeded("a", {"x": 1}, 1), raised]) == []
    sink.close()
    assert len(list(sink.values())) == 1


def test_no_items_make_an_empty_result(sink, store):
    assert store(sink, []) == {}
    assert list(sink.values()) == []


def test_closing_twice_is_closing_once(sink, store):
    store(sink, [("a", {"x": 1})])
    sink.close()
    assert len(list(sink.values())) == 1


def test_a_sink_used_for_a_second_run_begins_anew(sink, store):
    store(sink, [("a", {"x": 1}), ("b", {"x": 2})])
    store(sink, [("c", {"x": 3})])
    assert len(list(sink.values())) == 1


def test_a_value_that_does_not_fit_is_handed_back_and_all_others_are_stored(sink, store):
    if isinstance(sink, Memory | Kept):
        pytest.skip("everything fits into memory, and nearly everything can be pickled")

    class Odd:
        pass

    refused = store(sink, [("a", {"x": 1}), ("b", Odd()), ("c", {"x": Odd()}), ("d", {"x": 2})])
    assert list(refused) == ["b", "c"]
    assert "item 'b' cannot be stored" in refused["b"].message
    assert "Odd" in refused["b"].message
    assert refused["b"].hint
    assert len(list(sink.values())) == 2


def test_a_value_whose_own_code_raises_costs_itself_only(sink, store):
    if isinstance(sink, Memory | Kept):
        pytest.skip("memory runs no code of the value, and pickle not this code")

    class Model:
        def model_dump(self):
            raise LookupError("lost")

    circle = {}
    circle["self"] = circle
    refused = store(sink, [("a", Model()), ("b", circle), ("c", {"x": 1})])
    assert "LookupError: lost" in refused["a"].message
    assert "contains itself" in refused["b"].message
    assert len(list(sink.values())) == 1


def test_until_it_is_closed_the_file_is_not_there_and_an_old_one_stays(file_sink, succeeded):
    file_sink.path.write_text("old")
    file_sink.open()
    file_sink.write([succeeded("a", {"x": 1})])
    assert file_sink.path.read_text() == "old"
    with pytest.raises(UsageError, match="still being written"):
        file_sink.values()
    file_sink.close()
    assert [row["key"] for row in file_sink.values()] == ["a"]
    assert os.listdir(file_sink.path.parent) == [file_sink.path.name]


def test_what_a_crash_has_left_does_not_get_in_the_way(file_sink, store):
    part = file_sink.path.with_name(file_sink.path.name + ".part")
    part.write_bytes(b'torn "' * 1000)
    store(file_sink, [("a", {"x": 1})])
    assert [row["key"] for row in file_sink.values()] == ["a"]
    assert not part.exists()


def test_folders_above_are_made_and_links_stay_links(tmp_path, store):
    sink = Jsonl(tmp_path / "deep" / "er" / "a.jsonl")
    store(sink, [("a", 1)])
    assert sink.path.exists()
    link = tmp_path / "link.jsonl"
    link.symlink_to(sink.path)
    store(Jsonl(link), [("b", 1)])
    assert link.is_symlink()
    assert "b" in sink.path.read_text()


@pytest.mark.parametrize("kind", [Csv, Jsonl], ids=lambda kind: kind.__name__)
def test_a_full_disk_ends_the_run_and_the_file_has_whole_rows(
    kind, tmp_path, succeeded, monkeypatch
):
    sink = kind(path_for(kind, tmp_path))
    sink.open()
    sink.write([succeeded("a", {"x": 1})])
    real = FileIO.write

    class Full(FileIO):
        def write(self, data):
            if len(data) > 10:
                return real(self, bytes(data)[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

    sink._file._file.close()
    sink._file._file = Full(sink._file.part, "r+")
    sink._file._file.seek(0, os.SEEK_END)
    with pytest.raises(SinkFailed, match="No space left on device") as caught:
        sink.write([succeeded("b", {"x": "y" * 100})])
    assert caught.value.hint == "is the disk full?"
    sink.close()
    assert [row["key"] for row in sink.values()] == ["a"]


def test_a_full_disk_ends_a_parquet_run_and_the_old_file_stays(tmp_path, succeeded):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    sink = Parquet(tmp_path / "a.parquet", group=1)
    sink.path.write_text("old")
    sink.open()
    (tmp_path / "a.parquet.part").unlink()
    (tmp_path / "a.parquet.part").symlink_to(full)
    outcomes = [succeeded(i, {"x": os.urandom(100_000)}, i) for i in range(2)]
    with pytest.raises(SinkFailed, match="No space left"):
        sink.write(outcomes)
    with pytest.raises(SinkFailed, match="No space left"):
        sink.close()
    assert sink.abandon() is None
    assert sink.path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.parquet"]
    assert list(sink.values()) == []


def test_a_place_that_cannot_be_written_to_is_a_mistake_named_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("file/a.csv", "file/a.jsonl", "file/a.parquet", "file/out/"):
        with pytest.raises(UsageError, match="cannot be made"):
            sink_for(f"{tmp_path}/{name}").open()
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(UsageError, match="is a folder, not a file"):
        Csv(tmp_path / "dir.csv")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        Folder(tmp_path / "file")


def test_one_sink_does_not_write_two_runs_at_once(file_sink):
    file_sink.open()
    with pytest.raises(UsageError, match="another run"):
        file_sink.open()
    file_sink.close()


def test_memory_gives_values_in_input_order(succeeded):
    sink = Memory()
    sink.open()
    sink.write([succeeded("c", 30, 2), succeeded("a", 10, 0)])
    sink.write([succeeded("b", 20, 1)])
    assert sink.values() == [10, 20, 30]
    assert len(sink) == 3


@pytest.mark.parametrize(
    ("into", "kind"),
    [
        (None, Memory),
        ("a.csv", Csv),
        ("b/A.CSV", Csv),
        (Path("a.jsonl"), Jsonl),
        ("a.parquet", Parquet),
        ("a.sqlite", Sqlite),
        ("a.db", Sqlite),
        ("out/", Folder),
        (".", Folder),
    ],
)
def test_into_is_understood_by_its_suffix(into, kind):
    assert type(sink_for(into)) is kind


def test_into_may_be_a_sink():
    class Mine:
        def open(self): ...
        def write(self, outcomes):
            return []

        def close(self): ...
        def abandon(self): ...

    mine = Mine()
    assert sink_for(mine) is mine


@pytest.mark.parametrize("into", ["results", "a.ods", "", "a\0.csv", 3, [], Csv, b"a.csv"])
def test_into_that_means_nothing_is_a_mistake(into):
    with pytest.raises(UsageError) as caught:
        sink_for(into)
    assert ".parquet" in caught.value.hint


def test_parquet_without_arrow_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"treadle\[parquet\]"):
        sink_for("a.parquet")
