"""Which items have begun and have no ending: noted before each starts, and small."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.core.item import Item
from treadle.errors import RunFailed, UsageError
from treadle.ledger.begun import BEGUN, Begun, begun_in
from treadle.ledger.reader import Record


def items(*keys):
    return [Item(index, key, None) for index, key in enumerate(keys)]


@pytest.fixture
def begun(tmp_path):
    begun = Begun(tmp_path, ())
    yield begun
    begun.close()


def test_what_has_begun_is_on_disk_at_once_in_order(begun, tmp_path):
    begun.begin(items("b", "a"))
    begun.begin(items(7))
    assert begun_in(tmp_path) == ["b", "a", 7]


def test_an_item_that_is_tried_again_is_noted_once(begun, tmp_path):
    begun.begin(items("a"))
    size = (tmp_path / BEGUN).stat().st_size
    begun.begin(items("a"))
    assert (tmp_path / BEGUN).stat().st_size == size


def test_a_folder_without_a_note_has_none(tmp_path):
    assert begun_in(tmp_path) == []


def test_closed_it_holds_what_has_not_ended(begun, tmp_path):
    begun.begin(items("a", "b", "c"))
    begun.ended(["a", "c", "never begun"])
    begun.close()
    begun.close()
    begun.begin(items("too late"))
    assert begun_in(tmp_path) == ["b"]


def test_closed_when_all_have_ended_it_is_gone(begun, tmp_path):
    begun.begin(items("a", "b"))
    begun.ended(["b", "a"])
    begun.close()
    assert list(tmp_path.iterdir()) == []


def test_the_next_session_goes_on_with_what_has_no_ending(begun, tmp_path):
    begun.begin(items("a", "b"))
    again = Begun(tmp_path, ["b"])
    again.begin(items("b", "c"))
    again.ended(["b"])
    again.close()
    assert begun_in(tmp_path) == ["c"]


def test_the_file_grows_with_what_is_in_flight_and_not_with_the_run(begun, tmp_path):
    begun.begin(items("first"))
    largest = 0
    for number in range(3000):
        keys = [f"{number} {place} of a long name" for place in range(20)]
        begun.begin(items(*keys))
        begun.ended(keys)
        largest = max(largest, (tmp_path / BEGUN).stat().st_size)
    assert 60_000 < largest < 100_000
    assert begun_in(tmp_path)[0] == "first"


any_key = st.text(st.characters(codec=None), max_size=20) | st.integers()


@settings(deadline=None)
@given(st.lists(any_key, unique_by=lambda key: (type(key), key)))
def test_any_key_comes_back(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("run")
    begun = Begun(folder, ())
    begun.begin(items(*keys))
    assert begun_in(folder) == keys
    begun.close()
    assert begun_in(folder) == keys


@pytest.mark.parametrize("rest", [b"12", b'"abc', b"\0\0\0\n", b"{\n"])
def test_what_a_power_cut_leaves_is_no_key(begun, tmp_path, rest):
    begun.begin(items("a"))
    with (tmp_path / BEGUN).open("ab") as file:
        file.write(rest)
    assert begun_in(tmp_path) == ["a"]


def test_on_a_full_disk_nothing_begins_without_a_note(begun):
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, begun._file)
    os.close(full)
    with pytest.raises(RunFailed, match="No space left") as caught:
        begun.begin(items("a"))
    assert "make room" in caught.value.hint


def test_where_nothing_can_be_written_no_run_begins(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        Begun(tmp_path / "gone", ())


def test_a_record_leaves_out_what_has_an_ending(records):
    records.write(records.ok("a", 0), records.bad("b", 1), records.ok(2))
    begun = Begun(records.folder, ())
    begun.begin(items("a", "c", "b", 2, 3))
    record = Record(records.folder)
    try:
        assert record.begun() == ["c", 3]
    finally:
        record.close()
        begun.close()
