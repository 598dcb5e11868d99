"""Kept: values come back as they were, or not at all."""

from __future__ import annotations

import os
import pickle
import threading

import pytest

from treadle.errors import SinkFailed
from treadle.sinks import Kept


class Loud:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_values_come_back_in_input_order(tmp_path, succeeded):
    sink = Kept(tmp_path / "values")
    sink.open()
    sink.write([succeeded("c", {3}, 2), succeeded("a", b"1", 0)])
    sink.write([succeeded(5, None, 1)])
    sink.close()
    assert sink.values() == [b"1", None, {3}]
    assert list(sink.stored()) == [("c", {3}), ("a", b"1"), (5, None)]


def test_what_only_cloudpickle_takes_is_stored(tmp_path, store):
    sink = Kept(tmp_path / "values")
    assert store(sink, [("a", lambda x: x + 1)]) == {}
    assert sink.values()[0](1) == 2


def test_a_value_that_cannot_be_pickled_is_refused_by_name(tmp_path, store):
    sink = Kept(tmp_path / "values")
    refused = store(sink, [("a", 1), ("b", {"inner": threading.Lock()}), ("c", 3)])
    assert list(refused) == ["b"]
    assert "item 'b' cannot be stored" in refused["b"].message
    assert "inner" in refused["b"].message
    assert 'durability="none"' in refused["b"].hint
    assert sink.values() == [1, 3]


def test_what_was_damaged_is_not_unpickled(tmp_path, store):
    sink = Kept(tmp_path / "values")
    loaded = tmp_path / "loaded"
    store(sink, [("a", Loud(loaded))])
    content = bytearray(sink.path.read_bytes())
    for at in range(len(content)):
        damaged = content.copy()
        damaged[at] ^= 0x10
        sink.path.write_bytes(damaged)
        with pytest.raises(SinkFailed, match=r"was damaged|ends within"):
            sink.values()
    for size in range(1, len(content)):
        sink.path.write_bytes(content[:size])
        with pytest.raises(SinkFailed, match="ends within a value"):
            list(sink.stored())
    assert not loaded.exists()
    sink.path.write_bytes(content)
    assert sink.values() == [None]
    assert loaded.exists()


def test_a_value_whose_class_is_gone_is_named(tmp_path, store, monkeypatch):
    sink = Kept(tmp_path / "values")
    store(sink, [("a", 1), ("b", 2)])

    def lost(data):
        raise AttributeError("no attribute 'Fit'")

    monkeypatch.setattr(pickle, "loads", lost)
    with pytest.raises(SinkFailed, match="item 'a' cannot be loaded: AttributeError") as caught:
        sink.values()
    assert "imported" in caught.value.hint
