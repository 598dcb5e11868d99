"""What has settled is not done again; what is missing, has changed or has failed is."""

from __future__ import annotations

import csv
import functools
import importlib
import json
import linecache
import os
import shutil
import sqlite3
import sys
import textwrap
import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import chores
import pytest

import treadle
from treadle.api.control import Control
from treadle.ledger import format as layout
from treadle.ledger import lock

INLINE = {"backend": "inline"}
FILES = ("out.csv", "out.jsonl", "out.parquet", "out.sqlite", "out/")
SINKS = (*FILES, None)


class Calls:
    """A function that counts its calls, and fails for what it is told to fail for."""

    def __init__(self, name="calls"):
        self.__qualname__ = self.__name__ = name
        self.seen = []
        self.bad = set()
        self.stop_at = None

    def __call__(self, value):
        self.seen.append(value)
        if value == self.stop_at:
            raise KeyboardInterrupt
        if value in self.bad:
            raise ValueError(f"{value} is bad")
        return {"name": str(value), "double": str(value) * 2}

    def again(self):
        """Return the calls since the last time."""
        seen, self.seen = self.seen, []
        return seen


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture(params=SINKS, ids=str)
def into(request, tmp_path):
    if request.param is None:
        return None
    return f"{tmp_path}/{request.param}"


def opened(runs_dir=None):
    return treadle.open("latest", runs_dir)


@pytest.fixture(autouse=True)
def let_go(monkeypatch):
    """Close the records that the test has opened to look at."""
    records = []
    real = treadle.Run.__init__

    def init(self, record):
        records.append(record)
        real(self, record)

    monkeypatch.setattr(treadle.Run, "__init__", init)
    yield
    for record in records:
        record.close()


def stored(run):
    """Return the values by key, files as what is in them; each key is there once."""
    pairs = [
        (outcome.key, json.loads(outcome.value.read_text()))
        if isinstance(outcome.value, Path)
        else (outcome.key, outcome.value)
        for outcome in run.outcomes()
        if outcome.ok
    ]
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def rows_in(path):
    """Return the fields ``name`` that stand in a finished file or folder, as anybody reads it."""
    path = Path(path)
    match path.suffix:
        case ".csv":
            with path.open(newline="") as file:
                return sorted(row["name"] for row in csv.DictReader(file))
        case ".jsonl":
            lines = path.read_text().splitlines()
            return sorted(json.loads(line)["value"]["name"] for line in lines)
        case ".parquet":
            import pyarrow.parquet as pq

            return sorted(pq.read_table(path).column("name").to_pylist())
        case ".sqlite":
            database = sqlite3.connect(path)
            try:
                return sorted(name for (name,) in database.execute("SELECT name FROM results"))
            finally:
                database.close()
        case _:
            return sorted(json.loads(each.read_text())["name"] for each in path.rglob("*.json"))


# --- what is left out ----------------------------------------------------------------------------


def test_a_stopped_run_goes_on_where_it_was(into, calls):
    calls.bad = {"c"}
    source = list("abcdef")
    first = treadle.run(calls, source, into=into, key=str, max_failures=1, **INLINE)
    assert first.stopped == "failure limit"
    done = calls.again()
    assert "c" in done
    second = treadle.run(calls, source, into=into, key=str, resume=True, **INLINE)
    assert sorted(calls.again()) == sorted(set(source) - set(done))
    assert second.run_id == first.run_id
    assert second.earlier == (len(done) - 1, 1)
    assert second.ok + second.earlier[0] == 5
    run = opened()
    assert (run.state, run.ok, run.failed, run.left) == ("finished", 5, 1, 0)
    assert stored(run) == {key: {"name": key, "double": key * 2} for key in "abdef"}
    assert [outcome.key for outcome in run.outcomes()] == source
    assert [outcome.failure.message for outcome in run.failures()] == ["c is bad"]
    if into is not None:
        assert rows_in(into) == list("abdef")


def test_a_finished_run_calls_nothing_and_changes_nothing(into, calls):
    treadle.run(calls, list("abc"), into=into, key=str, **INLINE)
    before = stored(opened())
    calls.again()
    for _ in range(2):
        report = treadle.run(calls, list("abc"), into=into, key=str, resume=True, **INLINE)
        assert (report.ok, report.failed, report.earlier) == (0, 0, (3, 0))
        assert len(list(report.values())) == 3
    assert calls.again() == []
    assert stored(opened()) == before
    assert len(treadle.runs()) == 1


def test_items_that_came_in_between_run_and_those_that_are_gone_stay(into, calls):
    treadle.run(calls, list("bdf"), into=into, key=str, **INLINE)
    calls.again()
    treadle.run(calls, list("abcd"), into=into, key=str, resume=True, **INLINE)
    assert calls.again() == ["a", "c"]
    assert sorted(stored(opened())) == list("abcdf")


def test_positions_are_the_keys_of_plain_items(into, calls):
    treadle.run(calls, range(3), into=into, **INLINE)
    calls.again()
    treadle.run(calls, range(5), into=into, resume=True, **INLINE)
    assert calls.again() == [3, 4]
    assert list(stored(opened())) == [0, 1, 2, 3, 4]


