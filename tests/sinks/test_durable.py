"""What a later run finds, after whatever end the one before it had."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from durable import SINKS, crash, outcome, shown
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from treadle.errors import SinkFailed, UsageError


@pytest.fixture(params=SINKS, ids=str)
def durable(request):
    return SINKS[request.param]


def fields(number, late):
    """A value with all that makes files hard to cut: quotes, line ends, columns that come late."""
    value = {"x": number, "text": f'a "{number}"\nb, c'}
    return value | {f"late{late}": number} if late else value


class Story:
    """
    A run that is interrupted in all manner of ways, told to a sink and to a list.

    Attributes:
        rows: What the sink should hold now.
        committed: The last mark that came to the ledger, with what it should bring back.
        without: Items that have run again since that mark, or will.
    """

    def __init__(self, durable, folder):
        self.durable = durable
        self.folder = folder
        self.sink = durable.at(folder)
        self.sink.open()
        self.rows = []
        self.numbers = 0
        self.waiting = []
        self.without = set()
        self.commit(self.sink.mark())

    def write(self, count, late):
        some = []
        for _ in range(count):
            key = self.waiting.pop() if self.waiting else f"key {self.numbers}"
            self.numbers += 1
            some.append(outcome(key, fields(self.numbers, late), self.numbers))
        assert self.sink.write(some) == []
        self.rows += [(done.key, shown(done.value)) for done in some]

    def commit(self, mark):
        self.committed = json.dumps(mark), list(self.rows)
        self.without = set()

    def mark(self, whole):
        self.commit(self.sink.mark(whole=whole))

    def crash(self, lost, torn, without):
        if lost is not None:
            self.sink.mark(whole=lost)  # the ledger did not hear of it
        crash(self.sink, self.folder)
        if torn and self.durable.tail:
            for part in self.folder.rglob("*.part*"):
                if part.is_file() and part.stat().st_size:  # else it is only a lock
                    with part.open("ab") as file:
                        file.write(b'torn "\xff\n' * 3)
        self.resume(without)

    def abandon(self, without):
        self.sink.abandon()
        self.resume(without)

    def finish(self, said, without):
        self.mark(whole=True)
        self.sink.close()
        if said:
            self.commit(self.sink.mark())
        self.resume(without)

    def resume(self, without):
        mark, rows = self.committed
        looking = self.durable.at(self.folder)
        if not self.without:  # else a Folder has files of items that have run again
            looking.look(json.loads(mark))
            assert self.durable.rows(looking) == rows
        self.without |= {rows[at % len(rows)][0] for at in without if rows}
        now = [row for row in rows if row[0] not in self.without]
        self.waiting = sorted({key for key, _ in self.rows + rows} - {key for key, _ in now})
        self.rows = now
        self.sink = self.durable.at(self.folder)
        self.sink.resume(json.loads(mark), self.without)

    def end(self):
        self.mark(whole=True)
        self.sink.close()
        self.commit(self.sink.mark())
        assert self.durable.rows(self.sink) == self.rows
        looking = self.durable.at(self.folder)
        looking.look(json.loads(self.committed[0]))
        assert self.durable.rows(looking) == self.rows
        afresh = self.durable.at(self.folder)
        if not (self.folder / self.durable.name).is_dir():
            assert self.durable.rows(afresh) == self.rows
            assert [path.name for path in self.folder.iterdir()] == [self.durable.name]
        else:
            assert not list(self.folder.rglob("*.part*"))


WITHOUT = st.lists(st.integers(0, 9), max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 3), st.integers(0, 3)),
        st.tuples(st.just("mark"), st.booleans()),
        st.tuples(st.just("crash"), st.none() | st.booleans(), st.booleans(), WITHOUT),
        st.tuples(st.just("abandon"), WITHOUT),
        st.tuples(st.just("finish"), st.booleans(), WITHOUT),
    ),
    max_size=12,
)


@pytest.mark.timeout(240)  # each step waits for the disk, which a busy machine keeps waiting
@given(steps=STEPS)
@example(  # lines written anew twice between two commits: what the first one names must stay
    steps=[
        ("write", 3, 0),
        ("mark", False),
        ("crash", None, False, [1]),
        ("write", 2, 1),
        ("crash", True, False, []),
        ("write", 2, 2),
        ("finish", False, [0]),
        ("write", 1, 3),
        ("crash", True, True, []),
    ]
)
@settings(
    max_examples=35,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_after_any_story_the_file_is_that_of_an_undisturbed_run(durable, steps):
    with tempfile.TemporaryDirectory() as root:
        story = Story(durable, Path(root, "run"))
        for step, *how in steps:
            getattr(story, step)(*how)
        story.end()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def written(durable, folder):
    """A sink with three rows before its mark and one after it, dropped by a crash."""

    def make(*, closed=False):
        sink = durable.at(folder)
        sink.open()
        sink.write([outcome(f"k{i}", fields(i, late=i), i) for i in range(3)])
        mark = sink.mark(whole=closed)
        if closed:
            sink.close()
            return sink.mark()
        sink.write([outcome("later", fields(9, late=0), 9)])
        crash(sink, folder)
        return mark

    return make


def marked_file(durable, folder, mark):
    """Return the file of which to change a byte."""
    if durable.name == "results":
        return folder / "results" / "k1.json"
    return folder / mark.get("file", durable.name)


@pytest.mark.parametrize("closed", [False, True])
def test_what_was_changed_by_hand_is_noticed(durable, written, folder, closed):
    mark = written(closed=closed)
    path = marked_file(durable, folder, mark)
    before = path.read_bytes()
    at = before.index(b"a ") if b"a " in before else len(before) // 2
    changed = before[: at + 1] + b"?!" + before[at + 3 :]
    path.write_bytes(changed if durable.name != "results" else changed + b" ")
    with pytest.raises(UsageError, match=r"changed since it was written|cannot be") as caught:
        durable.at(folder).resume(mark)
    assert caught.value.hint
    assert str(path) in str(caught.value)
    path.write_bytes(before)
    again = durable.at(folder)
    again.resume(mark)  # nothing is lost or locked because of it
    again.close()
    assert [key for key, _ in durable.rows(again)] == ["k0", "k1", "k2"]


@pytest.mark.parametrize("closed", [False, True])
def test_what_is_gone_is_named(durable, written, folder, closed):
    mark = written(closed=closed)
    path = marked_file(durable, folder, mark)
    path.unlink()
    for use in (durable.at(folder).look, durable.at(folder).resume):
        with pytest.raises(UsageError, match="is gone") as caught:
            use(mark)
        assert str(path) in str(caught.value)


def test_a_file_that_was_cut_short_is_noticed_by_a_look(durable, written, folder):
    mark = written()
    path = marked_file(durable, folder, mark)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    for use in (durable.at(folder).look, durable.at(folder).resume):
        with pytest.raises(UsageError):
            use(mark)


def test_two_runs_do_not_write_one_place(durable, written, folder):
    mark = written()
    first = durable.at(folder)
    first.resume(mark)
    with pytest.raises(UsageError, match="another run"):
        durable.at(folder).resume(mark)
    with pytest.raises(UsageError, match="another run"):
        first.resume(mark)
    first.write([outcome("k3", fields(3, late=3), 3)])
    first.close()
    assert [key for key, _ in durable.rows(first)] == ["k0", "k1", "k2", "k3"]


def test_the_mark_of_another_place_is_refused(durable, written, folder):
    mark = written()
    other = durable.make(folder / f"other-{durable.name}")
    with pytest.raises(UsageError):
        other.resume(mark)
    for nonsense in ({}, {"file": "../x", "size": 1}, mark | {"file": 3}):
        with pytest.raises(UsageError):
            durable.at(folder).resume(nonsense)
        with pytest.raises(UsageError):
            durable.at(folder).look(nonsense)


def test_a_mark_is_cheap_when_nothing_was_written(durable, written, folder, monkeypatch):
    sink = durable.at(folder)
    sink.resume(written())
    first = sink.mark()
    calls = []
    monkeypatch.setattr("os.fsync", calls.append)
    assert sink.mark() == first
    assert calls == []
    sink.abandon()


def test_what_was_resumed_and_abandoned_can_be_resumed_again(durable, written, folder):
    mark = written()
    for _ in range(3):
        sink = durable.at(folder)
        sink.resume(mark, ["k0", "k1", "k2"])
        sink.abandon()
    sink = durable.at(folder)
    sink.resume(mark, ["k1"])
    sink.close()
    assert [key for key, _ in durable.rows(sink)] == ["k0", "k2"]


def test_until_it_is_closed_again_the_finished_file_stays(durable, written, folder):
    mark = written(closed=True)
    path = marked_file(durable, folder, mark)
    before = path.read_bytes()
    sink = durable.at(folder)
    sink.resume(mark, ["k0"])
    sink.write([outcome("k3", fields(3, late=0), 3)])
    sink.mark(whole=True)
    assert path.read_bytes() == before
    crash(sink, folder)
    sink = durable.at(folder)
    sink.resume(mark)
    sink.close()
    assert [key for key, _ in durable.rows(sink)] == ["k0", "k1", "k2"]


def test_whole_numbers_are_keys_too(durable, folder):
    sink = durable.at(folder)
    sink.open()
    sink.write([outcome(i, fields(i, late=0), i) for i in range(3)])
    mark = sink.mark()
    crash(sink, folder)
    sink = durable.at(folder)
    sink.resume(mark, [1])
    sink.close()
    assert [key for key, _ in durable.rows(sink)] == ["0", "2"]


@given(at=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_what_was_damaged_ends_with_rows_or_an_error(durable, at, byte, cut):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "run")
        sink = durable.at(folder)
        sink.open()
        sink.write([outcome(f"k{i}", fields(i, late=0), i) for i in range(3)])
        mark = sink.mark(whole=True)
        sink.close()
        path = marked_file(durable, folder, sink.mark())
        content = bytearray(path.read_bytes())
        place = int(at * (len(content) - 1))
        content[place] = byte
        path.write_bytes(content[:place] if cut else content)
        try:
            looking = durable.at(folder)
            looking.look(sink.mark())
            found = [str(key) for key, _ in looking.stored()]
        except (UsageError, SinkFailed):
            found = []
        assert len(found) <= 3 or durable.name.endswith((".csv", ".sqlite"))
        assert mark
