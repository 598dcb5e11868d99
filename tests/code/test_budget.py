"""The limits of a chunk, as a user gives them."""

from __future__ import annotations

import functools
import pickle
import re
import subprocess
import sys
import threading

import cloudpickle
import pytest

import treadle
from treadle.code.budget import Budget, functions


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


class Slotted:
    __slots__ = ("size",)

    def __init__(self, size):
        self.size = size

    def __call__(self, text):
        return len(text) // self.size


def calling(method):
    """An object whose class is the same but for a function that its call goes on to."""

    class Caller:
        size = method

        def __call__(self, text):
            return self.size(text)

    return Caller()


def cached(function):
    return functools.lru_cache(function)


def count_of(text, pattern):
    return len(pattern.findall(text))


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
        Budget.of(tokenizer=Slotted(1)),
        Budget.of(tokenizer=Slotted(2)),
        Budget.of(tokenizer=calling(lambda _, text: len(text))),
        Budget.of(tokenizer=calling(lambda _, text: len(text) // 2)),
        Budget.of(tokenizer=cached(lambda text: len(text) + 1)),
        Budget.of(tokenizer=cached(lambda text: len(text) // 2)),
        Budget.of(tokenizer=Slotted(1).__call__),
        Budget.of(tokenizer=Slotted(2).__call__),
        Budget.of(tokenizer=functools.partial(count_of, pattern=re.compile("a"))),
        Budget.of(tokenizer=functools.partial(count_of, pattern=re.compile("b"))),
    ]

    assert len({budget.identity() for budget in budgets}) == len(budgets)


def test_a_function_that_holds_itself_or_nothing_yet_has_an_identity():
    def itself(text):
        return itself.__name__.count(text)

    def early(text):
        return late(text)

    assert functions.identity(itself) == functions.identity(itself)
    before = functions.identity(early)
    late = len

    assert functions.identity(early) != before


def test_what_is_held_many_times_is_looked_at_once():
    knot = [Sized(size) for size in range(30)]
    for each in knot:
        each.all = knot

    assert functions.identity(knot[0]) == functions.identity(knot[0])
    assert functions.identity(knot[0]) != functions.identity(knot[1])


def test_what_cannot_be_told_is_never_taken_for_what_it_was():
    lock = threading.Lock()

    def locked(text):
        with lock:
            return len(text)

    assert functions.identity(locked) != functions.identity(locked)


def test_equal_budgets_have_the_same_identity_in_every_process(tmp_path):
    (tmp_path / "mine.py").write_text(
        "NAMES = {'a', 'b', 'c'}\n"
        "class Of:\n    def __init__(self): self.names = {'a', 'b', 'c'}; self.f = count\n"
        "    def __call__(self, text): return sum(text.count(each) for each in self.names)\n"
        "class Slotted(Of):\n    __slots__ = ('more',)\n"
        "    def __init__(self): super().__init__(); self.more = {'x': self, 'y': len}\n"
        "def count(text, names=frozenset(NAMES)): return len(text) if text in {'p', 'q'} else 1\n"
    )
    script = (
        "import mine; from treadle.code.budget import Budget;"
        "mine = [mine.count, mine.Of(), mine.Slotted()];"
        "print([Budget.of(tokenizer=each).identity() for each in mine])"
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


def test_the_first_token_of_a_budget_takes_no_time_of_heavy_libraries():
    script = (
        "import sys; from treadle.code.budget import Budget; Budget.of(max_tokens=5).count('a b');"
        "print(sorted({'tiktoken', 'tokenizers', 'tree_sitter', 'pyarrow'} & set(sys.modules)))"
    )

    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
