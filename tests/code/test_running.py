"""Source trees into one output: what it holds, and what happens when something is in the way."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import treadle
from treadle.cli import locked
from treadle.code import chunk_file, run, running
from treadle.code.page import write
from treadle.code.store import Store
from treadle.code.stored import Stored

sys.path.insert(0, str(Path(__file__).parent))
from trees_on_disk import PYTHON, TREE, grow_old, in_full, plant


@pytest.fixture
def root(tmp_path):
    return plant(tmp_path / "tree")


@pytest.fixture
def into(tmp_path):
    return tmp_path / "out" / "chunks.jsonl"


def rows(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


# --- what is in it -------------------------------------------------------------------------------


def test_a_row_for_each_chunk_in_order_of_paths_and_joined_they_are_the_files(root, into):
    report = run(root, into, max_chars=60)
    found = rows(into)
    order = [(row["path"].encode(), row["index"]) for row in found]
    assert order == sorted(order)
    for name in TREE.keys() - {"src/blob.bin", "src/empty.py"}:
        text = "".join(row["text"] for row in found if row["path"] == name)
        assert text.encode() == (root / name).read_bytes()
        alone = chunk_file(root / name, root=root, max_chars=60)
        assert [row["id"] for row in found if row["path"] == name] == [c.id for c in alone.chunks]
    assert report.chunks == len(found) == sum(report.by_kind.values())
    assert report.skipped == {"binary": 1}
    assert (report.files, report.failed, report.problems) == (len(TREE), [], [])
    assert report.files == report.ok + report.degraded.total() + report.skipped.total()
    assert report.by_language["python"].files == 2
    skipped = (root / "src/blob.bin").stat().st_size
    assert report.bytes == sum((root / name).stat().st_size for name in TREE) - skipped
    assert report.skipped_bytes == skipped
    assert sum(each.files for each in report.by_language.values()) == report.files - 1
    assert report.tokens == sum(row["tokens"] for row in found)
    assert 0 < report.fill <= 1
    assert report.written


@pytest.mark.parametrize(
    "workers",
    [
        {"backend": "inline"},
        {"backend": "threads", "workers": 3},
        {"backend": "processes", "workers": 1},
        {"backend": "processes", "workers": 2, "start_method": "spawn"},
    ],
    ids=["inline", "threads", "forkserver", "spawn"],
)
def test_the_output_is_the_same_on_every_backend(root, into, workers):
    run(root, into, **workers)
    assert into.read_bytes() == in_full(root)
    assert b"size_of" in into.read_bytes()


def test_several_roots_and_files_go_into_one_output(root, into):
    report = run([root / "src", root / "cache.py"], into)
    assert {row["path"] for row in rows(into)} == {"cache.py", "src/deep/er/x.go"}
    assert report.files == 4


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("hidden", [False, True])
def test_an_output_inside_the_root_is_not_part_of_it(root, suffix, hidden):
    into = root / f"chunks{suffix}"
    expected = in_full(root, suffix, hidden=hidden)
    for _ in range(2):
        Path(f"{into}.part").write_text("left by one that was killed\n")
        report = run(root, into, incremental=True, hidden=hidden, backend="inline")
        assert into.read_bytes() == expected
        assert report.files == len(TREE)
    (root / "alias").symlink_to(root)
    assert run(root / "alias", into, incremental=True, hidden=hidden).files == len(TREE) + 1


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_root_with_nothing_in_it_gives_an_output_with_no_rows(tmp_path, suffix):
    (tmp_path / "nothing").mkdir()
    into = tmp_path / f"chunks{suffix}"
    report = run(tmp_path / "nothing", into)
    assert (report.files, report.chunks, report.fill) == (0, 0, None)
    assert list(Stored(into).chunks()) == []
    assert run([], into).files == 0


def test_standard_output_gets_the_same_lines(root, capfd):
    report = run(root, "-", backend="inline")
    assert capfd.readouterr().out.encode() == in_full(root)
    assert report.into == "-"
    assert not list(Path.cwd().glob("-*"))


def test_a_pipe_gets_the_same_lines_and_may_be_left(root, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    run(root, pipe, backend="inline")
    out, _ = reader.communicate(timeout=30)
    assert out == in_full(root)
    plant(root, {"long.txt": "word\n" * 100_000})
    leaver = subprocess.Popen(["head", "-c", "1", str(pipe)], stdout=subprocess.PIPE)
    assert run(root, pipe, backend="inline").chunks > 10
    leaver.communicate(timeout=30)
    assert leaver.returncode == 0


# --- beforehand ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chunks.txt", "chunks", "chunks.jsonl/", "", "a\0b.jsonl"])
def test_what_is_no_output_is_refused(root, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(treadle.UsageError) as caught:
        run(root, name)
    assert ".parquet" in caught.value.hint
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_not_there_and_what_is_no_option_is_refused(root, into):
    with pytest.raises(treadle.UsageError, match="nowhere"):
        run(root / "nowhere", into)
    with pytest.raises(treadle.UsageError, match="max_wolds"):
        run(root, into, max_wolds=3)
    with pytest.raises(treadle.UsageError, match="no file"):
        run(root, "-", incremental=True)
    assert not into.parent.exists()


def test_a_dry_run_does_nothing(root, into):
    assert run(root, into, dry_run=True).todo == len(TREE)
    assert not into.parent.exists()
    run(root, into, incremental=True, backend="inline")
    before = into.stat()
    (root / "cache.py").unlink()
    plant(root, {"new.py": PYTHON})
    report = run(root, into, incremental=True, dry_run=True)
    assert (report.removed, report.dry, report.written) == (1, True, False)
    assert 1 <= report.todo <= len(TREE)
    assert report.todo + report.unchanged == len(TREE)
    assert "would be opened" in str(report)
    assert into.stat() == before


def told(folder):
    """Return all that is in a folder, with what the files have in them."""
    return {path: path.read_bytes() if path.is_file() else "" for path in folder.rglob("*")}


@pytest.mark.parametrize("killed", [False, True])
def test_a_dry_run_reads_what_is_stored_and_touches_nothing(root, into, monkeypatch, killed):
    grow_old(root)
    options = {"incremental": True, "backend": "inline"}
    if killed:
        monkeypatch.setattr(running, "whole", lambda *_: 1 / 0)
        copied = into.parent.with_name("copied")
        monkeypatch.setattr(Store, "abandon", lambda _: shutil.copytree(into.parent, copied))
        with pytest.raises(ZeroDivisionError):
            run(root, into, **options)
        monkeypatch.undo()
        into = copied / into.name
        assert any("-wal" in path.name for path in told(copied))
    else:
        run(root, into, **options)
    before = told(into.parent)
    for _ in range(2):
        report, found = running.foretell(root, into, incremental=True)
        assert (report.todo, report.unchanged) == (0, len(TREE))
        assert [each.path for each in found] == sorted(TREE)
        assert told(into.parent) == before


@pytest.mark.parametrize("damage", [b"", b"no database" * 99, None])
def test_a_dry_run_leaves_what_it_cannot_read(root, into, damage):
    run(root, into, incremental=True, backend="inline")
    state = into.parent / ".treadle" / "code" / into.name / "files.sqlite"
    if damage is None:
        with contextlib.closing(sqlite3.connect(state)) as database:
            database.execute("PRAGMA user_version = 99")
    else:
        state.write_bytes(damage)
    before = told(into.parent)
    assert run(root, into, incremental=True, dry_run=True).todo == len(TREE)
    assert told(into.parent) == before


def test_a_dry_run_looks_for_the_files_once(root, into, monkeypatch):
    times = []
    real = running.found
    monkeypatch.setattr(running, "found", lambda *args: times.append(1) or real(*args))
    running.foretell(root, into)
    assert len(times) == 1


def test_two_at_once_the_second_is_told(root, into):
    folder = into.parent / ".treadle" / "code" / into.name
    with (
        locked(folder, "chunking into 'x'", hint="wait"),
        pytest.raises(treadle.UsageError, match=f"process {os.getpid()} is already chunking"),
    ):
        run(root, into)
    run(root, into)
    assert into.exists()


# --- other files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "chunks.jsonl.part",
        *(f".treadle/code/chunks.jsonl/files.sqlite{more}" for more in ("", "-wal", "-journal")),
        *(f".treadle/code/chunks.jsonl/{name}" for name in (".files.jsonl.part", "report.json")),
        ".treadle/code/.gitignore",
        ".treadle/code/chunks.jsonl/runs",
    ],
)
def test_links_that_came_with_a_tree_lead_nowhere(root, tmp_path, name):
    expected = in_full(root)
    elsewhere = plant(tmp_path / "elsewhere", {"file": "precious", "folder/file": "precious"})
    before = told(elsewhere)
    link = root / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere / ("folder" if link.name == "runs" else "file"))
    into = root / "chunks.jsonl"
    run(root, into, incremental=True, backend="inline")
    assert told(elsewhere) == before
    assert into.read_bytes() == expected
    assert not into.is_symlink()


def test_a_link_to_what_is_no_such_file_is_refused(root, tmp_path):
    (tmp_path / "chunks.jsonl").symlink_to(tmp_path / ".profile")
    with pytest.raises(treadle.UsageError, match=r"is a link to .*\.profile"):
        run(root, tmp_path / "chunks.jsonl")
    assert not (tmp_path / ".profile").exists()


def test_pages_and_other_outputs_in_the_tree_are_no_part_of_it(root):
    expected = in_full(root)
    first = run(root, root / "a.jsonl", backend="inline")
    write(root / "a.jsonl")
    write(root / "a.jsonl", root / "src" / "page.html")
    (root / "src" / "own.csv").write_text("a,b\n")
    plant(root, {"b.csv.part": "half"})
    run(root, root / "b.csv", incremental=True, backend="inline")
    report = run(root, root / "a.jsonl", exclude=["own.csv"], backend="inline")
    assert (root / "a.jsonl").read_bytes() == expected
    assert (report.chunks, report.skipped["generated"]) == (first.chunks, 2)
    assert report.left_out == {"output": 1, "excluded": 1}
    assert "src/own.csv" in {row["path"] for row in rows_of(root, root / "a.jsonl")}


def rows_of(root, into):
    run(root, into, backend="inline")
    return rows(into)


@pytest.mark.parametrize(
    "slip", [{"include": ["typo"]}, {"exclude": ["*"]}, {"languages": "ada", "exclude": ["*.bin"]}]
)
def test_a_slip_in_a_pattern_costs_no_output(root, into, slip):
    run(root, into, incremental=True, backend="inline")
    before = told(into.parent)
    for dry in (False, True):
        report = run(root, into, incremental=True, dry_run=dry, **slip)
        assert (report.files, report.removed, report.written) == (0, 0, False)
        assert told(into.parent) == before


def test_git_does_not_show_what_is_kept_beside_an_output(root):
    subprocess.run(["git", "init", "-q", root], check=True)
    run(root, root / "chunks.jsonl", incremental=True, backend="inline")
    status = ["git", "-C", root, "status", "--short", "--untracked-files=all"]
    shown = subprocess.run(status, capture_output=True, text=True, check=True).stdout
    assert "?? chunks.jsonl\n" in shown
    assert ".treadle" not in shown


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.fixture
def vanishing(monkeypatch, root):
    """Remove a file once it is found, as somebody else may."""

    def found(*args):
        discovery = list(real(*args))
        (root / "cache.py").unlink(missing_ok=True)
        return discovery

    real = running.found
    monkeypatch.setattr(running, "found", found)
    return monkeypatch


def test_a_file_that_cannot_be_read_is_reported_and_all_others_go_on(root, into, vanishing):
    run_options = {"incremental": True, "backend": "inline"}
    report = run(root, into, **run_options)
    [(path, message, _)] = report.failed
    assert path == "cache.py"
    assert message
    assert {row["path"] for row in rows(into)} >= {"settings.json", "src/deep/er/x.go"}
    assert report.files == 1 + report.ok + report.degraded.total() + report.skipped.total()
    vanishing.undo()
    plant(root)
    assert run(root, into, **run_options).failed == []
    assert into.read_bytes() == in_full(root)


def test_the_old_chunks_of_a_file_that_fails_now_go(root, into, vanishing):
    vanishing.undo()
    run(root, into, incremental=True, backend="inline")
    assert "cache.py" in {row["path"] for row in rows(into)}
    (root / "cache.py").write_text("other = 1\n")
    vanishing.setattr(running, "found", lambda *args: _lost(list(real(*args)), root))
    real = sys.modules["treadle.code.mapping"].found
    report = run(root, into, incremental=True, backend="inline")
    assert [failed.path for failed in report.failed] == ["cache.py"]
    assert "cache.py" not in {row["path"] for row in rows(into)}


def _lost(discovery, root):
    (root / "cache.py").unlink()
    return discovery


def test_an_interrupt_leaves_the_old_output_and_the_same_call_goes_on(root, into):
    plant(root, {f"many/{number}.py": PYTHON + f"n = {number}\n" for number in range(60)})
    run(root / "notes", into, backend="inline")
    before = into.read_bytes()
    sent = []

    def interrupt(event):
        if isinstance(event, treadle.events.ItemsSettled) and not sent:
            sent.append(1)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(treadle.Interrupted) as caught:
        run(root, into, backend="processes", workers=1, progress=interrupt)
    report = caught.value.report
    assert isinstance(report, running.Report)
    assert report.stopped == "interrupted"
    assert into.read_bytes() == before
    done = report.ok + report.skipped.total() + report.degraded.total()
    assert done > 0
    again = run(root, into, backend="inline")
    assert again.unchanged + again.same >= done - 1
    assert into.read_bytes() == in_full(root)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_said_with_what_to_do(root):
    with pytest.raises(treadle.SinkFailed, match=r"/dev/full.*No space left") as caught:
        run(root, "/dev/full", backend="inline")
    assert "make room" in caught.value.hint
    assert "into a file keeps" in caught.value.hint
    assert caught.value.report.chunks > 0


def test_an_output_that_cannot_be_finished_leaves_the_old_one(root, into, monkeypatch):
    run(root, into, backend="inline")
    before = into.read_bytes()
    plant(root, {"new.py": PYTHON})

    def full(blocks, stream):
        stream.write(next(iter(blocks)))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("treadle.code.outputs.jsonl.write", full)
    with pytest.raises(treadle.SinkFailed, match="No space left") as caught:
        run(root, into, backend="inline")
    assert "all files are cut already" in caught.value.hint
    assert into.read_bytes() == before
    assert [path.name for path in into.parent.iterdir() if path.suffix == ".part"] == []
    monkeypatch.undo()
    report = run(root, into, backend="inline")
    assert report.unchanged + report.same == len(TREE) + 1
    assert into.read_bytes() == in_full(root)


# --- what stays ----------------------------------------------------------------------------------


def test_without_incremental_all_is_cut_again_and_little_stays(root, into):
    run(root, into, backend="inline")
    folder = into.parent / ".treadle" / "code" / into.name
    assert {path.name for path in folder.iterdir()} == {"files.jsonl", "lock", "report.json"}
    assert run(root, into, backend="inline").todo == len(TREE)
    run(root, into, incremental=True, backend="inline")
    assert run(root, into, backend="inline").todo == len(TREE), "for one that asks for no less"


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_an_output_is_read_again_with_what_became_of_each_file(root, tmp_path, suffix):
    into = tmp_path / f"chunks{suffix}"
    report = run(root, into, max_chars=60, backend="inline")
    stored = Stored(into)
    assert stored.is_told
    assert stored.report() == report
    files = {file.path: file for file in stored.files()}
    assert files.keys() == TREE.keys()
    assert list(files) == sorted(files)
    for name in TREE:
        assert files[name] == chunk_file(root / name, root=root, max_chars=60)


def test_an_output_that_was_moved_is_known_by_its_chunks(root, into, tmp_path):
    report = run(root, into, max_chars=60, backend="inline")
    moved = into.rename(tmp_path / "moved.jsonl")
    stored = Stored(moved)
    assert not stored.is_told
    told = stored.report()
    assert (told.chunks, told.tokens, told.by_kind) == (
        report.chunks,
        report.tokens,
        report.by_kind,
    )
    assert [file.path for file in stored.files()] == sorted(
        TREE.keys() - {"src/blob.bin", "src/empty.py"}
    )
    with pytest.raises(treadle.UsageError, match="there is no file"):
        Stored(into)
    moved.write_text("no chunks\n")
    with pytest.raises(treadle.UsageError, match="cannot be read as chunks"):
        list(Stored(moved).chunks())


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:200],
        lambda text: text.replace(b'"language"', b'"languages"'),
        lambda text: text.replace(b"{", b"[", 3),
    ],
)
def test_damaged_records_are_not_believed_and_not_needed(root, into, damage):
    run(root, into, incremental=True, backend="inline")
    chunks = sum(len(file.chunks) for file in Stored(into).files())
    record = into.parent / ".treadle" / "code" / into.name / "files.jsonl"
    record.write_bytes(damage(record.read_bytes()))
    assert sum(len(file.chunks) for file in Stored(into).files()) == chunks
    assert Stored(into).report().chunks == chunks
    record.write_bytes(b"")
    assert not Stored(into).is_told
    run(root, into, incremental=True, backend="inline")
    assert Stored(into).is_told


def test_what_chunks_are_measured_in_is_told(root, into):
    assert run(root, into, backend="inline").unit == "characters"
    report = run(root, into, max_tokens=100, backend="inline")
    assert (report.unit, Stored(into).report().unit) == ("tokens", "tokens")
