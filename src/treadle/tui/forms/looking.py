"""What the values of a form lead to: how many files or rows, and which function.

What takes time is given up after a second: the answer is then what was found by then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import treadle
from treadle import TreadleError
from treadle.progress.text import plural
from treadle.tui.forms import functions
from treadle.tui.forms.fields import Fields, Kind
from treadle.tui.forms.offers import Words

_SECONDS = 1.0


def look(
    words: Words, fields: Fields, values: Mapping[str, Any], given_up: Callable[[], bool]
) -> dict[str, str]:
    """
    Say what *values* lead to.

    Args:
        words: The command.
        fields: Its fields.
        values: Those of its values that nothing is wrong with.
        given_up: Returns True once nobody wants to know any more.

    Returns:
        What there is to say, by the names of fields.
    """
    end = time.monotonic() + _SECONDS

    def enough(_count: int) -> bool:
        return given_up() or time.monotonic() > end

    notes = {}
    for field in fields.all:
        value = values.get(field.name)
        if not value:
            continue
        with suppress(TreadleError, OSError, ValueError):  # checking has said it, or the run will
            text = _of_one(words, field.name, field.kind, values, enough)
            if text:
                notes[field.name] = text
    if words == ("map",) and not values.get("into"):
        notes["into"] = "without a file, values are only printed; the run keeps no record"
    return notes


def _of_one(
    words: Words,
    name: str,
    kind: Kind,
    values: Mapping[str, Any],
    enough: Callable[[int], bool],
) -> str:
    value = values[name]
    if kind is Kind.FUNCTION and isinstance(value, str):
        return functions.check(value, values.get("function"))
    if name == "source" and words == ("map",):
        return _of_source(values, enough)
    if name == "raw_root":
        return _counted(treadle.files(value, suffix=".csv").count, enough, "csv file")
    if name == "experiments":
        return _counted(_rows(treadle.rows(value)), enough, "row")
    if name == "into" and Path(value).exists():
        return _of_existing(words, value)
    return ""


def _of_existing(words: Words, value: str) -> str:
    if words == ("code", "chunk"):
        return "is there already, and will be replaced when all is done"
    return "is there already" + ("" if Path(value).is_dir() else ", and will be replaced")


def _of_source(values: Mapping[str, Any], enough: Callable[[int], bool]) -> str:
    source = values["source"]
    if values.get("rows"):
        rows = treadle.rows(source[0], format=values.get("format"),
                            encoding=values.get("encoding") or "utf-8")  # fmt: skip
        return _counted(_rows(rows), enough, "row")
    if values.get("lines"):
        lines = treadle.lines(source[0], encoding=values.get("encoding") or "utf-8")
        return _counted(_rows(lines), enough, "line")
    return _counted(treadle.files(*source).count, enough, "file")


def _rows(items: Any) -> Callable[[Callable[[int], bool]], int]:
    def count(enough: Callable[[int], bool]) -> int:
        number = 0
        for number, _ in enumerate(items, 1):
            if number % 256 == 0 and enough(number):
                break
        return number

    return count


def _counted(
    count: Callable[[Callable[[int], bool]], int], enough: Callable[[int], bool], noun: str
) -> str:
    cut = False

    def until(number: int) -> bool:
        nonlocal cut
        cut = enough(number)
        return cut

    number = count(until)
    return f"{plural(number, noun)}{' and more' if cut else ''}"
