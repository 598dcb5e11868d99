"""Which rows take part: the conditions of ``--where``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import treadle
from treadle.prompts.near import did_you_mean

Test: TypeAlias = Callable[[str], bool]

_SHAPE = re.compile(r"\s*(.+?)\s*(!=|!~|<=|>=|==|=|~|<|>)\s*(.*?)\s*", re.DOTALL)
_NUMERIC = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Where:
    """
    Conditions on the cells of a row; all of them must hold.

    Attributes:
        names: The columns that they look at.
    """

    def __init__(self, tests: Sequence[tuple[str, Test]]) -> None:
        self._tests = tuple(tests)
        self.names = tuple(dict.fromkeys(name for name, _test in tests))

    def __call__(self, cells: Mapping[str, str]) -> bool:
        """Return whether a row with these cells takes part; a cell that is not there is empty."""
        return all(test(cells.get(name, "")) for name, test in self._tests)

    def check(self, header: Collection[str]) -> None:
        """
        Make sure that there are such columns.

        Raises:
            UsageError: There is one less.
        """
        for name in self.names:
            if name not in header:
                raise treadle.UsageError(
                    f"--where names the column {name!r}, which the table has not",
                    hint=did_you_mean(name, header, called="columns"),
                )


def compiled(expressions: Sequence[str]) -> Where:
    """
    Make sense of conditions such as ``topic=physics``.

    ``=`` and ``!=`` compare the whole text of a cell, ``~`` and ``!~`` look for a regular
    expression anywhere in it; ``<``, ``<=``, ``>`` and ``>=`` compare numbers, and do not hold
    for a cell that is none.

    Args:
        expressions: Each a column, a sign and a value; spaces around these do not count.

    Raises:
        UsageError: One of them has another form, no number where one is needed, or a regular
            expression that is none.
    """
    return Where([_compiled(expression) for expression in expressions])


def _compiled(expression: str) -> tuple[str, Test]:
    found = _SHAPE.fullmatch(expression)
    if found is None:
        raise treadle.UsageError(
            f"--where {expression!r} is no condition",
            hint="a column, a sign and a value: --where 'topic=physics', --where 'year>=2020';"
            " signs: = != ~ !~ < <= > >=",
        )
    name, sign, value = found.groups()
    if sign in ("~", "!~"):
        return name, _searching(expression, value, wanted=sign == "~")
    if sign in _NUMERIC:
        return name, _comparing(expression, _NUMERIC[sign], value)
    if sign == "!=":
        return name, lambda cell: cell != value
    return name, lambda cell: cell == value


def _searching(expression: str, pattern: str, *, wanted: bool) -> Test:
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise treadle.UsageError(
            f"--where {expression!r} has no valid regular expression: {error}",
            hint="put \\ before a sign that is meant as such, as in \\( or \\+",
        ) from error
    return lambda cell: (search(cell) is not None) is wanted


def _comparing(expression: str, compare: Callable[[float, float], bool], value: str) -> Test:
    limit = _number(value)
    if math.isnan(limit):
        raise treadle.UsageError(
            f"--where {expression!r} compares with {value!r}, which is no number",
            hint="text is compared by = and !=, and searched by ~ and !~",
        )
    return lambda cell: compare(_number(cell), limit)


def _number(text: str) -> float:
    """Return the number that *text* is; NaN, which compares with nothing, where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
