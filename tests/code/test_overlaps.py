"""The overlap of a chunk: within the budget, at a line, and found in one pass over the file."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.code.budget import Budget, measures, overlaps


def words_of(text):
    return len(text.split())


def joined(text):
    """More tokens together than apart."""
    return len(text) ** 2 // 40


PIECES = st.sampled_from([*"ab. ", "\n", "\r\n", "  ", "word", "é", "漢字", "👩\u200d💻"])
LIMITS = st.one_of(st.none(), st.integers(20, 60))


@given(
    st.tuples(LIMITS, LIMITS, LIMITS),
    st.sampled_from(["words", "nonspace", "characters", words_of, joined]),
    st.integers(0, 9),
    st.lists(PIECES, max_size=120).map("".join),
)
def test_a_chunk_with_its_overlap_is_within_the_whole_budget(limits, tokenizer, overlap, text):
    budget = Budget.of(*limits, tokenizer=tokenizer, overlap=overlap)
    data = text.encode()
    measure, overlaps = budget.measure(data), budget.overlaps(data)
    floor, start = 0, 0
    while start < len(data):
        end = measure.reach(start, len(data))
        begin = overlaps.begin(start, floor, end)
        assert floor <= begin <= start
        repeated, chunk = data[begin:start].decode(), data[begin:end].decode()
        if begin < start:  # what has no overlap may be a single character over the budget
            if budget.max_tokens is not None:
                assert budget.count(chunk) <= budget.max_tokens
                assert budget.count(repeated) <= overlap
            if budget.max_chars is not None:
                assert len(chunk) <= budget.max_chars
            if budget.max_lines is not None:
                assert len(chunk.replace("\r\n", "\n").split("\n")) <= budget.max_lines + 1
        assert data[begin - 1 : begin + 1] != b"\r\n"
        floor, start = start, end


@pytest.mark.parametrize(
    ("options", "begin"),
    [
        ({"max_chars": 100, "overlap": 11}, 12),  # the line before, not a part of another
        ({"max_chars": 100, "overlap": 17}, 6),
        ({"max_chars": 100, "overlap": 3}, 15),  # no line is near enough
        ({"max_lines": 10, "overlap": 1}, 12),
        ({"max_lines": 10, "overlap": 2}, 6),
        ({"max_tokens": 100, "overlap": 4}, 6),
        ({"max_chars": 100, "overlap": 0}, 18),
    ],
)
def test_an_overlap_begins_with_a_line_where_one_is_near_enough(options, begin):
    data = b"1 one\n2 two\n3 six\n4 end\n"

    assert Budget.of(**options).overlaps(data).begin(18, 0, len(data)) == begin


def test_an_overlap_does_not_reach_behind_its_floor():
    data = b"1 one\n2 two\n3 six\n4 end\n"

    overlaps = Budget.of(max_chars=100, overlap=40).overlaps(data)

    assert overlaps.begin(18, 7, len(data)) == 12
    assert overlaps.begin(0, 0, len(data)) == 0


class Looked:
    """How much of a file is looked at, and how often a tokenizer is asked."""

    def __init__(self):
        self.bytes = self.calls = 0

    def tokens(self, text):
        self.calls += 1
        self.bytes += len(text)
        return len(text.split())

    def pattern(self, real):
        return CountingPattern(self, real)

    def file(self, content):
        counted = ReadBytes(content)
        counted.looked = self
        return counted


class ReadBytes(bytes):
    def __getitem__(self, key):
        part = super().__getitem__(key)
        self.looked.bytes += len(part) if isinstance(key, slice) else 1
        return part

    def isascii(self):
        self.looked.bytes += len(self)
        return super().isascii()


class CountingPattern:
    """An expression; what it passes over counts."""

    def __init__(self, looked, real):
        self.looked, self.real = looked, real

    def _seen(self, found, start):
        self.looked.bytes += found.end() - start if found else 1
        return found

    def match(self, data, start=0, end=2**62):
        return self._seen(self.real.match(data, start, end), start)

    def search(self, data, start, end):
        return self._seen(self.real.search(data, start, end), start)

    def finditer(self, data):
        self.looked.bytes += len(data)
        return self.real.finditer(data)

    def sub(self, into, data):
        self.looked.bytes += len(data)
        return self.real.sub(into, data)


@pytest.mark.parametrize(
    "line", ["    value = other(argument, 'text') + 17  # why\n", "größe = 3\n"]
)
@pytest.mark.parametrize(
    "options",
    [
        {"max_chars": 500, "overlap": 100},
        {"max_lines": 10, "overlap": 3},
        {"max_tokens": 200, "tokenizer": "nonspace", "overlap": 50},
        {"max_tokens": 100, "overlap": 40},
        {"max_tokens": 100, "max_chars": 400, "max_lines": 20, "overlap": 20},
        {"max_tokens": 100, "tokenizer": "asked", "overlap": 20},
    ],
    ids=lambda options: options.get("tokenizer", "-".join(options)),
)
def test_each_byte_is_looked_at_a_bounded_number_of_times(options, line, monkeypatch):
    looked = Looked()
    for module in (measures, overlaps):
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                monkeypatch.setattr(module, name, looked.pattern(value))
    if options.get("tokenizer") == "asked":
        options = options | {"tokenizer": looked.tokens}
    budget = Budget.of(**options)
    data = looked.file(line.encode() * 4000)
    measure = budget.measure(data)
    ends = [0]
    while ends[-1] < len(data):
        ends.append(measure.reach(ends[-1], len(data)))
    looked.bytes = looked.calls = 0

    found = budget.overlaps(data)
    begins = list(map(found.begin, ends[1:-1], ends, ends[2:]))

    assert len(begins) > 60
    assert all(map(int.__lt__, begins, ends[1:-1]))
    assert looked.bytes <= 20 * len(data)
    assert looked.calls <= 20 * len(begins)
