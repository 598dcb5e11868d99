"""files(): what is found, in which order, under which keys, and what is a mistake."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import SourceFailed, UsageError
from treadle.sources import files
from treadle.sources.paths import _natural


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Make files below a temporary folder, which is the current one, and return that folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return tmp_path

    return make


def names(source):
    return [path.as_posix() for path in source]


def keys(source):
    return [source.key(path, i) for i, path in enumerate(source)]


def test_numbers_in_names_are_ordered_by_size(tree):
    tree("IVg_10.csv", "IVg_2.csv", "IVg_1.csv")
    assert names(files("*.csv")) == ["IVg_1.csv", "IVg_2.csv", "IVg_10.csv"]


def test_folders_are_ordered_as_files_are(tree):
    tree("run10/a.csv", "run9/b.csv", "run9/a.csv", "run9a/a.csv")
    assert names(files(".")) == ["run9/a.csv", "run9/b.csv", "run9a/a.csv", "run10/a.csv"]


def test_a_folder_means_all_files_in_it_at_any_depth(tree):
    tree("data/a.csv", "data/deep/er/b.txt", "other/c.csv")
    assert names(files("data")) == ["data/a.csv", "data/deep/er/b.txt"]
    assert names(files(Path("data"))) == ["data/a.csv", "data/deep/er/b.txt"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.csv", ["a.csv"]),
        ("*/*.csv", ["x/b.csv"]),
        ("**/*.csv", ["a.csv", "x/b.csv", "x/y/c.csv"]),
        ("**", ["a.csv", "x/b.csv", "x/b.txt", "x/y/c.csv"]),
        ("x/**", ["x/b.csv", "x/b.txt", "x/y/c.csv"]),
        ("**/y/*", ["x/y/c.csv"]),
        ("**/x/**/c.csv", ["x/y/c.csv"]),
        ("**/**/b.*", ["x/b.csv", "x/b.txt"]),
        ("x/[ab].csv", ["x/b.csv"]),
        ("x/[!b].csv", []),
        ("?/b.csv", ["x/b.csv"]),
        ("*/", ["x/b.csv", "x/b.txt", "x/y/c.csv"]),
        ("./x/*.txt", ["x/b.txt"]),
        ("*", ["a.csv"]),
    ],
)
def test_patterns(tree, pattern, found):
    tree("a.csv", "x/b.csv", "x/b.txt", "x/y/c.csv")
    assert names(files(pattern)) == found


def test_a_file_comes_once_however_many_arguments_lead_to_it(tree):
    root = tree("x/a.csv", "x/b.csv")
    source = files("x", "x/*.csv", "x/a.csv", root / "x" / "b.csv", "./x/../x/a.csv")
    assert names(source) == ["x/a.csv", "x/b.csv"]
    assert len(source) == 2


def test_a_key_is_the_path_relative_to_the_fixed_part_wherever_the_tree_stands(tree, monkeypatch):
    root = tree("data/run1/a.csv", "data/run2/b.csv")
    relative = files("data/**/*.csv")
    absolute = files(f"{root}/data/**/*.csv")
    assert keys(relative) == keys(absolute) == ["run1/a.csv", "run2/b.csv"]
    assert all(path.is_absolute() for path in absolute)
    monkeypatch.chdir("data")
    assert keys(files("**/*.csv")) == ["run1/a.csv", "run2/b.csv"]


def test_the_root_of_several_arguments_is_the_folder_above_them_all(tree):
    tree("data/run1/a.csv", "data/run2/b.csv")
    assert keys(files("data/run1/a.csv", "data/run2")) == ["run1/a.csv", "run2/b.csv"]
    assert keys(files("data/run1/a.csv")) == ["a.csv"]


def test_an_explicit_root_keeps_keys_the_same_for_any_choice_of_files(tree):
    root = tree("data/run1/a.csv", "data/run2/b.csv")
    assert keys(files("data/run1/*", root="data")) == ["run1/a.csv"]
    assert keys(files("data/run1/a.csv", root=root)) == ["data/run1/a.csv"]
    with pytest.raises(UsageError, match=r"'data/run1' is not below root 'data/run2'"):
        files("data/run1", root="data/run2")
    with pytest.raises(UsageError, match=r"root 'dat' is not a folder") as caught:
        files("data/run1", root="dat")
    assert "'data'" in caught.value.hint


def test_keys_hold_when_the_folder_is_changed_during_the_run(tree, monkeypatch):
    tree("data/a.csv", "elsewhere/x")
    source = files("data/*.csv")
    [path] = source
    monkeypatch.chdir("elsewhere")
    assert source.key(path, 0) == "a.csv"


def test_hidden_files_and_macos_droppings_stay_out(tree):
    tree("a.csv", "._a.csv", ".hidden/b.csv", ".c.csv")
    assert names(files(".", "**/*.csv")) == ["a.csv"]
    assert names(files(".hidden/*.csv")) == [".hidden/b.csv"]
    assert names(files(".c.csv")) == [".c.csv"]
    assert names(files(".*.csv")) == ["._a.csv", ".c.csv"]
    assert len(files(".", hidden=True)) == 4


def test_suffix_takes_files_in_whatever_case(tree):
    tree("d/a.csv", "d/b.CSV", "d/c.txt", "d/e.log")
    assert names(files("d", suffix=".csv")) == ["d/a.csv", "d/b.CSV"]
    assert len(files("d", suffix=[".csv", ".txt"])) == 3
    with pytest.raises(UsageError, match="suffix must be text"):
        files("d", suffix=[])


def test_a_name_that_exists_is_never_read_as_a_pattern(tree):
    tree("scan[1].csv", "scan1.csv", "set[a]/x", "what?.csv", "line\nend.csv")
    assert names(files("scan[1].csv")) == ["scan[1].csv"]
    assert names(files("set[a]")) == ["set[a]/x"]
    assert names(files("what?.csv")) == ["what?.csv"]
    assert "line\nend.csv" in names(files("*.csv"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes for a name")
def test_a_name_that_is_no_text_has_a_key_that_is(tree):
    root = tree("a.csv")
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.csv")).write_text("")
    source = files("*.csv")
    found = list(source)
    assert all(path.exists() for path in found)
    assert keys(source) == ["a.csv", "caf\\xe9.csv"]


def test_links_are_followed_but_no_folder_is_entered_twice(tree):
    root = tree("data/run1/a.csv", "far/b.csv")
    (root / "data/again").symlink_to(root / "data/run1")
    (root / "data/run1/loop").symlink_to(root / "data")
    (root / "data/self").symlink_to("self")
    (root / "data/far").symlink_to(root / "far")
    (root / "data/gone.csv").symlink_to("nowhere")
    assert keys(files("data")) == ["far/b.csv", "run1/a.csv"]
    assert keys(files("data/**/*.csv")) == ["far/b.csv", "run1/a.csv"]


def test_only_regular_files_are_found_but_anything_can_be_named(tree):
    root = tree("d/a.csv")
    os.mkfifo(root / "d" / "pipe.csv")
    assert names(files("d")) == ["d/a.csv"]
    assert names(files("d/pipe.csv")) == ["d/pipe.csv"]


def test_a_pattern_that_fits_nothing_is_empty(tree):
    tree("data/a.csv")
    assert list(files("data/*.parquet")) == []
    assert len(files("data/*.parquet")) == 0


@pytest.mark.parametrize(
    ("argument", "message", "hint"),
    [
        ("dat", "'dat' does not exist", "'data'"),
        ("data/IVg_1.cvs", "'data/IVg_1.cvs' does not exist", "'data/IVg_1.csv'"),
        ("daata/*.csv", r"'daata' does not exist \(in the pattern 'daata/\*.csv'\)", "'data'"),
        ("zzz", "'zzz' does not exist", "the search started in"),
        ("data/*/../x", "'..' follows a wildcard", "write the folder out"),
        ("", "cannot use ''", ""),
        (3, "not int: 3", ""),
        (["a", "b"], "not list", r"files(*patterns)"),
    ],
)
def test_a_mistake_is_named_at_once_with_what_may_have_been_meant(tree, argument, message, hint):
    tree("data/IVg_1.csv")
    with pytest.raises(UsageError, match=message) as caught:
        files(argument)
    assert hint in (caught.value.hint or "")


def test_no_argument_is_a_mistake():
    with pytest.raises(UsageError, match="no path or pattern"):
        files()


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_not_passed_over(tree):
    root = tree("d/locked/a.csv")
    (root / "d/locked").chmod(0)
    try:
        with pytest.raises(SourceFailed, match="locked"):
            list(files("d"))
    finally:
        (root / "d/locked").chmod(0o700)


def test_a_folder_whose_listing_fails_ends_the_source(tree, monkeypatch):
    tree("d/locked/a.csv")
    real = os.scandir

    def scandir(path):
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(SourceFailed, match=r"locked' cannot be read: Permission denied"):
        list(files("d"))


def test_files_made_during_the_run_do_not_join(tree):
    root = tree("d/a.csv", "d/b.csv")
    source = files("d")
    iterator = iter(source)
    next(iterator)
    (root / "d" / "result.csv").write_text("")
    assert [path.name for path in iterator] == ["b.csv"]
    assert len(source) == 2


@given(st.lists(st.text(alphabet="ab019./", min_size=1, max_size=8), max_size=8))
def test_the_order_does_not_depend_on_the_order_of_discovery(paths):
    backwards = paths[::-1]
    assert sorted(paths, key=_natural) == sorted(backwards, key=_natural)
