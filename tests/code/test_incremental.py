"""Only what has changed is done again, and the output is what a new run would make of it all."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.code import run, running
from treadle.code.chunking import Chunker
from treadle.code.languages import registry

sys.path.insert(0, str(Path(__file__).parent))
from trees_on_disk import PYTHON, TREE, grow_old, in_full, plant


@pytest.fixture
def root(tmp_path):
    return plant(tmp_path / "tree")


@pytest.fixture
def into(tmp_path):
    return tmp_path / "chunks.jsonl"


def again(root, into, **options):
    return run(root, into, **{"incremental": True, "backend": "inline", **options})


def paths(into):
    return {json.loads(line)["path"] for line in into.read_bytes().splitlines()}


# --- it is what a full run makes -----------------------------------------------------------------


def files(root):
    """Return the files of a tree, without an output that is there, too."""
    found = (path for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if ".treadle" not in path.parts and path.stem != "chunks")


def edit(root, choice):
    path = choice.choice(files(root))
    text = path.read_bytes()
    at = choice.randrange(len(text) + 1)
    path.write_bytes(
        text[:at] + choice.choice([b"x", b"\n\n", b"def f():\n", b""]) + text[at + 1 :]
    )


def edit_and_hide_it(root, choice):
    """Same size, same time of modification."""
    path = choice.choice(files(root))
    before, text = path.stat(), path.read_bytes()
    path.write_bytes(bytes(reversed(text)) if choice.random() < 0.5 else text.swapcase())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rename(root, choice):
    path = choice.choice(files(root))
    path.rename(path.with_name(f"{choice.randrange(1000)}{choice.choice(['.py', '.md', ''])}"))


def swap(root, choice):
    one, two = choice.sample(files(root), 2)
    one.rename(root / "aside")
    two.rename(one)
    (root / "aside").rename(two)


def touch(root, choice):
    choice.choice(files(root)).touch()


def delete(root, choice):
    found = files(root)
    if len(found) > 3:
        choice.choice(found).unlink()


def add(root, choice):
    plant(root, {f"new/{choice.randrange(1000)}.py": PYTHON * choice.randrange(1, 4)})


def link(root, choice):
    path = root / f"link{choice.randrange(1000)}.py"
    if not path.exists():
        path.symlink_to("cache.py")


EDITS = [edit, edit_and_hide_it, rename, swap, touch, delete, add, link]


@settings(max_examples=6)
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(st.lists(st.sampled_from(EDITS), max_size=3), min_size=2, max_size=4),
    suffix=st.sampled_from([".jsonl", ".csv", ".parquet"]),
    inside=st.booleans(),
)
def test_after_any_edits_the_output_is_that_of_a_full_run(seed, steps, suffix, inside):
    choice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = plant(Path(folder) / "tree")
        into = (root if inside else Path(folder)) / f"chunks{suffix}"
        options = {"max_chars": choice.choice([40, 200])}
        for edits in steps:
            for each in edits:
                each(root, choice)
            if choice.random() < 0.2:
                options = {"max_lines": choice.choice([3, 10])}
            if choice.random() < 0.1:
                into.unlink(missing_ok=True)
            report = again(root, into, **options)
            assert into.read_bytes() == in_full(root, suffix, exclude=["chunks.*"], **options)
            assert report.files == report.unchanged + report.todo
        assert report.failed == []


# --- what is opened ------------------------------------------------------------------------------

WATCHED = """
import sys
from treadle.code import run

