"""Filters of templates: what can be done with a value before it is put in.

============  =====================================================================
default:TEXT  *TEXT* when the value is missing or empty
file          the text of the file whose path the value is
json          the value as a JSON string, with its quotes
lower, upper  the value in small or capital letters
strip         the value without white space around it
trunc:N       the first *N* characters of the value
============  =====================================================================

A missing value stays missing until a ``default``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import treadle
from treadle.prompts.near import did_you_mean
from treadle.prompts.text_files import TextFiles


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as it stands in a template: its name, and the function of a value it comes to."""

    name: str
    apply: Callable[[str], str]

    def __call__(self, value: str | None) -> str | None:
        """Return what the filter makes of *value*; None is a value that is missing."""
        if value is None and self.name != "default":
            return None
        return self.apply(value or "")


def as_json(value: str) -> str:
    """Write *value* as a JSON string."""
    return json.dumps(value, ensure_ascii=False)


WITHOUT_ARGUMENT: Mapping[str, Callable[[str], str]] = {
    "json": as_json,
    "lower": str.lower,
    "strip": str.strip,
    "upper": str.upper,
}
_COUNT = re.compile(r"[0-9]{1,9}")
NAMES = ("default", "file", "json", "lower", "strip", "trunc", "upper")


def filter_for(text: str, where: str, files: TextFiles) -> Filter:
    """
    Read a filter as it stands after the ``|``.

    Args:
        text: Such as ``trunc:20``.
        where: The template and line, for messages.
        files: Where ``file`` reads.

    Raises:
        UsageError: There is no such filter, or its argument is wrong.
    """
    name, colon, argument = (each.strip() for each in text.partition(":"))
    if name in WITHOUT_ARGUMENT or name == "file":
        if colon:
            raise treadle.UsageError(
                f"{where}: the filter {name} takes nothing after a colon, not {argument!r}",
                hint=f"|{name}",
            )
        return Filter(name, WITHOUT_ARGUMENT.get(name) or (lambda path: path and files.read(path)))
    if name == "default" and colon:
        default = _unquoted(argument)
        return Filter(name, lambda value: value or default)
    if name == "trunc" and _COUNT.fullmatch(argument) is not None:
        most = int(argument)
        return Filter(name, lambda value: value[:most])
    if name in {"default", "trunc"}:
        example = "default:none" if name == "default" else "trunc:200"
        raise treadle.UsageError(
            f"{where}: the filter {text!r} is not understood", hint=f"such as |{example}"
        )
    raise treadle.UsageError(
        f"{where}: no filter {name!r}", hint=did_you_mean(name, NAMES, called="filters")
    )


def _unquoted(text: str) -> str:
    """Take quotes off that stand around the whole: they keep spaces, and many write them."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text