def test_two_kinds_of_keys_do_not_meet(into, calls):
    """Whole numbers that are no positions, as of a table's column."""
    treadle.run(calls, [2, 0, 1], into=into, key=lambda value: value, **INLINE)
    calls.again()
    source = [5, 1, 2, 0, 4]
    treadle.run(calls, source, into=into, key=lambda value: value, resume=True, **INLINE)
    assert calls.again() == [5, 4]
    assert [outcome.key for outcome in opened().outcomes()] == source


def test_keys_may_be_paths_that_are_no_unicode(into, tmp_path, calls):
    folder = tmp_path / "named"
    folder.mkdir()
    for name in (b"\xff.txt", "ö.txt".encode(), b"a.txt"):
        (folder / os.fsdecode(name)).touch()

    def by_length(path):
        return calls(len(os.fsencode(path.name)))

    def go():
        source = treadle.files(f"{folder}/*")
        return treadle.run(by_length, source, into=into, resume=True, **INLINE)

    first, second = go(), go()
    assert (first.failed, second.failed) == (0, 0)
    assert len(calls.seen) == 3
    assert second.earlier == (3, 0)
    run = opened()
    assert sorted(outcome.key for outcome in run.outcomes()) == ["\\xff.txt", "a.txt", "ö.txt"]
    assert sorted(value["name"] for value in stored(run).values()) == ["5", "5", "6"]
    assert run.item(r"\xff.txt").ok


def test_keys_may_be_numbers_of_any_size(into, calls):
    source = [2**64, -(2**70), 7, 2**63 - 1]
    report = treadle.run(calls, source, into=into, key=lambda n: n, **INLINE)
    if into is not None and into.endswith(".parquet"):  # has columns of 64 bits
        assert [outcome.key for outcome in report.failures] == source[:2]
        source = source[2:]
        calls.again()
    assert report.failed + len(source) == 4
    assert calls.again() in (source, [])
    treadle.run(calls, source, into=into, key=lambda n: n, resume=True, **INLINE)
    assert calls.again() == []
    assert list(stored(opened())) == source


@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_workers_are_not_called_again(backend, folder, tmp_path):
    touch = functools.partial(chores.touch, str(folder))
    into = tmp_path / "out.jsonl"
    treadle.run(touch, range(20), into=into, backend=backend, workers=2)
    for left in folder.iterdir():
        left.unlink()
    report = treadle.run(touch, range(25), into=into, backend=backend, workers=2, resume=True)
    assert sorted(int(left.name) for left in folder.iterdir()) == [20, 21, 22, 23, 24]
    assert report.ok == 5
    assert sorted(row["value"] for row in report.values()) == list(range(25))


# --- what has changed ----------------------------------------------------------------------------


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in "abcd":
        (folder / f"{name}.txt").write_text(f"old {name}")
    return folder


class Reads:
    """Reads files, and counts that."""

    def __init__(self):
        self.__qualname__ = self.__name__ = "reads"
        self.seen = []

    def __call__(self, path):
        self.seen.append(Path(path).name)
        text = Path(path).read_text()
        return [{"name": text}, {"name": f"{text} again"}] if "two" in text else {"name": text}


@pytest.mark.parametrize("key", [None, lambda path: ord(Path(path).stem)], ids=["path", "number"])
@pytest.mark.parametrize("fingerprint", ["stat", "content"])
def test_a_changed_file_runs_again_and_its_old_row_is_gone(into, texts, fingerprint, key):
    reads = Reads()

    def go():
        source = treadle.files(f"{texts}/*.txt", fingerprint=fingerprint)
        report = treadle.run(reads, source, into=into, key=key, resume=True, **INLINE)
        assert report.failed == 0
        seen, reads.seen = reads.seen, []
        return seen

    assert go() == ["a.txt", "b.txt", "c.txt", "d.txt"]
    assert go() == []
    (texts / "c.txt").write_text("new and longer c")
    assert go() == ["c.txt"]
    assert go() == []
    run = opened()
    assert (run.ok, run.failed) == (4, 0)
    assert sorted(value["name"] for value in stored(run).values()) == [
        "new and longer c", "old a", "old b", "old d",
    ]  # fmt: skip
    if into is not None:
        assert rows_in(into) == ["new and longer c", "old a", "old b", "old d"]


def test_a_changed_row_of_a_table_runs_again(into, tmp_path, calls):
    table = tmp_path / "table.csv"

    def go(text, **options):
        table.write_text(text)
        treadle.run(by_name, treadle.rows(table, **options), into=into, resume=True, **INLINE)
        return calls.again()

    def by_name(row):
        return calls(row["name"])

    assert go("id,name\n7,a\n8,b\n") == ["a", "b"]
    assert go("id,name\n7,a\n8,c\n9,d\n") == ["c", "d"]
    assert sorted(value["name"] for value in stored(opened()).values()) == ["a", "c", "d"]
    if into is not None:
        assert rows_in(into) == ["a", "c", "d"]


