"""The limits of a chunk, as a user gives them, and the overlap within them."""

from __future__ import annotations

import pickle
import subprocess
import sys

import cloudpickle
import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.code.budget import Budget


def test_without_limits_a_chunk_has_2000_characters():
    budget = Budget.of()

    assert budget.measure(b"x" * 3000).reach(0, 3000) == 2000
    assert budget.count("four") == 4


def test_where_tokens_are_limited_they_are_words():
    budget = Budget.of(max_tokens=4)

    assert budget.count("one = two+3\n") == 5
    assert budget.measure(b"one = two+3\n").reach(0, 12) == 10


def test_characters_are_counted_as_a_token_each():
    budget = Budget.of(max_tokens=10, max_chars=20, tokenizer="characters")

    assert budget.measure(b"x" * 30).reach(0, 30) == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 0}, "max_tokens must be a whole number from 1, not 0"),
        ({"max_chars": "many"}, "max_chars must be a whole number from 1, not 'many'"),
        ({"max_lines": True}, "max_lines must be a whole number from 1, not True"),
        ({"overlap": -1}, "overlap must be a whole number from 0, not -1"),
        ({"overlap": 1000}, "an overlap of 1000 is too large for max_chars=2000"),
        ({"max_lines": 10, "overlap": 5}, "an overlap of 5 is too large for max_lines=10"),
        ({"tokenizer": "gpt"}, "there is no tokenizer 'gpt'"),
        ({"tokenizer": "tiktoken:"}, "there is no tokenizer 'tiktoken:'"),
        ({"tokenizer": 7}, "tokenizer must be a name or a function, not 7"),
        ({"tokenizer": str.upper}, r"the tokenizer .*upper returned 'X = 1\\n' for a text"),
        ({"tokenizer": lambda _: -1}, "returned -1 for a text"),
    ],
)
def test_what_cannot_be_is_said_before_any_file_is_read(options, message):
    with pytest.raises(treadle.UsageError, match=message) as caught:
        Budget.of(**options)

    assert caught.value.hint


def test_a_budget_travels():
    budget = Budget.of(max_tokens=9, tokenizer="nonspace", overlap=2)

    assert pickle.loads(pickle.dumps(budget)) == budget
    assert cloudpickle.loads(cloudpickle.dumps(Budget.of(tokenizer=lambda _: 3))).count("") == 3


def adder(amount):
    return lambda text: len(text) + amount


class Sized:
    def __init__(self, size):
        self.size = size

    def __call__(self, text):
        return len(text) // self.size


def test_budgets_that_cut_differently_have_different_identities():
    budgets = [
        Budget.of(),
        Budget.of(max_chars=1999),
        Budget.of(max_lines=2000),
        Budget.of(max_tokens=2000),
        Budget.of(overlap=3),
        Budget.of(tokenizer="words"),
        Budget.of(tokenizer=adder(1)),
        Budget.of(tokenizer=adder(2)),
        Budget.of(tokenizer=Sized(1)),
        Budget.of(tokenizer=Sized(2)),
        Budget.of(tokenizer=lambda text: len(text) + text.count("x")),
        Budget.of(tokenizer=lambda text: len(text) + text.count("y")),
        Budget.of(tokenizer=lambda text, _each=2: len(text) // _each),
        Budget.of(tokenizer=lambda text, _each=3: len(text) // _each),
        Budget.of(tokenizer=len),
    ]

    assert len({budget.identity() for budget in budgets}) == len(budgets)


def test_equal_budgets_have_the_same_identity_in_every_process(tmp_path):
    (tmp_path / "mine.py").write_text(
        "NAMES = {'a', 'b', 'c'}\n"
        "class Of:\n    def __init__(self): self.names = {'a', 'b', 'c'}; self.f = count\n"
        "    def __call__(self, text): return sum(text.count(each) for each in self.names)\n"
        "def count(text, names=frozenset(NAMES)): return len(text) if text in {'p', 'q'} else 1\n"
    )
    script = (
        "import mine; from treadle.code.budget import Budget;"
        "print([Budget.of(tokenizer=each).identity() for each in (mine.count, mine.Of())])"
    )
    seen = {
        subprocess.check_output(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={"PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}", "PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    }

    assert len(seen) == 1
    assert b"0x" not in seen.pop()


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
    measure = budget.measure(data)
    floor, start = 0, 0
    while start < len(data):
        end = measure.reach(start, len(data))
        begin = budget.widen(data, start, floor, end)
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

    assert Budget.of(**options).widen(data, 18, 0, len(data)) == begin


def test_an_overlap_does_not_reach_behind_its_floor():
    data = b"1 one\n2 two\n3 six\n4 end\n"

    assert Budget.of(max_chars=100, overlap=40).widen(data, 18, 7, len(data)) == 12
    assert Budget.of(max_chars=100, overlap=40).widen(data, 0, 0, len(data)) == 0


def test_the_first_token_of_a_budget_takes_no_time_of_heavy_libraries():
    script = (
        "import sys; from treadle.code.budget import Budget; Budget.of(max_tokens=5).count('a b');"
        "print(sorted({'tiktoken', 'tokenizers', 'tree_sitter', 'pyarrow'} & set(sys.modules)))"
    )

    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
