"""From the text of a header value to a value of the type that the schema names; no text is lost.

- A number may have its unit: ``0.05 V``. In another scale, ``100 mV``, it is converted and noted;
  in a unit that cannot be converted it stays text, and that is an error.
- An ``int`` that is written ``0.5`` stays 0.5, with a warning.
- What is not of its type stays the text that it was, with a warning.
- The text ``None`` is None, and so is an empty value of any type but ``str``.
- A value that the schema does not know is a number where a number and a well-known unit stand
  there, or a number just as Python would write it: ``007`` and ``2.10`` stay text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from treadle.lab.notes import Note
from treadle.lab.quantities import Quantity, exponent_between, is_unit, quantity, times_ten_to
from treadle.lab.schema.spec import Field

TRUE = frozenset({"true", "1", "yes", "on", "y"})
FALSE = frozenset({"false", "0", "no", "off", "n"})
_INT64 = range(-(2**63), 2**63)


class Typed(NamedTuple):
    """
    A header value with its type.

    Attributes:
        value: The value.
        unit: The unit of a number; empty where there is none.
        note: What there is to say about it.
    """

    value: object
    unit: str = ""
    note: Note | None = None


def typed(
    texts: Mapping[str, str],
    fields: Mapping[str, Field],
    units: dict[str, str],
    notes: list[Note],
) -> dict[str, object]:
    """
    Return the values of one block of a header.

    Args:
        texts: The values as they are written, by name.
        fields: What the schema knows of this block.
        units: Takes the unit of each number that has one.
        notes: Takes what there is to say.
    """
    values: dict[str, object] = {}
    for name, text in texts.items():
        value, unit, note = typed_value(name, text, fields.get(name))
        values[name] = value
        if unit:
            units[name] = unit
        if note is not None:
            notes.append(note)
    for name, field in fields.items():
        if field.required and values.get(name) is None:
            text = f"the header has no {name!r}, which the schema requires"
            notes.append(Note("error", "MISSING_PARAMETER", text))
    return values


def typed_value(name: str, text: str, field: Field | None) -> Typed:
    """Return one header value; *field* is what the schema knows of it."""
    if text == "None":
        return Typed(None)
    if field is None:
        return _guessed(text)
    if field.type == "str":
        return Typed(text)
    if not text:
        return Typed(None)
    match field.type:
        case "bool":
            word = text.lower()
            return Typed(word in TRUE) if word in TRUE | FALSE else _unfit(name, text, "boolean")
        case "datetime":
            time = moment(text)
            return _unfit(name, text, "time") if time is None else Typed(time)
        case _:
            return _number(name, text, field)


def moment(text: str) -> datetime | None:
    """
    Return the time that *text* says: seconds since 1970, or ISO text, which is UTC unless it says.

    None where it says none that `datetime` knows.
    """
    number = quantity(text)
    try:
        if number is not None and not number.unit:
            return datetime.fromtimestamp(float(number.number), UTC)
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def whole(text: str) -> int | None:
    """Return the whole number that *text* says, as ``67`` or ``67.0``; None where it says none."""
    found = quantity(text)
    number = None if found is None or found.unit else _as_int(found.number)
    return number if isinstance(number, int) else None


def _number(name: str, text: str, field: Field) -> Typed:
    found = quantity(text)
    if found is None or _is_beyond(found):
        return _unfit(name, text, "number")
    if field.type != "float" and not field.unit and found.unit and not is_unit(found.unit):
        return _unfit(name, text, "number")  # "71 test" is a remark, not 71 of something
    exponent: int | None = 0
    if found.unit and field.unit and found.unit != field.unit:
        exponent = exponent_between(found.unit, field.unit)
    if exponent is None:
        kept = f"{name!r} is {text!r}, which is not in {field.unit}; kept as text"
        return Typed(text, note=Note("error", "WRONG_UNIT", kept))
    # The unit that a number is in now, whatever it was written in.
    unit = field.unit or found.unit
    value: int | float = times_ten_to(found.number, exponent)
    if field.type == "int":
        value = _as_int(repr(value) if exponent else found.number)
        if not isinstance(value, int):
            kept = f"{name!r} is {text!r}, which is no whole number; kept as {value!r}"
            return Typed(value, unit, Note("warning", "WRONG_TYPE", kept))
    if exponent:
        converted = f"{name!r} is {text!r}, which was converted to {value!r} {unit}"
        return Typed(value, unit, Note("info", "CONVERTED_VALUE", converted))
    return Typed(value, unit)


def _as_int(number: str) -> int | float:
    """Return *number* as an int where that is exact and fits into 64 bits."""
    try:
        value = int(number)
    except ValueError:
        real = float(number)
        return int(real) if real.is_integer() and abs(real) <= 2**53 else real
    return value if value in _INT64 else float(value)


def _guessed(text: str) -> Typed:
    """Return what a value that the schema does not know seems to be."""
    found = quantity(text)
    if found is None or _is_beyond(found):
        return Typed(text)
    value = _as_written(found.number)
    if not found.unit:
        return Typed(text if value is None else value)
    if not is_unit(found.unit):
        return Typed(text)
    return Typed(float(found.number) if value is None else value, found.unit)


def _as_written(number: str) -> int | float | None:
    """Return the number that Python, or ``%g``, writes just as *number*; None where none is."""
    if number.removeprefix("-").isdigit():
        whole = _as_int(number)
        return whole if str(whole) == number else None
    value = float(number)
    return value if math.isfinite(value) and number in {repr(value), f"{value:g}"} else None


def _is_beyond(found: Quantity) -> bool:
    """Tell whether digits say more than a float can hold."""
    return math.isinf(float(found.number)) and "inf" not in found.number.lower()


def _unfit(name: str, text: str, kind: str) -> Typed:
    note = f"{name!r} is {text!r:.80}, which is no {kind}; kept as text"
    return Typed(text, note=Note("warning", "WRONG_TYPE", note))