@pytest.mark.parametrize("key", [None, str, lambda value: value + 100], ids=["position", "s", "n"])
def test_another_version_runs_all_again_and_old_rows_are_gone(into, calls, key):
    treadle.run(calls, range(4), into=into, version="1", key=key, **INLINE)
    calls.again()
    treadle.run(calls, range(4), into=into, version="1", key=key, resume=True, **INLINE)
    assert calls.again() == []
    treadle.run(calls, range(3), into=into, version="2", key=key, resume=True, **INLINE)
    assert calls.again() == [0, 1, 2]
    run = opened()
    assert run.ok == 3
    assert sorted(value["name"] for value in stored(run).values()) == ["0", "1", "2"]


def test_another_version_of_some_runs_these_again(into, calls):
    treadle.run(calls, range(10, 12), into=into, version="1", key=lambda n: n, **INLINE)
    treadle.run(calls, range(10, 14), into=into, key=lambda n: n, resume=True, **INLINE)
    calls.again()
    treadle.run(
        calls, range(10, 14), into=into, version="1", key=lambda n: n, resume=True, **INLINE
    )
    assert calls.again() == [12, 13]
    assert sorted(stored(opened())) == [10, 11, 12, 13]
    if into is not None:
        assert rows_in(into) == ["10", "11", "12", "13"]


def test_the_source_of_the_function_may_be_its_version(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    into = tmp_path / "out.jsonl"

    def go(body):
        (tmp_path / "versioned.py").write_text(f"def f(n):\n    return {body}\n")
        sys.modules.pop("versioned", None)
        linecache.clearcache()
        importlib.invalidate_caches()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        module = importlib.import_module("versioned")
        report = treadle.run(module.f, range(3), into=into, version="source", resume=True, **INLINE)
        return report.ok, sorted(row["value"] for row in report.values())

    assert go("n") == (3, [0, 1, 2])
    assert go("n") == (0, [0, 1, 2])
    assert go("n + 10") == (3, [10, 11, 12])
    sys.modules.pop("versioned")


def test_a_function_without_a_source_needs_a_version_of_its_own(tmp_path):
    with pytest.raises(treadle.UsageError, match="source of len") as caught:
        treadle.run(len, ["a"], into=tmp_path / "o.jsonl", version="source", **INLINE)
    assert "version='2'" in caught.value.hint
    assert treadle.runs() == []


# --- keys that come twice ------------------------------------------------------------------------


def test_two_items_of_one_key_are_named_and_the_rest_goes_on(into, calls):
    source = ["a", "b", "a", "c", "b"]
    report = treadle.run(calls, source, into=into, key=str, **INLINE)
    assert (report.ok, report.failed) == (3, 2)
    first, second = (outcome.failure for outcome in report.failures)
    assert "the key 'a' is that of the items 0 and 2 " in first.message
    assert "the key 'b' is that of the items 1 and 4 " in second.message
    assert "key=" in first.hint
    assert sorted(stored(opened())) == ["a", "b", "c"]
    calls.again()
    for retry_failed in (False, True):
        again = treadle.run(
            calls, source, into=into, key=str, resume=True, retry_failed=retry_failed, **INLINE
        )
        assert again.ok == 0
        assert calls.again() == []
        assert sorted(stored(opened())) == ["a", "b", "c"]


def test_the_item_that_had_the_key_first_is_not_retried_for_the_other(into, folder):
    """The second one fails at once, while the first one runs; so it settles first."""
    told = threading.Event()
    ran = []

    def slow(value):
        assert told.wait(30)
        ran.append(value)
        return {"name": value}

    def listen(event):
        if isinstance(event, treadle.events.ItemsSettled):
            told.set()

    def go(**options):
        return treadle.run(
            slow, ["a", "a"], into=into, key=str, backend="threads", workers=1,
            listeners=[listen], **options,
        )  # fmt: skip

    assert (go().ok, ran) == (1, ["a"])
    again = go(resume=True, retry_failed=True)
    assert (again.ok, again.failed, ran) == (0, 0, ["a"])
    run = opened()
    assert (run.ok, run.failed) == (1, 1)
    assert list(stored(run)) == ["a"]


# --- what has failed -----------------------------------------------------------------------------


def test_items_named_run_again_though_they_have_settled(into, calls):
    """`redo` is for what was lost or is not wanted as it is; the rest is left alone."""
    calls.bad = {"c"}
    treadle.run(calls, list("abcd"), into=into, key=str, **INLINE)
    calls.again()
    calls.bad = set()
    report = treadle.run(
        calls, list("abcd"), into=into, key=str, resume=True, redo={"b", "c", "unknown"}, **INLINE
    )
    assert sorted(calls.again()) == ["b", "c"]
    assert (report.ok, report.failed, report.earlier) == (2, 0, (2, 0))
    outcomes = list(treadle.open("latest").outcomes())
    assert [outcome.key for outcome in outcomes] == list("abcd")
    assert all(outcome.ok for outcome in outcomes)


def test_a_run_tells_what_it_has_stored_and_when_an_item_would_run_again(texts, calls):
    """`stored` gives the values one by one, `fingerprints` what a changed source differs in."""
    (texts / "bad.txt").write_text("x")
    calls.bad = {texts / "bad.txt"}
    source = treadle.files(texts)
    treadle.run(calls, source, **INLINE)
    run = treadle.open("latest")
    good = [path for path in source if path.name != "bad.txt"]
    assert dict(run.stored()) == {
        source.key(path, 0): {"name": str(path), "double": str(path) * 2} for path in good
    }
    assert run.fingerprints() == {source.key(path, 0): source.fingerprint(path) for path in source}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"redo": ["a"]}, "redo needs the run"),
        ({"redo": "a", "resume": True}, "redo must be keys"),
        ({"redo": ["a"], "resume": True, "retry_failed": True}, "exclude each other"),
    ],
)
def test_redo_that_makes_no_sense_is_refused(calls, options, says):
    with pytest.raises(treadle.UsageError, match=says):
        treadle.run(calls, ["a"], **options, **INLINE)
    assert calls.seen == []


