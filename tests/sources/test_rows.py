"""rows(): CSV, JSONL and Parquet, where a bad row costs one item."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.errors import MissingExtra, SourceFailed, TreadleError, UsageError
from treadle.sources import BadRow, BadRowError, rows


@pytest.fixture
def put(tmp_path):
    """Write a file and return its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def keys(source):
    return [source.key(row, i) for i, row in enumerate(source)]


def test_csv_rows_are_dicts_of_text_numbered_from_one(put):
    source = rows(put("a.csv", '\ufeffid,name\r\n7,"a, ""b"""\r\n\r\n8,"two\nlines"\r\n'))
    assert list(source) == [{"id": "7", "name": 'a, "b"'}, {"id": "8", "name": "two\nlines"}]
    assert keys(source) == [1, 2]
    assert not hasattr(source, "__len__")


def test_tsv_and_gzip_are_known_by_their_suffix(put):
    assert list(rows(put("a.tsv", "a\tb\n1\t2,3\n"))) == [{"a": "1", "b": "2,3"}]
    assert list(rows(put("a.csv.gz", gzip.compress(b"a\n1\n")))) == [{"a": "1"}]
    assert list(rows(put("a.jsonl.gz", gzip.compress(b'{"a": 1}')))) == [{"a": 1}]


def test_the_key_may_come_from_a_column(put):
    assert keys(rows(put("a.csv", "id,x\nb,1\na,2\n"), key="id")) == ["b", "a"]
    content = '{"id": 7}\n{"id": "x"}\n{"id": 1.5}\n{"id": true}'
    assert keys(rows(put("a.jsonl", content), key="id")) == [7, "x", "1.5", "True"]


def test_a_ragged_row_costs_one_item_and_says_where_it_is(put):
    source = rows(put("a.csv", "a,b\n1,2\n3\n4,5,6\n7,8\n"))
    first, short, long, last = source
    assert first == {"a": "1", "b": "2"}
    assert last == {"a": "7", "b": "8"}
    assert short.raw == ["3"]
    assert long.raw == ["4", "5", "6"]
    with pytest.raises(BadRowError, match=r"line 3 of .*a\.csv has 1 fields, but the header has 2"):
        short["a"]


@pytest.mark.parametrize(
    "use", [dict, len, list, bool, lambda r: r["x"], lambda r: r.get("x"), lambda r: "x" in r]
)
def test_a_bad_row_never_passes_for_a_good_one(use):
    row = pickle.loads(pickle.dumps(BadRow("line 3 is bad", None, "mend it")))
    assert repr(row) == "<BadRow: line 3 is bad>"
    with pytest.raises(BadRowError, match="line 3 is bad") as caught:
        use(row)
    assert caught.value.hint == "mend it"
    assert isinstance(caught.value, TreadleError | ValueError)


def test_broken_quotes_cost_the_rows_they_are_in(put):
    path = put("a.csv", 'a,b\n1,"x"y\n2,z\n3,"open\n4,5\n')
    broken, good, cut = rows(path)
    assert isinstance(broken, BadRow)
    assert "line 2 of" in broken.reason
    assert "strict=False" in broken.hint
    assert good == {"a": "2", "b": "z"}
    assert "lines 4 to 5" in cut.reason
    assert "never closed" in cut.hint
    assert next(iter(rows(path, strict=False))) == {"a": "1", "b": "xy"}


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(put):
    limit = csv.field_size_limit()
    path = put("a.csv", 'a\n"open\n' + "x\n" * limit)
    found = list(rows(path))
    assert "never closed" in found[0].hint
    assert found[-1] == {"a": "x"}
    assert csv.field_size_limit() == limit


def test_a_line_that_is_no_json_costs_one_item(put):
    good, bad, deep, last = rows(put("a.jsonl", "{}\n{oops\n\n" + "[" * 100_000 + '\n{"x": 1}\n'))
    assert (good, last) == ({}, {"x": 1})
    assert "line 2 of" in bad.reason
    assert bad.raw == "{oops\n"
    assert "line 4 of" in deep.reason


@pytest.mark.parametrize("line", ["[1, 2]", '"text"', "7", "null"])
def test_json_that_is_no_object_is_no_row(put, line):
    bad, good = rows(put("a.jsonl", line + '\n{"a": 1}\n'))
    assert "line 1 of" in bad.reason
    assert "no object" in bad.reason
    assert good == {"a": 1}


