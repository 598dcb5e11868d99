"""Cuts inside a piece that is over the budget: every part fits, and nothing is torn."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.code.budget import Budget
from treadle.code.cutting import oversize
from treadle.code.cutting.oversize import split

PIECES = st.sampled_from(
    [
        *"abc_9 .,(\t",
        "\n",
        "\r\n",
        "\r",
        "  ",
        "word" * 9,
        "é",
        "漢字",
        "。",
        "👩\u200d💻",
        "e\u0301",
    ]
)
TEXTS = st.lists(PIECES, max_size=80).map("".join)


def odd(text):
    """Not monotone: a text of odd length has more tokens than a longer one of even length."""
    return len(text) * (2 if len(text) % 2 else 1)


def joined(text):
    """More tokens together than apart."""
    return len(text) ** 2 // 10


BUDGETS = st.one_of(
    st.builds(Budget.of, max_chars=st.integers(1, 30)),
    st.builds(Budget.of, max_lines=st.integers(1, 3), max_chars=st.integers(1, 30)),
    st.builds(
        Budget.of,
        max_tokens=st.integers(1, 20),
        tokenizer=st.sampled_from(["words", "nonspace", len, odd, joined]),
    ),
)


def parts_of(text, budget):
    data = text.encode()
    cuts = [0, *split(data, 0, len(data), budget.measure(data)), len(data)]
    return [data[a:b].decode() for a, b in itertools.pairwise(cuts)]


@given(BUDGETS, TEXTS)
def test_every_part_fits_or_is_one_character_and_none_is_lost(budget, text):
    parts = parts_of(text, budget)  # decodes: no code point is torn

    assert "".join(parts) == text
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        data = part.encode()
        assert part or not text
        assert len(part) == 1 or part == "\r\n" or budget.measure(data).fits(0, len(data))
        assert not (part.endswith("\r") and following.startswith("\n"))


@given(BUDGETS, TEXTS, st.data())
def test_only_the_piece_is_cut(budget, text, draw):
    data = text.replace("\r\n", "\n").encode()
    marks = [i for i in range(len(data) + 1) if i == len(data) or data[i] & 0xC0 != 0x80]
    start = draw.draw(st.sampled_from(marks))
    end = draw.draw(st.sampled_from([each for each in marks if each >= start]))

    cuts = split(data, start, end, budget.measure(data))

    assert cuts == sorted(set(cuts))
    assert all(start < cut < end for cut in cuts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("first line\nsecond and last", ["first line\n", "second and ", "last"]),
        ("first line\r\nsecond one", ["first line\r\n", "second one"]),
        ("first line\rsecond one", ["first line\r", "second one"]),
        ("some words and others", ["some words ", "and others"]),
        ("call(arg1,arg2,arg3)", ["call(arg1,", "arg2,arg3)"]),
        ("abcdefghijklmnop", ["abcdefghijkl", "mnop"]),
        ("これは一文です。これは二つめの文", ["これは一文です。", "これは二つめの文"]),
    ],
)
def test_lines_before_spaces_before_punctuation_before_characters(text, parts):
    assert parts_of(text, Budget.of(max_chars=12)) == parts


@pytest.mark.parametrize(
    "cluster", ["e\u0301\u0302", "👩\u200d💻", "❤\ufe0f", "👍\U0001f3fd", "🇫🇮"]
)
def test_what_is_seen_as_one_character_stays_together(cluster):
    for limit in range(len(cluster), 3 * len(cluster)):
        parts = parts_of(cluster * 9, Budget.of(max_chars=limit))

        assert all(part == cluster * (len(part) // len(cluster)) for part in parts)


def test_what_is_seen_as_one_character_is_cut_where_the_budget_is_smaller():
    parts = parts_of("a" + "\u0301" * 1000, Budget.of(max_chars=100))

    assert [len(part) for part in parts] == [100] * 10 + [1]


class ReadBytes(bytes):
    """A file that adds up how much of it is looked at, by slices and by expressions."""

    looked_at = 0

    def __getitem__(self, key):
        part = super().__getitem__(key)
        ReadBytes.looked_at += len(part) if isinstance(key, slice) else 1
        return part


class CountingPattern:
    """An expression; what it searches counts."""

    def __init__(self, real):
        self._real = real

    def finditer(self, data, low, high):
        ReadBytes.looked_at += max(0, high - low)
        return self._real.finditer(data, low, high)


@pytest.mark.parametrize("unit", ["x", " ", ".", "\n", "é", "👩\u200d💻", "e\u0301"])
def test_each_byte_is_looked_at_a_bounded_number_of_times(unit, monkeypatch):
    for name, value in vars(oversize).items():
        if isinstance(value, re.Pattern):
            monkeypatch.setattr(oversize, name, CountingPattern(value))
    data = ReadBytes((unit * 100_000).encode())
    measure = Budget.of(max_chars=500).measure(data)
    ReadBytes.looked_at = 0

    assert len(split(data, 0, len(data), measure)) >= 199
    assert ReadBytes.looked_at <= 30 * len(data)


def test_an_accent_is_not_parted_from_its_letter():
    draw = random.Random(1)
    for _ in range(200):
        letters = "".join(draw.choices("abcdefgh", k=40))
        text = letters[:12] + "\u0301" + letters[12:]
        data = text.encode()
        cuts = split(data, 0, len(data), Budget.of(max_chars=12).measure(data))
        assert cuts
        assert not any(data[cut:].decode().startswith("\u0301") for cut in cuts)