def test_what_failed_runs_again_on_request_and_nothing_else(into, calls):
    calls.bad = {2, 4}
    treadle.run(calls, range(6), into=into, **INLINE)
    calls.again()
    treadle.run(calls, range(8), into=into, resume=True, **INLINE)
    assert calls.again() == [6, 7]
    calls.bad = {4}
    report = treadle.run(calls, range(10), into=into, resume="latest", retry_failed=True, **INLINE)
    assert calls.again() == [2, 4]
    assert (report.ok, report.failed) == (1, 1)
    run = opened()
    assert (run.ok, run.failed) == (7, 1)
    assert sorted(stored(run)) == [0, 1, 2, 3, 5, 6, 7]
    assert [outcome.key for outcome in run.failures()] == [4]


def test_retry_failed_needs_to_know_of_which_run(calls):
    with pytest.raises(treadle.UsageError, match="retry_failed needs the run") as caught:
        treadle.run(calls, range(3), retry_failed=True, **INLINE)
    assert "latest" in caught.value.hint
    assert calls.seen == []


# --- which run is meant --------------------------------------------------------------------------


def test_a_run_is_resumed_by_id_prefix_name_and_latest(into, calls):
    first = treadle.run(calls, range(3), into=into, name="numbers", **INLINE)
    calls.again()
    for count, which in enumerate((first.run_id, first.run_id[:8], "numbers", "latest"), start=4):
        report = treadle.run(calls, range(count), resume=which, **INLINE)
        assert report.run_id == first.run_id
        assert calls.again() == [count - 1]
    assert len(treadle.runs()) == 1
    assert treadle.open("numbers").ok == 7


def test_resume_without_a_match_begins_anew(tmp_path, calls):
    def go(function=calls, into="out.jsonl", **options):
        treadle.run(function, range(2), into=tmp_path / into, resume=True, **INLINE, **options)
        return len(calls.again())

    assert [go(), go()] == [2, 0]
    assert go(into="other.jsonl") == 2
    assert go(name="called so") == 2
    assert go(name="called so") == 0
    assert go(runs_dir=tmp_path / "elsewhere") == 2
    go(function=Calls("another"))
    assert len(treadle.runs()) == 4
    assert len(treadle.runs(tmp_path / "elsewhere")) == 1


def test_without_resume_a_run_is_a_new_one(into, calls):
    treadle.run(calls, range(3), into=into, **INLINE)
    treadle.run(calls, range(2), into=into, **INLINE)
    assert calls.again() == [0, 1, 2, 0, 1]
    one, two = treadle.runs()
    assert (one.ok, two.ok) == (3, 2)
    assert sorted(stored(two)) == [0, 1]


def test_the_newest_run_that_matches_is_resumed(calls):
    one = treadle.run(calls, range(2), **INLINE).run_id
    two = treadle.run(calls, range(2), **INLINE).run_id
    treadle.run(Calls("another"), range(2), **INLINE)
    assert treadle.run(calls, range(2), resume=True, **INLINE).run_id == two
    assert one < two


def test_another_function_or_place_is_refused_and_nothing_runs(tmp_path, calls):
    report = treadle.run(calls, range(2), into=tmp_path / "out.csv", **INLINE)
    other = Calls("another")
    with pytest.raises(treadle.UsageError, match=f"{report.run_id} is of .*:calls, not .*:another"):
        treadle.run(other, range(2), resume=report.run_id, **INLINE)
    with pytest.raises(treadle.UsageError, match=r"stores into '.*out.csv', not '.*else.csv'") as e:
        treadle.run(calls, range(9), into=tmp_path / "else.csv", resume="latest", **INLINE)
    assert "leave into= out" in e.value.hint
    with pytest.raises(treadle.UsageError, match="no run 'never'"):
        treadle.run(calls, range(9), resume="never", **INLINE)
    assert other.seen == []
    assert calls.again() == [0, 1]
    assert not (tmp_path / "else.csv").exists()
    assert len(treadle.runs()) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"resume": ""},
        {"resume": 7},
        {"durability": "all"},
        {"resume": True, "durability": "none"},
        {"version": 2},
    ],
    ids=str,
)
def test_wrong_options_are_refused(calls, wrong):
    with pytest.raises(treadle.UsageError) as caught:
        treadle.run(calls, range(2), **wrong, **INLINE)
    assert caught.value.hint
    assert calls.seen == []
    assert treadle.runs() == []


