"""Parquet: after a crash at any point, a later run goes on from the last mark, or says why not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.core.outcome import Succeeded
from treadle.errors import SinkFailed, UsageError
from treadle.sinks import Parquet

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def outcomes(values, start=0):
    return [
        Succeeded(i, i, 1, 0.0, 0.0, None, None, None, value)
        for i, value in enumerate(values, start=start)
    ]


class Run:
    """A run that writes ``a.parquet``, and the ledger that knows the last mark."""

    def __init__(self, folder, group=4):
        self.root = Path(folder)
        self.group = group
        self.crashes = 0
        self.folder.mkdir(parents=True)
        self.values = []  # what was written
        self.committed = None  # the last mark, and how many values there were
        self.sink = Parquet(self.path, group=group)

    @property
    def folder(self):
        return self.root / str(self.crashes)

    @property
    def path(self):
        return self.folder / "a.parquet"

    def write(self, *values):
        assert self.sink.write(outcomes(values, len(self.values))) == []
        self.values += values

    def mark(self, *, whole=False, commit=True):
        mark = self.sink.mark(whole=whole)
        if commit:
            self.committed = json.dumps(mark), len(self.values)
        return mark

    def close(self, *, commit=True):
        self.mark(whole=True)
        self.sink.close()
        if commit:
            self.mark()

    def crash(self):
        """Go on with the folder as it is on disk now, with nothing that is in memory."""
        before, old = self.folder, self.sink
        self.crashes += 1
        shutil.copytree(before, self.folder)
        old.abandon()
        self.sink = Parquet(self.path, group=self.group)

    def resume(self, without=()):
        mark, count = self.committed
        self.sink.resume(json.loads(mark), without)
        del self.values[count:]

    def names(self):
        return sorted(
            str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()
        )


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path)
    yield made
    made.sink.abandon()


def rows(path):
    return pq.read_table(path).to_pylist()


def numbered(count):
    return [{"x": i} for i in range(count)]


def keyed(values):
    return [{"key": i, **value} for i, value in enumerate(values)]


# How many values there are before the mark, and after it: none, less than a row group, several.
COUNTS = pytest.mark.parametrize("before", [0, 1, 3, 4, 5, 13])
MORE = pytest.mark.parametrize("after", [0, 1, 4, 9])


@COUNTS
@MORE
def test_what_was_written_after_the_mark_is_taken_back(run, before, after):
    run.sink.open()
    run.write(*numbered(before))
    run.mark()
    run.write(*[{"x": -1, "late": "text"}] * after)
    run.crash()
    run.resume()
    run.write(*[{"x": i} for i in range(before, before + 3)])
    run.close()
    assert rows(run.path) == keyed(numbered(before + 3))
    assert run.names() == ["a.parquet"]


@COUNTS
@MORE
def test_a_mark_that_was_not_committed_does_no_harm(run, before, after):
    run.sink.open()
    run.write(*numbered(before))
    run.mark()
    for whole in (False, True):
        run.write(*[{"x": 0.5}] * after)
        run.mark(whole=whole, commit=False)
        run.crash()
        run.resume()
    run.close()
    assert [row.get("x") for row in rows(run.path)] == list(range(before))


@COUNTS
@pytest.mark.parametrize("commit", [True, False])
def test_a_run_that_was_closed_can_be_resumed(run, before, commit):
    run.sink.open()
    run.write(*numbered(before))
    run.mark()
    run.close(commit=commit)
    assert run.names() == ["a.parquet"]
    run.crash()
    run.resume()
    run.write(*[{"x": i} for i in range(before, before + 2)])
    assert rows(run.path) == keyed(numbered(before))  # whole until the new one is
    run.mark()
    run.crash()
    run.resume()
    assert rows(run.path) == keyed(numbered(before))
    run.close()
    assert rows(run.path) == keyed(numbered(before + 2))
    assert run.names() == ["a.parquet"]


def test_a_closed_run_that_is_resumed_and_stores_nothing_leaves_the_file_as_it_is(run):
    run.sink.open()
    run.write(*numbered(5))
    run.close()
    before = run.path.read_bytes()
    for end in (run.sink.abandon, run.close):
        run.resume()
        end()
        assert run.path.read_bytes() == before
        assert run.names() == ["a.parquet"]


def test_a_whole_mark_is_resumed_with_more_rows(run):
    run.sink.open()
    run.write(*numbered(9))
    run.mark(whole=True)
    run.write({"x": 0.5})
    run.crash()
    run.resume()
    run.write({"x": 9})
    run.close()
    assert rows(run.path) == keyed(numbered(10))


def test_closing_without_a_whole_mark_can_be_resumed_as_well(run):
    run.sink.open()
    run.write(*numbered(6))
    run.mark()
    run.write({"x": -1})
    run.sink.close()
    assert len(rows(run.path)) == 7
    run.crash()
    run.resume()
    run.write({"x": 6})
    run.close()
    assert rows(run.path) == keyed(numbered(7))
    assert run.names() == ["a.parquet"]


def test_what_is_abandoned_after_a_mark_can_be_resumed(run):
    run.sink.open()
    run.write(*numbered(6))
    run.mark()
    run.write(*numbered(6))
    kept = run.sink.abandon()
    assert os.path.exists(kept)
    assert run.sink.abandon() == kept
    assert list(run.sink.values()) == keyed(numbered(6))
    run.resume()
    run.sink.abandon()
    run.resume()
    run.close()
    assert rows(run.path) == keyed(numbered(6))


@pytest.mark.parametrize("after", [0, 1, 9])
def test_a_run_that_is_abandoned_early_leaves_a_file_to_look_at(run, after):
    run.sink.open()
    run.write(*numbered(2))
    run.mark()
    run.write(*numbered(after))
    kept = run.sink.abandon()
    assert kept == f"{run.path}.part"
    assert rows(kept)[:2] == keyed(numbered(2))
    assert list(run.sink.values()) == keyed(numbered(2))
    run.crash()
    run.resume()
    run.close()
    assert rows(run.path) == keyed(numbered(2))
    assert run.names() == ["a.parquet"]


def test_nothing_but_what_the_last_two_marks_need_is_kept(run):
    run.sink.open()
    for i in range(40):
        run.write({"x": i})
        run.mark()
        journals = [name for name in run.names() if name.endswith(".journal")]
        assert len(journals) <= 2
    parts = [name for name in run.names() if name.endswith(".part")]
    assert len(parts) == 10
    run.close()
    assert rows(run.path) == keyed(numbered(40))


def test_a_journal_of_many_small_entries_is_written_anew(run, monkeypatch):
    monkeypatch.setattr("treadle.sinks.parquet._MAX_JOURNAL", 2000)
    run.sink = Parquet(run.path)
    run.sink.open()
    for i in range(30):
        run.write({"x": i})
        assert run.mark()["size"] < 4000
    run.crash()
    run.resume()
    run.close()
    assert rows(run.path) == keyed(numbered(30))


def test_a_mark_without_anything_new_is_the_same_and_writes_nothing(run):
    run.sink.open()
    run.write(*numbered(5))
    mark = run.mark()
    before = run.names()
    assert run.mark() == mark
    assert run.mark() == mark
    assert run.names() == before
    whole = run.mark(whole=True)
    assert run.mark(whole=True) == run.mark() == whole


def test_columns_widen_across_marks_and_resumes(run):
    values = [
        {"n": None, "x": 1, "s": {"a": 1}, "l": []},
        {"n": "text", "x": 2.5, "s": {"a": 1, "b": "x"}, "l": [{"q": 1}]},
        {"n": None, "x": None, "s": None, "l": [{"q": 0.5, "r": None}], "late": True},
        {"x": 7},
    ]
    run.sink.open()
    for value in values:
        run.write(value)
        run.mark()
        run.crash()
        run.resume()
    run.close()
    assert rows(run.path) == [
        {"key": 0, "n": None, "x": 1.0, "s": {"a": 1, "b": None}, "l": [], "late": None},
        {"key": 1, "n": "text", "x": 2.5, "s": {"a": 1, "b": "x"}, "l": [{"q": 1.0, "r": None}],
         "late": None},
        {"key": 2, "n": None, "x": None, "s": None, "l": [{"q": 0.5, "r": None}], "late": True},
        {"key": 3, "n": None, "x": 7.0, "s": None, "l": None, "late": None},
    ]  # fmt: skip


@pytest.mark.parametrize("closed", [False, True])
def test_a_type_that_does_not_fit_is_refused_after_a_resume_as_before(run, closed):
    run.sink.open()
    run.write({"x": 1})
    run.close() if closed else run.mark()
    run.crash()
    run.resume()
    ((_, error),) = run.sink.write(outcomes([{"x": "text"}], 1))
    assert "the column 'x' holds int64, and here it is string" in error.message


def test_a_closed_run_without_rows_does_not_decide_the_type_of_the_keys(run):
    run.sink.open()
    run.close()
    run.resume()
    run.write(*numbered(2))
    run.close()
    assert rows(run.path) == keyed(numbered(2))


def test_an_empty_frame_gives_its_columns_after_a_resume(run):
    run.sink.open()
    run.write({"x": 1})
    run.close()
    run.resume()
    run.sink.write(outcomes([pa.table({"y": pa.array([], pa.int32())})], 1))
    run.mark()
    run.crash()
    run.resume()
    run.close()
    assert rows(run.path) == [{"key": 0, "x": 1, "y": None}]


# --- without -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["mark", "whole", "closed"])
@pytest.mark.parametrize("without", [[0], [1, 6], ["12"], range(13), [99], range(5)])
def test_rows_of_items_that_run_again_are_left_out(run, end, without):
    run.sink.open()
    run.write(*numbered(13))
    {"mark": run.mark, "whole": lambda: run.mark(whole=True), "closed": run.close}[end]()
    for _ in range(2):  # the mark is still good: its files are as they were
        run.crash()
        run.resume(without)
    run.mark()
    run.crash()
    run.resume()
    run.sink.write(outcomes([{"x": 13}], 13))
    run.close()
    left = [i for i in range(14) if str(i) not in set(map(str, without))]
    assert rows(run.path) == [{"key": i, "x": i} for i in left]
    assert run.names() == ["a.parquet"]


def test_keys_that_are_no_valid_text_are_left_out_too(run, succeeded):
    run.sink.open()
    run.sink.write([succeeded("caf\udce9", 1), succeeded("tea", 2)])
    run.mark()
    run.crash()
    run.resume(["caf\udce9"])
    run.close()
    assert rows(run.path) == [{"key": "tea", "value": 2}]


# --- looking -------------------------------------------------------------------------------------


def test_what_a_mark_speaks_of_is_read_without_being_opened_for_writing(run):
    run.sink.open()
    run.write(*numbered(6))
    run.write({"x": 6, "late": "y"})
    run.mark()
    run.write(*numbered(3))
    other = Parquet(run.path)
    other.look(json.loads(run.committed[0]))
    before = run.names()
    expected = [{"x": i, "late": None} for i in range(6)] + [{"x": 6, "late": "y"}]
    assert list(other.stored()) == list(enumerate(expected))
    assert list(other.values()) == keyed(expected)
    assert run.names() == before
    run.close()
    other.look(run.sink.mark())
    assert [key for key, _ in other.stored()] == list(range(10))


def test_values_that_have_no_fields_are_given_as_they_are(run):
    run.sink.open()
    run.write(1, 2.5, None)
    run.close()
    assert list(run.sink.stored()) == [(0, 1.0), (1, 2.5), (2, None)]


def test_nothing_is_read_while_it_is_written(run):
    run.sink.open()
    mark = run.mark()
    for read in (run.sink.stored, run.sink.values, lambda: run.sink.look(mark)):
        with pytest.raises(UsageError, match="still being written"):
            read()


# --- what was changed by hand, or torn -----------------------------------------------------------


@pytest.fixture
def stopped(run):
    """A run with three parts and a journal, stopped."""
    run.sink.open()
    for i in range(14):
        run.write({"x": i, "text": os.urandom(50).hex()})
        run.mark()
    run.crash()
    return run


@pytest.fixture(params=range(4))
def file(request, stopped):
    """Each file of the stopped run in turn."""
    mark = json.loads(stopped.committed[0])
    found = [*mark["parts"], mark]
    assert len(found) == 4
    return stopped.folder / found[request.param]["file"]


def refused(run):
    with pytest.raises(UsageError) as caught:
        run.resume()
    with pytest.raises(UsageError):
        run.resume()  # and again: nothing was locked, nothing was removed
    return caught.value


def test_a_file_that_was_removed_is_named(stopped, file):
    file.unlink()
    before = stopped.names()
    error = refused(stopped)
    assert f"{str(file)!r} is gone" in error.message
    assert error.hint
    assert stopped.names() == before
    with pytest.raises(UsageError, match="is gone"):
        stopped.sink.look(json.loads(stopped.committed[0]))


def test_a_file_that_was_cut_is_named(stopped, file):
    os.truncate(file, file.stat().st_size - 1)
    assert f"{str(file)!r} was changed" in refused(stopped).message
    with pytest.raises(UsageError, match="was changed"):
        stopped.sink.look(json.loads(stopped.committed[0]))


@pytest.mark.parametrize("at", [0, 0.3, 0.6, -1])
def test_a_file_of_which_a_byte_was_changed_is_named(stopped, file, at):
    data = bytearray(file.read_bytes())
    data[int(at * len(data)) if at >= 0 else -1] ^= 0xFF
    file.write_bytes(data)
    assert f"{str(file)!r} was changed" in refused(stopped).message


def test_what_a_crash_left_after_the_mark_is_removed(stopped):
    journal = stopped.folder / json.loads(stopped.committed[0])["file"]
    size = journal.stat().st_size
    with journal.open("ab") as file:
        file.write(os.urandom(1000))
    torn = stopped.folder / "a.parquet.parts" / "000099.part"
    torn.write_bytes(b"PAR1 torn")
    theirs = stopped.folder / "a.parquet.parts" / "notes.txt"
    theirs.write_text("of the user")
    stopped.resume()
    assert journal.stat().st_size == size
    assert not torn.exists()
    stopped.write({"x": 14})
    stopped.close()
    assert [row["x"] for row in rows(stopped.path)] == list(range(15))
    assert stopped.names() == ["a.parquet", "a.parquet.parts/notes.txt"]


def test_a_closed_file_that_was_changed_is_named(run):
    run.sink.open()
    run.write(*numbered(9))
    run.close()
    with run.path.open("ab") as file:
        file.write(b"x")
    assert f"{str(run.path)!r} was changed" in refused(run).message
    run.path.unlink()
    assert f"{str(run.path)!r} is gone" in refused(run).message
    assert run.names() == []


@pytest.mark.parametrize("at", [0.02, 0.2, 0.5, 0.8, 0.95])
def test_damage_that_looking_does_not_see_is_an_error_when_it_is_read(run, at):
    run.sink.open()
    run.write(*[{"x": os.urandom(40), "y": i} for i in range(200)])
    mark = run.mark(whole=True)
    file = run.folder / mark["file"]
    data = bytearray(file.read_bytes())
    start = int(at * len(data))
    data[start : start + 8] = b"\xff" * 8
    run.crash()
    (run.folder / mark["file"]).write_bytes(data)
    run.sink.look(mark)
    for read in (run.sink.stored, run.sink.values):
        with pytest.raises(UsageError, match="was changed"):
            list(read())


@pytest.mark.parametrize(
    "change",
    [
        lambda mark: mark.update(file="../other.journal"),
        lambda mark: mark["parts"][0].update(file="/etc/passwd"),
        lambda mark: mark["parts"][1].update(size="7"),
        lambda mark: mark.pop("crc"),
        lambda mark: mark.update(parts="none"),
        lambda mark: mark.update(parts=[1]),
        lambda mark: mark.pop("parts"),
    ],
)
def test_a_mark_that_is_not_ours_is_refused(stopped, change):
    mark = json.loads(stopped.committed[0])
    change(mark)
    with pytest.raises(UsageError) as caught:
        stopped.sink.resume(mark)
    assert caught.value.hint


def test_two_runs_do_not_resume_the_same_file(stopped):
    mark = json.loads(stopped.committed[0])
    stopped.resume()
    other = Parquet(stopped.path)
    with pytest.raises(UsageError, match="being written by another run"):
        other.resume(mark)
    with pytest.raises(UsageError, match="being written by another run"):
        other.open()
    stopped.close()
    assert len(rows(stopped.path)) == 14


def test_a_new_run_removes_what_an_older_one_has_left(stopped):
    stopped.sink.open()
    stopped.values.clear()
    stopped.write({"x": 1})
    stopped.close()
    assert rows(stopped.path) == [{"key": 0, "x": 1}]
    assert stopped.names() == ["a.parquet"]


def test_a_full_disk_keeps_what_the_last_mark_speaks_of(run, monkeypatch):
    run.sink.open()
    run.write(*numbered(6))
    run.mark()

    def full(*_):
        raise OSError(28, "No space left on device")

    run.write({"x": 6})
    with monkeypatch.context() as patch:
        patch.setattr("treadle.sinks.journal.os.fsync", full)
        with pytest.raises(SinkFailed, match="No space left on device"):
            run.mark()
    with pytest.raises(SinkFailed, match="No space left on device"):
        run.write({"x": 7})
    assert run.sink.abandon()
    run.resume()
    run.close()
    assert rows(run.path) == keyed(numbered(6))


def test_a_sink_that_is_not_open_has_no_mark(run):
    run.sink.open()
    run.sink.abandon()
    with pytest.raises(SinkFailed, match="is not open"):
        run.sink.mark()


# --- a crash between any two steps ---------------------------------------------------------------


@pytest.fixture
def snapshots(run, tmp_path_factory, monkeypatch):
    """Copies of the folder before each step that changes it, each with what was committed then."""
    taken = []
    watching = True

    def watched(step):
        def snapshot(*args, **kwargs):
            nonlocal watching
            if watching:
                watching = False
                copy = tmp_path_factory.mktemp("crash") / "copy"
                shutil.copytree(run.folder, copy)
                taken.append((copy, run.committed))
                watching = True
            return step(*args, **kwargs)

        return snapshot

    for name in ("fsync", "mkdir", "replace", "rmdir", "truncate", "unlink"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    return taken


def test_a_crash_between_any_two_steps_loses_nothing_and_doubles_nothing(
    run, snapshots, monkeypatch
):
    run.sink.open()
    run.mark()
    for x in range(11):  # group: 4
        run.write({"x": x} if x < 7 else {"x": x, "late": None})
        run.mark()
    run.sink.abandon()
    run.resume()
    run.write({"x": 11})
    run.close()  # joined
    run.resume()
    run.write({"x": 12})
    run.mark()
    run.write(*[{"x": x} for x in range(13, 18)])
    run.close()
    run.resume()
    run.close()  # nothing new
    assert rows(run.path) == [{"key": x, "x": x, "late": None} for x in range(18)]
    monkeypatch.undo()
    assert len(snapshots) > 50
    for copy, committed in snapshots:
        sink = Parquet(copy / "a.parquet", group=4)
        if committed is None:
            sink.open()
            sink.abandon()
            continue
        mark, count = committed
        for without in ([], [0, 5], []):  # resuming alone changes nothing for the next one
            sink.resume(json.loads(mark), without)
            assert [key for key, _ in looked(sink, mark)] == list(range(count))
            sink.abandon()
        sink.resume(json.loads(mark), [0, 5])
        sink.mark(whole=True)
        sink.close()
        left = [x for x in range(count) if x not in {0, 5}]
        assert [row["key"] for row in rows(sink.path)] == left
        assert os.listdir(copy) == ["a.parquet"]


def looked(sink, mark):
    reader = Parquet(sink.path)
    reader.look(json.loads(mark))
    return reader.stored()


def test_a_crash_while_rows_are_left_out_is_begun_again(run, snapshots, monkeypatch):
    run.sink.open()
    run.write(*numbered(10))
    run.close()
    snapshots.clear()
    run.resume([1, 8])
    run.write({"x": -1})
    for whole in (False, True):
        run.committed = json.dumps(run.sink.mark(whole=whole)), 9
    run.sink.close()
    assert len(rows(run.path)) == 9
    monkeypatch.undo()
    assert {count for _, (_, count) in snapshots} == {9, 10}
    for copy, (mark, count) in snapshots:
        sink = Parquet(copy / "a.parquet")
        sink.resume(json.loads(mark))
        sink.mark(whole=True)
        sink.close()
        assert len(rows(sink.path)) == count


WRITER = """
import json, sys
from treadle.core.outcome import Succeeded
from treadle.sinks import Parquet