opened = []
def watch(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        opened.append(str(args[0]))
sys.addaudithook(watch)
report = run(sys.argv[1], sys.argv[2], incremental=True, backend="inline")
mark = sys.argv[1]
print([name.removeprefix(mark + "/") for name in opened if name.startswith(mark + "/")])
print(report.unchanged, report.todo, report.written)
"""


def watched(root, into):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(root), str(into)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_unchanged_files_are_not_opened(root, into):
    grow_old(root)
    again(root, into)
    before = into.stat()
    assert watched(root, into) == ["[]", f"{len(TREE)} 0 False"]
    assert into.stat() == before
    (root / "cache.py").write_text("x = 1\n")
    assert watched(root, into)[0] in {"['cache.py']", "['cache.py', 'cache.py']"}


def test_a_file_that_was_touched_is_read_but_not_cut(root, into, monkeypatch):
    grow_old(root)
    again(root, into)
    before = into.stat()
    (root / "cache.py").touch()
    os.replace(plant(root, {"aside": PYTHON}) / "aside", root / "cache.py")

    def refuse(found):
        raise AssertionError(f"{found.path} was cut")

    monkeypatch.setattr(running, "Chunker", lambda _: refuse)
    report = again(root, into)
    assert (report.todo, report.same, report.failed) == (1, 1, [])
    assert into.stat() == before
    grow_old(root)
    again(root, into)
    assert again(root, into).todo == 0


def test_a_file_changed_just_before_it_was_read_is_looked_at_again(root, into):
    again(root, into)
    (root / "cache.py").write_text(PYTHON)
    again(root, into)  # within the tick of the clock, on any machine that is not very slow
    grow_old(root)
    again(root, into)
    report = again(root, into)
    assert (report.todo, report.unchanged) == (0, len(TREE))


# --- what is done again --------------------------------------------------------------------------


def test_deleted_and_left_out_files_disappear(root, into):
    again(root, into)
    (root / "cache.py").unlink()
    report = again(root, into, exclude=["notes"])
    assert report.removed == 3
    assert paths(into) == {"settings.json", "src/deep/er/x.go"}
    assert again(root, into, exclude=["notes"]).written is False


def test_an_emptied_root_leaves_an_empty_output(root, into):
    again(root, into)
    for name in TREE:
        (root / name).unlink()
    assert again(root, into).removed == len(TREE)
    assert into.read_bytes() == b""


def test_other_options_do_it_all_again_and_back(root, into):
    grow_old(root)
    again(root, into)
    assert again(root, into, max_chars=50).todo == len(TREE)
    assert into.read_bytes() == in_full(root, max_chars=50)
    assert again(root, into, max_chars=50).todo == 0
    assert again(root, into, generated=True, max_chars=50).todo == len(TREE)


def test_another_grammar_does_the_files_of_its_language_again(root, into, monkeypatch):
    grow_old(root)
    again(root, into)
    real = registry.salt
    monkeypatch.setattr(registry, "salt", lambda name: real(name) + "1" * (name == "python"))
    assert again(root, into).todo == 2


def test_another_parser_does_all_files_again(root, into, monkeypatch):
    grow_old(root)
    again(root, into)
    monkeypatch.setattr(running, "version", lambda _: "99")
    assert again(root, into).todo == len(TREE)


def test_a_parser_that_gave_up_gets_another_try_and_the_same_chunks_are_not_written_again(
    root, into, monkeypatch
):
    def gave_up(cutting):
        def chunker(found):
            made = Chunker(cutting)(found)
            if found.path != "cache.py":
                return made
            return dataclasses.replace(made, status="degraded", reason="parser-gave-up")

        return chunker

    grow_old(root)
    monkeypatch.setattr(running, "Chunker", gave_up)
    assert again(root, into).degraded == {"parser-gave-up": 1}
    report = again(root, into)
    assert (report.todo, report.degraded["parser-gave-up"], report.written) == (1, 1, False)
    monkeypatch.undo()
    report = again(root, into)
    assert (report.todo, report.degraded, report.written) == (1, {}, True)
    assert again(root, into).todo == 0


@pytest.mark.parametrize("spoil", [os.unlink, lambda path: path.write_bytes(b"mine\n")])
def test_an_output_that_is_not_what_was_left_is_written_again(root, into, spoil):
    grow_old(root)
    again(root, into)
    before = into.read_bytes()
    spoil(into)
    report = again(root, into)
    assert (report.written, report.todo) == (True, 0)
    assert into.read_bytes() == before


@pytest.mark.parametrize("damage", [b"", b"no database", None])
def test_a_damaged_record_costs_time_and_nothing_else(root, into, damage):
    again(root, into)
    state = into.parent / ".treadle" / "code" / into.name / "files.sqlite"
    if damage is None:
        state.write_bytes(state.read_bytes()[:100] + b"?" * 400)
    else:
        state.write_bytes(damage)
    report = again(root, into)
    assert report.todo == len(TREE)
    assert into.read_bytes() == in_full(root)


def test_the_record_is_found_by_whatever_name_the_output_has(root, into, tmp_path):
    grow_old(root)
    again(root, into)
    (tmp_path / "link.jsonl").symlink_to(into)
    assert again(root, tmp_path / "link.jsonl").todo == 0
    assert (tmp_path / "link.jsonl").is_symlink()


def test_the_counts_are_those_of_all_files_however_many_were_done(root, into):
    grow_old(root)
    first = again(root, into, max_chars=60)
    second = again(root, into, max_chars=60)
    for name in ("ok", "degraded", "skipped", "chunks", "tokens", "bytes", "fill", "errors"):
        assert getattr(first, name) == getattr(second, name)
    assert first.by_language == second.by_language
    assert (first.by_kind, first.by_method) == (second.by_kind, second.by_method)