# --- meddled with --------------------------------------------------------------------------------


def stopped(calls, into):
    """Leave a run that was stopped after some items."""
    calls.bad = {5}
    treadle.run(calls, range(9), into=into, max_failures=1, durability="item", **INLINE)
    return calls.again()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("finished", [True, False])
def test_a_result_that_was_removed_is_named_and_the_record_is_kept(tmp_path, calls, name, finished):
    into = f"{tmp_path}/{name}"
    if finished:
        treadle.run(calls, range(5), into=into, **INLINE)
        calls.again()
    else:
        stopped(calls, into)
    before = opened().ok
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for _ in range(2):
        with pytest.raises(treadle.UsageError, match=r"out") as caught:
            treadle.run(calls, range(20), into=into, resume=True, **INLINE)
        assert caught.value.hint
    assert calls.again() == []
    assert opened().ok == before
    with pytest.raises(treadle.TreadleError):
        list(opened().outcomes())


@pytest.mark.parametrize("name", [name for name in FILES if name != "out/"])
@pytest.mark.parametrize("finished", [True, False])
def test_a_result_that_was_edited_is_named_and_left_as_it_is(tmp_path, calls, name, finished):
    into = tmp_path / name
    if finished:
        treadle.run(calls, range(5), into=into, **INLINE)
        calls.again()
    else:
        stopped(calls, into)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    target = max(files, key=lambda path: path.stat().st_size)
    data = bytearray(target.read_bytes())
    if name == "out.sqlite":
        database = sqlite3.connect(target)
        database.execute("DELETE FROM results WHERE rowid = 2")
        database.commit()
        database.close()
        data = bytearray(target.read_bytes())
    else:
        at = data.index(b"11") if b"11" in data else len(data) // 2
        data[at] ^= 1
        target.write_bytes(data)
    with pytest.raises(treadle.UsageError, match="changed") as caught:
        treadle.run(calls, range(20), into=into, resume=True, **INLINE)
    assert target.name in caught.value.message
    assert caught.value.hint
    assert calls.again() == []
    assert target.read_bytes() == data


# --- two at once ---------------------------------------------------------------------------------


def test_one_of_two_that_resume_a_run_is_refused_and_the_other_named(into, calls):
    treadle.run(calls, range(2), into=into, **INLINE)

    def meanwhile(value):
        with pytest.raises(treadle.UsageError, match=f"process {os.getpid()} on") as caught:
            treadle.run(meanwhile, range(9), into=into, resume=True, **INLINE)
        assert "treadle cancel" in caught.value.hint
        return calls(value)

    meanwhile.__module__, meanwhile.__qualname__ = Calls.__module__, "calls"
    first = treadle.run(meanwhile, range(4), into=into, resume="latest", **INLINE)
    assert (first.ok, first.failed) == (2, 0)
    assert opened().ok == 4


def test_a_process_that_resumes_a_run_of_another_is_told_which(tmp_path, program):
    text = f"""
        import os, subprocess, sys, treadle

        def work(n):
            if n == 3 and not os.environ.get("SECOND"):
                done = subprocess.run(
                    [sys.executable, __file__], env=os.environ | {{"SECOND": "1"}},
                    capture_output=True, text=True, timeout=30,
                )
                print(os.getpid(), done.stderr, flush=True)
            return n

        if __name__ == "__main__":
            treadle.run(work, range(6), into={str(tmp_path / "o.jsonl")!r}, backend="inline",
                        resume=True)
        """
    done = program(textwrap.dedent(text))
    assert done.returncode == 0, done.stderr
    pid = done.stdout.split()[0]
    assert f"UsageError: the run {treadle.runs()[0].id} is being written by process {pid}" in (
        done.stdout
    )
    assert opened().ok == 6


# --- sinks of one's own --------------------------------------------------------------------------


class Rows:
    """A sink without ``mark``."""

    def __init__(self):
        self.rows = []

    def open(self):
        self.rows.clear()

    def write(self, outcomes):
        self.rows += [outcome.value for outcome in outcomes if outcome.ok]
        return []

    def close(self):
        pass

    def abandon(self):
        return None

    def values(self):
        return self.rows


def test_a_sink_that_cannot_go_on_is_recorded_and_not_resumed(calls):
    sink = Rows()
    report = treadle.run(calls, range(3), into=sink, **INLINE)
    assert len(sink.rows) == 3
    assert opened().ok == 3
    calls.again()
    with pytest.raises(treadle.UsageError, match="cannot be resumed") as caught:
        treadle.run(calls, range(9), into=sink, resume=report.run_id, **INLINE)
    assert "`mark` and `resume`" in caught.value.hint
    assert len(sink.rows) == 3
    assert calls.again() == []


