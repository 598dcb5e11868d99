"""The made-up files of a lab are the same for the same seed, and hold what is told of them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = 300


@pytest.fixture(scope="module")
def lab_tree():
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks import lab_tree
    finally:
        sys.path.remove(str(ROOT))
    return lab_tree


@pytest.fixture(scope="module")
def tree(lab_tree, tmp_path_factory):
    """Return the folder of a small tree, and what is told of it."""
    folder = tmp_path_factory.mktemp("tree")
    return folder, lab_tree.write(folder, FILES, seed=1)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files(folder)}


def files(folder):
    found = (path for path in folder.rglob("*.csv") if not path.name.startswith("._"))
    return sorted(found)


def rows_of(data):
    return data.partition(b"#Data:\r\n")[2].decode().split("\r\n")


def is_sound(data):
    """Tell whether it is one whole run whose rows have as many cells as there are columns."""
    rows = rows_of(data)
    widths = {row.count(",") for row in rows[:-1]}
    return data.count(b"#Procedure: <") == 1 and b"#Metadata:" in data and len(widths) == 1


def test_the_same_seed_makes_the_same_files(lab_tree, tree, tmp_path):
    lab_tree.write(tmp_path, FILES, seed=1)
    assert contents(tmp_path) == contents(tree[0])


def test_another_seed_makes_others(lab_tree, tree, tmp_path):
    lab_tree.write(tmp_path, FILES, seed=2)
    assert contents(tmp_path) != contents(tree[0])


def test_there_are_as_many_files_and_runs_as_are_told(tree):
    folder, told = tree
    found = contents(folder)
    assert len(found) == told.files == FILES
    # Of those that are odd only these hold a run, and a copy of one is no other.
    odd = told.odd["cut"] + told.odd["ragged"]
    sound = {data for data in found.values() if is_sound(data) and data.endswith(b"\r\n")}
    assert len(sound) + odd == sum(told.runs.values())
    assert told.staged + told.rejected == FILES
    assert told.staged - told.odd["duplicate"] == sum(told.runs.values())


def test_the_runs_of_each_procedure_are_as_many_as_are_told(tree):
    folder, told = tree
    names = Counter(
        data.partition(b">")[0].rpartition(b".")[2].decode()
        for data in set(contents(folder).values())
        if is_sound(data) and data.endswith(b"\r\n")
    )
    names.update(IVg=told.odd["ragged"], It=told.odd["cut"])
    assert names == Counter(told.runs)


def test_at_full_size_there_are_as_many_iv_sweeps_as_a_user_has(lab_tree):
    told = lab_tree.expected()
    assert (told.files, told.runs["IV"]) == (31_806, 7_636)
    assert 0.03 < sum(told.odd.values()) / told.files < 0.05


def test_it_is_told_beside_the_files(lab_tree, tree):
    assert lab_tree.told(tree[0]) == tree[1]


def test_rows_are_written_as_python_writes_floats(tree):
    for data in contents(tree[0]).values():
        if not is_sound(data) or not data.endswith(b"\r\n"):
            continue
        for row in rows_of(data)[1:-1]:
            assert all(repr(float(cell)) == cell for cell in row.split(","))


def test_sweeps_are_those_of_the_instrument(lab_tree):
    """The points of two real files."""
    points = lab_tree.vsd_points(0.1, 0.01).tolist()
    assert len(points) == 44
    assert points[:3] == [0.0, -0.0005, -0.0105]
    assert points[-2:] == [0.0005, -0.0095]
    assert (min(points), max(points)) == (-0.1, 0.1)
    points = lab_tree.vg_points(1.0, 0.2, twice=True).tolist()
    assert len(points) == 31
    assert (points[0], points[-1]) == (0.0, 0.0)


def test_the_oddities_are_there(tree):
    found, told = contents(tree[0]), tree[1]
    data = list(found.values())
    assert sum(each.startswith(b"\xff\xfe") for each in data) == told.odd["utf-16"]
    assert sum(each.count(b"#Procedure: <") == 2 for each in data) == told.odd["two runs"]
    assert (
        sum(
            not rows_of(each)[1]
            for each in data
            if b"#Metadata" not in each and each.startswith(b"#Procedure")
        )
        == told.odd["header only"]
    )
    assert sum(name.endswith("_metadata.csv") for name in found) == told.odd["not a measurement"]
    assert len(data) - len(set(data)) == told.odd["duplicate"]
    assert sum(each.startswith(b"#Parameters") for each in data) == told.odd["no procedure"]
