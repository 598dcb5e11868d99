"""Jsonl: each line is valid JSON, whatever the value holds."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import uuid
from collections import deque
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.outcome import Succeeded
from treadle.sinks import Jsonl


class Point(NamedTuple):
    x: float
    y: float


@dataclasses.dataclass
class Fit:
    at: Point
    when: datetime


def strict(text):
    def no(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=no)


@pytest.fixture
def written(tmp_path, store):
    def run(*pairs):
        sink = Jsonl(tmp_path / "a.jsonl")
        assert store(sink, pairs) == {}
        return [strict(line) for line in sink.path.read_bytes().splitlines()]

    return run


def test_each_line_has_key_and_value(written):
    assert written(("k", {"a": [1, None]}), (2, "ä\n\u2028")) == [
        {"key": "k", "value": {"a": [1, None]}},
        {"key": 2, "value": "ä\n\u2028"},
    ]


def test_rich_values_become_plain_ones(written):
    value = {
        "fit": Fit(Point(1.5, float("nan")), datetime(2024, 1, 2, tzinfo=UTC)),
        "inf": float("inf"),
        "decimal": Decimal("0.10"),
        "path": Path("a/b"),
        "bytes": b"\x00",
        "set": {2, 10, 1},
        "mixed": frozenset({"a"}),
        "deque": deque([1]),
        "id": uuid.UUID(int=1),
        3: "three",
        None: "none",
    }
    [line] = written(("k", value))
    assert line["value"] == {
        "fit": {"at": {"x": 1.5, "y": None}, "when": "2024-01-02T00:00:00+00:00"},
        "inf": None,
        "decimal": "0.10",
        "path": "a/b",
        "bytes": "AA==",
        "set": [1, 2, 10],
        "mixed": ["a"],
        "deque": [1],
        "id": "00000000-0000-0000-0000-000000000001",
        "3": "three",
        "None": "none",
    }


def test_numpy_and_frames(written):
    np = pytest.importorskip("numpy")
    pl = pytest.importorskip("polars")
    value = [np.arange(3), np.float32(0.5), np.nan, pl.DataFrame({"a": [1]}), pl.Series([1.5])]
    assert written(("k", value))[0]["value"] == [[0, 1, 2], 0.5, None, [{"a": 1}], [1.5]]


def test_undecodable_names_survive(written):
    assert written(("caf\udce9", "caf\udce9")) == [{"key": "caf\udce9", "value": "caf\udce9"}]


def test_no_items_leave_an_empty_file(tmp_path, store):
    store(Jsonl(tmp_path / "a.jsonl"), [])
    assert (tmp_path / "a.jsonl").read_bytes() == b""


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.lists(JSON, max_size=5))
def test_json_values_come_back_as_they_were(values):
    with tempfile.TemporaryDirectory() as folder:
        sink = Jsonl(Path(folder) / "a.jsonl")
        sink.open()
        for i, value in enumerate(values):
            assert sink.write([Succeeded(i, i, 1, 0.0, 0.0, None, None, None, value)]) == []
        sink.close()
        assert list(sink.values()) == [{"key": i, "value": v} for i, v in enumerate(values)]
