"""Does a span fit, and how far does one get: as counting every span of the file says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.code.budget import Budget

SINGLE = [*"ab_9 .(\t", "\n", "\r\n", "\r", "  ", "\x1c", "\x85", "\u2003", "\u3000", "é", "漢字"]
CLUSTERS = ["かな", "e\u0301", "👩\u200d💻", "🇫🇮", "नमस्ते", "\ufeff", "\u2028", "한국어", "word" * 9]
PIECES = st.sampled_from([*SINGLE, *CLUSTERS])
ASCII = st.lists(st.sampled_from([*"ab_9 .(\t\n\r\x1c", "\r\n", "   ", "word" * 9]), max_size=40)
TEXTS = st.one_of(ASCII, st.lists(PIECES, max_size=40)).map("".join)
LIMITS = st.one_of(st.none(), st.integers(1, 30))
WORD = re.compile(r"[^\W\u2e80-\u9fff]{1,16}|\S")


def split_words(text):
    return len(text.split())


COUNTS = {
    "characters": len,
    "nonspace": lambda text: sum(not each.isspace() for each in text),
    "words": lambda text: len(WORD.findall(text)),
    split_words: split_words,
}
MOST_CHARS = {"words": 16, "nonspace": 4}


def number_of_lines(text):
    return len(re.findall(r"\r\n|\r|\n|[^\r\n]+(?:\r\n|\r|\n)?", text))


def brute(budget, text):
    if budget.max_tokens is not None:
        if COUNTS[budget.tokenizer](text) > budget.max_tokens:
            return False
        if len(text) > MOST_CHARS.get(budget.tokenizer, 10**9) * budget.max_tokens:
            return False
    if budget.max_chars is not None and len(text) > budget.max_chars:
        return False
    return budget.max_lines is None or number_of_lines(text) <= budget.max_lines


def places(data):
    """Where two characters meet, but for CR and LF."""
    text = data.decode()
    found, at = [0], 0
    for index, character in enumerate(text):
        at += len(character.encode())
        if text[index : index + 2] != "\r\n":
            found.append(at)
    return found


@st.composite
def budgets(draw):
    tokenizer = draw(st.sampled_from(list(COUNTS)))
    limits = draw(st.tuples(LIMITS, LIMITS, LIMITS))
    return Budget.of(*limits, tokenizer=tokenizer)


@given(budgets(), TEXTS, st.data())
def test_what_fits_and_how_far_one_gets_is_what_counting_says(budget, text, draw):
    data = text.encode()
    marks = places(data)
    measure = budget.measure(data)
    for _ in range(4):  # one measure for many questions: none changes the answer to another
        start = draw.draw(st.sampled_from(marks))
        low = marks.index(start) + 1
        high = draw.draw(st.integers(low, len(marks)))
        fitting = [brute(budget, data[start:end].decode()) for end in marks]
        assert [measure.fits(start, end) for end in marks[low:]] == fitting[low:]
        most = max((i for i in range(low, high) if fitting[i]), default=low - 1)
        assert measure.last(start, marks, low, high) == most
        if high > low:
            least = max(most, low)  # a single character, however large
            assert measure.reach(start, marks[high - 1]) == marks[least]


@given(budgets(), TEXTS)
def test_what_is_sure_fits(budget, text):
    data = text.encode()
    measure = budget.measure(data)
    marks = places(data)
    for start in marks:
        for end in marks:
            if start < end <= start + measure.sure:
                assert brute(budget, data[start:end].decode())
            elif measure.exact and end > start + measure.sure:
                assert not brute(budget, data[start:end].decode())


def test_characters_of_an_ascii_file_are_exact():
    measure = Budget.of(max_chars=5).measure(b"0123456789")

    assert (measure.sure, measure.exact) == (5, True)
    assert not Budget.of(max_chars=5).measure("é123456789".encode()).exact


class CountingTokenizer:
    """Counts words, and how often and on how much it was asked."""

    def __init__(self):
        self.calls = 0
        self.looked_at = 0

    def __call__(self, text):
        self.calls += 1
        self.looked_at += len(text)
        return len(text.split())


LINE = "    value = other(argument, 'text') + 17  # why\n"


def cut_into_chunks(data, budget):
    """Cut at lines, as merging does: the last mark that fits, again and again."""
    measure = budget.measure(data)
    marks = [found.end() for found in re.finditer(b"\n", data)]
    start, low, chunks = 0, 0, 0
    while low < len(marks):
        low = max(measure.last(start, marks, low, len(marks)), low)
        start, low, chunks = marks[low], low + 1, chunks + 1
    return chunks


@pytest.mark.parametrize("factor", [1, 4])
def test_a_tokenizer_is_asked_a_few_times_for_each_chunk(factor):
    tokenizer = CountingTokenizer()
    budget = Budget.of(max_tokens=300, tokenizer=tokenizer)
    tokenizer.calls = tokenizer.looked_at = 0
    data = (LINE * 2000 * factor).encode()

    chunks = cut_into_chunks(data, budget)

    assert chunks >= 50
    assert tokenizer.calls <= 5 * chunks
    assert tokenizer.looked_at <= 8 * len(data)


def test_of_a_span_that_is_far_too_long_only_the_beginning_is_counted():
    tokenizer = CountingTokenizer()
    measure = Budget.of(max_tokens=100, tokenizer=tokenizer).measure((LINE * 50_000).encode())
    tokenizer.looked_at = 0

    assert not measure.fits(0, 48 * 50_000)
    assert tokenizer.looked_at < 20_000


class ReadBytes(bytes):
    """A file that adds up how much of it is looked at, as far as slices go."""

    looked_at = 0

    def __getitem__(self, key):
        part = super().__getitem__(key)
        ReadBytes.looked_at += len(part) if isinstance(key, slice) else 1
        return part


@pytest.mark.parametrize(
    "budget",
    [
        Budget.of(max_chars=500),
        Budget.of(max_tokens=200, tokenizer="nonspace"),
        Budget.of(max_tokens=100),
        Budget.of(max_tokens=100, max_chars=400, max_lines=20),
    ],
    ids=["characters", "nonspace", "words", "all"],
)
def test_each_byte_is_looked_at_a_bounded_number_of_times(budget):
    data = ReadBytes((LINE.replace("why", "warum? ä" * 3) * 4000).encode())
    ReadBytes.looked_at = 0

    assert cut_into_chunks(data, budget) > 500
    assert ReadBytes.looked_at <= 30 * len(data)


def test_white_space_alone_does_not_make_a_chunk_of_any_size():
    data = b" " * 100_000

    assert Budget.of(max_tokens=100).measure(data).reach(0, len(data)) == 1600
    nonspace = Budget.of(max_tokens=100, tokenizer="nonspace").measure(data)
    assert nonspace.reach(0, len(data)) == 400


def test_a_long_run_of_letters_is_more_than_one_word():
    budget = Budget.of(max_tokens=4)

    assert budget.count("x" * 100) == 7
    assert budget.measure(b"x" * 100).reach(0, 100) == 64


def test_lines_end_with_lf_crlf_or_cr():
    data = b"a\nb\r\nc\rd"
    measure = Budget.of(max_lines=2).measure(data)

    assert [measure.reach(start, len(data)) for start in (0, 1, 2, 5)] == [5, 5, 7, 8]


def test_a_part_of_a_line_is_a_line():
    measure = Budget.of(max_lines=1).measure(b"one two\nthree")

    assert measure.reach(4, 13) == 8
    assert measure.fits(4, 8)
    assert not measure.fits(4, 9)


def longer_is_less(text):
    """Not monotone: a text of even length has a third of the tokens."""
    return len(text) // (3 if len(text) % 2 == 0 else 1)


def joined_is_more(text):
    """More tokens together than apart."""
    return len(text) ** 2 // 10


@given(st.sampled_from([longer_is_less, joined_is_more]), st.integers(1, 200), TEXTS)
def test_a_tokenizer_that_is_not_additive_is_believed_and_ends(tokenizer, limit, text):
    data = text.encode()
    measure = Budget.of(max_tokens=limit, tokenizer=tokenizer).measure(data)
    marks = places(data)
    start = 0
    while start < len(data):
        found = measure.last(start, marks, marks.index(start) + 1, len(marks))
        if marks[found] > start:
            assert tokenizer(data[start : marks[found]].decode()) <= limit
        place = measure.reach(start, len(data))
        assert place in marks
        assert place > start
        start = place
