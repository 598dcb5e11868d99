"""Conditions on rows: each sign means what it says, and a mistyped one never means nothing."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts.where import compiled

CELLS = {"topic": "physics", "year": "2020", "my col": "a=b", "empty": "", "word": "n/a"}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("topic=physics", True),
        ("topic==physics", True),
        ("topic = physics", True),
        ("topic=Physics", False),
        ("topic=phys", False),
        ("topic!=physics", False),
        ("topic!=biology", True),
        ("empty=", True),
        ("topic!=", True),
        ("topic~^phy", True),
        ("topic~bio", False),
        ("topic!~bio", True),
        ("topic!~ics$", False),
        ("my col=a=b", True),
        ("my col ~ =b", True),
        ("year>=2020", True),
        ("year > 2020", False),
        ("year<2020.5", True),
        ("year<=2019", False),
        ("word<5", False),
        ("word>=5", False),
        ("empty<5", False),
    ],
)
def test_each_sign(expression, holds):
    assert compiled([expression])(CELLS) is holds


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.sampled_from(["<", "<=", ">", ">="]))
def test_numbers_compare_as_numbers(cell, limit, sign):
    compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[sign]

    assert compiled([f"x{sign}{limit!r}"])({"x": repr(cell)}) is compare(cell, limit)


def test_all_must_hold():
    assert compiled(["topic=physics", "year>2000"])(CELLS)
    assert not compiled(["topic=physics", "year>2020"])(CELLS)
    assert compiled([])(CELLS)


def test_a_cell_that_is_not_there_is_empty():
    assert compiled(["note="])({})
    assert not compiled(["note~."])({})


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("physics", "is no condition"),
        ("=physics", "is no condition"),
        ("", "is no condition"),
        ("year>soon", "compares with 'soon', which is no number"),
        ("year<", "compares with '', which is no number"),
        ("topic~(", "has no valid regular expression"),
    ],
)
def test_what_makes_no_sense_is_refused(expression, message):
    with pytest.raises(treadle.UsageError, match=message):
        compiled([expression])


def test_a_column_that_is_not_there_is_named_with_the_one_that_was_meant():
    where = compiled(["year>2000", "Topics=physics"])

    with pytest.raises(treadle.UsageError, match="'Topics'") as caught:
        where.check(["topic", "year"])

    assert caught.value.hint == "did you mean 'topic'?"
    assert compiled(["topic=x"]).check(["topic"]) is None
