"""Csv: what is written is what the standard library reads."""

from __future__ import annotations

import csv
import dataclasses
import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.outcome import Succeeded
from treadle.sinks import Csv, partfile


@dataclasses.dataclass
class Fit:
    slope: float
    points: list[int]


class Pair(NamedTuple):
    left: int
    right: int | None


class Colour(Enum):
    RED = "red"


class Model:
    def model_dump(self):
        return {"a": 1}


@pytest.fixture
def written(tmp_path, store):
    """Store values and return the text of the file; none may be refused."""

    def run(*pairs, batch=1000):
        assert store(Csv(tmp_path / "a.csv"), pairs, batch) == {}
        return (tmp_path / "a.csv").read_bytes().decode()

    return run


def test_a_record_gives_a_column_for_each_field(written):
    assert written(("k", {"a": 1, "b": "x"}), (2, {"b": "y", "a": 3})) == "key,a,b\nk,1,x\n2,3,y\n"
    assert written(("k", Fit(0.1, [1, 2]))) == 'key,slope,points\nk,0.1,"[1, 2]"\n'
    assert written(("k", Pair(1, None))) == "key,left,right\nk,1,\n"
    assert written(("k", Model())) == "key,a\nk,1\n"


def test_a_list_of_records_gives_a_row_for_each(written):
    assert written(("k", [{"a": 1}, {"a": 2}]), ("l", [])) == "key,a\nk,1\nk,2\n"


def test_all_else_is_in_the_column_value(written):
    assert written((1, 0.5), (2, "x"), (3, None), (4, [1, "ä"]), (5, True)) == (
        'key,value\n1,0.5\n2,x\n3,\n4,"[1, ""ä""]"\n5,true\n'
    )


def test_a_frame_gives_its_rows(written):
    pl = pytest.importorskip("polars")
    pa = pytest.importorskip("pyarrow")
    assert written(("k", pl.DataFrame({"a": [1, 2]}))) == "key,a\nk,1\nk,2\n"
    assert written(("k", pa.table({"a": ["x"], "key": [1]}))) == "key,a,value_key\nk,x,1\n"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (1e-300, "1e-300"),
        (10**20, "100000000000000000000"),
        (False, "false"),
        (b"\x00\xff", "AP8="),
        (datetime(2024, 5, 6, 7, 8, tzinfo=UTC), "2024-05-06T07:08:00+00:00"),
        (date(2024, 5, 6), "2024-05-06"),
        (timedelta(minutes=1.5), "90.0"),
        (Decimal("1.10"), "1.10"),
        (Path("a/b"), "a/b"),
        (Colour.RED, "red"),
        (2 + 1j, "(2+1j)"),
        ({"a": {3, 1, 2}}, '"{""x"": [1, 2, 3]}"'),
    ],
)
def test_values_of_many_types_have_a_text(written, value, field):
    if isinstance(value, dict):
        value = {"value": {"x": value["a"]}}
    assert written(("k", value)) == f"key,value\nk,{field}\n"


def test_numbers_of_numpy_are_numbers(written):
    np = pytest.importorskip("numpy")
    value = {
        "a": np.float64(0.1),
        "b": np.int8(3),
        "c": np.float32("nan"),
        "d": np.bool_(True),
        "e": np.array([[1, 2]]),
        "f": np.datetime64("2024-01-01T00:00:00", "ns"),
    }
    row = next(csv.reader([written(("k", value)).splitlines()[1]]))
    assert row == ["k", "0.1", "3", "nan", "true", "[[1, 2]]", "2024-01-01T00:00:00.000000000"]


def test_empty_text_and_nothing_can_be_told_apart(written):
    assert written(("k", {"a": "", "b": None})) == 'key,a,b\nk,"",\n'


def test_a_field_called_key_does_not_take_the_place_of_the_item_s_key(written, tmp_path, store):
    assert written(("k", {"key": 1})) == "key,value_key\nk,1\n"
    refused = store(Csv(tmp_path / "b.csv"), [("k", {"key": 1, "value_key": 2})])
    assert "both 'key' and 'value_key'" in refused["k"].message


def test_names_that_look_the_same_are_refused(tmp_path, store):
    refused = store(Csv(tmp_path / "a.csv"), [("k", {1: "a", "1": "b"})])
    assert "same when written" in refused["k"].message


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_a_column_that_comes_late_is_empty_in_earlier_rows(written, batch):
    text = written(
        ("1", {"a": "x\ny"}),
        ("2", {"a": 'with ""\nquotes"'}),
        ("3", {"b": 1}),
        ("4", {"c": 2, "a": 3}),
        ("5", 5),
        batch=batch,
    )
    rows = list(csv.reader(text.splitlines(keepends=True)))
    assert rows == [
        ["key", "a", "b", "c", "value"],
        ["1", "x\ny", "", "", ""],
        ["2", 'with ""\nquotes"', "", "", ""],
        ["3", "", "1", "", ""],
        ["4", "3", "", "2", ""],
        ["5", "", "", "", "5"],
    ]


def test_a_large_file_is_widened_piece_by_piece(written, monkeypatch):
    monkeypatch.setattr(partfile, "_PIECE", 50)
    text = written(*[(i, {"a": i}) for i in range(100)], ("x", {"b": 1}), batch=7)
    lines = text.splitlines()
    assert lines[0] == "key,a,b"
    assert lines[1:-1] == [f"{i},{i}," for i in range(100)]
    assert lines[-1] == "x,,1"


def test_no_rows_leave_a_header(written):
    assert written() == "key\n"
    assert written(("k", [])) == "key\n"


def test_keys_and_values_with_undecodable_names_are_written_visibly(written):
    assert written(("caf\udce9", "caf\udce9")) == "key,value\ncaf\\udce9,caf\\udce9\n"


def test_values_reads_the_rows_back(tmp_path, store):
    sink = Csv(tmp_path / "a.csv")
    store(sink, [(1, {"a": "x"}), (2, {"a": None})])
    assert list(sink.values()) == [{"key": "1", "a": "x"}, {"key": "2", "a": ""}]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
NAMES = st.sampled_from(["a", "b", "c d", "é,", '"', "\n"])
ROWS = st.lists(st.dictionaries(NAMES, TEXT | st.none(), min_size=1), max_size=8)


@given(ROWS, st.integers(1, 4))
def test_what_is_written_is_read_by_the_standard_library(values, batch):
    with tempfile.TemporaryDirectory() as folder:
        sink = Csv(Path(folder) / "a.csv")
        sink.open()
        for at in range(0, len(values), batch):
            some = enumerate(values[at : at + batch], start=at)
            done = [Succeeded(i, i, 1, 0.0, 0.0, None, None, None, v) for i, v in some]
            assert sink.write(done) == []
        sink.close()
        with sink.path.open(newline="", encoding="utf-8") as file:
            read = list(csv.DictReader(file, strict=True))
    names = list(dict.fromkeys(name for value in values for name in value))
    assert [row.pop("key") for row in read] == [str(i) for i in range(len(values))]
    assert read == [{name: value.get(name) or "" for name in names} for value in values]
