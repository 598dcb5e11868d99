"""Parquet: types are decided by the first values, widened by rule, and never bent in silence."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.outcome import Succeeded
from treadle.sinks import Parquet

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def written(tmp_path, store):
    """Store values and return the table; none may be refused."""

    def run(*pairs, batch=1000, group=65_536):
        assert store(Parquet(tmp_path / "a.parquet", group=group), pairs, batch) == {}
        assert os.listdir(tmp_path) == ["a.parquet"]
        return pq.read_table(tmp_path / "a.parquet")

    return run


# How the values fall into writes and row groups must not show in the result.
CUTS = pytest.mark.parametrize(("batch", "group"), [(1000, 1000), (1, 1000), (1, 1), (2, 3)])


def test_fields_become_typed_columns(written):
    when = datetime(2024, 5, 6, 7, tzinfo=timezone(timedelta(hours=2)))
    value = {"i": 1, "f": 0.5, "s": "ä", "b": b"\xff", "t": when, "l": [1, 2], "d": {"x": None}}
    table = written(("k", value | {"dec": Decimal("1.10"), "p": Path("a/b"), "none": {}}))
    assert table.to_pylist() == [
        {
            "key": "k",
            **value,
            "t": datetime(2024, 5, 6, 5, tzinfo=UTC),
            "dec": Decimal("1.10"),
            "p": "a/b",
            "none": None,
        }
    ]


@CUTS
def test_columns_widen_by_rule(written, batch, group):
    table = written(
        (1, {"n": None, "x": 1, "s": {"a": 1}, "l": []}),
        (2, {"n": "text", "x": 2.5, "s": {"a": 1, "b": "x"}, "l": [{"q": 1}]}),
        (3, {"n": None, "x": None, "s": None, "l": [{"q": 0.5, "r": None}], "late": True}),
        (4, {"x": 7}),
        batch=batch,
        group=group,
    )
    assert table.to_pylist() == [
        {"key": 1, "n": None, "x": 1.0, "s": {"a": 1, "b": None}, "l": [], "late": None},
        {"key": 2, "n": "text", "x": 2.5, "s": {"a": 1, "b": "x"}, "l": [{"q": 1.0, "r": None}],
         "late": None},
        {"key": 3, "n": None, "x": None, "s": None, "l": [{"q": 0.5, "r": None}], "late": True},
        {"key": 4, "n": None, "x": 7.0, "s": None, "l": None, "late": None},
    ]  # fmt: skip


@CUTS
@pytest.mark.parametrize(
    ("first", "second", "types"),
    [
        (1, "a", ("int64", "string")),
        ("a", 1, ("string", "int64")),
        ("a", b"a", ("string", "binary")),
        (b"a", "a", ("binary", "string")),
        (True, 1, ("bool", "int64")),
        ([1], 1, ("list", "int64")),
        ([1], ["a"], ("int64", "string")),
    ],
)
def test_a_type_that_does_not_fit_is_refused_and_both_are_named(
    tmp_path, store, first, second, types, batch, group
):
    sink = Parquet(tmp_path / "a.parquet", group=group)
    pairs = [("a", {"x": first}), ("b", {"x": second}), ("c", {"x": first})]
    refused = store(sink, pairs, batch)
    assert list(refused) == ["b"]
    message = refused["b"].message
    assert message.startswith("item 'b' cannot be stored: the column 'x' holds")
    assert all(one in message for one in types)
    assert [row["x"] for row in sink.values()] == [first, first]


def test_numbers_that_arrow_cannot_hold_are_refused(tmp_path, store):
    sink = Parquet(tmp_path / "a.parquet")
    refused = store(
        sink, [(1, {"x": 1.5}), (2, {"x": 2**60 + 1}), (3, {"x": 2**70}), (4, {"x": 3})]
    )
    assert list(refused) == [2, 3]
    assert [row["x"] for row in sink.values()] == [1.5, 3.0]


@CUTS
def test_keys_of_both_kinds_become_text(written, batch, group):
    table = written((1, "a"), ("row 2", "b"), (3, "c"), batch=batch, group=group)
    assert table.column("key").to_pylist() == ["1", "row 2", "3"]


@pytest.mark.parametrize("library", ["pyarrow", "polars", "pandas"])
@CUTS
def test_frames_are_appended_with_their_key(written, library, batch, group):
    module = pytest.importorskip(library)
    make = module.table if library == "pyarrow" else module.DataFrame
    table = written(
        ("a", make({"x": [1, 2], "s": ["p", "q"]})),
        ("b", make({"x": [0.5], "key": [9]})),
        ("c", {"x": 3}),
        batch=batch,
        group=group,
    )
    rows = sorted(table.to_pylist(), key=lambda row: (row["key"], row["x"]))
    assert rows == [
        {"key": "a", "x": 1.0, "s": "p", "value_key": None},
        {"key": "a", "x": 2.0, "s": "q", "value_key": None},
        {"key": "b", "x": 0.5, "s": None, "value_key": 9},
        {"key": "c", "x": 3.0, "s": None, "value_key": None},
    ]


def test_an_empty_frame_still_gives_its_columns(written):
    pl = pytest.importorskip("polars")
    table = written(("a", pl.DataFrame({"x": []}, schema={"x": pl.Int32})))
    assert table.num_rows == 0
    assert table.schema.names == ["key", "x"]


def test_categories_of_several_frames_become_text(written):
    pl = pytest.importorskip("polars")
    frames = [pl.DataFrame({"x": [word]}, schema={"x": pl.Categorical}) for word in "ab"]
    table = written(*enumerate(frames), batch=1)
    assert table.column("x").to_pylist() == ["a", "b"]


def test_arrays_become_lists(written):
    np = pytest.importorskip("numpy")
    table = written(("a", {"x": np.arange(3), "y": np.eye(2), "z": np.float32(0.5)}))
    assert table.to_pylist() == [
        {"key": "a", "x": [0, 1, 2], "y": [[1.0, 0.0], [0.0, 1.0]], "z": 0.5}
    ]


@pytest.mark.parametrize("pairs", [[], [("k", [])]])
def test_no_rows_leave_a_valid_file(written, pairs):
    table = written(*pairs)
    assert table.num_rows == 0
    assert table.schema.names == ["key"]


def test_memory_holds_one_row_group_at_most(tmp_path, succeeded):
    sink = Parquet(tmp_path / "a.parquet", group=100)
    sink.open()
    for i in range(1000):
        sink.write([succeeded(i, {"x": i}, i)])
        assert sink._pending.rows < 100
    sink.close()
    assert pq.ParquetFile(sink.path).num_row_groups == 10


def test_many_small_writes_are_joined(tmp_path, succeeded):
    sink = Parquet(tmp_path / "a.parquet")
    sink.open()
    for i in range(1000):
        sink.write([succeeded(i, {"x": i}, i)])
        assert len(sink._pending.tables) < 300
    sink.close()
    assert [row["x"] for row in sink.values()] == list(range(1000))


def test_undecodable_names_are_written_visibly(written):
    table = written(("caf\udce9", {"p": Path("caf\udce9"), "n": {"a": ["\udce9"]}}))
    assert table.to_pylist() == [{"key": "caf\\udce9", "p": "caf\\udce9", "n": {"a": ["\\udce9"]}}]


FLOATS = st.floats(allow_nan=False)
INTS = st.integers(-(2**53), 2**53)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "i": INTS | st.none(),
        "f": FLOATS | st.none(),
        "n": INTS | FLOATS,
        "s": st.text(st.characters(codec="utf-8"), max_size=4),
        "l": st.lists(INTS | st.none(), max_size=3),
        "m": st.lists(st.fixed_dictionaries({"b": FLOATS | st.none()}, optional={"a": st.none()})),
        "d": st.fixed_dictionaries({"a": INTS}, optional={"b": st.booleans(), "c": FLOATS}),
    },
)


def without_gaps(value):
    if isinstance(value, dict):
        return {k: without_gaps(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_gaps(element) for element in value]
    return value


@given(st.lists(ROW, max_size=8), st.integers(1, 4), st.integers(1, 4))
def test_what_is_written_is_read_by_arrow(values, batch, group):
    with tempfile.TemporaryDirectory() as folder:
        sink = Parquet(Path(folder) / "a.parquet", group=group)
        sink.open()
        for at in range(0, len(values), batch):
            some = enumerate(values[at : at + batch], start=at)
            done = [Succeeded(i, i, 1, 0.0, 0.0, None, None, None, v) for i, v in some]
            assert sink.write(done) == []
        sink.close()
        read = pq.read_table(sink.path).to_pylist()
    assert [row.pop("key") for row in read] == list(range(len(values)))
    assert [without_gaps(row) for row in read] == [without_gaps(value) for value in values]
