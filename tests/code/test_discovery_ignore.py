"""Ignore files are read exactly as git reads them: git is asked, and the answers are compared."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import treadle
from treadle.code.discovery import discover

ODD = ("a b", "a ", "[a]", "a]b", "#h", "!n", "é", "ü.py", "a\\", "\\x41", "-", "*", "**", "1x")
PLAIN = ("a", "b", "ab", "x.py", "y.pyc", "ab.c", "tmp", "t\t", "n\nl")
ATOMS = (
    *("a", "b", "ab", "x", "é", ".py", ".pyc", "tmp", "-", "#", "!", " ", "\t", "x.py"),
    *("*", "**", "***", "?", "/", "/", "/**/", "**/", "/*", "[", "]", "\\", "\\a", "\\*", "\\\\"),
    *(
        "[ab]",
        "[!a]",
        "[^b]",
        "[a-c]",
        "[]a]",
        "[\\]]",
        "[a-\\]]",
        "[a-]",
        "[-a]",
        "[--z]",
        "[z-a]",
    ),
    *("[a/b]", "[[:alpha:]]", "[[:digit:]x]", "[[:bad:]]", "[[:x]", "[!!]", "\\"),
)


@pytest.fixture(scope="module", autouse=True)
def plain_git(tmp_path_factory):
    """Keep what this user or machine has configured out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.delenv("XDG_CONFIG_HOME", raising=False)
        yield


def put(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


def both(root: Path, **options) -> tuple[list[str], list[str]]:
    """Return what git and what our own walk finds."""
    by_git, by_walk = (
        [each.path for each in discover(root, hidden=True, vendored=True, git=git, **options)]
        for git in ("auto", "never")
    )
    return by_git, by_walk


@pytest.fixture(scope="module")
def odd_tree(tmp_path_factory) -> Path:
    top = repository(tmp_path_factory.mktemp("odd"))
    folders = [top / name for name in (".", "a/b/tmp", "a/ab", "b/[a]", "b/**", "a b")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for folder, names in ((top, PLAIN + ODD), *((each, PLAIN) for each in folders[1:])):
        put(folder, *(name for name in names if not (folder / name).exists()))
    return top


@st.composite
def patterns(draw) -> str:
    pattern = draw(st.one_of(st.sampled_from(PLAIN + ODD), made)).replace("\n", "")
    front = draw(st.sampled_from(("", "", "", "!", "/", "!/")))
    back = draw(st.sampled_from(("", "", "", "/", " ", "\\ ", "\t", "\r", "/  ")))
    return front + pattern + back


made = st.lists(st.sampled_from(ATOMS), min_size=1, max_size=4).map("".join)
files = st.lists(patterns(), max_size=6).map("\n".join)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=files, inner=files, deep=files, excluded=files, end=st.sampled_from(("", "\n", "\r\n")))
def test_our_walk_and_git_find_the_same(odd_tree, top, inner, deep, excluded, end):
    contents = {
        ".gitignore": top,
        "a/.gitignore": inner,
        "a/b/.gitignore": deep,
        ".git/info/exclude": excluded,
    }
    for name, lines in contents.items():
        (odd_tree / name).write_bytes((lines + end).encode())
    for root in (odd_tree, odd_tree / "a"):
        by_git, by_walk = both(root)
        assert by_git == by_walk


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ("*.py", {"a.c", "d/e.c", "d/f/g.c"}),
        ("/*.py", {"a.c", "d/e.c", "d/e.py", "d/f/g.c", "d/f/g.py"}),
        ("*.py\n!e.py", {"a.c", "d/e.c", "d/e.py", "d/f/g.c"}),
        ("d/\n!d/e.py", {"a.c", "a.py"}),
        ("d/*\n!d/e.py", {"a.c", "a.py", "d/e.py"}),
        ("d/**/*.c", {"a.c", "a.py", "d/e.py", "d/f/g.py"}),
        ("**/f", {"a.c", "a.py", "d/e.c", "d/e.py"}),
        ("f/", {"a.c", "a.py", "d/e.c", "d/e.py"}),
        ("a.py/", {"a.c", "a.py", "d/e.c", "d/e.py", "d/f/g.c", "d/f/g.py"}),
        ("[ae].?", {"a.py", "d/e.py", "d/f/g.c", "d/f/g.py"}),
        ("*\n!*/\n!*.py", {"a.py", "d/e.py", "d/f/g.py"}),
        ("\ufeffa.*\r\n# d\r\n", {"d/e.c", "d/e.py", "d/f/g.c", "d/f/g.py"}),
    ],
)
def test_patterns_do_what_their_manual_says(tmp_path, lines, kept):
    put(tmp_path, "a.py", "a.c", "d/e.py", "d/e.c", "d/f/g.py", "d/f/g.c")
    repository(tmp_path)
    (tmp_path / ".gitignore").write_bytes(lines.encode())
    for git in ("auto", "never"):
        assert {each.path for each in discover(tmp_path, git=git)} == kept


