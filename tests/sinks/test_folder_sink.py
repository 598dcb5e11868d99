"""Folder: one file for each value, whose name nobody can lead astray."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import SinkFailed
from treadle.sinks import Folder
from treadle.sinks import folder as folder_module
from treadle.sinks.folder import file_name


@dataclasses.dataclass
class Fit:
    slope: float


def tree(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_value_decides_what_is_in_the_file(tmp_path, store):
    pairs = [("a.bin", b"\x00"), ("sub/b.md", "ä"), (3, "text"), ("c", {"x": 1}), ("d.json", [1])]
    sink = Folder(tmp_path / "out")
    assert store(sink, [*pairs, ("e.csv", Fit(0.5))]) == {}
    assert tree(tmp_path / "out") == [
        "3.txt",
        "a.bin",
        "c.json",
        "d.json",
        "e.csv.json",
        "sub/b.md",
    ]
    assert (tmp_path / "out/a.bin").read_bytes() == b"\x00"
    assert (tmp_path / "out/sub/b.md").read_bytes() == "ä".encode()
    assert json.loads((tmp_path / "out/e.csv.json").read_text()) == {"slope": 0.5}


@pytest.fixture(scope="module")
def polars():
    """Polars, with the threads and descriptors that its first writing starts for good."""
    module = pytest.importorskip("polars")
    module.DataFrame().write_parquet(io.BytesIO())
    return module


def test_frames_become_parquet(tmp_path, store, polars):
    pl = polars
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    sink = Folder(tmp_path)
    store(sink, [("a.csv", pl.DataFrame({"x": [1]})), ("b.parquet", pa.table({"x": [2]}))])
    assert [path.name for path in sink.values()] == ["a.csv.parquet", "b.parquet"]
    assert [pq.read_table(path).to_pylist() for path in sink.values()] == [[{"x": 1}], [{"x": 2}]]


def test_values_are_the_paths_in_input_order(tmp_path, succeeded):
    sink = Folder(tmp_path)
    sink.open()
    sink.write([succeeded("b", b"", 1), succeeded("a", b"", 0)])
    assert [path.name for path in sink.values()] == ["a", "b"]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
        ("/etc/passwd", "%2F/etc/passwd"),
        ("a//b", "a/%2F/b"),
        ("", "%2F"),
        (".", "%2E"),
        ("https://x.y/z?q=1", "https%3A/%2F/x.y/z%3Fq=1"),
        ("a\\b", "a%5Cb"),
        ("100%", "100%25"),
        ("line\nend", "line%0Aend"),
        ("dot.", "dot%2E"),
        ("con.txt", "%63on.txt"),
        ("caf\udce9", "caf%5Cudce9"),
        ("ä b (1).csv", "ä b (1).csv"),
    ],
)
def test_what_a_file_name_cannot_have_is_written_as_in_urls(key, name):
    assert file_name(key, None) == name


def test_a_very_long_name_is_cut_and_stays_apart_from_others():
    names = {file_name("x" * 300 + end, None) for end in ("a.csv", "b.csv")}
    assert len(names) == 2
    assert all(len(name) < 255 and name.endswith(".csv") for name in names)
    assert len(file_name("ä" * 300, ".json").encode()) < 255


@given(st.text(max_size=12) | st.text("./\\:%~ aA", max_size=8), st.sampled_from([None, ".json"]))
def test_no_key_leads_out_of_the_folder(key, suffix):
    path = PurePosixPath(file_name(key, suffix))
    assert not path.is_absolute()
    assert not {"..", ".", ""} & set(file_name(key, suffix).split("/"))
    assert "\\" not in str(path)
    assert "\0" not in str(path)


KEYS = st.text("./\\:%2EF a\n", max_size=6)


@given(KEYS, KEYS)
def test_two_keys_never_have_one_file(one, other):
    assert (file_name(one, None) == file_name(other, None)) == (one == other)


def test_a_file_that_another_item_has_written_is_not_replaced(tmp_path, store):
    sink = Folder(tmp_path)
    refused = store(sink, [("a.json", b"first"), ("a", {"x": 1}), (1, b"int"), ("1", b"str")])
    assert list(refused) == ["a", "1"]
    assert "already that of the item 'a.json'" in refused["a"].message
    assert (tmp_path / "a.json").read_bytes() == b"first"
    assert (tmp_path / "1").read_bytes() == b"int"


def test_where_case_makes_no_difference_names_that_differ_in_case_collide(
    tmp_path, store, monkeypatch
):
    monkeypatch.setattr(folder_module, "_ignores_case", lambda _: True)
    refused = store(Folder(tmp_path), [("a", b""), ("A", b"")])
    assert list(refused) == ["A"]


@pytest.mark.parametrize("keys", [("a", "a/b"), ("a/b", "a")])
def test_a_key_that_continues_another_is_refused(tmp_path, store, keys):
    refused = store(Folder(tmp_path), [(key, b"x") for key in keys])
    assert list(refused) == [keys[1]]
    assert "continues another" in refused[keys[1]].hint
    assert tree(tmp_path) == [keys[0]]


@pytest.mark.parametrize("value", [None, 3, 0.5, object()])
def test_a_value_that_is_no_file_is_refused(tmp_path, store, value):
    refused = store(Folder(tmp_path), [("a", value), ("b", b"x")])
    assert "is no file" in refused["a"].message
    assert tree(tmp_path) == ["b"]


def test_files_of_an_earlier_run_are_replaced_one_by_one(tmp_path, store):
    store(Folder(tmp_path), [("a", b"old"), ("b", b"old")])
    store(Folder(tmp_path), [("a", b"new")])
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"old"


def test_a_full_disk_ends_the_run_and_leaves_no_torn_file(tmp_path, succeeded, monkeypatch):
    sink = Folder(tmp_path)
    sink.open()

    def full(path, content):
        path.write_bytes(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "_save", full)
    with pytest.raises(SinkFailed, match="No space left on device"):
        sink.write([succeeded("a", b"xyz")])
    assert os.listdir(tmp_path) == []


def test_torn_files_of_a_dead_run_are_removed_when_it_is_resumed(tmp_path, succeeded):
    sink = Folder(tmp_path)
    sink.open()
    sink.write([succeeded("sub/a", "x")])
    mark = sink.mark()
    sink.abandon()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "sub" / f".{dead.pid}-1.part").write_text("torn")
    living = tmp_path / f".{os.getppid()}-7.part"
    living.write_text("another run's")
    again = Folder(tmp_path)
    again.resume(mark)
    again.close()
    assert tree(tmp_path) == sorted([".treadle-index.jsonl", living.name, "sub/a.txt"])


def test_a_run_that_is_never_marked_leaves_no_index(tmp_path, store):
    store(Folder(tmp_path), [("a", "x")])
    assert tree(tmp_path) == ["a.txt"]


def test_the_index_is_no_item_s_file(tmp_path, store):
    refused = store(Folder(tmp_path), [(".treadle-index.jsonl", b"x")])
    assert "the folder's index" in refused[".treadle-index.jsonl"].message


def test_a_file_of_an_item_that_runs_again_may_have_changed(tmp_path, store, succeeded):
    sink = Folder(tmp_path)
    sink.open()
    sink.write([succeeded("a", "x", 0), succeeded("b", "y", 1)])
    mark = sink.mark()
    sink.abandon()
    (tmp_path / "a.txt").unlink()
    again = Folder(tmp_path)
    again.resume(mark, ["a"])
    again.write([succeeded("a", "longer", 0)])
    again.mark()
    again.close()
    assert [path.read_text() for path in again.values()] == ["longer", "y"]