# --- how durable ---------------------------------------------------------------------------------


def test_with_durability_item_each_item_is_safe_before_the_next_begins(into, own_runs):
    safe = []

    def count(value):
        safe.append(opened().ok)
        return {"name": str(value)}

    treadle.run(count, range(5), into=into, durability="item", **INLINE)
    assert safe == [0, 1, 2, 3, 4]


def test_with_durability_none_there_is_no_record(into, calls, own_runs):
    report = treadle.run(calls, range(3), into=into, durability="none", **INLINE)
    assert (report.ok, report.run_id) == (3, None)
    assert treadle.runs() == []
    assert list(own_runs.iterdir()) == []


# --- values that are kept ------------------------------------------------------------------------


class Thing:
    """A value of a class of ours."""

    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return isinstance(other, Thing) and other.n == self.n

    __hash__ = None


VALUES = [
    None,
    1.5,
    {"a": {1, 2}},
    b"\0",
    Decimal("1.2"),
    Thing(3),
    [1, [2]],
    [],
    "x" * 100_000,
    Thing,
]


def test_values_without_a_file_are_kept_as_they_were_returned():
    def give(n):
        return VALUES[n]

    first = treadle.run(give, range(5), **INLINE)
    second = treadle.run(give, range(len(VALUES)), resume=True, **INLINE)
    assert second.run_id == first.run_id
    assert [outcome.value for outcome in opened().outcomes()] == VALUES
    assert list(second.values()) == VALUES


def test_a_value_that_cannot_be_kept_fails_its_item_and_no_other():
    def give(n):
        return threading.Lock() if n == 2 else n

    report = treadle.run(give, range(5), **INLINE)
    assert (report.ok, report.failed) == (4, 1)
    assert "cannot be pickled" in report.failures[0].failure.message
    assert "durability=" in report.failures[0].failure.hint
    assert stored(opened()) == {0: 0, 1: 1, 3: 3, 4: 4}


# --- runs to look at -----------------------------------------------------------------------------


def test_outcomes_come_in_input_order_with_their_values(into):
    order = [3, 1, 0, 2]

    def give(n):
        if n == 1:
            raise ValueError("one")
        return {"n": n, "text": f"t{n}"}

    treadle.run(give, order, into=into, key=lambda n: f"item {n}", **INLINE)
    run = opened()
    outcomes = list(run.outcomes())
    assert [outcome.key for outcome in outcomes] == ["item 3", "item 1", "item 0", "item 2"]
    assert [outcome.index for outcome in outcomes] == [0, 1, 2, 3]
    assert [outcome.ok for outcome in outcomes] == [True, False, True, True]
    assert [int(value["n"]) for value in stored(run).values()] == [3, 0, 2]
    assert run.item("item 1").failure.message == "one"
    assert run.item("item 0").ok
    with pytest.raises(treadle.UsageError, match="no item 'item 9'"):
        run.item("item 9")
    assert {outcome.key for outcome in run.slowest(2)} <= {outcome.key for outcome in outcomes}
    assert len(run.slowest(2)) == 2


def test_several_rows_of_an_item_are_a_list(into):
    def give(n):
        return [{"n": n, "row": row} for row in range(n)]

    treadle.run(give, range(4), into=into, **INLINE)
    values = list(stored(opened()).values())
    assert values[0] == []
    assert [[int(row["row"]) for row in value] for value in values[2:]] == [[0, 1], [0, 1, 2]]


def test_a_run_says_what_it_was(tmp_path, calls):
    calls.bad = {1}
    report = treadle.run(calls, range(4), into=tmp_path / "o.csv", name="four", **INLINE)
    (run,) = treadle.runs()
    assert (run.id, run.name, run.into) == (report.run_id, "four", str(tmp_path / "o.csv"))
    assert run.function.endswith(":calls")
    assert (run.ok, run.failed, run.total, run.left) == (3, 1, 4, 0)
    assert run.elapsed > 0
    assert run.throughput > 0
    assert run.began.tzinfo is not None
    assert run.record.holder is None
    assert run.id in repr(run)
    assert sorted(path.name for path in run.folder.iterdir() if path.suffix == ".json") == [
        "run.json"
    ]


def test_attempts_that_were_followed_by_another_are_recorded(into):
    tries = Counter()

    def work(n):
        tries[n] += 1
        if n == 1 and tries[n] < 3:
            raise OSError("busy")
        return {"n": n}

    retry = treadle.Retry(attempts=3, base=0.0)
    treadle.run(work, range(2), into=into, backend="threads", workers=1, retry=retry)
    run = opened()
    assert [outcome.attempts for outcome in run.outcomes()] == [1, 3]
    assert [(each.number, each.failure.message) for each in run.attempts(1)] == [
        (1, "busy"), (2, "busy"),
    ]  # fmt: skip
    assert run.attempts(0) == []