@pytest.mark.parametrize("git", ["auto", "never"])
def test_the_nearest_ignore_file_decides(tmp_path, git):
    put(tmp_path, "log.txt", "d/log.txt", "d/e/log.txt")
    repository(tmp_path)
    (tmp_path / ".gitignore").write_text("log.txt")
    (tmp_path / "d/.gitignore").write_text("!log.txt")
    assert [each.path for each in discover(tmp_path, git=git)] == ["d/e/log.txt", "d/log.txt"]


@pytest.mark.parametrize("git", ["auto", "never"])
def test_rules_above_the_root_hold_in_it(tmp_path, git):
    put(tmp_path, "d/e/a.py", "d/e/a.log", "d/e/b.tmp", "d/e/c.own")
    repository(tmp_path)
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "d/.gitignore").write_text("/e/*.tmp\n")
    (tmp_path / "d/.treadleignore").write_text("*.own\n")
    assert [each.path for each in discover(tmp_path / "d/e", git=git)] == ["a.py"]


@pytest.mark.parametrize("git", ["auto", "never"])
def test_rules_of_a_folder_above_all_repositories_do_not_hold(tmp_path, git):
    put(tmp_path, "r/a.log")
    (tmp_path / ".gitignore").write_text("*.log\n")
    repository(tmp_path / "r")
    assert [each.path for each in discover(tmp_path / "r", git=git)] == ["a.log"]


def test_ignore_files_count_outside_of_repositories_too(tmp_path):
    put(tmp_path, "a.py", "build/a.py", "d/b.py")
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "d/.treadleignore").write_text("b.py\n")
    found = discover(tmp_path)
    assert [each.path for each in found] == ["a.py"]
    assert found.left_out["ignored"] == 2


@pytest.mark.parametrize("git", ["auto", "never"])
def test_treadleignore_leaves_out_also_what_is_tracked_but_takes_nothing_back(tmp_path, git):
    put(tmp_path, "a.py", "b.py", "c.log", "d/e.py")
    repository(tmp_path)
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    put(tmp_path, "new.log")
    (tmp_path / ".gitignore").write_text("new.log\n")
    (tmp_path / ".treadleignore").write_text("b.py\n/d/\n!new.log\n")
    found = discover(tmp_path, git=git)
    assert [each.path for each in found] == ["a.py", "c.log"]


def test_ignore_files_do_not_count_when_told_so(tmp_path):
    put(tmp_path, "a.py", "b.py", "c.py")
    repository(tmp_path)
    (tmp_path / ".gitignore").write_text("a.py\n")
    (tmp_path / ".treadleignore").write_text("b.py\n")
    assert len(discover(tmp_path, ignore=False)) == 3


@pytest.mark.parametrize("git", ["auto", "never"])
def test_rules_of_the_user_and_of_the_clone_count(tmp_path, monkeypatch, git):
    put(tmp_path, "r/a.py", "r/b.swp", "r/c.mine")
    put(tmp_path, "config/git/rules")
    (tmp_path / "config/git/rules").write_text("*.swp\n")
    (tmp_path / "config/git/ignore").symlink_to("rules")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    top = repository(tmp_path / "r")
    (top / ".git/info/exclude").write_text("*.mine\n")
    assert [each.path for each in discover(top, git=git)] == ["a.py"]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 100 + "*b", "a" * 250),
        ("x/" + "*a" * 100 + "/b", "x/" + "a" * 250 + "/c"),
        ("**/a/" * 30 + "**/b", "a/" * 100 + "c"),
        ("**/*a*/*a*/" * 30 + "**/*a*b", "aa/" * 100 + "c"),
        ("a**/" + "?*" * 100 + "/**", "a" + "aa/" * 100 + "c"),
        ("**/**/" * 100 + "b", "a/" * 100 + "c"),
    ],
)
def test_no_pattern_takes_a_time_that_is_exponential(tmp_path, pattern, path):
    put(tmp_path, path)
    (tmp_path / ".treadleignore").write_text(pattern)
    assert [each.path for each in discover(tmp_path)] == [path]
    (tmp_path / ".treadleignore").write_text(pattern[:-1] + "*")
    assert len(discover(tmp_path, git="never")) in {0, 1}


