"""Sqlite: what is written is what any reader of SQLite finds."""

from __future__ import annotations

import math
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from enum import IntEnum

import pytest

from treadle.errors import SinkFailed, UsageError
from treadle.sinks import Sqlite


class Level(IntEnum):
    HIGH = 3


def table(path):
    with closing(sqlite3.connect(path)) as database:
        cursor = database.execute("SELECT * FROM results")
        return [column[0] for column in cursor.description], cursor.fetchall()


def test_fields_are_columns_and_late_ones_are_null_before(tmp_path, store):
    sink = Sqlite(tmp_path / "a.db")
    assert store(sink, [("k", {"a": 1, "b": "x"}), (2, [{"c": 0.5}, {"a": None}]), ("v", 7)]) == {}
    assert table(sink.path) == (
        ["key", "a", "b", "c", "value"],
        [("k", 1, "x", None, None), (2, None, None, 0.5, None), (2,) + (None,) * 4,
         ("v", None, None, None, 7)],
    )  # fmt: skip
    assert os.listdir(tmp_path) == ["a.db"]
    assert next(iter(sink.stored())) == ("k", {"a": 1, "b": "x", "c": None, "value": None})


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (math.nan, None),
        (math.inf, math.inf),
        (True, 1),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"x"), b"x"),
        ("nul \0 and ä", "nul \0 and ä"),
        ("caf\udce9", "caf\\udce9"),
        ([1, {"a": "ä"}], '[1, {"a": "ä"}]'),
        (datetime(2024, 5, 6, tzinfo=UTC), "2024-05-06T00:00:00+00:00"),
        (Level.HIGH, 3),
    ],
)
def test_values_of_many_types_have_a_cell(tmp_path, store, value, cell):
    sink = Sqlite(tmp_path / "a.sqlite")
    assert store(sink, [("k", value)]) == {}
    assert [row["value"] for row in sink.values()] == [cell]


def test_numbers_of_numpy_are_numbers(tmp_path, store):
    np = pytest.importorskip("numpy")
    sink = Sqlite(tmp_path / "a.sqlite")
    row = {"a": np.float32("inf"), "b": np.int8(3), "c": np.float64("nan"), "d": np.bool_(True)}
    assert store(sink, [("k", row)]) == {}
    assert table(sink.path)[1] == [("k", math.inf, 3, None, 1)]


def test_names_that_are_one_to_sqlite_are_refused(tmp_path, store):
    sink = Sqlite(tmp_path / "a.sqlite")
    refused = store(
        sink,
        [
            ("a", {"x": 1}),
            ("b", {"X": 1}),
            ("c", {"Key": 1}),
            ("d", {"_ROWID_": 1}),
            ("e", {"n\0": 1}),
            ("f", {f"c{i}": i for i in range(2500)}),
            ("g", {'"; DROP TABLE results; --': 1, "é": 2, "É": 3}),
        ],
    )
    assert list(refused) == ["b", "c", "d", "e", "f"]
    assert "'X' and the column 'x' have one name" in refused["b"].message
    assert "columns" in refused["f"].message
    assert table(sink.path) == (
        ["key", "x", '"; DROP TABLE results; --', "é", "É"],
        [("a", 1, None, None, None), ("g", None, 1, 2, 3)],
    )


def test_a_database_with_other_tables_is_never_replaced(tmp_path):
    path = tmp_path / "mine.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE customers (name)")
    with pytest.raises(UsageError, match="other tables, such as 'customers'"):
        Sqlite(path).open()
    assert os.listdir(tmp_path) == ["mine.db"]


def test_a_full_disk_costs_the_batch_and_no_row_before_it(tmp_path, succeeded):
    sink = Sqlite(tmp_path / "a.sqlite")
    sink.open()
    sink.write([succeeded("a", {"x": 1})])
    mark = sink.mark()
    (pages,) = sink._database.execute("PRAGMA page_count").fetchone()
    sink._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SinkFailed, match="full"):
        sink.write([succeeded("b", {"x": 2}), succeeded("c", {"x": b"x" * 100_000})])
    assert sink.abandon() == str(tmp_path / "a.sqlite.part-2")
    later = Sqlite(tmp_path / "a.sqlite")
    later.resume(mark)
    later.close()
    assert [row["key"] for row in later.values()] == ["a"]


def test_what_an_abandoned_run_stored_is_kept_under_another_name(tmp_path, succeeded):
    sink = Sqlite(tmp_path / "a.sqlite")
    sink.open()
    sink.write([succeeded("a", {"x": 1})])
    assert sink.abandon() == str(tmp_path / "a.sqlite.part")
    assert [row["key"] for row in sink.values()] == ["a"]
    sink.open()
    assert sink.abandon() is None
    assert os.listdir(tmp_path) == []


def test_a_cell_that_was_edited_is_noticed(tmp_path, store):
    sink = Sqlite(tmp_path / "a.sqlite")
    store(sink, [(i, {"x": i}) for i in range(10)])
    mark = sink.mark()
    with closing(sqlite3.connect(sink.path)) as database:
        database.execute("UPDATE results SET x = 3.0 WHERE key = 3")
        database.commit()
    with pytest.raises(UsageError, match="first 10 rows are not those of the run"):
        Sqlite(sink.path).resume(mark)
    assert os.listdir(tmp_path) == ["a.sqlite"]