def test_what_items_print_and_log_in_workers_is_recorded(tmp_path, program):
    text = f"""
import logging, treadle

logging.basicConfig(level="WARNING")

def work(n):
    print("printed", n)
    logging.getLogger("work").warning("logged %s", n)
    return n

if __name__ == "__main__":
    treadle.run(work, range(3), into={str(tmp_path / "o.jsonl")!r}, backend="processes", workers=1)
"""
    done = program(text)
    assert done.returncode == 0, done.stderr
    messages = opened().messages(1)
    assert {(each.stream, each.text) for each in messages} == {
        ("stdout", "printed 1"), ("WARNING", "logged 1"),
    }  # fmt: skip
    assert all(each.worker and each.at > 0 for each in messages)


def test_a_run_is_a_data_frame(into):
    if into is not None and into.endswith("/"):
        pytest.skip("its values are files")

    def give(n):
        return [{"n": n}, {"n": n + 10}] if n == 2 else {"n": n}

    treadle.run(give, range(3), into=into, **INLINE)
    frame = opened().to_polars()
    assert frame["key"].to_list() == [0, 1, 2, 2]
    assert [int(n) for n in frame["n"].to_list()] == [0, 1, 2, 12]


def test_pandas_gets_the_same_rows_where_it_is_installed(monkeypatch):
    treadle.run(lambda n: {"n": n}, range(2), **INLINE)
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=list))
    assert opened().to_pandas() == [{"key": 0, "n": 0}, {"key": 1, "n": 1}]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_library_that_is_not_installed_is_named_with_its_cure(library, monkeypatch):
    treadle.run(str, range(2), **INLINE)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(treadle.MissingExtra, match=library) as caught:
        getattr(opened(), f"to_{library}")()
    assert caught.value.hint == f"pip install {library}"


def test_a_sink_of_ones_own_that_cannot_be_resumed_begins_anew():
    class Keys:
        """Keeps keys; has no mark."""

        def __init__(self):
            self.keys = []

        def open(self):
            self.keys = []

        def write(self, outcomes):
            self.keys += [outcome.key for outcome in outcomes if outcome.ok]
            return []

        def close(self):
            pass

        def abandon(self):
            pass

    def bad(n):
        if n == 2:
            raise ValueError(n)
        return n

    treadle.run(bad, range(9), into=Keys(), max_failures=1, **INLINE)
    again = Keys()
    treadle.run(bad, range(2), into=again, **INLINE)
    assert again.keys == [0, 1]


def test_a_run_of_a_newer_format_is_refused_and_hides_no_other(calls):
    good = treadle.run(calls, range(2), **INLINE).run_id
    newer = treadle.run(calls, range(2), **INLINE).run_id
    path = layout.runs_dir() / newer / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    assert [run.id for run in treadle.runs()] == [good]
    with pytest.raises(treadle.UsageError, match="format 99"):
        treadle.open(newer)
    with pytest.raises(treadle.UsageError, match="format 99"):
        treadle.run(calls, range(2), resume=newer, **INLINE)
    with pytest.raises(treadle.UsageError, match="format 99"):  # not begun anew, which costs
        treadle.run(calls, range(2), resume=True, **INLINE)
    assert treadle.run(calls, range(2), resume=good, **INLINE).run_id == good


def test_a_live_run_is_seen_from_elsewhere(into):
    seen = []

    def look(n):
        run = opened()
        seen.append((run.state, run.ok, run.record.holder["pid"], run.total))
        return {"n": n}

    treadle.run(look, range(3), into=into, durability="item", **INLINE)
    assert [state for state, *_ in seen] == ["running"] * 3
    assert [ok for _, ok, *_ in seen] == [0, 1, 2]
    assert {pid for *_, pid, _ in seen} == {os.getpid()}
    assert opened().state == "finished"


# --- stages --------------------------------------------------------------------------------------


def stage_one(n):
    return f"text {n}"


class StageTwo:
    """Reads what the first stage has written; stops in the middle if it is told to."""

    def __init__(self, stops=False):
        self.__qualname__ = self.__name__ = "stage_two"
        self.stops = stops
        self.seen = []

    def __call__(self, path):
        if self.stops and len(self.seen) == 2:
            raise KeyboardInterrupt
        self.seen.append(Path(path).name)
        return {"text": Path(path).read_text()}


def test_a_pipeline_whose_second_stage_was_interrupted_goes_on_there(tmp_path):
    def pipeline(second):
        with treadle.Pool(backend="inline") as pool:
            one = pool.run(stage_one, range(5), into=f"{tmp_path}/staged/", resume=True)
            two = pool.run(
                second, one.values(), into=tmp_path / "end.jsonl", durability="item", resume=True
            )
        return one, two

    first = StageTwo(stops=True)
    with pytest.raises(KeyboardInterrupt):
        pipeline(first)
    assert len(first.seen) == 2
    second = StageTwo()
    one, two = pipeline(second)
    assert (one.ok, one.earlier) == (0, (5, 0))
    assert (two.ok, two.earlier) == (3, (2, 0))
    assert len(first.seen + second.seen) == len(set(first.seen + second.seen)) == 5
    values = [row["value"]["text"] for row in two.values()]
    assert sorted(values) == [f"text {n}" for n in range(5)]
    stages = treadle.runs()
    assert [run.state for run in stages] == ["finished", "finished"]
    assert [run.record.facts["parent"] for run in stages] == [None, stages[0].id]


