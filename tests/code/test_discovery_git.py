"""In repositories git says what counts, whatever state they are in, and nothing in them changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from treadle.code.discovery import discover
from treadle.code.discovery import git as asking_git

FILES = ["a.py", "d/b.py", "d/new.py"]
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(autouse=True)
def plain_git(tmp_path_factory, monkeypatch):
    """Keep what this user or machine has configured out of it."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A. Weaver")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "weaver@example.org")


def put(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True)


def repository(folder: Path, *tracked: str) -> Path:
    """Make a repository with files in its first commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q")
    put(folder, *tracked)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first", "--allow-empty")
    return folder


def paths(*roots: Path, **options) -> list[str]:
    return [each.path for each in discover(roots, **options)]


def test_tracked_files_and_new_ones_are_found_but_not_ignored_ones(tmp_path):
    repository(tmp_path, "a.py", "d/b.py")
    put(tmp_path, "new.py", "d/new.py", "old.log")
    (tmp_path / ".gitignore").write_text("*.log\n")
    assert paths(tmp_path) == ["a.py", "d/b.py", "d/new.py", "new.py"]


def test_a_tracked_file_that_is_ignored_stays(tmp_path):
    repository(tmp_path, "kept.log", "build/kept.py")
    put(tmp_path, "other.log", "build/other.py")
    (tmp_path / ".gitignore").write_text("*.log\nbuild/\n")
    assert paths(tmp_path) == ["build/kept.py", "kept.log"]


def test_files_deleted_but_tracked_are_not_found(tmp_path):
    repository(tmp_path, "a.py", "b.py", "d/c.py")
    (tmp_path / "b.py").unlink()
    (tmp_path / "d/c.py").unlink()
    (tmp_path / "d").rmdir()
    assert paths(tmp_path) == ["a.py"]


def test_a_tracked_file_that_became_a_folder_and_the_other_way_round(tmp_path):
    repository(tmp_path, "a.py", "d/b.py")
    (tmp_path / "a.py").unlink()
    put(tmp_path, "a.py/c.py")
    (tmp_path / "d/b.py").unlink()
    (tmp_path / "d").rmdir()
    put(tmp_path, "d")
    assert paths(tmp_path) == paths(tmp_path, git="never") == ["a.py/c.py", "d"]


def test_a_folder_that_became_a_link_is_not_followed(tmp_path):
    put(tmp_path, "elsewhere/secret.py")
    top = repository(tmp_path / "r", "d/secret.py")
    (top / "d/secret.py").unlink()
    (top / "d").rmdir()
    (top / "d").symlink_to("../elsewhere")
    assert [(each.path, each.reason) for each in discover(top)] == [("d", "link")]


def test_a_file_in_conflict_is_found_once(tmp_path):
    top = repository(tmp_path, "a.py")
    git(top, "checkout", "-qb", "side")
    (top / "a.py").write_text("side")
    git(top, "commit", "-qam", "side")
    git(top, "checkout", "-q", "-")
    (top / "a.py").write_text("main")
    git(top, "commit", "-qam", "main")
    assert subprocess.run(
        ["git", "-C", top, "merge", "side"], check=False, capture_output=True
    ).returncode
    assert paths(top) == ["a.py"]


def test_a_root_inside_a_repository(tmp_path):
    top = repository(tmp_path, "a.py", "d/b.py", "d/e/c.py")
    put(top, "d/no.log")
    (top / ".gitignore").write_text("*.log\n")
    assert paths(top / "d") == ["b.py", "e/c.py"]


@pytest.mark.parametrize("how", ["auto", "never"])
def test_a_root_above_several_repositories(tmp_path, how):
    for name in ("one", "two/deep"):
        top = repository(tmp_path / name, "a.py")
        put(top, "b.log", "c.tmp")
        (top / ".gitignore").write_text(f"{'*.log' if name == 'one' else '*.tmp'}\n")
    put(tmp_path, "two/free.tmp")
    assert paths(tmp_path, git=how) == [
        *("one/a.py", "one/c.tmp", "two/deep/a.py", "two/deep/b.log", "two/free.tmp")
    ]


@pytest.mark.parametrize("how", ["auto", "never"])
@pytest.mark.parametrize("commits", [True, False])
def test_a_repository_inside_another_has_rules_of_its_own(tmp_path, how, commits):
    top = repository(tmp_path, "a.py")
    inner = top / "lib/inner"
    if commits:
        repository(inner, "tracked.py")
    else:
        inner.mkdir(parents=True)
        git(inner, "init", "-q")
        put(inner, "tracked.py")
    put(inner, "a.log", "a.tmp")
    (top / ".gitignore").write_text("*.log\n")
    (inner / ".gitignore").write_text("*.tmp\n")
    assert paths(top, git=how) == ["a.py", "lib/inner/a.log", "lib/inner/tracked.py"]


@pytest.mark.parametrize("how", ["auto", "never"])
def test_submodules_are_part_of_the_tree(tmp_path, how):
    other = repository(tmp_path / "other", "lib.py")
    top = repository(tmp_path / "r", "a.py")
    git(top, "-c", "protocol.file.allow=always", "submodule", "-q", "add", str(other), "sub.py")
    put(top, "sub.py/new.py")
    assert paths(top, git=how) == ["a.py", "sub.py/lib.py", "sub.py/new.py"]
    assert paths(top / "sub.py", git=how) == ["lib.py", "new.py"]


def test_a_submodule_that_was_not_fetched_is_empty(tmp_path):
    other = repository(tmp_path / "other", "lib.py")
    top = repository(tmp_path / "r", "a.py")
    git(top, "-c", "protocol.file.allow=always", "submodule", "-q", "add", str(other), "sub")
    git(top, "commit", "-qm", "sub")
    git(tmp_path, "clone", "-q", str(top), "clone")
    assert paths(tmp_path / "clone") == ["a.py"]


@pytest.mark.parametrize("how", ["auto", "never"])
def test_a_further_work_tree_has_the_rules_of_the_clone(tmp_path, how):
    top = repository(tmp_path / "r", "a.py")
    (top / ".git/info/exclude").write_text("*.mine\n")
    git(top, "worktree", "add", "-q", "../w")
    put(tmp_path / "w", "b.py", "c.mine")
    assert (tmp_path / "w/.git").is_file()
    assert paths(tmp_path / "w", git=how) == ["a.py", "b.py"]


def test_a_sparse_checkout_has_what_is_there(tmp_path):
    top = repository(tmp_path, "a.py", "d/b.py", "e/c.py")
    git(top, "sparse-checkout", "set", "d")
    assert not (top / "e").exists()
    assert paths(top) == ["a.py", "d/b.py"]


@pytest.mark.parametrize("how", ["auto", "never"])
def test_a_root_that_is_ignored_is_taken(tmp_path, how):
    top = repository(tmp_path, "a.py")
    put(top, "build/lib/b.py", "build/lib/c.log")
    (top / ".gitignore").write_text("build/\n*.log\n")
    assert paths(top / "build", git=how) == ["lib/b.py"]
    assert paths(top / "build/lib", git=how) == ["b.py"]
    assert paths(top / "build/lib/c.log", git=how) == ["c.log"]


def test_the_environment_cannot_point_git_elsewhere(tmp_path, monkeypatch):
    other = repository(tmp_path / "other", "wrong.py")
    top = repository(tmp_path / "r", "right.py")
    put(top, "no.log")
    (top / ".gitignore").write_text("*.log\n")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert paths(top) == ["right.py"]


def test_without_git_its_rules_are_read(tmp_path, monkeypatch):
    top = repository(tmp_path, "a.py")
    put(top, "no.log")
    (top / ".gitignore").write_text("*.log\n")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    found = discover(top)
    assert [each.path for each in found] == ["a.py"]
    assert found.left_out["ignored"] == 1


@pytest.mark.skipif(not ROOT, reason="only root gives files away")
def test_a_repository_of_somebody_else_is_read_by_our_walk(tmp_path):
    top = repository(tmp_path, "a.py", "kept.log")
    (top / ".gitignore").write_text("*.log\n")
    for each in (top, top / ".git"):
        os.chown(each, 12345, 12345)
    refused = subprocess.run(["git", "-C", top, "ls-files"], check=False, capture_output=True)
    assert b"dubious ownership" in refused.stderr
    found = discover(top)
    assert [each.path for each in found] == ["a.py"]
    assert found.left_out["ignored"] == 1  # the walk cannot know that it is tracked


@pytest.mark.parametrize("broken", ["HEAD", "config", "index"])
def test_a_broken_repository_is_walked(tmp_path, broken):
    top = repository(tmp_path, "a.py", "d/b.py")
    (top / ".git" / broken).write_text("broken")
    assert paths(top) == ["a.py", "d/b.py"]


def test_an_empty_folder_called_dot_git_is_no_repository(tmp_path):
    top = repository(tmp_path, "a.py")
    put(top, "d/b.py", "d/c.log")
    (top / "d/.git").mkdir()
    (top / ".gitignore").write_text("*.log\n")
    for how in ("auto", "never"):
        assert paths(top, git=how) == paths(top, git=how, hidden=True)[1:] == ["a.py", "d/b.py"]


def test_nothing_in_the_repository_changes(tmp_path):
    top = repository(tmp_path, "a.py", "d/b.py")
    os.utime(top / "a.py", (1, 1))  # git would note this in its index

    def state():
        records = sorted((top / ".git").rglob("*"))
        return [(each, each.stat().st_mtime_ns, each.stat().st_size) for each in records]

    before = state()
    discover(top)
    assert state() == before


@pytest.fixture
def program(tmp_path):
    """Give a program that must not be run, and leaves a mark when it is."""
    file = tmp_path / "program"
    file.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    file.chmod(0o755)
    yield file
    assert not (tmp_path / "ran").exists()


def lacking(top: Path) -> Path:
    """Make a repository that is not whole: git needs what it lacks to list what is in it."""
    repository(top, "a.py", "d/b.py")
    (top / "d/.gitignore").write_text("*.log\n")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "second")
    git(top, "update-index", "--skip-worktree", "d/.gitignore")
    (top / "d/.gitignore").unlink()
    shutil.rmtree(top / ".git/objects")
    (top / ".git/objects").mkdir()
    put(top, "d/new.py")
    settings = {
        "core.repositoryformatversion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
    }
    for name, value in settings.items():
        git(top, "config", name, value)
    return top


def test_a_repository_cannot_make_git_run_a_program(tmp_path, program):
    top = repository(tmp_path / "r", "a.py")
    for name in ("core.fsmonitor", "core.pager", "pager.ls-files", "alias.ls-files"):
        git(top, "config", name, str(program))
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        shutil.copy(program, top / ".git/hooks" / hook)
    assert paths(top) == ["a.py"]


@pytest.mark.parametrize(
    ("url", "setting", "value"),
    [
        (".", "remote.origin.uploadpack", "PROGRAM"),
        ("ssh://nowhere.invalid/x", "core.sshCommand", "PROGRAM"),
        ("git://nowhere.invalid/x", "core.gitProxy", "PROGRAM"),
        ("ext::PROGRAM", "protocol.ext.allow", "always"),
    ],
)
@pytest.mark.parametrize("knows", [True, False])
def test_git_fetches_nothing_that_a_repository_lacks(
    tmp_path, monkeypatch, program, url, setting, value, knows
):
    top = lacking(tmp_path / "r")
    git(top, "config", "remote.origin.url", url.replace("PROGRAM", str(program)))
    git(top, "config", setting, value.replace("PROGRAM", str(program)))
    if not knows:  # git before 2.44 has no such variable
        monkeypatch.delitem(asking_git._HELD, "GIT_NO_LAZY_FETCH")
    assert paths(top) == ["a.py", "d/b.py", "d/new.py"]


def test_a_program_called_git_in_the_tree_is_not_run(tmp_path, monkeypatch, program):
    top = repository(tmp_path / "r", "a.py")
    shutil.copy(program, top / "git")
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", os.environ["PATH"]]))
    monkeypatch.chdir(top)
    assert paths(top) == ["a.py", "git"]


@pytest.mark.parametrize("at", ["r", "."])
def test_no_repository_is_asked_but_that_of_the_folder(tmp_path, at):
    """Where git takes a folder for none, it would ask plain files in it, or go up."""
    git(tmp_path, "init", "-q", *(["--bare", "r"] if at == "r" else []))
    top = tmp_path / "r"
    put(top, ".git/HEAD", ".git/objects/x", "a.py")
    (tmp_path / ("r" if at == "r" else ".git") / "info/exclude").write_text("a.py")
    assert "a.py" in paths(top)


@pytest.mark.parametrize("held_by", ["include", "exclude", "alternates"])
def test_a_pipe_in_place_of_records_holds_git_up_for_a_while_only(tmp_path, monkeypatch, held_by):
    for name in ("one", "two"):
        top = lacking(tmp_path / name)
        put(top, "no.log")
        (top / ".gitignore").write_text("*.log\n")
        os.mkfifo(top / ".git/pipe")
        if held_by == "include":
            git(top, "config", "include.path", "pipe")
        elif held_by == "exclude":
            git(top, "config", "core.excludesFile", str(top / ".git/pipe"))
        else:
            (top / ".git/objects/info").mkdir()
            os.mkfifo(top / ".git/objects/info/alternates")
    monkeypatch.setattr(asking_git, "PATIENCE", 0.1)
    with pytest.warns(RuntimeWarning, match="git gave no answer within 0.1 s") as warned:
        found = paths(tmp_path)
    assert len(warned) == 1  # git is not asked again
    assert found == [f"{top}/{name}" for top in ("one", "two") for name in FILES]


def test_a_repository_that_says_its_files_are_elsewhere_is_read_where_it_is(tmp_path):
    top = repository(tmp_path / "r", "a.py", "d/b.py")
    put(top, "d/new.py", "no.log")
    (top / ".gitignore").write_text("*.log\n")
    put(tmp_path, "elsewhere/x.py")
    git(top, "config", "core.worktree", str(tmp_path / "elsewhere"))
    assert paths(top) == ["a.py", "d/b.py", "d/new.py"]
    assert paths(top / "d") == ["b.py", "new.py"]


def test_any_name_that_a_file_can_have_is_found_in_both_ways(tmp_path):
    names = [
        b"new\nline.py",
        b" space .py",
        b"\xff\xfe.py",
        b'"q".py',
        "ü.py".encode(),
        b"-x",
        b"a",
    ]
    names += [b"A", b"\\xff\\xfe.py", b"back\\slash", b"sub\xe9/in\xe9.py", b"tab\t", b"nested\n/a"]
    top = repository(tmp_path)
    for name in names:
        file = os.path.join(os.fsencode(top), name)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "wb") as made:
            made.write(b"x")
    git(top, "add", "-A")
    by_git, by_walk = discover(top), discover(top, git="never")
    assert by_git.files == by_walk.files
    assert len({each.path for each in by_git}) == len(names)
    assert [each.path.encode() for each in by_git] == sorted(each.path.encode() for each in by_git)
    assert r"\xff\xfe.py" in {each.path for each in by_git}
    assert {os.fsencode(os.path.relpath(each.file, top)) for each in by_git} == set(names)


def test_hidden_and_vendored_are_left_out_in_both_ways(tmp_path):
    top = repository(tmp_path, ".github/ci.yml", ".env", "vendor/x.go", "a/node_modules/y.js")
    put(top, "a.py", "env/pyvenv.cfg", "env/lib/z.py", "a/.hidden/w.py")
    for how in ("auto", "never"):
        found = discover(top, git=how)
        assert [each.path for each in found] == ["a.py"]
        assert found.left_out == {"hidden": 3, "vendored": 3}
        assert len(paths(top, git=how, hidden=True, vendored=True)) == 8


def test_pipes_are_not_to_be_read_in_both_ways(tmp_path):
    top = repository(tmp_path, "a.py", "b.py")
    (top / "b.py").unlink()
    os.mkfifo(top / "b.py")
    os.mkfifo(top / "c.py")
    for how, pipes in (("auto", ["b.py"]), ("never", ["b.py", "c.py"])):  # git sees no new ones
        found = discover(top, git=how)
        assert [each.path for each in found if each.reason is None] == ["a.py"]
        assert [each.path for each in found if each.reason == "special"] == pipes


def test_a_folder_that_git_may_not_read_is_a_problem(tmp_path):
    top = repository(tmp_path / "r", "a.py")
    put(top, "locked/b.py", ".locked/c.py", "d/e.py")
    stand_in = tmp_path / "bin/git"
    put(tmp_path, "bin/git")
    stand_in.write_text(
        f"#!{sys.executable}\nimport sys\n"
        'sys.stdout.write("a.py\\0d/e.py\\0")\n'
        'for each in ("locked", ".locked"):\n'
        "    text = f\"warning: could not open directory '{each}/': Permission denied\\n\"\n"
        "    sys.stderr.write(text)\n"
    )
    stand_in.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "bin"))
        found = discover(top)
    assert [each.path for each in found] == ["a.py", "d/e.py"]
    assert found.problems == [(f"{top}/locked", "Permission denied")]


@pytest.mark.skipif(ROOT, reason="root may read anything")
def test_a_locked_folder_in_a_repository_is_a_problem(tmp_path):
    top = repository(tmp_path, "a.py")
    put(top, "locked/b.py")
    (top / "locked").chmod(0)
    try:
        by_git, by_walk = discover(top), discover(top, git="never")
    finally:
        (top / "locked").chmod(0o755)
    assert by_git.files == by_walk.files
    assert by_git.problems == by_walk.problems == [(f"{top}/locked", "Permission denied")]