@pytest.mark.parametrize("backend", ["inline", "threads"])
def test_a_function_that_ignores_its_row_is_not_called_with_a_bad_one(put, backend):
    called = []
    source = rows(put("a.csv", "id,x\na,1\nb\nc,3\n"), key="id")
    found = {
        outcome.key: outcome for outcome in treadle.map(called.append, source, backend=backend)
    }
    assert {key: outcome.ok for key, outcome in found.items()} == {
        "a": True,
        "row 2": False,
        "c": True,
    }
    assert isinstance(found["row 2"].error, BadRowError)
    assert "line 3 of" in found["row 2"].failure.message
    assert len(called) == 2


def test_a_row_without_key_costs_one_item_and_has_a_key_of_its_own(put):
    source = rows(put("a.jsonl", '{"id": 1}\n{"x": 2}\n[3]\n{"id": null}\nbad\n'), key="id")
    assert keys(source) == [1, "row 2", "row 3", "row 4", "row 5"]
    assert [isinstance(row, BadRow) for row in source] == [False, True, True, True, True]
    assert "row 2 of" in list(source)[1].reason
    source = rows(put("a.csv", "id,x\n,1\na\nb,2\n"), key="id")
    assert keys(source) == ["row 1", "row 2", "b"]


def test_bytes_that_are_no_text_end_the_run_and_name_the_line(put):
    iterator = iter(rows(put("a.csv", b"a\nx\ncaf\xe9\n")))
    assert next(iterator) == {"a": "x"}
    with pytest.raises(SourceFailed, match="line 3"):
        next(iterator)


def test_rows_are_read_as_they_are_asked_for():
    taken = []

    class Stream(io.StringIO):
        def read(self, size=-1):
            taken.append(size)
            return super().read(10)

    iterator = iter(rows(Stream("a\n" + "x\n" * 1000), format="csv"))
    assert taken == []
    next(iterator)
    assert len(taken) == 1


def test_standard_input_needs_a_format(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("a,b\n1,2\n"))
    with pytest.raises(UsageError, match="suffix of '-'"):
        rows("-")
    assert list(rows("-", format="csv")) == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        ("a.csv", "", {}, "has no header"),
        ("a.csv", "\n\n", {}, "has no header"),
        ("a.csv", "a,b,a\n", {}, "column 'a' more than once"),
        ("a.csv", "a,b\n", {"key": "id"}, "has no column 'id'\nhint: its columns are 'a', 'b'"),
        ("a.csv", '"a\n', {}, "is not CSV"),
        ("a.xlsx", "", {}, "does not say which rows"),
        ("a.csv", "a\n", {"format": "xml"}, "unknown format 'xml'"),
        ("a.csv", "a\n", {"encoding": "utf-99"}, "utf-99"),
        ("a.parquet", "no parquet", {}, "is not a Parquet file"),
    ],
)
def test_a_mistake_is_named_at_once(put, name, content, arguments, message):
    with pytest.raises(UsageError, match=message):
        rows(put(name, content), **arguments)


def test_a_file_that_is_not_there(tmp_path):
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        with pytest.raises(UsageError, match="does not exist"):
            rows(tmp_path / name)


def test_parquet_rows_are_dicts_and_their_number_is_known(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    written = [{"id": i, "x": [i, None], "s": {"t": str(i)}} for i in range(3000)]
    pq.write_table(pa.Table.from_pylist(written), tmp_path / "a.parquet", row_group_size=700)
    source = rows(tmp_path / "a.parquet", key="s")
    assert len(source) == 3000
    source = rows(tmp_path / "a.parquet", key="id")
    assert list(source) == written
    assert keys(source) == list(range(3000))
    with pytest.raises(UsageError, match="no column 'nope'"):
        rows(tmp_path / "a.parquet", key="nope")


def test_parquet_without_arrow_says_what_to_install(put, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"treadle\[parquet\]"):
        rows(put("a.parquet", ""))


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(st.lists(st.tuples(FIELD, FIELD), max_size=6))
def test_csv_written_by_the_standard_library_is_read_as_written(table):
    stream = io.StringIO()
    csv.writer(stream).writerows([("a", "b"), *table])
    assert list(rows(io.BytesIO(stream.getvalue().encode()), format="csv")) == [
        {"a": a, "b": b} for a, b in table
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(max_size=3), JSON), max_size=6), st.booleans())
def test_jsonl_is_read_as_written(values, ascii_only):
    text = "".join(json.dumps(value, ensure_ascii=ascii_only) + "\n" for value in values)
    stream = io.BytesIO(text.encode("utf-8", "surrogatepass"))
    assert list(rows(stream, format="jsonl")) == values