# --- elsewhere, and at other times ---------------------------------------------------------------


def test_a_run_that_was_copied_is_read_and_resumed(into, calls, tmp_path):
    done = stopped(calls, into)
    copy = tmp_path / "copied runs"
    shutil.copytree(layout.runs_dir(), copy)
    assert opened(copy).ok == len(done) - 1
    calls.bad = set()
    treadle.run(calls, range(9), into=into, resume="latest", runs_dir=copy, **INLINE)
    assert calls.again() == [n for n in range(9) if n not in done]
    run = opened(copy)
    assert (run.state, run.ok, run.failed) == ("finished", 8, 1)
    assert sorted(stored(run)) == [n for n in range(9) if n != 5]


def test_ids_go_on_when_the_clock_is_set_back(calls, monkeypatch):
    first = treadle.run(calls, range(2), **INLINE).run_id
    root = layout.runs_dir()
    later = f"9{first[1:]}"  # as if that one had been begun in the future
    (root / first).rename(root / later)
    second = treadle.run(calls, range(2), **INLINE).run_id
    assert second > later
    assert opened().id == second
    assert treadle.run(calls, range(3), resume=True, **INLINE).run_id == second


@pytest.mark.parametrize("place", ["/proc/treadle", "/dev/null/runs"])
def test_a_place_that_cannot_hold_the_record_is_named_before_anything_runs(place, calls, tmp_path):
    with pytest.raises(treadle.UsageError, match=place) as caught:
        treadle.run(calls, range(2), into=tmp_path / "o.csv", runs_dir=place, **INLINE)
    assert "durability='none'" in caught.value.hint
    assert calls.seen == []
    assert list(tmp_path.iterdir()) == []


def test_a_sink_that_cannot_be_opened_leaves_no_run(calls, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(treadle.UsageError):
        treadle.run(calls, range(2), into=tmp_path / "file" / "o.csv", **INLINE)
    assert treadle.runs() == []
    assert calls.seen == []


# --- interrupted ---------------------------------------------------------------------------------


def test_an_interrupted_run_keeps_what_had_settled_and_goes_on(into, calls):
    calls.stop_at = 4
    with pytest.raises(treadle.Interrupted) as caught:
        treadle.run(calls, range(8), into=into, **INLINE)
    assert caught.value.report.ok == 4
    done = calls.again()
    run = opened()
    assert (run.state, run.ok, run.left) == ("interrupted", 4, 4)
    assert sorted(stored(run)) == [0, 1, 2, 3]
    calls.stop_at = None
    report = treadle.run(calls, range(8), into=into, resume=True, **INLINE)
    assert calls.again() == [4, 5, 6, 7]
    assert report.earlier == (4, 0)
    assert done == [0, 1, 2, 3, 4]
    assert sorted(stored(opened())) == list(range(8))
    assert opened().state == "finished"


def test_ctrl_c_right_after_the_start_is_no_other_than_later(tmp_path, calls, monkeypatch):
    into = tmp_path / "o.jsonl"

    class Interrupts:
        def __init__(self, *_):
            raise KeyboardInterrupt

    monkeypatch.setattr("treadle.api.running.Control", Interrupts)
    with pytest.raises(KeyboardInterrupt) as caught:  # a bare one would end the tests
        treadle.run(calls, range(3), into=into, **INLINE)
    assert isinstance(caught.value, treadle.Interrupted)
    monkeypatch.setattr("treadle.api.running.Control", Control)
    assert opened().state == "interrupted"
    treadle.run(calls, range(3), into=into, resume=True, **INLINE)
    assert sorted(stored(opened())) == [0, 1, 2]


def test_ctrl_c_of_a_program_then_resume(tmp_path, program):
    into = tmp_path / "o.jsonl"
    text = f"""
import os, signal, threading, time, treadle

interrupted = threading.Event()

def work(n):
    if "AGAIN" not in os.environ:
        if n == 20:
            while not treadle.open("latest").ok:  # by then, the run takes Ctrl-C for its own
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
        if n > 20:
            interrupted.wait(30)
    return n

def listen(event):
    if isinstance(event, treadle.events.Cancelling):
        interrupted.set()

if __name__ == "__main__":
    report = treadle.run(work, range(50), into={str(into)!r}, backend="threads", workers=2,
                         resume=True, durability="item", listeners=[listen])
    print(report.ok, sum(report.earlier))
"""
    first = program(text)
    assert first.returncode != 0
    assert "treadle.errors.Interrupted" in first.stderr
    run = opened()
    before = run.ok
    assert run.state == "interrupted"
    second = program(text, AGAIN="1")
    assert second.returncode == 0, second.stderr
    ok, earlier = map(int, second.stdout.split())
    assert 0 < earlier == before < 50
    assert ok == 50 - earlier
    values = sorted(json.loads(line)["value"] for line in into.read_text().splitlines())
    assert values == list(range(50))
    assert lock.holder(run.folder) is None
