"""The store of files: a durable sink, and what tells which files need not be looked at."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import treadle
from treadle.code.discovery import Found
from treadle.code.rendering import Facts, Rendered, stat_of
from treadle.code.report import Report
from treadle.code.store import Store

COUNTS = '{"kinds": {"function": 1}, "methods": {"syntax": 1}, "fill": [0.5, 1]}'
FACTS = Facts(
    "python", "ok", None, None, "syntax", "utf-8", "lf", 10, "hash", None, 0, 1, 7, COUNTS
)
SECOND = 1_000_000_000
LONG_AGO, NOW = 1_700_000_000_123_456_789, 1_800_000_000_000_000_000


def at(path, size=10, mtime=LONG_AGO, ctime=LONG_AGO, inode=1, reason=None):
    return Found(path, f"/root/{path}", size, mtime, ctime, inode, reason)


def ended(found, lines=b"line\n", facts=FACTS, read_at=NOW, cls=treadle.Succeeded):
    settled = (found.path, 0, 1, 0.0, 0.1, None, None, "worker")
    if cls is treadle.Succeeded:
        return cls(*settled, Rendered(stat_of(found), read_at, facts, lines))
    failure = treadle.Failure("OSError", "it is gone", hint="look for it")
    return treadle.Raised(*settled, failure, OSError("it is gone"))


def failed(found):
    return ended(found, cls=treadle.Raised)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "files.sqlite"


@pytest.fixture
def store(path):
    store = Store(path, lambda language: f"salt of {language}")
    store.open()
    yield store
    store.close()


def todo(store, *files):
    return [(each.found.path, each.hash) for each in store.compare(files).todo]


# --- a sink --------------------------------------------------------------------------------------


def test_it_is_a_durable_sink(store):
    assert isinstance(store, treadle.DurableSink)


def test_what_is_stored_comes_back_in_order_of_paths_and_each_file_once(store):
    paths = ["b", "a/b", "a.b", "é", "Z", "🧵"]
    store.write([ended(at(path), lines=b"old\n") for path in paths])
    store.write([ended(at(path), lines=f"{path}\n".encode()) for path in reversed(paths)])
    assert list(store.stored()) == [(path, f"{path}\n".encode()) for path in sorted(paths)]
    assert list(store.values()) == [f"{path}\n".encode() for path in sorted(paths)]


def test_what_was_marked_is_there_after_a_kill_and_what_was_not_is_gone(store, path):
    store.write([ended(at("a"))])
    mark = store.mark()
    store.write([ended(at("b"))])
    store.abandon()  # which a kill would do
    again = Store(path, store._salt)
    again.resume(mark)
    assert [path for path, _ in again.stored()] == ["a"]
    again.close()


def test_a_resume_takes_back_what_came_after_the_mark(store, path):
    store.write([ended(at("a")), ended(at("c"))])
    mark = store.mark()
    store.write([ended(at("b"))])
    store.mark(whole=True)
    store.close()
    again = Store(path, store._salt)
    again.resume(mark, without=["c"])
    assert [path for path, _ in again.stored()] == ["a"]
    assert again.mark() == mark
    again.close()
    path.unlink()
    with pytest.raises(treadle.UsageError, match="is gone"):
        again.look(mark)


def test_a_full_disk_takes_nothing_of_a_writing_and_later_all_of_it(store):
    store.write([ended(at("a"))])
    store.mark()
    (pages,) = store._database.execute("PRAGMA page_count").fetchone()
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    large = [ended(at(f"b{number}"), lines=b"x" * 100_000) for number in range(20)]
    with pytest.raises(treadle.SinkFailed, match="full") as caught:
        store.write(large)
    assert "make room" in caught.value.hint
    assert "goes on" in caught.value.hint
    assert [path for path, _ in store.stored()] == ["a"]
    store._database.execute("PRAGMA max_page_count = 100000")
    store.write(large)
    assert len(list(store.stored())) == 21


def test_a_place_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "files.sqlite", str)
    with pytest.raises(treadle.SinkFailed, match=r"files\.sqlite"):
        store.open()


def test_a_database_of_another_format_is_begun_anew(store, path):
    store.write([ended(at("a"))])
    store._commit()
    store._database.execute("PRAGMA user_version = 999")
    store.close()
    store.open()
    assert list(store.stored()) == []


# --- what has changed ----------------------------------------------------------------------------


def test_a_file_is_known_by_size_times_and_inode(store):
    known = at("a")
    store.write([ended(known)])
    assert store.compare([known]).unchanged == 1
    for other in (
        at("a", size=11),
        at("a", mtime=LONG_AGO + 1),
        at("a", ctime=LONG_AGO + 1),
        at("a", inode=2),
    ):
        assert todo(store, other) == [("a", "hash")], "to be cut only if its bytes are others"
    assert todo(store, at("a", reason="too-large")) == [("a", "")]


def test_a_file_changed_within_the_tick_in_which_it_was_read_is_looked_at_again(store):
    for changed, read_at, again in (
        (LONG_AGO, LONG_AGO + 19_000_000, True),
        (LONG_AGO, LONG_AGO + 21_000_000, False),
        (LONG_AGO, LONG_AGO - SECOND, True),  # a clock that was set
        (17 * SECOND, 18 * SECOND, True),  # a file system that has no less than seconds
        (17 * SECOND, 19 * SECOND, False),
    ):
        found = at("a", mtime=changed, ctime=changed)
        store.write([ended(found, read_at=read_at)])
        assert bool(todo(store, found)) == again, (changed, read_at)


def test_an_old_time_of_modification_hides_no_change(store):
    """It can be set back; the time of change cannot."""
    found = at("a", mtime=5 * SECOND, ctime=LONG_AGO)
    store.write([ended(found, read_at=LONG_AGO + 1)])
    assert todo(store, found) == [("a", "hash")]


def test_what_held_the_same_is_seen_with_its_new_stat_alone(store):
    store.write([ended(at("a"), lines=b"kept\n")])
    store.note(output=[1, 2, 3])
    touched = at("a", mtime=LONG_AGO + 5, ctime=LONG_AGO + 5)
    store.write([ended(touched, facts=None, lines=b"")])
    assert store.compare([touched]).unchanged == 1
    assert list(store.values()) == [b"kept\n"]
    assert store.same == 1
    assert store.fact("output") == [1, 2, 3]


def test_what_changes_the_rows_makes_the_output_stale(store):
    for change in (
        lambda: store.write([ended(at("a"))]),
        lambda: store.remove_files(["a"]),
        lambda: store.write([ended(at("b")), ended(at("c"))]),
        lambda: store.write([failed(at("b"))]),
    ):
        store.note(output=1)
        change()
        assert store.fact("output") is None
    store.note(output=1)
    store.write([failed(at("b"))])
    store.remove_files([])
    assert store.fact("output") == 1, "what had failed before had no rows"


def test_a_failed_file_has_no_rows_any_more_and_is_tried_again(store):
    store.write([ended(at("a"), lines=b"old\n")])
    store.write([failed(at("a"))])
    assert b"".join(store.values()) == b""
    assert todo(store, at("a")) == [("a", "")]
    report = Report()
    store.count_into(report)
    assert report.failed == [("a", "it is gone", "look for it")]
    assert (report.ok, report.chunks, report.by_language) == (0, 0, {})
    store.write([ended(at("a"), lines=b"new\n")])
    assert list(store.values()) == [b"new\n"]


def test_another_salt_does_the_files_of_a_language_again(store, path):
    store.write([ended(at("a.py")), ended(at("b.c"), facts=FACTS._replace(language="c"))])
    store.close()
    other = Store(path, lambda language: f"salt of {language}" + "2" * (language == "c"))
    other.open()
    assert todo(other, at("a.py"), at("b.c")) == [("b.c", "")]
    other.close()


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(max_examples=40)
@given(before=st.sets(NAMES, max_size=8), now=st.sets(NAMES, max_size=8))
def test_new_and_removed_files_are_told_whatever_their_names(tmp_path_factory, before, now):
    store = Store(tmp_path_factory.mktemp("store") / "files.sqlite", str)
    store.open()
    store.write([ended(at(path), facts=FACTS) for path in before])
    store._database.execute("UPDATE files SET salt = 'python'")
    compared = store.compare([at(path) for path in sorted(now)])
    assert {each.found.path for each in compared.todo} == now - before
    assert compared.removed == sorted(before - now)
    assert compared.unchanged == len(before & now)
    store.close()


def test_the_largest_files_come_first(store):
    files = [at("a", size=1), at("b", size=9), at("c", size=5), at("d", size=9)]
    assert [path for path, _ in todo(store, *files)] == ["b", "d", "c", "a"]


def test_numbers_of_inodes_that_need_all_bits_are_known_again(store):
    found = at("a", inode=2**64 - 3)
    store.write([ended(found)])
    assert store.compare([found]).unchanged == 1
