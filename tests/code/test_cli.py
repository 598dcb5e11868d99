"""``treadle code`` as people and scripts use it: what it says, where, and how it ends."""

from __future__ import annotations

import errno
import fcntl
import io
import itertools
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from contextlib import nullcontext
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import treadle
from treadle.cli import main

SOURCE = Path(__file__).parents[2] / "src"
PATIENCE = 40.0  # seconds; a net under busy machines
QUICK = ("--backend", "inline")
COMMANDS = ("chunk", "show", "stats", "report", "languages", "schema")

CACHE = '''\
"""A cache."""

import time


class Cache:
    """Keeps values."""

    def get(self, key):
        """Return one."""
        return self.values[key]

    def put(self, key, value):
        self.values[key] = value, time.time()
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with sources in ``src``: 3 files in two languages, 1 that is binary."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    src = tmp_path / "src"
    (src / "node_modules").mkdir(parents=True)
    (src / "cache.py").write_text(CACHE)
    (src / "notes.md").write_text("# Notes\n\nA few words.\n")
    (src / "strange.xyzzy").write_text("nothing that is known\n")
    (src / "image.py").write_bytes(b"\x00\x01" * 50)
    (src / "node_modules" / "other.js").write_text("x\n")
    return tmp_path


@pytest.fixture
def type_in(capfd):
    """Run ``treadle code`` in this process; return exit code, stdout and stderr."""

    def type_in(*arguments):
        code = main(["code", *map(str, arguments)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return code, out, err

    return type_in


def rows(path) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


# --- chunk ---------------------------------------------------------------------------------------


def test_people_are_told_on_stderr_and_nobody_on_stdout(folder, type_in):
    code, out, err = type_in("chunk", "src", "--into", "chunks.jsonl", *QUICK)
    assert (code, out) == (0, "")
    assert "4 files in" in err
    assert ": 2 ok, 1 degraded, 1 skipped" in err
    assert "1 skipped: binary: not text" in err
    assert "left out: 1 vendored (--vendored)" in err
    assert re.search(r"\d chunks.*: chunks\.jsonl$", err.rstrip())
    assert err.count("4 files") == 1  # the display leaves the closing words to the command
    assert (
        "".join(row["text"] for row in rows("chunks.jsonl") if row["path"] == "cache.py") == CACHE
    )


def test_programs_get_json_on_stdout_and_quiet_says_nothing(folder, type_in):
    code, out, err = type_in("chunk", "src", "-o", "chunks.jsonl", "--json", "-q", *QUICK)
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert (said["files"], said["skipped"], said["into"]) == (4, {"binary": 1}, "chunks.jsonl")
    # What was not cut is of no language, and has no part in sizes and speed.
    assert (said["by_language"]["text"]["files"], said["skipped_bytes"]) == (1, 100)
    assert said["bytes"] == sum(each["bytes"] for each in said["by_language"].values())
    assert said["unit"] == "characters"
    assert said["by_language"]["python"]["chunks"] == len(
        [row for row in rows("chunks.jsonl") if row["language"] == "python"]
    )


def test_progress_as_json_ends_with_the_figures(folder, type_in):
    _, _, err = type_in("chunk", "src", "-o", "c.jsonl", "--progress", "json", *QUICK)
    last = [json.loads(line) for line in err.splitlines()][-1]
    assert (last["event"], last["files"]) == ("summary", 4)


def test_chunks_can_go_to_stdout(folder, type_in):
    code, out, _ = type_in("chunk", "src", "--into", "-", "--quiet", *QUICK)
    assert code == 0
    assert {json.loads(line)["path"] for line in out.splitlines()} == {
        "cache.py",
        "notes.md",
        "strange.xyzzy",
    }


def test_options_of_files_and_of_cutting_are_heeded(folder, type_in):
    type_in(
        "chunk", "src", "-o", "c.parquet", "--languages", "python,js", "--max-tokens", 30,
        "--overlap", 5, "--vendored", "--exclude", "*.md", *QUICK,
    )  # fmt: skip
    made = pq.read_table("c.parquet").to_pylist()
    assert {row["path"] for row in made} == {"cache.py", "node_modules/other.js"}
    assert max(row["tokens"] for row in made) <= 30
    assert any(row["overlap"] for row in made)


def test_stats_is_all_there_is_to_say(folder, type_in):
    _, _, short = type_in("chunk", "src", "-o", "a.jsonl", *QUICK)
    _, _, full = type_in("chunk", "src", "-o", "b.jsonl", "--stats", *QUICK)
    assert "by syntax" not in short
    assert "by syntax" in full
    assert "a class" in full


def test_a_second_incremental_run_opens_nothing_and_follows_what_changes(folder, type_in):
    again = ("chunk", "src", "-o", "c.jsonl", "-i", *QUICK)
    type_in(*again)
    before = Path("c.jsonl").read_bytes()
    _, _, err = type_in(*again)
    assert "(4 unchanged)" in err
    assert "c.jsonl, as it was" in err
    assert Path("c.jsonl").read_bytes() == before
    Path("src/cache.py").unlink()
    _, _, err = type_in(*again)
    assert "(3 unchanged, 1 removed)" in err
    assert "cache.py" not in {row["path"] for row in rows("c.jsonl")}


def test_a_dry_run_writes_nothing_and_says_what_would_be_done(folder, type_in):
    before = sorted(folder.rglob("*"))
    code, out, err = type_in("chunk", "src", "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "4 files: 4 would be opened"
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [
        ["language", "files"],
        ["python", "2"],
    ]
    assert sorted(folder.rglob("*")) == before


def test_a_dry_run_lists_each_file_for_programs(folder, type_in):
    _, out, _ = type_in("chunk", "src", "--dry-run", "--json", "--max-file-size", 90)
    listed = {each["path"]: each for each in map(json.loads, out.splitlines())}
    assert listed["notes.md"] == {
        "path": "notes.md", "size": 22, "language": "markdown", "reason": None,
    }  # fmt: skip
    assert listed["cache.py"]["reason"] == "too-large"
    assert listed["strange.xyzzy"]["language"] is None


def test_what_treadle_toml_says_need_not_be_typed(folder, type_in):
    (folder / "treadle.toml").write_text(
        "[code]\nroots = ['src']\nmax-chars = 100\n[code.chunk]\ninto = 'c.jsonl'\nquiet = true\n"
    )
    assert type_in("chunk", *QUICK) == (0, "", "")
    assert max(len(row["text"]) for row in rows("c.jsonl")) <= 100


def test_a_file_that_cannot_be_read_fails_alone(folder, type_in, monkeypatch):
    from treadle.code import chunking

    read = chunking.read

    def torn(file, **options):
        if str(file).endswith("cache.py"):
            return read("src/gone.py", **options)  # as when it vanished just now
        return read(file, **options)

    monkeypatch.setattr(chunking, "read", torn)
    code, _, err = type_in("chunk", "src", "-o", "c.jsonl", *QUICK)
    assert code == 1
    assert "1 failed" in err
    assert re.search(r"failed: cache\.py: .*gone\.py", err)
    assert {row["path"] for row in rows("c.jsonl")} == {"notes.md", "strange.xyzzy"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "c.jsonl"], "ROOT is missing|treadle code chunk src --into chunks.jsonl"),
        (["src"], "the output is missing|--into chunks.jsonl"),
        (["nowhere", "-o", "c.jsonl"], "'nowhere'"),
        (["src", "-o", "c.txt"], "'c.txt'|.jsonl, .csv or .parquet"),
        (["src", "-o", "c.jsonl", "-l", "pyton"], "no such language: 'pyton'|'python'"),
        (["src", "-o", "c.jsonl", "--backend", "dask"], "--backend takes|--backend auto"),
        (["src", "-o", "c.jsonl", "--max-file-size", "big"], "takes a size, got 'big'"),
        (["src", "-o", "-", "--json"], "would both go to standard output"),
        (["src", "-o", "-", "--incremental"], "nothing can be kept beside '-'"),
        (["src", "-o", "c.jsonl", "--overlap", "5000"], "overlap"),
        (["src", "-o", "c.jsonl", "--max-tokens", "0"], "--max-tokens"),
        (["src", "-o", "c.jsonl", "--config", "no.toml"], "no.toml: No such file"),
        (["src", "-o", "c.jsonl", "--timeout", "0"], "--timeout takes seconds, more than 0, got"),
        (["src", "-o", "c.jsonl", "--timeout", "nan"], "--timeout takes seconds"),
        (["src", "-o", "c.jsonl", "--languages", ""], "--languages takes names|--languages python"),
        (["src", "-o", "c.jsonl", "--wokers", "2"], "--wokers|--workers"),
        (["-", "-o", "c.jsonl"], "'-' is standard input|treadle code show -"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_before_anything_is_written(folder, type_in, arguments, said):
    code, out, err = type_in("chunk", *arguments)
    assert (code, out) == (2, "")
    assert all(part in err for part in said.split("|")), err
    assert not list(folder.glob("c.*"))


def test_an_empty_folder_is_nothing_to_do(folder, type_in):
    (folder / "empty").mkdir()
    code, _, err = type_in("chunk", "empty", "-o", "c.jsonl")
    assert code == 3
    assert "no files there" in err


def refuse(monkeypatch, name):
    """Let no folder of this name be read."""
    scandir = os.scandir

    def refusing(folder):
        if str(folder).rstrip("/").endswith(f"/{name}"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)


@pytest.mark.parametrize("path", ["src", "src/locked"])
@pytest.mark.parametrize(
    "arguments", [("chunk", "-o", "c.jsonl", *QUICK), ("chunk", "--dry-run"), ("stats", *QUICK)]
)
def test_a_folder_that_cannot_be_read_is_told_and_fails_every_command(
    folder, type_in, monkeypatch, arguments, path
):
    (folder / "src" / "locked").mkdir()
    refuse(monkeypatch, "locked")
    code, out, err = type_in(*arguments, path)
    assert code == 1
    assert "not looked into: " in out + err


@pytest.mark.parametrize(
    "arguments",
    [("chunk", "-o", "c.jsonl", *QUICK), ("chunk", "-o", "c.jsonl", "-i", *QUICK),
     ("chunk", "--dry-run"), ("stats", *QUICK)],
)  # fmt: skip
def test_what_was_left_out_is_told_by_every_command(folder, type_in, arguments):
    os.mkfifo(folder / "src" / "pipe.py")
    (folder / "src" / ".hidden.py").write_text("x\n")
    for _ in range(2):  # the second time nothing has changed
        code, out, err = type_in(*arguments, "src", "--exclude", "*.md")
        assert code == 0
        told = [line for line in (out + err).splitlines() if "left out: " in line]
        assert told == ["  left out: 1 excluded, 1 hidden (--hidden), 1 vendored (--vendored)"]
        assert "skipped: special: a pipe, " in out + err
    _, out, err = type_in(*arguments, "src", "--include", "*.nothing")
    assert "left out: " in out + err


def test_whoever_reads_a_file_says_why_it_cannot(folder, type_in, monkeypatch):
    """The parser of the command line asks beforehand, and is not asked."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert type_in("show", "src/cache.py")[0] == 0
    assert type_in("chunk", "src", "-o", "c.jsonl", *QUICK)[0] == 0
    assert type_in("stats", "c.jsonl")[0] == 0


def test_a_missing_library_is_named_with_what_to_install(folder, type_in, monkeypatch):
    import importlib.util

    from treadle.code import extra

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "tree_sitter" else find(name, *rest),
    )
    extra.check_extra.cache_clear()
    code, _, err = type_in("chunk", "src", "-o", "c.jsonl")
    extra.check_extra.cache_clear()
    assert code == 2
    assert "'tree-sitter', which is not installed" in err
    assert "pip install 'treadle[code]'" in err


# --- show, stats, report, languages, schema ------------------------------------------------------


def test_show_draws_each_chunk_and_chooses_one(folder, type_in):
    code, out, err = type_in("show", "src/cache.py", "--max-chars", 150)
    assert (code, err) == (0, "")
    assert out.startswith("src/cache.py: python, ")
    assert "─ 0 " in out
    assert "class Cache" in out
    assert {len(line) for line in out.splitlines()[1:]} == {80}
    _, one, _ = type_in("show", "src/cache.py", "--max-chars", 150, "--chunk", 1)
    assert one.count("╭") == 1
    assert "─ 1 " in one
    code, _, err = type_in("show", "src/cache.py", "--chunk", 99)
    assert code == 2
    assert "src/cache.py has no chunk 99\nhint: its last one is " in err


def test_show_counts_what_the_budget_counts(folder, type_in):
    assert " characters" in type_in("show", "src/cache.py")[1]
    assert " words" in type_in("show", "src/cache.py", "--max-tokens", 100)[1]
    assert " tokens" in type_in("show", "src/cache.py", "--tokenizer", "nonspace")[1]


def test_show_says_why_there_is_nothing_to_see(folder, type_in):
    code, out, _ = type_in("show", "src/image.py")
    assert code == 3
    assert "skipped: binary: " in out
    code, out, err = type_in("show", "src/gone.py", "src/notes.md")
    assert code == 1
    assert "gone.py" in err
    assert "src/notes.md: markdown" in out
    code, _, err = type_in("show", "src")
    assert (code, "treadle code stats src" in err) == (2, True)


def test_show_takes_a_file_for_another_language(folder, type_in):
    (folder / "script").write_text("def f():\n    return 1\n")
    assert "python" in type_in("show", "script", "--language", "python")[1]


def test_show_reads_a_text_from_standard_input(folder, type_in, monkeypatch):
    def typed(text, *arguments):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return type_in("show", "-", *arguments)

    code, out, _ = typed(CACHE, "--language", "python")
    assert (code, "standard input: python, " in out, "class Cache" in out) == (0, True, True)
    assert "python" in typed("#!/usr/bin/env python3\nx = 1\n")[1]
    code, _, err = typed(CACHE, "--max-file-size", 20)
    assert (code, "standard input has more than --max-file-size, 20 bytes" in err) == (2, True)
    assert typed("")[0] == 3


def test_stats_of_an_output_are_those_of_its_tree(folder, type_in):
    _, of_tree, _ = type_in("stats", "src", *QUICK)
    type_in("chunk", "src", "-o", "c.parquet", "-q", *QUICK)
    _, of_output, err = type_in("stats", "c.parquet")
    assert err == ""
    assert of_tree.splitlines()[1:] == of_output.splitlines()[1:]
    assert "1 skipped: binary" in of_output
    assert "kind" in of_output
    assert not list(folder.glob("*.jsonl"))


def test_stats_of_an_output_from_elsewhere_say_what_is_not_known(folder, type_in):
    type_in("chunk", "src", "-o", "c.jsonl", "-q", *QUICK)
    (folder / "elsewhere").mkdir()
    (folder / "c.jsonl").rename(folder / "elsewhere" / "c.jsonl")
    code, out, err = type_in("stats", "elsewhere/c.jsonl", "--json")
    assert code == 0
    assert json.loads(out)["files"] == 3
    assert "is not known" in err


def test_a_report_is_a_page_beside_the_output_or_where_it_is_wanted(folder, type_in):
    type_in("chunk", "src", "-o", "c.jsonl", "-q", *QUICK)
    assert type_in("report", "c.jsonl")[0] == 0
    assert "cache.py" in (folder / "c.html").read_text("utf-8")
    assert type_in("report", "c.jsonl", "--to", "page.html") == (0, "", "page.html shows c.jsonl\n")
    assert (folder / "page.html").is_file()
    code, _, err = type_in("report", "c.jsonl", "--to", "src")
    assert (code, "'src' is a folder" in err) == (2, True)


def test_languages_say_what_parses_them_or_what_to_install(type_in):
    code, out, err = type_in("languages")
    assert code == 0
    assert all(len(line) <= 80 for line in out.splitlines())
    assert re.search(r"^python +\.py .*tree-sitter-python \d", out, re.MULTILINE)
    assert "languages, " in err
    every = {
        each["name"]: each
        for each in map(json.loads, type_in("languages", "--json")[1].splitlines())
    }
    assert every["python"]["method"] == "syntax"
    assert sum(each["method"] == "syntax" for each in every.values()) >= 20
    assert sum(len(each["extensions"]) for each in every.values()) >= 130


def test_a_language_whose_grammar_is_missing_names_its_library(type_in, monkeypatch):
    from treadle.code.languages import loading

    there = loading._is_there
    monkeypatch.setattr(loading, "_is_there", lambda name: name != "tree_sitter_go" and there(name))
    loading._found.cache_clear()
    out = type_in("languages")[1]
    loading._found.cache_clear()
    assert re.search(r"^go +\.go +pip install tree-sitter-go$", out, re.MULTILINE)


def test_the_schema_is_that_of_a_row(folder, type_in):
    type_in("chunk", "src", "-o", "c.jsonl", "-q", *QUICK)
    schema = json.loads(type_in("schema")[1])
    assert list(schema["properties"]) == list(rows("c.jsonl")[0])


# --- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_80_columns_and_has_examples(type_in, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = type_in(*([command] if command else []), "--help")
    assert code == 0
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "Examples:" in out if command else all(name in out for name in COMMANDS)
    assert not re.search(r"<[A-Za-z]", out)


def test_the_options_of_chunk_stand_in_groups(type_in):
    out = type_in("chunk", "--help")[1]
    heads = [line for line in out.splitlines() if re.fullmatch(r"[A-Z][a-z ]+:", line)]
    assert heads == [
        "Arguments:", "Output:", "Which files:", "How they are cut:", "How it runs:",
        "What is shown:", "Options:",
    ]  # fmt: skip


def test_help_loads_nothing_that_is_heavy():
    code = (
        "import sys; from treadle.cli import main; main(['code', '--help']);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert not set(done.stderr.split()) & {"tree_sitter", "pyarrow", "pathspec", "pygments"}


# --- in a terminal, and interrupted --------------------------------------------------------------


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **more}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "treadle", "code", *map(str, arguments)]


def on_terminal(*arguments: object, columns: int) -> str:
    """Run ``treadle code`` on a terminal, and return what it has written there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = environment(TERM="xterm-256color")
    for name in ("COLUMNS", "NO_COLOR"):
        variables.pop(name, None)
    process = subprocess.Popen(
        command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=variables
    )
    os.close(theirs)
    seen = b""
    try:
        while data := _read(ours):
            seen += data
    finally:
        os.close(ours)
    assert process.wait(PATIENCE) == 0
    return seen.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # Linux: the other end was closed
        return b""


def test_a_terminal_gets_colours_in_as_many_columns_as_it_has(folder):
    seen = on_terminal("show", "src/cache.py", columns=60)
    assert "\x1b[33m" in seen  # a class is yellow
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
    assert {len(line) for line in plain[2:]} == {60}


def test_after_ctrl_c_the_same_command_goes_on(folder, type_in, monkeypatch):
    from treadle.code import chunking
    from treadle.code.cli import chunking as command

    for n in range(40):
        (folder / "src" / f"m{n}.py").write_text(CACHE)
    read, seen, cancelling = chunking.read, itertools.count(), threading.Event()

    def interrupting(file, **options):
        if next(seen) == 20:
            os.kill(os.getpid(), signal.SIGINT)
            cancelling.wait(PATIENCE)  # the run has heard of it
        return read(file, **options)

    def listen(event):
        if isinstance(event, treadle.events.Cancelling):
            cancelling.set()

    with monkeypatch.context() as patched:
        patched.setattr(chunking, "read", interrupting)
        patched.setattr(command, "displayed", lambda choice, **_: nullcontext(listen))
        code, _, err = type_in("chunk", "src", "-o", "c.jsonl", "--backend", "threads", "-w", 1)
    assert code == 130
    assert "what is done is kept: the same command goes on with the rest" in err
    assert not (folder / "c.jsonl").exists()
    _, _, err = type_in("chunk", "src", "-o", "c.jsonl", *QUICK)
    told = re.search(r"\((\d+) unchanged\)", err)
    assert told is not None
    assert 20 <= int(told[1]) < 44
    assert len({row["path"] for row in rows("c.jsonl")}) == 43