sink = Parquet(sys.argv[1], group=4)
sink.open()
x = 0
while True:
    for _ in range(1 + x % 3):
        sink.write([Succeeded(x, x, 1, 0.0, 0.0, None, None, None, {"x": x})])
        x += 1
    print(json.dumps([sink.mark(), x]), flush=True)
"""


@pytest.mark.parametrize("marks", [1, 7, 30])
def test_what_a_killed_process_has_stored_is_there(tmp_path, marks):
    path = tmp_path / "a.parquet"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path[1:])},
    ) as process:
        lines = [process.stdout.readline() for _ in range(marks)]
        process.kill()
        lines += process.stdout.readlines()
    mark, count = json.loads([line for line in lines if line.endswith("\n")][-1])
    sink = Parquet(path)
    sink.resume(mark)
    sink.write(outcomes([{"x": count}], count))
    sink.close()
    assert rows(path) == keyed(numbered(count + 1))


# --- any order -----------------------------------------------------------------------------------

INTS = st.integers(-(2**53), 2**53)
FLOATS = st.floats(allow_nan=False)
VALUE = st.fixed_dictionaries(
    {},
    optional={
        "n": INTS | FLOATS,
        "none": st.none(),
        "s": st.text(st.characters(codec="utf-8"), max_size=4),
        "l": st.lists(INTS | st.none(), max_size=3),
        "m": st.lists(st.fixed_dictionaries({"b": FLOATS | st.none()}, optional={"a": st.none()})),
        "d": st.fixed_dictionaries({"a": INTS}, optional={"b": st.booleans(), "c": FLOATS}),
    },
)
STEPS = st.lists(
    st.lists(VALUE, min_size=1, max_size=5)
    | st.sampled_from(["mark", "lost mark", "whole", "lost whole", "crash", "close", "lost close"]),
    max_size=14,
)


@pytest.mark.timeout(240)  # each step waits for the disk, which a busy machine keeps waiting
@settings(max_examples=50)
@given(STEPS, st.integers(1, 6))
def test_the_file_is_that_of_a_run_without_crashes(steps, group):
    with tempfile.TemporaryDirectory() as folder:
        run = Run(folder, group)
        run.sink.open()
        for step in steps:
            take(run, step)
        run.close()
        assert run.names() == ["a.parquet"]
        plain = Parquet(Path(folder) / "plain.parquet", group=group)
        plain.open()
        for i, value in enumerate(run.values):
            assert plain.write(outcomes([value], i)) == []
        plain.close()
        assert rows(run.path) == rows(plain.path)
        assert pq.read_schema(run.path) == pq.read_schema(plain.path)
        assert list(run.sink.values()) == rows(plain.path)


def take(run, step):
    if isinstance(step, list):
        run.write(*step)
    elif step in {"mark", "whole"}:
        run.mark(whole=step == "whole")
    elif step in {"lost mark", "lost whole"}:
        run.mark(whole=step == "lost whole", commit=False)
        again(run)
    elif step == "crash":
        again(run)
    else:
        run.close(commit=step == "close")
        again(run)


def again(run):
    run.crash()
    if run.committed is None:
        run.values.clear()
        run.sink.open()
    else:
        run.resume()