def test_an_ignore_file_without_end_holds_nothing_up(tmp_path):
    repository(tmp_path)
    put(tmp_path, "a.py", "b.log", "d/c.py")
    (tmp_path / ".git/info/exclude").unlink()
    (tmp_path / ".git/info/exclude").symlink_to("/dev/zero")
    (tmp_path / ".gitignore").write_text("*.log")
    with (tmp_path / "d/.gitignore").open("wb") as huge:
        huge.truncate(1 << 40)
    assert [each.path for each in discover(tmp_path, git="never")] == ["a.py", "d/c.py"]


def test_ignore_files_that_are_none_hold_nothing_up(tmp_path):
    put(tmp_path, "a.py", "b/.gitignore/c.py", "d/e.py", "f/g.py", "rules")
    (tmp_path / "rules").write_text("*.py\n")
    (tmp_path / "f/.gitignore").symlink_to("../rules")  # git does not follow it either
    os.mkfifo(tmp_path / "d/.gitignore")
    found = discover(tmp_path, git="never", hidden=True)
    assert [each.path for each in found if each.reason is None] == [
        *("a.py", "b/.gitignore/c.py", "d/e.py", "f/g.py", "rules")
    ]


def test_exclude_and_include_are_patterns_relative_to_the_root(tmp_path):
    put(tmp_path, "a.py", "a.md", "docs/b.md", "docs/c/d.py", "src/e.py", "src/test_e.py")

    def paths(**options):
        return [each.path for each in discover(tmp_path, **options)]

    assert paths(exclude=["docs/", "test_*"]) == ["a.md", "a.py", "src/e.py"]
    assert paths(exclude=["/*.py"]) == [
        *("a.md", "docs/b.md", "docs/c/d.py", "src/e.py", "src/test_e.py")
    ]
    assert paths(include=["docs", "/a.py"]) == ["a.py", "docs/b.md", "docs/c/d.py"]
    assert paths(include=["*.py", "!test_*"], exclude=["docs"]) == ["a.py", "src/e.py"]
    assert paths(include=["docs", "!*.md"]) == ["docs/c/d.py"]
    assert paths(include=["nothing"]) == []


def test_a_text_is_one_pattern(tmp_path):
    put(tmp_path, "a.py", "b.go", "p.y")
    assert [each.path for each in discover(tmp_path, include="*.py")] == ["a.py"]
    assert [each.path for each in discover(tmp_path, exclude="*.py")] == ["b.go", "p.y"]


@pytest.mark.parametrize("option", ["include", "exclude"])
@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        *((each, "is empty") for each in ("", "/", "!", "[", "src/[a", "a\\", "[[:bad:]]")),
        *((each, "no . and ..") for each in ("./x", "../x", "a/../b", ".", "a/./b", "!./x")),
        ("a//b", "write / once"),
        ("*.{py,js}", "pattern for each"),
        ("# x", "comment"),
        ("ROOT/docs/**", "relative to"),
        (b"*.py", "several of them"),
        (3, "several of them"),
    ],
)
def test_a_pattern_that_can_match_nothing_is_an_error_that_names_it(
    tmp_path, option, pattern, hint
):
    if isinstance(pattern, str):
        pattern = pattern.replace("ROOT", str(tmp_path))
    for asked in (pattern, ["*.c", pattern]):
        with pytest.raises(treadle.UsageError) as caught:
            discover(tmp_path, **{option: asked})
        assert caught.value.message.startswith(option)
        assert repr(pattern) in caught.value.message
        assert hint in str(caught.value.hint)


def test_braces_and_names_like_that_of_the_root_can_be_given(tmp_path):
    put(tmp_path, "{a,b}.py", "{{name}}.py", f"{str(tmp_path)[1:]}/x.py", "y.py")
    found = discover(tmp_path, exclude=["\\{a,b}.py", "{{name}}.py", f"{tmp_path}/x.py"])
    assert [each.path for each in found] == ["y.py"]


def test_exclude_counts_a_folder_once(tmp_path):
    put(tmp_path, "a.py", "d/b.py", "d/c.py")
    found = discover(tmp_path, exclude=["d", "a.*"])
    assert found.left_out == {"excluded": 2}
