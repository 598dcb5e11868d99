"""What may be asked for from Python: each option has one type, and what has another is named."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from pathlib import Path

import pytest

import treadle
from treadle.prompts.options import Options, checked

WRONG = {
    "context": [1, [1], b"a.txt", {"a": 1}],
    "system": [1, ["a.txt"]],
    "model": [1, [None], b"mock/m", {"mock": "m"}],
    "repeats": [0, 2.5, "2", True],
    "param": ["temperature=0.2", {1: 2}, {"x": object()}, {"x": math.nan}, {"x": {1, 2}}],
    "where": [1, [("topic", "a")]],
    "limit": [0, True, 1.0, "10"],
    "shuffle": ["a", 0.5],
    "missing": [1],
    "engine": [None.__class__],
    "config": [1],
    "concurrency": [0, "8"],
    "lane_concurrency": [{"mock": 0}, {"mock": "2"}, {1: 2}, "mock=2"],
    "lane_defaults": [8, {1: 2}],
    "max_concurrent": [0, 2.5],
    "timeout": [0, -1, math.nan, math.inf, "60", True],
    "retries": [-1, 1.5],
    "backoff": [-0.1, math.nan, math.inf, "1"],
    "max_cost": [0, "abc", math.nan, math.inf, "-1", True, [5], ""],
    "max_tokens_total": [0, "1"],
    "flatten": [1, [2]],
    "score": [1, [print]],
    "prefix": [1],
    "columns": [("a", "b")],
    "bom": [1, "yes"],
    "guard": ["no"],
    "stream": [0],
    "raw": ["raw"],
    "reuse": [1, [Path]],
    "retry_errors": [1],
    "fresh": ["yes"],
    "grace": [-1, math.inf, "30"],
    "progress": [True],
    "heard": [1, "print"],
}
ANYTHING = {"stdin", "command", "listeners"}  # looked at where they are used


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in WRONG.items() for value in values],
    ids=lambda value: re.sub(r" at 0x[0-9a-f]+", "", str(value))[:30],  # the same in all processes
)
def test_an_option_of_another_type_is_refused_by_its_name(name, value):
    with pytest.raises(treadle.UsageError, match="must be") as caught:
        checked({name: value})
    assert caught.value.message.startswith("--")
    assert name.replace("_", "-").split("-")[-1] in caught.value.message
    assert caught.value.hint


def test_every_option_has_a_type():
    assert WRONG.keys() | ANYTHING == Options.__annotations__.keys()


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("model", "mock/m", ["mock/m"]),
        ("where", "topic=1", ["topic=1"]),
        ("score", ("json",), ["json"]),
        ("reuse", iter(["a.csv"]), ["a.csv"]),
        ("context", Path("a.txt"), [Path("a.txt")]),
        ("flatten", "answer", ["answer"]),
        ("flatten", True, True),
        ("max_cost", "$5.10", Decimal("5.10")),
        ("max_cost", 0.1, Decimal("0.1")),
        ("timeout", 60, 60.0),
        ("backoff", Decimal("0.5"), 0.5),
        ("grace", 0, 0.0),
        ("shuffle", -3, -3),
        ("param", {"stop": ["a"], "seed": None}, {"stop": ["a"], "seed": None}),
        ("lane_concurrency", {"mock": 2}, {"mock": 2}),
    ],
)
def test_what_is_meant_is_understood(name, value, meant):
    assert checked({name: value}) == {name: meant}


def test_none_is_nothing():
    assert checked(dict.fromkeys(Options.__annotations__)) == {}


def test_an_option_that_does_not_exist_is_named_with_the_one_that_was_meant():
    with pytest.raises(treadle.UsageError, match="no option 'modle'") as caught:
        checked({"modle": ["mock/m"]})
    assert "'model'" in str(caught.value.hint)


def test_what_excludes_each_other_is_refused():
    with pytest.raises(treadle.UsageError, match="exclude"):
        checked({"fresh": True, "retry_errors": True})
    assert checked({"fresh": True, "retry_errors": False})


def test_options_that_were_given_are_left_as_they_are():
    given = {"model": "mock/m", "limit": None}
    checked(given)
    assert given == {"model": "mock/m", "limit": None}
