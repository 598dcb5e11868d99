"""What is found below roots of any kind, under which keys, and what is left out."""

from __future__ import annotations

import errno
import os
import random
import socket
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

import treadle
from treadle.code.discovery import Discovery, discover


def put(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")


def paths(*roots, **options) -> list[str]:
    return [each.path for each in discover(roots, **options)]


def reasons(found: Discovery) -> dict[str, str | None]:
    return {each.path: each.reason for each in found}


def test_files_come_in_the_order_of_their_paths_with_what_is_known_of_them(tmp_path):
    names = ["b.py", "a/c.py", "a.py", "a-b.py", "Z.py", "ü.py", "a.py2/x", "\U0001f600", "\uffff"]
    put(tmp_path, *random.Random(1).sample(names, len(names)))
    found = discover(tmp_path)
    assert [each.path for each in found] == sorted(names, key=str.encode)
    assert len(found) == len(names)
    for each in found:
        looked = (tmp_path / each.path).stat()
        assert each.file == f"{tmp_path}/{each.path}"
        assert (each.size, each.mtime_ns) == (looked.st_size, looked.st_mtime_ns)
        assert (each.ctime_ns, each.inode) == (looked.st_ctime_ns, looked.st_ino)
        assert each.reason is None


def test_keys_do_not_depend_on_how_the_root_is_written(tmp_path, monkeypatch):
    put(tmp_path, "r/a.py", "r/d/b.py")
    monkeypatch.chdir(tmp_path / "r")
    (tmp_path / "link").symlink_to("r")
    for root in (".", "./", "../r", "d/..", tmp_path / "r", f"{tmp_path}//r/", tmp_path / "link"):
        found = discover(root)
        assert [each.path for each in found] == ["a.py", "d/b.py"]
        assert [each.file for each in found] == [
            os.path.join(root, each) for each in ("a.py", "d/b.py")
        ]
    assert paths("r", cwd=tmp_path) == ["a.py", "d/b.py"]


def test_two_dots_behind_a_link_lead_where_the_link_leads(tmp_path):
    put(tmp_path, "real/a.py", "real/d/b.py", "wrong.py")
    (tmp_path / "link").symlink_to("real/d")
    found = discover([f"{tmp_path}/link/..", f"{tmp_path}/real/d"])
    assert found.root == str(tmp_path / "real")
    assert [each.path for each in found] == ["a.py", "d/b.py"]


def test_keys_of_several_roots_are_relative_to_the_folder_that_holds_them(tmp_path):
    put(tmp_path, "p/src/a.py", "p/tests/b.py", "p/c.py", "p/d.py")
    top = tmp_path / "p"
    assert paths(top / "src", top / "tests") == ["src/a.py", "tests/b.py"]
    assert paths(top / "src", top / "c.py") == ["c.py", "src/a.py"]
    assert paths(top / "d.py", top / "c.py") == ["c.py", "d.py"]
    assert paths(top / "src/a.py") == ["a.py"]


def test_what_is_reached_twice_is_there_once(tmp_path):
    put(tmp_path, "a.py", "d/b.py", "d/e/c.py")
    everything = ["a.py", "d/b.py", "d/e/c.py"]
    assert paths(tmp_path, tmp_path) == everything
    assert paths(tmp_path / "d", tmp_path, tmp_path / "d/e", tmp_path / "a.py") == everything
    (tmp_path / "link").symlink_to("d")
    inner = discover([tmp_path / "d", tmp_path / "link"])
    assert [each.path for each in inner] == ["d/b.py", "d/e/c.py"]


def test_two_names_of_one_file_are_two_files(tmp_path):
    put(tmp_path, "a.py")
    os.link(tmp_path / "a.py", tmp_path / "b.py")
    assert paths(tmp_path, tmp_path / "a.py", follow_links=True) == ["a.py", "b.py"]


def test_no_roots_and_empty_ones_give_nothing(tmp_path):
    assert len(discover([])) == 0
    assert len(discover(tmp_path)) == 0


@pytest.mark.parametrize("root", ["nowhere", "a.py/b", "", "nul\0"])
def test_a_root_that_does_not_exist_is_an_error_that_names_it(tmp_path, root):
    put(tmp_path, "a.py")
    with pytest.raises(treadle.UsageError) as caught:
        discover([tmp_path, root], cwd=tmp_path)
    assert repr(root) in caught.value.message
    assert caught.value.hint


def test_git_is_one_of_two_words(tmp_path):
    with pytest.raises(treadle.UsageError, match="always") as caught:
        discover(tmp_path, git="always")
    assert "never" in str(caught.value.hint)


@pytest.mark.parametrize("root", [".hidden", "node_modules", ".hidden/vendor", ".git/x", "env"])
def test_a_root_that_was_named_outright_is_taken(tmp_path, root):
    put(tmp_path, f"{root}/a.py", f"{root}/.b.py", f"{root}/vendor/c.py", "env/pyvenv.cfg")
    assert "a.py" in paths(tmp_path / root)
    assert not {".b.py", "vendor/c.py"} & set(paths(tmp_path / root))
    assert paths(tmp_path / root / ".b.py") == [".b.py"]


def test_hidden_and_vendored_can_be_asked_for_but_records_never(tmp_path):
    put(tmp_path, ".a/b.py", ".c.py", "vendor/d.py", "__pycache__/e.pyc", "x/env/pyvenv.cfg")
    put(tmp_path, ".git/config", ".hg/store", ".svn/x", ".treadle/code/y", "CVS/Root")
    put(tmp_path, "worktree/.git")  # a file, in further work trees and submodules
    assert paths(tmp_path, hidden=True) == [".a/b.py", ".c.py"]
    assert paths(tmp_path, vendored=True) == ["vendor/d.py", "x/env/pyvenv.cfg"]
    assert discover(tmp_path).left_out == {"hidden": 2, "vendored": 2}


def test_patterns_hold_for_roots_too(tmp_path):
    put(tmp_path, "src/a.py", "tests/b.py", "tests/c.md", "d.py")
    roots = [tmp_path / name for name in ("src", "tests", "d.py")]
    assert paths(*roots, exclude=["tests"]) == ["d.py", "src/a.py"]
    assert paths(*roots, exclude=["/d.py", "/src/"]) == ["tests/b.py", "tests/c.md"]
    assert paths(*roots, include=["tests"]) == ["tests/b.py", "tests/c.md"]
    assert discover(roots, exclude=["tests", "d.py"]).left_out == {"excluded": 2}


def test_large_files_are_found_with_the_reason(tmp_path):
    put(tmp_path, "small.py")
    (tmp_path / "large.py").write_bytes(b"x" * 11)
    (tmp_path / "just.py").write_bytes(b"x" * 10)
    found = discover(tmp_path, max_bytes=10)
    assert reasons(found) == {"just.py": None, "large.py": "too-large", "small.py": None}


def test_languages_are_told_by_name_and_unknown_names_wait_for_their_content(tmp_path):
    put(tmp_path, "a.py", "b.rs", "script", "py/c.rs", "py/d.py", "x.rs/e.py")
    found = discover(tmp_path, languages=["python"])
    assert [each.path for each in found] == ["a.py", "py/d.py", "script", "x.rs/e.py"]
    assert found.left_out == {"language": 2}


def test_pipes_sockets_and_devices_are_never_opened(tmp_path):
    put(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket.py"))
        found = discover(tmp_path)
        assert reasons(found) == {"a.py": None, "pipe.py": "special", "socket.py": "special"}
        assert reasons(discover(tmp_path / "socket.py")) == {"socket.py": "special"}
    assert reasons(discover([tmp_path / "pipe.py"])) == {"pipe.py": "special"}


def test_links_are_found_as_such_and_not_followed(tmp_path):
    put(tmp_path, "r/a.py", "r/d/b.py", "out.py")
    top = tmp_path / "r"
    links = {"in.py": "a.py", "out.py": "../out.py", "gone.py": "x", "loop": "loop", "d/up": ".."}
    for name, target in links.items():
        (top / name).symlink_to(target)
    found = discover(top)
    assert reasons(found) == {"a.py": None, "d/b.py": None} | dict.fromkeys(links, "link")


def test_links_that_stay_inside_are_followed_on_request(tmp_path):
    put(tmp_path, "r/a.py", "r/.real/b.py", "r/.real/c/d.py", "out.py", "other/e.py")
    top = tmp_path / "r"
    links = {
        "to_file.py": ".real/b.py",
        "to_folder": ".real/c",
        "again.py": "a.py",
        "up": ".",
        "out.py": "../out.py",
        "other": "../other",
        "gone": "x",
        ".real/c/round": "../../.real",
    }
    for name, target in links.items():
        (top / name).symlink_to(target)
    found = discover(top, follow_links=True)
    read = [each for each in found if each.reason is None]
    assert [each.path for each in read] == ["a.py", "to_file.py", "to_folder/d.py"]
    assert [each.file for each in read] == [f"{top}/{each.path}" for each in read]
    assert reasons(found).keys() - {each.path for each in read} == {"out.py", "other", "gone"}
    both = discover([top, tmp_path / "other"], follow_links=True)
    assert [each.path for each in both if each.reason is None] == [
        *("other/e.py", "r/a.py", "r/to_file.py", "r/to_folder/d.py")
    ]


def test_links_do_not_lead_into_records(tmp_path):
    put(tmp_path, ".git/config", ".git/hooks/x.sh")
    (tmp_path / "config").symlink_to(".git/config")
    (tmp_path / "hooks").symlink_to(".git/hooks")
    assert set(reasons(discover(tmp_path, follow_links=True)).values()) == {"link"}


def test_many_links_in_circles_end(tmp_path):
    for name in "abcdefgh":
        put(tmp_path, f"{name}/x.py")
        for other in "abcdefgh":
            (tmp_path / name / f"to_{other}").symlink_to(f"../{other}")
    assert len(paths(tmp_path, follow_links=True)) == 8


def test_a_link_named_outright_is_followed_unless_it_leads_nowhere(tmp_path):
    put(tmp_path, "a.py")
    (tmp_path / "link.py").symlink_to("a.py")
    (tmp_path / "gone.py").symlink_to("nowhere")
    assert reasons(discover(tmp_path / "link.py")) == {"link.py": None}
    assert reasons(discover(tmp_path / "gone.py")) == {"gone.py": "link"}


@pytest.fixture
def bottomless(tmp_path, monkeypatch):
    """Give a folder that takes any depth, and is gone afterwards: pytest cannot remove that."""
    folder = tmp_path / "bottomless"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    monkeypatch.chdir(tmp_path)
    subprocess.run(["rm", "-rf", folder], check=True)


def dig(name: str, levels: int) -> None:
    """Go down into that many new folders."""
    for _ in range(levels):
        os.mkdir(name)
        os.chdir(name)


def test_a_very_deep_tree(bottomless):
    dig("d", 1000)
    put(Path(), "a.py")
    found = discover(bottomless)
    assert [each.path for each in found] == ["d/" * 1000 + "a.py"]
    subprocess.run(["git", "init", "-q", bottomless], check=True)
    assert discover(bottomless).files == found.files


def test_a_folder_too_deep_for_the_system_is_a_problem_and_the_rest_is_found(bottomless):
    put(bottomless, "a.py", "z/b.py")
    dig("d" * 200, 25)
    found = discover(bottomless)
    assert [each.path for each in found] == ["a.py", "z/b.py"]
    assert [why for _, why in found.problems] == [os.strerror(errno.ENAMETOOLONG)]


def test_a_folder_that_cannot_be_read_is_a_problem_and_the_rest_is_found(tmp_path, monkeypatch):
    put(tmp_path, "a.py", "locked/b.py", "z/c.py", ".hidden/d.py")
    scandir = os.scandir

    def refusing(folder):
        if os.fspath(folder).rstrip("/").endswith(("locked", "hidden")):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    found = discover(tmp_path)
    assert [each.path for each in found] == ["a.py", "z/c.py"]
    assert found.problems == [(f"{tmp_path}/locked", "Permission denied")]


def test_a_folder_that_looks_like_a_file_is_a_folder(tmp_path):
    put(tmp_path, "a.py/b.py", "Makefile/c")
    assert paths(tmp_path, languages=["python"])[-1] == "a.py/b.py"


def test_names_that_differ_in_case_alone_are_two(tmp_path):
    put(tmp_path, "a.py", "A.py")
    if len(os.listdir(tmp_path)) < 2:
        pytest.skip("this file system takes them for one")
    assert paths(tmp_path) == ["A.py", "a.py"]


def test_many_files_need_little_memory(tmp_path):
    for number in range(2000):
        (tmp_path / f"file_of_a_project_{number}.py").touch()
    discover(tmp_path)  # what is loaded late is loaded now
    tracemalloc.start()
    found = discover(tmp_path)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 2000
    assert held < 600 * len(found)
    assert peak < 1000 * len(found)


def test_nothing_heavy_is_loaded():
    script = (
        "import sys; from treadle.code.discovery import discover; discover('.');"
        "print(sorted({'pathspec', 'tree_sitter', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, cwd="/bin"
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
