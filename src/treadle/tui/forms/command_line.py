"""Values of a form → what is typed in a shell.

Values stand by the names of their fields: text, a list of texts where there can be several, True
or False for flags. What is not there, is None or is empty is not typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from treadle import UsageError
from treadle.tui.forms.fields import Field, Fields, Kind
from treadle.tui.forms.odd import quoted
from treadle.tui.forms.offers import Words

Values = dict[str, Any]


def given(field: Field, value: object) -> bool:
    """Return whether *value* is one that would be typed."""
    if field.kind is Kind.SWITCH:
        return value is True
    if field.kind is Kind.PAIR:
        return isinstance(value, bool)
    return isinstance(value, str | list | tuple) and len(value) > 0


def typed(words: Words, fields: Fields, values: Mapping[str, Any]) -> list[str]:
    """
    Return what is typed after ``treadle``.

    Raises:
        UsageError: An argument stands behind one that is missing.
    """
    set_ = [field for field in fields.all if given(field, values.get(field.name))]
    arguments = _arguments(fields, values)
    # Options first when an argument looks like one, for then it must come after a "--".
    options = [word for field in set_ if field.flags for word in _option(field, values)]
    if any(each.startswith("-") and each != "-" for each in arguments):
        return [*words, *options, "--", *arguments]
    return [*words, *arguments, *options]


def _arguments(fields: Fields, values: Mapping[str, Any]) -> list[str]:
    arguments: list[str] = []
    missing: Field | None = None
    for field in fields.all:
        if field.flags:
            continue
        value = values.get(field.name)
        if not given(field, value):
            missing = missing or field
            continue
        if missing is not None:
            raise UsageError(
                f"{missing.label} is missing", hint=f"{field.label} stands behind it; type both"
            )
        arguments += [value] if isinstance(value, str) else list(value or ())
    return arguments


def _option(field: Field, values: Mapping[str, Any]) -> list[str]:
    value, flag = values[field.name], field.flags[0]
    if field.kind in (Kind.SWITCH, Kind.PAIR):
        return [flag if value else field.off[0]]
    words: list[str] = []
    for each in [value] if isinstance(value, str) else value:
        words += [f"{flag}={each}"] if each.startswith("-") else [flag, each]
    return words


def line(argv: Sequence[str]) -> str:
    """Return *argv* as a line for a shell, without a character that a terminal cannot show."""
    return " ".join(["treadle", *map(quoted, argv)])
